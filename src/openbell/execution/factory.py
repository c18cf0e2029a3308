"""The brokers by name, and the factory that makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from openbell.core.errors import ConfigError
from openbell.execution.port import Capabilities, LiveBroker
from openbell.remote.plugins import Plugins

#: Where third parties register brokers: `name = "package.module:Class"`.
GROUP = "openbell.brokers"

#: The broker of backtests and paper trading, which needs no connection and is not made here.
SIMULATED = "simulated"

#: The brokers that come with Openbell, and the class of each.
BUILT_IN: Mapping[str, str] = {
    "alpaca": "openbell.execution.brokers.alpaca:AlpacaBroker",
    "ccxt": "openbell.execution.brokers.ccxt:CcxtBroker",
    "ib": "openbell.execution.brokers.ib:IbBroker",
}

_BROKERS = Plugins("broker", GROUP, BUILT_IN)


@dataclass(frozen=True, slots=True)
class BrokerOffer:
    """What a broker's adapter needs and has. It is the attribute `offer` of its class.

    Args:
        title: The name for people, such as `Alpaca`.
        extra: What `pip install "openbell[...]"` needs; empty for none.
        modules: Python modules that must be installed.
        variables: Environment variables that must be set; they are secrets.
        optional: Environment variables that are given to it where they are set; secrets as well.
        lacks: What a user should know that it has not, in a few words.
        logs_in: Whether a login is needed before all orders can be cancelled.
        second: Options of a second connection beside a session's, such as another number of a client.
    """

    title: str
    extra: str
    modules: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    lacks: str = ""
    logs_in: bool = True
    second: Mapping[str, Any] = field(default_factory=dict)


def broker_names() -> list[str]:
    """Return the names of all live brokers, sorted: those that come with Openbell and registered ones."""
    return _BROKERS.names()


def kind_is_known(kind: str) -> bool:
    """Tell whether brokers.yaml may name a kind; entry points are read only for one that is not our own."""
    return kind == SIMULATED or kind in BUILT_IN or kind in broker_names()


def broker_offer(name: str) -> BrokerOffer:
    """Return what a broker's adapter needs and has; it need not be configured for that.

    Raises:
        ConfigError: There is no broker of that name.
    """
    offer: BrokerOffer = _BROKERS.load(name).offer
    return offer


def capabilities_of(name: str) -> Capabilities:
    """Return what a broker can do, of one that need not be asked for it.

    Raises:
        ConfigError: There is none of that name, or it says that when it is connected.
    """
    found = getattr(_BROKERS.load(name), "capabilities", None)
    if not isinstance(found, Capabilities):
        raise ConfigError(f"broker {name!r} says what it can do only when it is connected")
    return found


def open_broker(name: str, options: Mapping[str, Any], environ: Mapping[str, str]) -> LiveBroker:
    """Make a broker's adapter, which is called with its secrets by variable and its options by name.

    Args:
        name: One of `broker_names()`.
        options: Its settings, such as `paper`, without its secrets.
        environ: Where its secrets are.

    Raises:
        ConfigError: There is none of that name, its SDK is not installed, a secret is not set, or an option
            is wrong.
    """
    wanted = broker_offer(name).optional
    return cast("LiveBroker", _BROKERS.make(name, options, environ, wanted=wanted))
