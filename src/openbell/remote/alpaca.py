"""Alpaca's SDK made fit: a session with a timeout and without retries, what its errors mean, its limit."""

from __future__ import annotations

import time
import warnings
from importlib import import_module
from typing import Any

from openbell.core.errors import BadData, OpenbellError, Retryable
from openbell.remote.http import decode, quote, refuse

KEY, SECRET = "ALPACA_API_KEY", "ALPACA_SECRET_KEY"

_POOL = 16  #: connections that are kept open
_CONNECT = 10.0  #: seconds


def load_sdk() -> None:
    """Import the SDK, which takes a second, without the warnings of what it imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of websockets.legacy
        import_module("alpaca.data.live")


class Wire:
    """Prepares the SDK's clients, and says what their errors mean.

    The SDK has no timeout, and retries some answers by itself, after fixed waits that no budget knows of.
    Both are set here, by attributes of its clients, for it has no arguments for them.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._told: tuple[float, float] | None = None
        self._sessions: list[Any] = []

    def prepare(self, client: Any) -> Any:
        """Give a client of the SDK a timeout, and leave retries to who knows the budget."""
        from requests.adapters import HTTPAdapter

        limits = (min(_CONNECT, self._timeout), self._timeout)

        class Patient(HTTPAdapter):
            """Waits a limited time for a connection, and for each part of an answer."""

            def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
                return super().send(request, *args, **{**kwargs, "timeout": limits})

        session = client._session  # noqa: SLF001  # see above
        for scheme in ("http://", "https://"):
            session.mount(scheme, Patient(pool_maxsize=_POOL))
        session.hooks["response"].append(self._note_limit)
        _read_environment(session, str(client._base_url))  # noqa: SLF001  # see above
        client._retry = 0  # noqa: SLF001  # see above
        self._sessions.append(session)
        return client

    def close(self) -> None:
        """Close the clients' connections."""
        while self._sessions:
            self._sessions.pop().close()

    def take_limit(self) -> tuple[float, float] | None:
        """Return what the latest answer said of the limit: requests left, and seconds until a new count."""
        told, self._told = self._told, None
        return told

    def translate(self, error: Exception, asked: str) -> OpenbellError | None:
        """Return what an error of the SDK means; None if it is none of a request's."""
        from alpaca.common.exceptions import APIError
        from requests.exceptions import InvalidJSONError, RequestException, Timeout

        if isinstance(error, APIError):
            return _blame(error, asked)
        if isinstance(error, InvalidJSONError):
            return _blame_body(error, asked)
        if isinstance(error, RequestException):
            slow = isinstance(error, Timeout) or "timed out" in str(error).lower()
            why = (
                f"no answer within {self._timeout:g} s"
                if slow
                else f"the connection broke ({type(error).__name__})"
            )
            return Retryable(f"{asked}: {why}")
        return None

    def _note_limit(self, response: Any, *_args: Any, **_kwargs: Any) -> None:
        headers = response.headers
        try:
            remaining = float(headers["X-Ratelimit-Remaining"])
            reset = float(headers["X-Ratelimit-Reset"])
        except (KeyError, ValueError):  # it did not say
            return
        self._told = remaining, max(reset - time.time(), 0.0)


def _read_environment(session: Any, url: str) -> None:
    """Read proxies and certificates from the environment once, and not before each order.

    A `.netrc` is not read at all. It could put a login of its own in place of the keys.
    """
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.trust_env = False


def _blame(error: Any, asked: str) -> OpenbellError | None:
    response = error.response
    try:
        said = str(error.message)
    except (ValueError, KeyError, TypeError):  # a gateway's page, or no message in it
        said = str(error)
    return refuse(response.status_code, asked, key=f"{KEY} and {SECRET}", headers=response.headers, said=said)


def _blame_body(error: Any, asked: str) -> OpenbellError | None:
    try:
        decode(error.doc, asked)
    except (BadData, Retryable) as found:
        return found
    return BadData(f"{asked}: the answer is no JSON: {quote(error.doc)!r}")
