"""What may be risked, as validated data. Every limit is off until it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from openbell.core.errors import ConfigError, nearest
from openbell.core.inputs import shown
from openbell.execution.risk.reading import check

#: How value at risk may be estimated.
METHODS = ("historical", "ewma", "ledoit_wolf", "monte_carlo")
#: What is said of all limits together.
_FLAGS = ("enforce", "cut")
#: What may be done about a symbol of which too few returns are known.
UNKNOWN = ("refuse", "pass")


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """What one order may be. Amounts are in the account's currency; None is no limit."""

    max_quantity: float | None = None
    max_notional: float | None = None
    collar: float | None = None  #: most that a price may be worse than the last one, as a share of it
    duplicate_seconds: float | None = None  #: the same order again within so long is a mistake
    max_per_minute: int | None = None
    max_per_session: int | None = None
    times_average_order: float | None = None  #: of the last 20 orders' average value, from the fifth on
    times_average_volume: float | None = None  #: of the average volume of a bar
    reduce_only: bool = False  #: whether only what reduces a position passes
    in_session: bool = False  #: whether only moments within a session count
    opening_minutes: float | None = None  #: none in a session's first minutes
    closing_minutes: float | None = None  #: nor in its last
    restricted: tuple[str, ...] = ()  #: symbols that may not be bought or sold short
    allowed: tuple[str, ...] = ()  #: if there are any, the only ones that may

    def __post_init__(self) -> None:
        check(self, "order", shares=(), symbols=("restricted", "allowed"))


@dataclass(frozen=True, slots=True)
class PositionLimits:
    """What may be held of one symbol, with everything that still works counted as filled."""

    max_quantity: float | None = None
    max_notional: float | None = None
    max_share: float | None = None  #: of equity
    max_short_notional: float | None = None  #: 0 forbids shorts
    max_short_share: float | None = None  #: of equity, all shorts together
    max_volume_share: float | None = None  #: of the average volume of a bar
    max_exit_days: float | None = None  #: sessions that closing it takes
    participation: float = 0.1  #: at this share of the volume

    def __post_init__(self) -> None:
        check(
            self,
            "position",
            shares=("participation",),
            zero=("max_short_notional", "max_short_share"),
        )


@dataclass(frozen=True, slots=True)
class ProtectiveExits:
    """Exits for entries that come without any: distances as shares of the expected entry price."""

    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_stop: float | None = None
    max_days: float | None = None  #: calendar days that a position is held

    def __post_init__(self) -> None:
        check(self, "exits", shares=("stop_loss", "trailing_stop"))

    @property
    def placed(self) -> bool:
        """Tell whether orders are placed with an entry."""
        return any(v is not None for v in (self.stop_loss, self.take_profit, self.trailing_stop))


@dataclass(frozen=True, slots=True)
class PortfolioLimits:
    """What all positions together may be, after the order. Shares are of equity."""

    max_gross: float | None = None  #: in the account's currency
    max_net: float | None = None  #: long less short, either way
    max_leverage: float | None = None  #: gross
    max_concentration: float | None = None  #: of the `largest` positions together
    largest: int = 5
    max_sector: float | None = None
    max_asset_class: float | None = None
    asset_classes: Mapping[str, str] = field(default_factory=dict)  #: by symbol; others are `equity`
    max_positions: int | None = None
    max_correlation: float | None = None  #: of a new position with the book
    max_beta: float | None = None  #: either way
    max_var: float | None = None  #: value at risk
    max_cvar: float | None = None  #: expected shortfall
    max_daily_loss: float | None = None  #: since the session before: then nothing adds risk until the next
    drawdown_warn: float | None = None  #: from the highest equity: a warning
    drawdown_reduce: float | None = None  #: nothing adds risk until equity has recovered
    drawdown_halt: float | None = None  #: everything is closed, and nothing is opened any more
    max_turnover: float | None = None  #: traded in a session
    credit_closing: bool = False  #: whether market orders that close count as filled already

    def __post_init__(self) -> None:
        drops = ("max_daily_loss", "drawdown_warn", "drawdown_reduce", "drawdown_halt")
        check(self, "portfolio", shares=("max_correlation", *drops), mappings=("asset_classes",))
        stages = [(name, getattr(self, name)) for name in drops[1:] if getattr(self, name) is not None]
        for (name, before), (later, after) in pairwise(stages):
            if before > after:
                raise ConfigError(f"portfolio.{name}={before:g} must not exceed portfolio.{later}={after:g}")


@dataclass(frozen=True, slots=True)
class RiskModel:
    """How value at risk, correlation and beta are estimated, from the closes of the run's own bars.

    Where several `methods` are named, the largest value counts. A horizon is in bars.
    """

    methods: tuple[str, ...] = ("historical",)
    level: float = 0.99
    window: int = 250
    decay: float = 0.97  #: of a bar's weight, from one bar to the next
    horizon: int = 1
    draws: int = 1000
    draw_seed: int = 0
    minimum: int = 20  #: returns of a symbol without which nothing is known of it
    unknown: str = "refuse"  #: or pass: an order for a symbol of which nothing is known
    benchmark: str = ""  #: a symbol of the run that beta is against; empty is all of them in equal parts
    volume_window: int = 20  #: bars of the average volume

    def __post_init__(self) -> None:
        check(self, "model", shares=("level", "decay"), symbols=("methods",), zero=("draw_seed",))
        if not self.methods:
            raise ConfigError(f"model.methods=[] must name at least one of {', '.join(METHODS)}")
        for method in self.methods:
            if method not in METHODS:
                raise ConfigError(f"model.methods={shown(method)} is unknown{nearest(method, METHODS)}")
        if self.unknown not in UNKNOWN:
            raise ConfigError(f"model.unknown={shown(self.unknown)} must be 'refuse' or 'pass'")
        for name in ("level", "decay"):
            if getattr(self, name) >= 1.0:
                raise ConfigError(f"model.{name}={getattr(self, name):g} must be below 1")
        if self.minimum > self.window:
            raise ConfigError(f"model.minimum={self.minimum} must not exceed model.window={self.window}")


@dataclass(frozen=True, slots=True)
class OperationLimits:
    """When the machinery is not to be trusted with new risk. What is live only is silent in backtests."""

    stale_seconds: float | None = None  #: age of a symbol's last bar at the moment
    max_spread_bps: float | None = None  #: of the last quote; without quotes nothing is measured
    max_clock_skew: float | None = None  #: seconds between the computer's clock and the broker's
    max_errors_per_minute: int | None = None
    stop: bool = False  #: the emergency stop, pulled
    stop_file: str = ""  #: while a file of this name exists, a session adds no risk

    def __post_init__(self) -> None:
        check(self, "operation", shares=())


@dataclass(frozen=True, slots=True)
class Risk:
    """All limits of a run. `Risk()` has none; `STANDARD_RISK` is a set to begin with.

    With `enforce=False` orders pass, and what would have been refused is recorded. With `cut=True` an entry
    that is too large is made as large as the limits let it be, and refused where that is nothing.
    """

    order: OrderLimits = field(default_factory=OrderLimits)
    position: PositionLimits = field(default_factory=PositionLimits)
    exits: ProtectiveExits = field(default_factory=ProtectiveExits)
    portfolio: PortfolioLimits = field(default_factory=PortfolioLimits)
    model: RiskModel = field(default_factory=RiskModel)
    operation: OperationLimits = field(default_factory=OperationLimits)
    enforce: bool = True
    cut: bool = False

    def __post_init__(self) -> None:
        for name, kind in SECTIONS.items():
            part = getattr(self, name)
            if not isinstance(part, kind):
                raise ConfigError(f"risk.{name}={shown(part)} must be ob.{kind.__name__}(...)")
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"risk.{name}={shown(getattr(self, name))} must be true or false")

    @property
    def active(self) -> bool:
        """Tell whether there is any limit, and so a gate."""
        return any(getattr(self, name) != nothing for name, nothing in _NOTHING.items())

    def as_json(self) -> dict[str, Any]:
        """Return the limits as JSON values; `risk_from_json` reads them back."""
        values = dataclasses.asdict(self)
        for section in SECTIONS:
            values[section] = {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in values[section].items()
            }
        return values


SECTIONS: dict[str, type[Any]] = {
    "order": OrderLimits,
    "position": PositionLimits,
    "exits": ProtectiveExits,
    "portfolio": PortfolioLimits,
    "model": RiskModel,
    "operation": OperationLimits,
}
#: Those without a limit in them that ask something of an order.
_NOTHING = {name: SECTIONS[name]() for name in ("order", "position", "exits", "portfolio", "operation")}


def risk_from_json(values: Mapping[str, Any]) -> Risk:
    """Return the limits that `Risk.as_json` wrote.

    Raises:
        ConfigError: A section or a limit is unknown, or a value is out of bounds.
    """
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name in _FLAGS:
            made[name] = value
            continue
        if name not in SECTIONS:
            raise ConfigError(f"risk.{name}: unknown{nearest(name, [*SECTIONS, *_FLAGS])}")
        if not isinstance(value, Mapping):
            raise ConfigError(f"risk.{name}={shown(value)} must be a mapping of limits")
        known = [f.name for f in dataclasses.fields(SECTIONS[name])]
        for key in value:
            if key not in known:
                raise ConfigError(f"risk.{name}.{key}: unknown{nearest(str(key), known)}")
        made[name] = SECTIONS[name](**value)
    return Risk(**made)


#: A set to begin with, for an account without much leverage: each limit is meant to catch what is a mistake.
STANDARD_RISK = Risk(
    order=OrderLimits(
        collar=0.10,
        duplicate_seconds=1.0,
        max_per_minute=600,
        max_per_session=5_000,
        times_average_order=20.0,
        times_average_volume=0.25,
    ),
    position=PositionLimits(max_share=1.0, max_short_share=1.0, max_volume_share=0.5, max_exit_days=5.0),
    portfolio=PortfolioLimits(
        max_net=1.5,
        max_leverage=2.0,
        max_concentration=2.0,
        max_sector=2.0,
        max_asset_class=2.0,
        max_positions=1_000,
        max_beta=2.0,
        max_var=0.10,
        max_cvar=0.15,
        max_daily_loss=0.05,
        drawdown_warn=0.10,
        drawdown_reduce=0.20,
        drawdown_halt=0.30,
        max_turnover=4.0,
        credit_closing=True,
    ),
    model=RiskModel(methods=("historical", "ewma", "ledoit_wolf"), unknown="pass"),
    operation=OperationLimits(max_clock_skew=5.0, max_errors_per_minute=30, max_spread_bps=200.0),
)
