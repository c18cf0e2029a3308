"""Requests to Alpaca's trading API: in threads, within the budget, and each sent once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Literal

from openbell.core.errors import BadData, OpenbellError, Rejected, Retryable
from openbell.remote.alpaca import KEY, SECRET, Wire, load_sdk
from openbell.remote.http import quote
from openbell.utils.logging import hide
from openbell.utils.ratelimit import Budget, Priority, shared_budget

Method = Literal["get", "post", "patch", "delete"]

_THREADS = 8  #: for orders, and as many for reads: a read that hangs holds no order up
_SHORTLY = 0.5  #: seconds until an order that is on its way in or out may have arrived
_UNSETTLED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Requests:
    """The SDK's client of one account."""

    def __init__(self, secrets: Mapping[str, str], *, url: str, timeout: float, rate: float) -> None:
        """Take the keys, the base URL, seconds for a part of an answer, and requests a minute."""
        self._secrets, self._url, self._timeout = dict(secrets), url, timeout
        account = blake2b(f"{url} {secrets[KEY]}".encode(), digest_size=8).hexdigest()
        self._budget: Budget = shared_budget(f"alpaca orders {account}", rate, 60.0)
        self._wire = Wire(timeout)
        self._client: Any = None
        self._lanes = {
            priority: ThreadPoolExecutor(_THREADS, thread_name_prefix=f"alpaca-{priority.name.lower()}")
            for priority in Priority
        }

    async def get(self, asked: str, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return an answer, decoded.

        Args:
            asked: What this is, for messages.
            path: Below `/v2`.
            query: The parameters.

        Raises:
            ConfigError: The keys are refused.
            Retryable: The server is busy, slow or broken.
            Rejected: It refuses this request; a `Missing` is that there is no such thing.
            BadData: The answer is none.
        """
        call = partial(self._open().get, path, dict(query or {}))
        return await self._make(f"alpaca: {asked}", call, Priority.READ, self._translate_read)

    async def send(self, asked: str, method: Method, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send what changes something, once, and return the answer.

        Raises:
            Rejected: Alpaca has understood, and refuses.
            Retryable: Nobody knows whether it arrived, or it may be asked for again later.
            ConfigError: The keys are refused.
        """
        call = partial(getattr(self._open(), method), path, None if body is None else dict(body))
        priority = Priority.CANCEL if method == "delete" else Priority.ORDER
        return await self._make(f"alpaca: {asked}", call, priority, self._translate_order)

    def close(self) -> None:
        """Let go of the connections."""
        self._wire.close()
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)

    def _open(self) -> Any:
        if self._client is None:
            load_sdk()
            from alpaca.trading.client import TradingClient

            client = TradingClient(
                self._secrets[KEY], self._secrets[SECRET], raw_data=True, url_override=self._url
            )
            self._client = self._wire.prepare(client)
        return self._client

    async def _make(
        self,
        asked: str,
        call: Callable[[], Any],
        priority: Priority,
        translate: Callable[[Exception, str], OpenbellError | None],
    ) -> Any:
        """Make a call of the SDK in a thread, and tell what its error means."""
        await self._budget.acquire(priority)
        try:
            async with asyncio.timeout(3 * self._timeout):  # of an answer that comes in drops
                return await asyncio.get_running_loop().run_in_executor(self._lanes[priority], call)
        except TimeoutError as error:
            raise Retryable(f"{asked}: no whole answer within {3 * self._timeout:g} s") from error
        except Exception as error:
            translated = translate(error, asked)
            if translated is None:
                raise
            shown = str(error)
            raise translated from (error if hide(shown) == shown else None)  # a trace must show no secret
        finally:
            told = self._wire.take_limit()
            if told is not None:
                self._budget.follow(*told)

    def _translate_read(self, error: Exception, asked: str) -> OpenbellError | None:
        status, said = _read_error(error)
        if status == HTTPStatus.NOT_FOUND:
            return Missing(f"{asked}: HTTP 404 ({quote(said)})")
        return self._wire.translate(error, asked)

    def _translate_order(self, error: Exception, asked: str) -> OpenbellError | None:
        """Return what an error means for an order: only Alpaca's own words are a refusal."""
        status, said = _read_error(error)
        if status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _UNSETTLED:
            message = _words_of(said)
            words = f"{asked}: HTTP {status} ({quote(message or said)})"
            if message is None:
                return Retryable(f"{words}: this is not Alpaca's answer, so the order's fate is unknown")
            if "pending_" in said:
                return Retryable(words, after=_SHORTLY)
            return Missing(words) if status == HTTPStatus.NOT_FOUND else Rejected(words)
        found = self._wire.translate(error, asked)
        if isinstance(found, BadData):
            return Retryable(f"{found}; the order's fate is unknown")
        return found


class Missing(Rejected):
    """There is no such thing."""


def is_duplicate(error: Rejected) -> bool:
    """Tell whether an order was refused because its client id came before; it has two codes."""
    return "must be unique" in str(error)


def _read_error(error: Exception) -> tuple[int | None, str]:
    """Return the status and the body of an error that the server answered with."""
    from alpaca.common.exceptions import APIError

    if not isinstance(error, APIError) or error.response is None:
        return None, ""
    return int(error.response.status_code), str(error)


def _words_of(said: str) -> str | None:
    """Return the message in an answer of Alpaca's; None for what a gateway says."""
    try:
        body = json.loads(said)
    except ValueError:
        return None
    return str(body["message"]) if isinstance(body, dict) and "message" in body else None
