"""Sources of market data, one module each, and the factory that makes them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from openbell.data.providers.protocol import Offer, Provider
from openbell.remote.plugins import Plugins

#: Where third parties register providers: `name = "package.module:Class"`.
GROUP = "openbell.providers"

#: The providers that come with Openbell, and the class of each.
BUILT_IN: Mapping[str, str] = {
    "alpaca": "openbell.data.providers.alpaca:AlpacaProvider",
    "alphavantage": "openbell.data.providers.alphavantage:AlphaVantageProvider",
    "ccxt": "openbell.data.providers.ccxt:CcxtProvider",
    "ib": "openbell.data.providers.ib:IbProvider",
    "synthetic": "openbell.data.providers.synthetic:SyntheticProvider",
    "tiingo": "openbell.data.providers.tiingo:TiingoProvider",
    "yahoo": "openbell.data.providers.yahoo:YahooProvider",
}

_IEX_CLOUD = (
    "IEX Cloud, which ended on 2024-08-31; use tiingo, whose intraday prices come from IEX, or alpaca with "
    "feed=iex"
)
_PROVIDERS = Plugins(
    "provider", GROUP, BUILT_IN, gone=dict.fromkeys(("iex", "iex_cloud", "iexcloud"), _IEX_CLOUD)
)


def provider_names() -> list[str]:
    """Return the names of all providers, sorted: those that come with Openbell and registered ones."""
    return _PROVIDERS.names()


def offer_of(name: str) -> Offer:
    """Return what a provider offers; it need not be configured for that.

    Raises:
        ConfigError: There is no provider of that name.
    """
    offer: Offer = _PROVIDERS.load(name).offer
    return offer


def open_provider(name: str, options: Mapping[str, Any], environ: Mapping[str, str]) -> Provider:
    """Make a provider.

    Args:
        name: One of `provider_names()`.
        options: Its settings, such as `feed`, without its secrets.
        environ: Where its secrets are.

    Raises:
        ConfigError: There is none of that name, its SDK is not installed, a secret is not set, or an option
            is wrong.
    """
    return cast("Provider", _PROVIDERS.make(name, options, environ))
