"""Sources of market data, one module each, and the factory that makes them by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from inspect import signature
from typing import Any, cast

from openbell.core.errors import ConfigError, nearest
from openbell.data.providers.protocol import Offer, Provider

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

_ENDED = frozenset({"iex", "iex_cloud", "iexcloud"})


def provider_names() -> list[str]:
    """Return the names of all providers, sorted: those that come with Openbell and registered ones."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def offer_of(name: str) -> Offer:
    """Return what a provider offers; it need not be configured for that.

    Raises:
        ConfigError: There is no provider of that name.
    """
    offer: Offer = _class_of(name).offer
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
    form = _class_of(name)
    offer: Offer = form.offer
    for module in offer.modules:
        if find_spec(module) is None:
            raise ConfigError(
                f"provider {name!r} needs {module}, which is not installed; "
                f'pip install "openbell[{offer.extra}]"'
            )
    for variable in offer.variables:
        if not environ.get(variable, "").strip():
            raise ConfigError(
                f"provider {name!r} needs the environment variable {variable}; set it, in .env for example"
            )
    taken = list(signature(form).parameters)[1:]
    for option in options:
        if option not in taken:
            raise ConfigError(f"provider {name!r} has no option {option!r}{nearest(option, taken)}")
    secrets = {variable: environ[variable].strip() for variable in offer.variables}
    return cast("Provider", form(secrets, **options))


def _class_of(name: str) -> Any:
    if name.lower() in _ENDED:
        raise ConfigError(
            f"provider {name!r} is IEX Cloud, which ended on 2024-08-31; use tiingo, whose intraday prices "
            "come from IEX, or alpaca with feed=iex"
        )
    place = BUILT_IN.get(name)
    if place is not None:
        module, _, attribute = place.partition(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group=GROUP, name=name):
        return point.load()
    raise ConfigError(f"provider {name!r} is unknown{nearest(name, provider_names())}")
