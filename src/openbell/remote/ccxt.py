"""ccxt's exchanges: how one is made, with keys or without, and what its errors ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib import import_module
from typing import Any

from openbell.core.errors import (
    BadData,
    ConfigError,
    Disconnected,
    OpenbellError,
    Rejected,
    Retryable,
    Translation,
    nearest,
)
from openbell.remote.http import decode, guard_logs, quote, refuse

MILLI = 1_000_000  #: ns

_SECOND = 1000  #: ms
_REFUSED = re.compile(r"https?://\S+ (4\d\d) ")  #: how ccxt words a status that the exchange did not explain

_SIGNED = re.compile(r"(?<=\S)\?\S*(signature|apiKey|timestamp)=\S*")  #: the query of a request with a key

#: Statuses that mean one thing, whatever the body says. ccxt takes some of them for an exchange that is down.
_PLAIN = frozenset({401, 403, 418, 429, 451})


def make_exchange(
    exchange: str,
    *,
    module: str,
    timeout: float,
    urls: Mapping[str, Any],
    options: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    sandbox: bool = False,
) -> Any:
    """Return one of ccxt's exchanges.

    Args:
        exchange: Its id, such as `kraken`.
        module: `ccxt.async_support`, or `ccxt.pro` for those that stream.
        timeout: Seconds that an answer may take.
        urls: In place of those under `urls.api`.
        options: ccxt's own, such as `defaultType`.
        secrets: By ccxt's names, such as `apiKey`; none for public data.
        sandbox: Whether to use the exchange's own simulation.

    Raises:
        ConfigError: ccxt has no such exchange, or it has no sandbox.
    """
    library = import_module(module)
    if exchange not in library.exchanges:
        lacks = "stream" if module == "ccxt.pro" else "exchange"
        raise ConfigError(
            f"ccxt: exchange={exchange!r}: no such {lacks}{nearest(exchange, library.exchanges)}"
        )
    guard_logs("ccxt.base.exchange")  # it shows each request with its headers
    # the rate is for others to keep: one budget for an account, not one for each of its connections
    config = {"timeout": int(timeout * _SECOND), "options": dict(options), "enableRateLimit": False}
    made = getattr(library, exchange)(config | dict(secrets or {}))
    if sandbox:
        if not made.urls.get("test"):
            raise ConfigError(f"ccxt: {exchange} has no sandbox; say live: true if real money is meant")
        made.set_sandbox_mode(True)
    made.urls["api"] = _merge(made.urls["api"], urls)
    made.on_rest_response = _check(exchange)
    return made


def translated(asked: str) -> Translation:
    """Return a context around a request, which turns ccxt's errors into those of the port."""
    return Translation(lambda error, _trace: translate(error, asked))


def translate(error: BaseException, asked: str) -> OpenbellError | None:
    """Return what an error in ccxt asks for; None if it says so itself, or is the end of the program."""
    import aiohttp
    import ccxt

    if isinstance(error, OpenbellError) or not isinstance(error, Exception):
        return None
    unexplained = _REFUSED.search(str(error))
    if isinstance(error, ccxt.ExchangeNotAvailable) and unexplained:
        return Rejected(f"{asked}: HTTP {unexplained[1]}")
    if isinstance(error.__cause__, aiohttp.ClientError):
        return Retryable(f"{asked}: the connection broke")
    if isinstance(error, KeyError | IndexError | TypeError | ValueError | AttributeError):
        return BadData(f"{asked}: an answer of another form ({quote(repr(error))})")
    kinds: dict[type[OpenbellError], tuple[type[Exception], ...]] = {
        Disconnected: (ccxt.ExchangeClosedByUser,),
        ConfigError: (ccxt.BadSymbol, ccxt.NotSupported, ccxt.AuthenticationError),
        Retryable: (ccxt.NetworkError, OSError),
        BadData: (ccxt.BadResponse,),
    }
    kind = next((kind for kind, errors in kinds.items() if isinstance(error, errors)), Rejected)
    return kind(f"{asked}: {quote(_SIGNED.sub('?…', str(error)))}")


def _check(exchange: str) -> Callable[..., str]:
    """Return a hook that sees each answer before ccxt does, which takes what is no JSON for no data."""

    def check(status: int, _reason: str, url: str, _method: str, headers: Any, body: str, *_: Any) -> str:
        asked = f"ccxt: {exchange}: {url.partition('?')[0].rpartition('/')[2]}"
        if status in _PLAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            refusal = refuse(status, asked, headers=headers, said=body)
            if refusal is not None:
                raise refusal
        if status < HTTPStatus.MULTIPLE_CHOICES:
            decode(body, asked)
        return body.strip()

    return check


def _merge(urls: Any, given: Any) -> Any:
    if isinstance(urls, dict) and isinstance(given, Mapping):
        return urls | {name: _merge(urls.get(name), value) for name, value in given.items()}
    return given
