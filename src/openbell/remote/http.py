"""What a server's status or a broken body asks for, in its own words but without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from openbell.core.errors import BadData, ConfigError, OpenbellError, Rejected, Retryable
from openbell.utils.logging import hide

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
