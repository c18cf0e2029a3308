"""Round trips: from flat to flat in one symbol, as a trader counts trades."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from openbell.core import rules
from openbell.core.account import Entry, EntryKind
from openbell.core.types import NANOS_PER_DAY


@dataclass(slots=True)
class Trade:
    """One round trip. Money is in the account's currency; prices and shares in units of the last booking.

    `pnl` is everything that it brought: price, fees, dividends, borrow. `basis` is the largest value that
    was put in. An open one has `closed` 0 and is valued at the last price.
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
    carry: float = 0.0  #: dividends less borrow
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
        """Return how long it was held, in calendar days."""
        return (self.closed - self.opened) / NANOS_PER_DAY


class _Tally:
    """The sums of an unfinished round trip."""

    __slots__ = ("closed_shares", "closed_value", "opened_shares", "opened_value", "position", "trade")

    def __init__(self, trade: Trade) -> None:
        self.trade = trade
        self.position = 0.0
        self.opened_shares = self.opened_value = 0.0
        self.closed_shares = self.closed_value = 0.0

    def fill(self, quantity: float, price: float, fee: float) -> None:
        """Add a fill of signed shares that does not pass through zero."""
        trade = self.trade
        trade.pnl -= quantity * price + fee
        trade.fees += fee
        trade.fills += 1
        if quantity * trade.side > 0:
            self.opened_shares += abs(quantity)
            self.opened_value += abs(quantity) * price
        else:
            self.closed_shares += abs(quantity)
            self.closed_value += abs(quantity) * price
        self.position += quantity
        trade.quantity = max(trade.quantity, abs(self.position))
        trade.basis = max(trade.basis, abs(self.position) * self.opened_value / self.opened_shares)

    def hold(self, entry: Entry) -> None:
        """Add what holding brought: a dividend, a borrow fee, or a split with its fraction paid in cash."""
        self.trade.pnl += entry.amount
        if entry.kind is EntryKind.SPLIT:
            ratio = entry.ratio
            self.opened_shares *= ratio
            self.closed_shares *= ratio
            self.trade.quantity *= ratio
            self.position = entry.position
        else:
            self.trade.carry += entry.amount

    def finish(self, time: int, index: int) -> Trade:
        """Close the round trip."""
        trade = self.trade
        trade.closed, trade.last = time, index
        trade.entry = self.opened_value / self.opened_shares
        trade.exit = self.closed_value / self.closed_shares if self.closed_shares else 0.0
        return trade


def round_trips(entries: Sequence[Entry], prices: Mapping[str, float]) -> list[Trade]:
    """Return the round trips of a ledger in the order in which they opened; open ones valued at `prices`."""
    done: list[Trade] = []
    running: dict[str, _Tally] = {}
    for index, entry in enumerate(entries):
        if entry.kind is EntryKind.INTEREST:
            continue
        for quantity, fee in _legs(entry):
            tally = running.get(entry.symbol)
            if tally is None:
                trade = Trade(entry.symbol, 1 if quantity > 0 else -1, entry.time, first=index)
                tally = running[entry.symbol] = _Tally(trade)
            if entry.kind is EntryKind.FILL:
                tally.fill(quantity, entry.price, fee)
            else:
                tally.hold(entry)
            if abs(tally.position) < rules.DUST:
                done.append(running.pop(entry.symbol).finish(entry.time, index))
    for symbol, tally in running.items():
        trade = tally.finish(0, len(entries) - 1)
        trade.exit = prices[symbol]
        trade.pnl += tally.position * prices[symbol]
        done.append(trade)
    done.sort(key=lambda trade: trade.first)
    return done


def _legs(entry: Entry) -> Iterable[tuple[float, float]]:
    """Yield (signed shares, fee); a fill through zero closes with one leg and opens with another."""
    before = entry.position - entry.quantity
    if entry.kind is EntryKind.FILL and before * entry.position < 0:
        share = abs(before / entry.quantity)
        yield -before, entry.fee * share
        yield entry.position, entry.fee * (1 - share)
    else:
        yield entry.quantity, entry.fee
