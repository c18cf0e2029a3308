"""Round trips: from flat to flat in one symbol, as a trader counts trades."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from openbell.core import rules
from openbell.core.account import Entry, EntryKind
from openbell.core.types import NANOS_PER_DAY


@dataclass(slots=True)
class Trade:
    """One round trip. Money is in the account's currency; prices and shares in units of the last booking.

    `pnl` is everything that it brought: price, fees, dividends, spin-offs, borrow. `basis` is the largest
    value that was put in, at the average price. An open one has `closed` 0 and is valued at the last price.
    """

    symbol: str
    side: int
    opened: int
    closed: int = 0
    quantity: float = 0.0  #: largest position
    entry: float = 0.0  #: average price of what opened
    exit: float = 0.0  #: average price of what closed
    pnl: float = 0.0
    fees: float = 0.0
    carry: float = 0.0  #: dividends and spin-offs less borrow
    basis: float = 0.0
    fills: int = 0
    first: int = 0  #: index of the first ledger entry
    last: int = 0  #: index of the last

    @property
    def is_open(self) -> bool:
        """Tell whether the position is still held."""
        return self.closed == 0

    @property
    def gain(self) -> float:
        """Return profit as a share of what was put in."""
        return self.pnl / self.basis if self.basis else 0.0

    @property
    def days(self) -> float:
        """Return how long it was held, in calendar days; NaN while it is open."""
        return math.nan if self.is_open else (self.closed - self.opened) / NANOS_PER_DAY


#: What moves shares at a price, but by no order.
_TRANSFERS = (EntryKind.SPIN_OFF, EntryKind.DELISTING)


class _Leg(NamedTuple):
    """A booking, or the part of a fill on one side of zero."""

    quantity: float  #: signed shares
    fee: float
    position: float  #: after it


class _Tally:
    """The sums of an unfinished round trip."""

    __slots__ = (
        "average", "closed_shares", "closed_value", "opened_shares", "opened_value", "position", "trade",
    )  # fmt: skip

    def __init__(self, trade: Trade) -> None:
        self.trade = trade
        self.position = self.average = 0.0
        self.opened_shares = self.opened_value = 0.0
        self.closed_shares = self.closed_value = 0.0

    def fill(self, leg: _Leg, price: float) -> None:
        """Add a fill that does not pass through zero."""
        trade, shares = self.trade, abs(leg.quantity)
        trade.pnl -= leg.quantity * price + leg.fee
        trade.fees += leg.fee
        if leg.quantity * trade.side > 0:
            self.opened_shares += shares
            self.opened_value += shares * price
        else:
            self.closed_shares += shares
            self.closed_value += shares * price
        _, self.average, _ = rules.booked(self.position, self.average, leg.quantity, price)
        self.position = leg.position
        trade.quantity = max(trade.quantity, abs(self.position))
        trade.basis = max(trade.basis, abs(self.position) * self.average)

    def split(self, entry: Entry) -> None:
        """Count in the new shares; the fraction that was paid in cash is closed."""
        self.opened_shares *= entry.ratio
        self.closed_shares = self.closed_shares * entry.ratio
        if entry.price > 0.0:
            self.closed_shares += abs(entry.amount) / entry.price
            self.closed_value += abs(entry.amount)
        self.trade.quantity *= entry.ratio
        self.trade.pnl += entry.amount
        self.average /= entry.ratio
        self.position = entry.position

    def finish(self, time: int) -> Trade:
        """Close the round trip."""
        trade = self.trade
        trade.closed = time
        trade.entry = self.opened_value / self.opened_shares
        trade.exit = self.closed_value / self.closed_shares if self.closed_shares else 0.0
        return trade


def round_trips(entries: Sequence[Entry], prices: Mapping[str, float]) -> list[Trade]:
    """Return the round trips of a ledger in the order in which they opened; open ones valued at `prices`.

    Their P&L adds up to the account's, but for interest, which belongs to no symbol. A dividend or a fee that
    is booked when the position is closed already counts for the trade that was the last in its symbol.
    """
    done: list[Trade] = []
    running: dict[str, _Tally] = {}
    latest: dict[str, Trade] = {}
    for index, entry in enumerate(entries):
        symbol = entry.symbol
        if entry.kind is EntryKind.FILL or (entry.kind in _TRANSFERS and entry.quantity != 0.0):
            for leg in _legs(entry):
                if symbol not in running:
                    latest[symbol] = Trade(symbol, 1 if leg.quantity > 0 else -1, entry.time, first=index)
                    running[symbol] = _Tally(latest[symbol])
                running[symbol].fill(leg, entry.price)
                running[symbol].trade.fills += entry.kind is EntryKind.FILL
                _note(entry, index, running, done)
        elif entry.kind is EntryKind.SPLIT:
            running[symbol].split(entry)
            _note(entry, index, running, done)
        elif symbol in latest:  # interest has no symbol
            latest[symbol].pnl += entry.amount
            latest[symbol].carry += entry.amount
            if symbol in running:
                latest[symbol].last = index
    for symbol, tally in running.items():
        trade = tally.finish(0)
        trade.exit = prices[symbol]
        trade.pnl += tally.position * prices[symbol]
        done.append(trade)
    done.sort(key=lambda trade: trade.first)
    return done


def _note(entry: Entry, index: int, running: dict[str, _Tally], done: list[Trade]) -> None:
    """Take note that a trade's shares changed, and move it to those that are done when none are left."""
    tally = running[entry.symbol]
    tally.trade.last = index
    if tally.position == 0.0:
        done.append(running.pop(entry.symbol).finish(entry.time))


def _legs(entry: Entry) -> Iterable[_Leg]:
    """Return a fill as it is, or, through zero, as a leg that closes and another that opens."""
    before = entry.position - entry.quantity
    if before * entry.position >= 0:
        return (_Leg(entry.quantity, entry.fee, entry.position),)
    share = abs(before / entry.quantity)
    return (
        _Leg(-before, entry.fee * share, 0.0),
        _Leg(entry.position, entry.fee * (1 - share), entry.position),
    )
