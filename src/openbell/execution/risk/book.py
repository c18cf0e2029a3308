"""The book at its worst: what is held, with what still works counted as filled where that makes it larger."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Protocol

import numpy as np

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.market import Track
from openbell.core.orders import Order
from openbell.core.types import Instrument, OrderType
from openbell.execution.risk.estimates import Floats

_MARKET = OrderType.MARKET
_CLASS = "equity"
_NOBODY: AbstractSet[int] = frozenset()
_new = tuple.__new__  # a named tuple's own constructor is a call of Python more


class Span(NamedTuple):
    """The least and the most signed shares that a position can come to."""

    low: float
    high: float


class Slot:
    """One symbol: what is held, and what its working orders may make of it."""

    __slots__ = (
        "at", "buys", "closing", "exits", "group", "held", "high", "low", "money", "price", "reach", "sector",
        "sells", "symbol", "volume", "volume_at", "worst",
    )  # fmt: skip

    def __init__(self, at: int, instrument: Instrument, group: str) -> None:
        self.at, self.symbol = at, instrument.symbol
        self.sector, self.group = instrument.sector, group
        self.price = self.held = self.volume = 0.0
        self.volume_at = -1  #: up to which bar the average volume is
        self.clear()

    def clear(self) -> None:
        """Forget all but the name."""
        self.held = 0.0
        self.buys = self.sells = 0.0  #: shares of working orders that open or add
        self.closing = 0.0  #: shares of working orders that close and could do more
        self.exits = 0.0  #: shares of working orders that reduce only
        self.low = self.high = self.worst = 0.0
        self.money = self.reach = 0.0  #: signed, and absolute, money at the worst end

    def span(self, buys: float = 0.0, sells: float = 0.0, *, closes: float = 0.0) -> Span:
        """Return the ends with so much more at work that opens, and that closes."""
        held = self.held
        low, high = held - self.sells - sells, held + self.buys + buys
        closing = self.closing + self.exits + closes
        if held > 0.0:
            low -= min(closing, held)
        elif held < 0.0:
            high += min(closing, -held)
        return _new(Span, (low, high))

    def splits(self, side: int, quantity: float) -> tuple[float, float]:
        """Return how much of an order closes, and how much opens, after what closes already.

        Exits may be filled before an order that does more than close, and then all of it opens.
        """
        if self.held * side >= 0.0:
            return 0.0, quantity
        left = abs(self.held) - self.closing
        if quantity > left:
            left -= self.exits
        closes = min(quantity, max(left, 0.0))
        return closes, quantity - closes


class Sums(Protocol):
    """What limits read of a book: sums over its positions at their worst, and the largest of them."""

    @property
    def gross(self) -> float:
        """Return the sum of every position."""

    @property
    def above(self) -> float:
        """Return the most that long less short can be."""

    @property
    def below(self) -> float:
        """Return the least that long less short can be."""

    @property
    def shorts(self) -> float:
        """Return what is short."""

    @property
    def positions(self) -> int:
        """Return how many symbols there are."""

    @property
    def sectors(self) -> Mapping[str, float]:
        """Return what is in each sector."""

    @property
    def groups(self) -> Mapping[str, float]:
        """Return what is in each asset class."""

    def largest(self, count: int, *, instead: float = 0.0, reach: float = 0.0) -> float:
        """Return the sum of the largest positions, with one of them at another value; 0 is none."""


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
        self.growth: dict[int, tuple[Order, float]] = {}  #: by id, orders and what changes make of them
        self.sectors: dict[str, float] = {}
        self.groups: dict[str, float] = {}
        self._empty()

    def rebuild(self) -> None:
        """Begin with what is held, at the last prices; nothing works."""
        for slot in self.active.values():
            slot.clear()
        self.active.clear()
        self._empty()
        for symbol, position in self._account.positions.items():
            if position.quantity != 0.0:
                slot = self.slot(symbol)
                slot.held = position.quantity
                self.settle(slot)

    def refresh(self, symbol: str, orders: Iterable[Order], ahead: AbstractSet[int] = _NOBODY) -> Slot:
        """Count a symbol anew: what is held, and what works; `ahead` are not reviewed yet."""
        slot = self.slot(symbol)
        slot.buys = slot.sells = slot.closing = slot.exits = 0.0
        slot.held = self._account.quantity(symbol)
        for order in sorted(orders, key=_closers_first):
            if order.id not in ahead:
                self.count(slot, order)
        self.settle(slot)
        return slot

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
        if order.id in self.growth:
            quantity = max(quantity, self.growth[order.id][1] - order.filled)
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

    def grow(self, order: Order, quantity: float) -> None:
        """Count an order as what a change makes of it, from now to its end: a broker takes its time."""
        self.growth = {number: one for number, one in self.growth.items() if one[0].open}
        self.growth[order.id] = order, quantity

    def settle(self, slot: Slot) -> None:
        """Bring the sums up to a slot's orders."""
        low, high = slot.span()
        price, before = slot.price, slot.reach
        worst = high if high >= -low else low
        reach = abs(worst) * price
        more = reach - before
        self.gross += more
        self.above += (high - slot.high) * price
        self.below += (low - slot.low) * price
        if low < 0.0 or slot.low < 0.0:
            self.shorts += (max(-low, 0.0) - max(-slot.low, 0.0)) * price
        self.positions += (reach > 0.0) - (before > 0.0)
        if more != 0.0:
            self._rank(before, reach)
        group, sector = slot.group, slot.sector
        self.groups[group] = self.groups.get(group, 0.0) + more
        if sector:
            self.sectors[sector] = self.sectors.get(sector, 0.0) + more
        slot.low, slot.high, slot.worst = low, high, worst
        slot.reach, slot.money = reach, worst * price

    def largest(self, count: int, *, instead: float = 0.0, reach: float = 0.0) -> float:
        """Return the sum of the largest positions, with one of them at another value; 0 is none."""
        top = self._ranked[-count - 1 :]
        if instead > 0.0 and instead >= top[0]:
            top.remove(instead)
        if reach > 0.0:
            insort(top, reach)
        return sum(top[-count:])

    def exposures(self) -> Floats:
        """(symbols,) the signed money in each at the worst end."""
        found: Floats = np.zeros(len(self.slots))
        for slot in self.active.values():
            found[slot.at] = slot.money
        return found

    def _rank(self, before: float, after: float) -> None:
        """Keep the positions' values in order."""
        if before > 0.0:
            del self._ranked[bisect_left(self._ranked, before)]
        if after > 0.0:
            insort(self._ranked, after)

    def _empty(self) -> None:
        self.gross = 0.0  #: of every position at its worst
        self.above = self.below = 0.0  #: the most and the least that long less short can be
        self.shorts = 0.0
        self.positions = 0
        self._ranked: list[float] = []
        self.sectors.clear()
        self.groups.clear()

    def _close(self, slot: Slot, quantity: float) -> None:
        """Count a market order that closes as filled."""
        if slot.held > 0.0:
            slot.held = rules.booked_position(slot.held, -min(quantity, slot.held))
        elif slot.held < 0.0:
            slot.held = rules.booked_position(slot.held, min(quantity, -slot.held))


def _closers_first(order: Order) -> tuple[bool, int]:
    return not order.reduce_only, order.id
