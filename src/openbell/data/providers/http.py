"""JSON over HTTP as REST providers speak it; what answers mean is in `openbell.remote.http`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from openbell.core.errors import ConfigError, Retryable
from openbell.data.providers.protocol import Pace, no_pace
from openbell.remote.http import TIMEOUT, decode, guard_logs, parse_retry_after, quote, refuse

if TYPE_CHECKING:
    import httpx

__all__ = ["TIMEOUT", "Rest", "decode", "guard_logs", "parse_retry_after", "quote", "refuse"]


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
        self.pace: Pace = no_pace  #: awaited before each request

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
        await self.pace()
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
