"""The book at its worst: what is held, with what still works counted as filled where that makes it larger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import nlargest
from typing import NamedTuple

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.market import Track
from openbell.core.orders import Order
from openbell.core.types import Instrument, OrderType

_MARKET = OrderType.MARKET
_CLASS = "equity"


class Span(NamedTuple):
    """The least and the most signed shares that a position can come to."""

    low: float
    high: float

    @property
    def worst(self) -> float:
        """The end that is farther from nothing."""
        return self.high if self.high >= -self.low else self.low


class Slot:
    """One symbol: what is held, and what its working orders may make of it."""

    __slots__ = (
        "at", "buys", "closing", "exits", "group", "held", "high", "low", "money", "price", "reach", "sector",
        "sells", "symbol", "worst",
    )  # fmt: skip

    def __init__(self, at: int, instrument: Instrument, group: str) -> None:
        self.at, self.symbol = at, instrument.symbol
        self.sector, self.group = instrument.sector, group
        self.price = self.held = 0.0
        self.clear()

    def clear(self) -> None:
        """Forget all but the name."""
        self.held = 0.0
        self.buys = self.sells = 0.0  #: shares of working orders that open or add
        self.closing = 0.0  #: shares of working orders that close and could do more
        self.exits = 0.0  #: shares of working orders that reduce only
        self.low = self.high = self.worst = 0.0
        self.money = self.reach = 0.0  #: signed, and absolute, money at the worst end

    def span(self, buys: float = 0.0, sells: float = 0.0) -> Span:
        """Return the ends with so much more at work that opens."""
        held = self.held
        low, high = held - self.sells - sells, held + self.buys + buys
        closing = self.closing + self.exits
        if held > 0.0:
            low -= min(closing, held)
        elif held < 0.0:
            high += min(closing, -held)
        return Span(low, high)

    def splits(self, side: int, quantity: float) -> tuple[float, float]:
        """Return how much of an order closes, and how much opens, after what closes already."""
        if self.held * side >= 0.0:
            return 0.0, quantity
        closes = min(quantity, max(abs(self.held) - self.closing, 0.0))
        return closes, quantity - closes


class Totals(NamedTuple):
    """Sums over all symbols, in money: every one at its worst."""

    gross: float = 0.0
    above: float = 0.0  #: the most that long less short can be
    below: float = 0.0  #: the least
    shorts: float = 0.0
    positions: int = 0


class Book:
    """All slots, and the sums over them. An order changes its own slot's part of the sums."""

    def __init__(
        self, account: Account, tracks: Mapping[str, Track], classes: Mapping[str, str], *, credit: bool
    ) -> None:
        self._account, self._tracks, self._credit = account, tracks, credit
        self.slots = {
            symbol: Slot(at, track.instrument, classes.get(symbol, _CLASS))
            for at, (symbol, track) in enumerate(tracks.items())
        }
        self.active: dict[str, Slot] = {}
        self.sectors: dict[str, float] = {}
        self.groups: dict[str, float] = {}
        self.totals = Totals()

    def rebuild(self, working: Mapping[str, Mapping[int, Order]], ahead: Iterable[int] = ()) -> None:
        """Count in what is held and what works; `ahead` are ids of orders that are to be reviewed first."""
        for slot in self.active.values():
            slot.clear()
        self.active.clear()
        self.sectors.clear()
        self.groups.clear()
        self.totals = Totals()
        skipped = set(ahead)
        for symbol, position in self._account.positions.items():
            if position.quantity != 0.0:
                self.slot(symbol).held = position.quantity
        for symbol, orders in working.items():
            if orders:
                slot = self.slot(symbol)
                for order in sorted(orders.values(), key=_closers_first):
                    if order.id not in skipped:
                        self.count(slot, order)
        for slot in self.active.values():
            self.settle(slot)

    def slot(self, symbol: str) -> Slot:
        """Return a symbol's slot, from now on among those that are counted."""
        slot = self.active.get(symbol)
        if slot is None:
            slot = self.active[symbol] = self.slots[symbol]
            slot.price = self._tracks[symbol].price()
        return slot

    def count(self, slot: Slot, order: Order) -> None:
        """Count a working order in its slot. What settles is said by `settle`."""
        quantity = order.quantity - order.filled
        if order.reduce_only:
            if self._credit and order.type is _MARKET:
                self._close(slot, quantity)
            else:
                slot.exits += quantity
            return
        closes, opens = slot.splits(order.side, quantity)
        if self._credit and order.type is _MARKET:
            self._close(slot, closes)
        else:
            slot.closing += closes
        if order.side > 0:
            slot.buys += opens
        else:
            slot.sells += opens

    def settle(self, slot: Slot) -> None:
        """Bring the sums up to a slot's orders."""
        low, high = ends = slot.span()
        price, before, t = slot.price, slot.reach, self.totals
        worst = ends.worst
        reach = abs(worst) * price
        was, now = slot.low, slot.high
        self.totals = Totals(
            t.gross + reach - before,
            t.above + (high - now) * price,
            t.below + (low - was) * price,
            t.shorts + (max(-low, 0.0) - max(-was, 0.0)) * price,
            t.positions + (reach > 0.0) - (before > 0.0),
        )
        self.groups[slot.group] = self.groups.get(slot.group, 0.0) + reach - before
        if slot.sector:
            self.sectors[slot.sector] = self.sectors.get(slot.sector, 0.0) + reach - before
        slot.low, slot.high, slot.worst = low, high, worst
        slot.reach, slot.money = reach, worst * price

    def largest(self, count: int, *, instead: Slot | None = None, reach: float = 0.0) -> float:
        """Return the sum of the largest positions, with one of them at another value."""
        values = [slot.reach for slot in self.active.values() if slot is not instead]
        if instead is not None:
            values.append(reach)
        return sum(nlargest(count, values)) if count < len(values) else sum(values)

    def _close(self, slot: Slot, quantity: float) -> None:
        """Count a market order that closes as filled."""
        if slot.held > 0.0:
            slot.held = rules.booked_position(slot.held, -min(quantity, slot.held))
        elif slot.held < 0.0:
            slot.held = rules.booked_position(slot.held, min(quantity, -slot.held))


def _closers_first(order: Order) -> tuple[bool, int]:
    return not order.reduce_only, order.id
