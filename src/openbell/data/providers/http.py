"""JSON over HTTP as REST providers speak it, and what a status or a broken body asks for.

`refuse` and `parse_retry_after` serve providers that come with an SDK of their own, too.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from openbell.core.errors import BadData, ConfigError, OpenbellError, Rejected, Retryable
from openbell.utils.logging import hide

if TYPE_CHECKING:
    import httpx

TIMEOUT = 30.0  #: seconds that an answer may take, from the request to its last byte

_SHOWN = 200  #: characters of a server's own words in a message
_BUSY = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.IM_A_TEAPOT,  # Binance's, for who asked on after a 429
    }
)
_NOT_ALLOWED = (HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS)


class Rest:
    """GETs JSON from one server. Redirects are not followed: a key goes to no other host."""

    def __init__(
        self,
        provider: str,
        url: str,
        *,
        key: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        """Take the server's base URL; `key` is the variable that holds its key, for messages."""
        self._provider = provider
        self._url = url.rstrip("/")
        self._key = key
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._client: httpx.AsyncClient | None = None

    async def get(self, path: str, query: Mapping[str, str], *, asked: str, missing: str = "") -> Any:
        """Return what the server answers, decoded.

        Args:
            path: Below the base URL.
            query: The parameters, which may hold a key.
            asked: What this is, for messages, such as `daily bars of AAPL`.
            missing: What a 404 means; without it the request is `Rejected`.

        Raises:
            ConfigError: The key is refused, its plan does not reach so far, or what is asked is not there.
            Retryable: The server is busy, slow or broken, or its answer ended early.
            Rejected: It refuses this request.
            BadData: The answer is no JSON.
        """
        asked = f"{self._provider}: {asked}"
        status, headers, text = await self._fetch(path, query, asked)
        if status == HTTPStatus.NOT_FOUND and missing:
            raise ConfigError(f"{self._provider}: {missing}")
        refusal = refuse(status, asked, key=self._key, headers=headers, said=text)
        if refusal is not None:
            raise refusal
        return decode(text, asked)

    async def close(self) -> None:
        """Close its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _fetch(
        self, path: str, query: Mapping[str, str], asked: str
    ) -> tuple[int, Mapping[str, str], str]:
        import httpx

        if self._client is None:
            guard_logs("httpx", "httpcore.http11")
            self._client = httpx.AsyncClient(headers=self._headers, timeout=self._timeout)
        try:
            async with asyncio.timeout(self._timeout):  # httpx's own limit is for each read
                answer = await self._client.get(self._url + path, params=dict(query))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Retryable(f"{asked}: no whole answer within {self._timeout:g} s") from error
        except httpx.TransportError as error:
            raise Retryable(f"{asked}: the connection broke ({quote(str(error))})") from error
        return answer.status_code, answer.headers, answer.text


def refuse(
    status: int, asked: str, *, key: str = "", headers: Mapping[str, str] | None = None, said: str = ""
) -> OpenbellError | None:
    """Return the error that an HTTP status asks for; None when all is well.

    Args:
        status: The status.
        asked: The provider and what was asked of it, for the message.
        key: The environment variable that holds its key, where it has one.
        headers: The answer's; looked up as `Retry-After` and `Date`.
        said: The answer's body, whose beginning the message quotes without secrets.
    """
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    words = quote(said)
    came = f"{asked}: HTTP {status}" + (f" ({words})" if words else "")
    if status == HTTPStatus.UNAUTHORIZED:
        return ConfigError(f"{came}: the key is refused" + (f"; check {key}" if key else ""))
    if status in _NOT_ALLOWED:
        remedy = f"; check {key} and what its plan includes" if key else ""
        return ConfigError(f"{came}: this is not allowed{remedy}")
    if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        given = headers or {}
        return Retryable(came, after=parse_retry_after(given.get("Retry-After"), given.get("Date")))
    return Rejected(came)


def parse_retry_after(value: str | None, date: str | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number, or a date, from the answer's date.

    None if there is no such header, or it is neither (RFC 9110, 10.2.3).
    """
    if value is None:
        return None
    text = value.strip()
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
    except ValueError:
        return None
    return max(0.0, (until - now).total_seconds())


def decode(text: str, asked: str) -> Any:
    """Return decoded JSON.

    Raises:
        Retryable: It ends early.
        BadData: It is no JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise Retryable(f"{asked}: the answer ended early, after {len(text)} characters") from error
        raise BadData(f"{asked}: the answer is no JSON: {quote(text)!r}") from error


def quote(text: str) -> str:
    """Return the beginning of what a server said, on one line and without secrets."""
    line = " ".join(hide(text).split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"


def guard_logs(*loggers: str) -> None:
    """Let libraries' own loggers show no secret: httpx logs each URL, websockets each frame."""
    for name in loggers:
        logger = logging.getLogger(name)
        if _masked not in logger.filters:
            logger.addFilter(_masked)


def _masked(record: logging.LogRecord) -> bool:
    record.msg, record.args = hide(record.getMessage()), ()
    return True
