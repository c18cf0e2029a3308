"""The providers of prices: a section for each, whose keys are its options. Keys and tokens are no settings.

Secrets stand in the environment or in .env, as ALPACA_API_KEY; `openbell data providers` names them.
Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from openbell.config.section import Section

_TIMEOUT = 30.0


class Remote(Section):
    """What all have: seconds to wait for an answer, and requests a minute if they are not the usual."""

    timeout: float = Field(default=_TIMEOUT, gt=0)
    rate: float | None = Field(default=None, ge=1)


class Alpaca(Remote):
    """Alpaca. The keys of a live account need `trading_url: https://api.alpaca.markets`."""

    feed: Literal["iex", "sip"] = "iex"
    market: Literal["stocks", "crypto"] = "stocks"
    data_url: str = Field(default="https://data.alpaca.markets", min_length=1)
    trading_url: str = Field(default="https://paper-api.alpaca.markets", min_length=1)
    stream_url: str = Field(default="wss://stream.data.alpaca.markets", min_length=1)


class AlphaVantage(Remote):
    """Alpha Vantage."""

    calendar: str = Field(default="XNYS", min_length=1)
    data_url: str = Field(default="https://www.alphavantage.co", min_length=1)


class Ccxt(Remote):
    """An exchange of crypto, by ccxt."""

    exchange: str = Field(default="kraken", min_length=1)
    keep_alive: float | None = Field(default=None, gt=0)
    urls: Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None


class Ib(Remote):
    """Interactive Brokers, by TWS or its gateway."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=7497, ge=1, le=65_535)
    client_id: int = Field(default=71, ge=0)
    exchange: str = Field(default="SMART", min_length=1)
    primary_exchange: str = ""
    currency: str = Field(default="USD", min_length=1)
    calendar: str = Field(default="XNYS", min_length=1)
    splits: Mapping[str, Mapping[str, str]] | None = None


class Synthetic(Section):
    """Prices from a seed."""

    seed: int = Field(default=0, ge=0)
    calendar: str = Field(default="XNYS", min_length=1)
    volatility: float = Field(default=0.3, ge=0)
    drift: float = 0.06
    begin: str = "2024-07-01"
    speed: float = Field(default=60.0, gt=0)


class Tiingo(Remote):
    """Tiingo."""

    feed: Literal["eod", "iex"] = "eod"
    threshold: int = Field(default=6, ge=0, le=6)  #: text to Tiingo, a number to YAML
    calendar: str = Field(default="XNYS", min_length=1)
    heartbeat: float = Field(default=90.0, gt=0)
    data_url: str = Field(default="https://api.tiingo.com", min_length=1)
    stream_url: str = Field(default="wss://api.tiingo.com/iex", min_length=1)


class Yahoo(Remote):
    """Yahoo Finance. `url` is another host that is asked in place of Yahoo's."""

    url: str = ""
    stream_url: str = Field(default="wss://streamer.finance.yahoo.com/?version=2", min_length=1)
    cache: str = ""


class Providers(Section):
    """Where prices are fetched. `fallback` names providers to ask, in order, where one fails."""

    fallback: str = ""
    alpaca: Alpaca = Field(default_factory=Alpaca)
    alphavantage: AlphaVantage = Field(default_factory=AlphaVantage)
    ccxt: Ccxt = Field(default_factory=Ccxt)
    ib: Ib = Field(default_factory=Ib)
    synthetic: Synthetic = Field(default_factory=Synthetic)
    tiingo: Tiingo = Field(default_factory=Tiingo)
    yahoo: Yahoo = Field(default_factory=Yahoo)

    def options(self, name: str) -> dict[str, Any]:
        """Return the options of a provider's constructor; none for one that has no section."""
        section = getattr(self, name, None)
        if not isinstance(section, Section):
            return {}
        given = {key: getattr(section, key) for key in type(section).model_fields if key != "rate"}
        return {**given, "threshold": str(given["threshold"])} if "threshold" in given else given

    def rate(self, name: str) -> float | None:
        """Return the requests a minute that a provider's account may make; None is the usual."""
        rate: float | None = getattr(getattr(self, name, None), "rate", None)
        return rate
