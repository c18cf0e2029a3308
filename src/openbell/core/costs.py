"""What trading costs: commission, slippage, volume, margin and borrow, as validated data.

These are parameters only; the formulas are in `rules`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from openbell.core.errors import ConfigError

_WHOLE_BPS = 10_000.0


def _check(record: object, *, positive: tuple[str, ...] = ()) -> None:
    for f in fields(record):  # type: ignore[arg-type]  # every caller is a dataclass
        value = getattr(record, f.name)
        place = f"{type(record).__name__.lower()}.{f.name}"
        if f.type == "bool" and not isinstance(value, bool):
            raise ConfigError(f"{place}={value!r} must be true or false")
        if f.type != "float":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value == math.inf:
            raise ConfigError(f"{place}={value!r} must be a number")
        if not value >= 0:
            raise ConfigError(f"{place}={value} must be zero or more")
        if f.name.endswith("bps") and value > _WHOLE_BPS:
            raise ConfigError(f"{place}={value} must be at most {_WHOLE_BPS:g}: that is the whole price")
        if f.name in positive and value == 0:
            raise ConfigError(f"{place}={value} must be more than zero")


def _check_by_symbol(name: str, values: object) -> None:
    if not isinstance(values, Mapping):
        raise ConfigError(f"margin.{name}={values!r} must be a mapping of symbols to numbers")
    for symbol, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
        if not (isinstance(symbol, str) and number):
            raise ConfigError(f"margin.{name}[{symbol!r}]={value!r} must be a number, zero or more")


@dataclass(frozen=True, slots=True)
class Commission:
    """Fee of an order: per share, per order and a share of its value, with a floor and a cap.

    The default is a US broker's fixed schedule: 0.005 a share, at least 1.00, at most 1 % of the value.
    `maker_bps` counts for limit orders that fill at their limit, `taker_bps` for everything else.
    """

    per_share: float = 0.005
    per_order: float = 0.0
    taker_bps: float = 0.0
    maker_bps: float = 0.0
    minimum: float = 1.0
    maximum_share: float = 0.01  #: cap, as a share of the order's value; 0 is no cap

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class Slippage:
    """How much worse than the touched price a market, stop or trailing order fills.

    Sum of: a fixed amount a share, basis points of the price, half of a spread in basis points, and
    `impact * sqrt(quantity / bar volume)` as a share of the price (square-root impact).
    """

    per_share: float = 0.0
    bps: float = 5.0
    spread_bps: float = 0.0
    impact: float = 0.0

    def __post_init__(self) -> None:
        _check(self)

    @property
    def any(self) -> bool:
        """Tell whether there is some."""
        return bool(self.per_share or self.bps or self.spread_bps or self.impact)


@dataclass(frozen=True, slots=True)
class Margin:
    """What a position ties up. The default is a cash account: no leverage, no short sales.

    `initial` is the share of a position's value that must be covered by equity; 0.5 is Reg T.
    Interest and borrow are yearly rates, charged for each calendar day a debit or a short is held.

    The rules of an account are off until they are set: `settlement` lets a cash account spend what it sold
    only when that has settled (SEC 15c6-1). With `good_faith` it may spend proceeds at once, and what is
    sold before it was paid for counts as a violation (Regulation T 220.8): after the third within a year
    only settled cash is spent for 90 days. `day_trades` keeps a margin account with less than 25,000 out of
    the pattern (FINRA 4210). `locates` are the most shares of a symbol that can be borrowed; of one that is
    not named, any number.
    """

    initial: float = 1.0
    maintenance: float = 0.25
    short: bool = False
    borrow_rate: float = 0.01
    interest_rate: float = 0.06
    maintenance_short: float = 0.0  #: of shorts; 0 is as for longs, FINRA 4210(c) asks for 0.30
    settlement: bool = False
    good_faith: bool = False  #: of `settlement`
    day_trades: bool = False
    borrow_rates: Mapping[str, float] = field(default_factory=dict)  #: of symbols that are dearer to borrow
    locates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, positive=("initial",))
        _check_by_symbol("borrow_rates", self.borrow_rates)
        _check_by_symbol("locates", self.locates)
        if self.good_faith and not self.settlement:
            raise ConfigError("margin.good_faith=True needs margin.settlement: true, whose exception it is")
        if self.initial > 1:
            raise ConfigError(f"margin.initial={self.initial} must be at most 1 (1 is a cash account)")
        if self.maintenance > self.initial:
            raise ConfigError(
                f"margin.maintenance={self.maintenance} must not exceed margin.initial={self.initial}"
            )

    @property
    def is_plain(self) -> bool:
        """Tell whether money alone decides, by one rate and one margin for all."""
        return not (
            self.maintenance_short or self.settlement or self.day_trades or self.borrow_rates or self.locates
        )

    def borrow_of(self, symbol: str) -> float:
        """Return the yearly fee for borrowing a symbol."""
        return self.borrow_rates.get(symbol, self.borrow_rate)


REG_T = Margin(initial=0.5, maintenance=0.25, short=True)


@dataclass(frozen=True, slots=True)
class Costs:
    """Everything a simulated fill is charged with, and how much of a bar it may take."""

    commission: Commission = field(default_factory=Commission)
    slippage: Slippage = field(default_factory=Slippage)
    margin: Margin = field(default_factory=Margin)
    volume_share: float = 0.1  #: most of a bar's volume that all fills together take; 0 is no cap
    unaffordable: str = "reject"  #: or "cut": an order that a gap made too dear

    def __post_init__(self) -> None:
        _check(self)
        if self.unaffordable not in {"reject", "cut"}:
            raise ConfigError(f"costs.unaffordable={self.unaffordable!r} must be 'reject' or 'cut'")

    @property
    def free(self) -> bool:
        """Tell whether trading costs nothing here, which a report must say in its headline."""
        c, s = self.commission, self.slippage
        return not any(
            (
                c.per_share,
                c.per_order,
                c.taker_bps,
                c.maker_bps,
                c.minimum,
                s.per_share,
                s.bps,
                s.spread_bps,
                s.impact,
            )
        )


NO_COSTS = Costs(
    commission=Commission(per_share=0.0, minimum=0.0, maximum_share=0.0),
    slippage=Slippage(bps=0.0),
    volume_share=0.0,
)
