"""What a story is made of. Prices are written so that the market leaves no doubt at which one it trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

from openbell.core.types import NANOS_PER_SECOND, OrderStatus, OrderType, Side, TimeInForce
from openbell.execution.port import STOP_LEG, TARGET_LEG, Capabilities

#: The one symbol that is traded.
SYMBOL = "X"

#: Sessions of the New York exchange and when they close; the 3rd of July is a half day.
SESSIONS: Mapping[str, str] = {
    "2024-06-28": "16:00",
    "2024-07-01": "16:00",
    "2024-07-02": "16:00",
    "2024-07-03": "13:00",
    "2024-07-05": "16:00",
    "2024-07-08": "16:00",
    "2024-07-09": "16:00",
}
OPENS = "09:30"
_ZONE = timezone(timedelta(hours=-4))  # New York's in summer
_DAYS = tuple(SESSIONS)


class Result(NamedTuple):
    """What came of an order. `ACCEPTED` stands for all ways of working; no average where nothing filled."""

    status: OrderStatus
    filled: Decimal = Decimal(0)
    average: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An order. `take_profit` and `stop_loss` are its exits, known as `label-tp` and `label-sl`.

    A limit order with `pair` is the target of what is held, and `stop_loss` the stop that it cancels, or is
    cancelled by. `until` is the bar after which an order ends that is good till a date. An `extended` one
    works in bars outside of the session too.
    """

    label: str
    side: Side = 1
    quantity: Decimal = Decimal(10)
    limit: Decimal | None = None
    stop: Decimal | None = None
    trail: Decimal | None = None
    trail_percent: bool = False
    tif: TimeInForce = TimeInForce.GTC
    until: int = -1
    reduce_only: bool = False
    pair: bool = False
    extended: bool = False
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None

    @property
    def type(self) -> OrderType:
        """The type that its prices imply."""
        if self.trail is not None:
            return OrderType.TRAILING_STOP
        if self.stop is not None:
            return OrderType.STOP if self.limit is None else OrderType.STOP_LIMIT
        return OrderType.MARKET if self.limit is None else OrderType.LIMIT

    @property
    def labels(self) -> list[str]:
        """Its own label, and those of its exits."""
        exits = {TARGET_LEG: self.take_profit, STOP_LEG: self.stop_loss}
        return [self.label, *(self.label + suffix for suffix, price in exits.items() if price is not None)]

    def missing(self, can: Capabilities) -> str:
        """Return what a broker lacks for it; empty if nothing."""
        lacks = {
            f"{self.type.value} orders": self.type not in can.types,
            f"orders that are {self.tif.value}": self.tif not in can.tifs,
            "orders outside of the session": self.extended and not can.extended_hours,
            "fractions of shares": self.quantity % 1 != 0 and not can.fractional,
            "pairs of orders that cancel each other": self.pair and not can.oco,
            "brackets": len(self.labels) > 1 and not self.pair and not can.bracket,
        }
        return next((what for what, is_missing in lacks.items() if is_missing), "")


class Cancel(NamedTuple):
    """A request to cancel an order."""

    label: str


class Change(NamedTuple):
    """A request to replace an order; None leaves a value as it is. A quantity counts what has filled."""

    label: str
    quantity: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None


Act = Ask | Cancel | Change


@dataclass(frozen=True, slots=True)
class Bar:
    """How the market moves: from the open to one extreme, to the other, to the close.

    Args:
        prices: Open, high, low and close.
        volume: Shares that can be had in it; None is without end.
        low_first: Which extreme comes first.
        day: The session's number; the bar's own number if it is negative.
        begin: When it begins in New York; the session's open if empty. From the close on it is outside.
        end: When it ends; the session's close if empty.
    """

    prices: str
    volume: int | None = None
    low_first: bool = True
    day: int = -1
    begin: str = ""
    end: str = ""

    @property
    def ohlc(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Open, high, low and close."""
        open_, high, low, close = (Decimal(word) for word in self.prices.split())
        return open_, high, low, close

    @property
    def path(self) -> list[Decimal]:
        """The prices between the open and the close, in their order."""
        _, high, low, _ = self.ohlc
        return [low, high] if self.low_first else [high, low]


class Span(NamedTuple):
    """When a bar begins and ends, ns UTC, whether a session does so with it, and if it is outside of one."""

    start: int
    end: int
    opens: bool
    closes: bool
    outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A story: what is asked after which bar, and what must have come of it after the last.

    Args:
        name: In words, as of a test.
        bars: The market. The first is the past: it gives the price that is known at the beginning.
        acts: What is asked after the bar of a number.
        expected: What comes of each order, by its label.
        position: What is held at the end.
        cash: What the account begins with.
        lot: The grid of quantities.
        doomed: Whether the broker accepts the first order, and rejects it at the next open.
        shorts: Whether it sells short.
        engine: Whether it is about what the engine does and no broker by itself.
    """

    name: str
    bars: Sequence[Bar]
    acts: Mapping[int, Sequence[Act]]
    expected: Mapping[str, Result]
    position: Decimal = Decimal(0)
    cash: Decimal = Decimal(100_000)
    lot: float = 1.0
    doomed: bool = False
    shorts: bool = False
    engine: bool = False
    asks: Mapping[str, Ask] = field(init=False)

    def __post_init__(self) -> None:
        every = [act for acts in self.acts.values() for act in acts]
        object.__setattr__(self, "asks", {act.label: act for act in every if isinstance(act, Ask)})

    def spans(self) -> list[Span]:
        """Return when its bars are."""
        return [_span_of(bar, number) for number, bar in enumerate(self.bars)]

    def missing(self, can: Capabilities) -> str:
        """Return what a broker lacks for it, where it is asked without the engine; empty if nothing."""
        if self.engine:
            return "what the engine does"
        if self.shorts and not can.short:
            return "short sales"
        changes = [act for acts in self.acts.values() for act in acts if isinstance(act, Change)]
        if changes and not can.replace:
            return "replacements"
        return next((lack for ask in self.asks.values() if (lack := ask.missing(can))), "")


def _span_of(bar: Bar, number: int) -> Span:
    day = _DAYS[number if bar.day < 0 else bar.day]
    begin, end = bar.begin or OPENS, bar.end or SESSIONS[day]
    outside = begin >= SESSIONS[day] or end <= OPENS  # times of five characters: their order is the clock's
    return Span(_nanos(day, begin), _nanos(day, end), begin == OPENS, end == SESSIONS[day], outside)


def _nanos(day: str, clock: str) -> int:
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=_ZONE)
    return int(moment.timestamp()) * NANOS_PER_SECOND
