"""Tax lots: which shares were sold, what they had cost, and what each brought.

A fold over the ledger, so splits, spin-offs, delistings and short sales are in it. The sum over all lots is
the account's profit but for what holding brought or cost: dividends, borrow and interest belong to no lot.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from openbell.core import rules
from openbell.core.account import Entry, EntryKind
from openbell.core.errors import ConfigError, nearest
from openbell.core.types import NANOS_PER_SECOND


class Method(StrEnum):
    """Which lot a sale takes first."""

    FIFO = "fifo"  #: the oldest
    LIFO = "lifo"  #: the newest
    AVERAGE = "average"  #: the oldest, all at their average price
    HIGHEST = "highest"  #: the one with the least gain: highest cost, for a short the lowest


@dataclass(slots=True)
class Lot:
    """Shares that were opened at once and are still held. `fee` is what opening them cost."""

    symbol: str
    side: int
    quantity: float
    price: float
    fee: float
    opened: int  #: ns UTC


class Disposal(NamedTuple):
    """Shares of one lot that were closed. Prices a share, in the shares of the closing."""

    symbol: str
    side: int
    quantity: float
    opened: int
    closed: int
    entry: float
    exit: float
    entry_fee: float
    exit_fee: float

    @property
    def cost(self) -> float:
        """What was paid for the shares, the fee of buying them included."""
        if self.side > 0:
            return self.quantity * self.entry + self.entry_fee
        return self.quantity * self.exit + self.exit_fee

    @property
    def proceeds(self) -> float:
        """What they were sold for, less the fee of selling them."""
        if self.side > 0:
            return self.quantity * self.exit - self.exit_fee
        return self.quantity * self.entry - self.entry_fee

    @property
    def gain(self) -> float:
        """What they brought, after fees."""
        return self.proceeds - self.cost

    @property
    def term(self) -> str:
        """`long` for what was held for more than a year, by the calendar; a short sale never is."""
        opened, closed = _day(self.opened), _day(self.closed)
        later = (closed.year - opened.year, closed.month, closed.day) > (1, opened.month, opened.day)
        return "long" if self.side > 0 and later else "short"


class Lots(NamedTuple):
    """The lots of a ledger: those that are held, and what was closed of them, in its order."""

    open: list[Lot]
    closed: list[Disposal]


def lots_of(entries: Iterable[Entry], method: str = Method.FIFO) -> Lots:
    """Return a ledger's lots.

    Raises:
        ConfigError: The method is unknown.
    """
    book = _Book(method_of(method))
    for entry in entries:
        if entry.kind is EntryKind.SPLIT:
            book.split(entry)
        elif entry.quantity != 0.0:  # a fill; the child of a spin-off; the end of a delisted symbol
            book.trade(entry)
    return Lots([lot for lots in book.held.values() for lot in lots], book.closed)


def method_of(name: str) -> Method:
    """Return a method by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        return Method(name)
    except ValueError as error:
        raise ConfigError(
            f"lots: method={name!r} is unknown{nearest(str(name), [one.value for one in Method])}"
        ) from error


def take_lots(lots: Sequence[Lot], quantity: float, method: str = Method.FIFO) -> list[tuple[Lot, float]]:
    """Return which lots of one symbol a sale of `quantity` shares takes, in that order, and how much of each.

    Raises:
        ConfigError: The method is unknown.
    """
    left, taken = quantity, []
    for lot in sorted(lots, key=_rank(method_of(method))):
        if left <= rules.DUST:
            break
        part = lot.quantity if lot.quantity - left < rules.DUST else left
        taken.append((lot, part))
        left -= part
    return taken


def choose_lots(
    trades: Iterable[tuple[str, float]], lots: Sequence[Lot], method: str = Method.FIFO
) -> dict[str, list[tuple[Lot, float]]]:
    """Return which lots a rebalance's trades close, by symbol, and how much of each; what opens takes none.

    Args:
        trades: Symbol and signed shares of each, such as `rebalance.trades_to` returns them.
        lots: What is held.
        method: Which lot goes first.

    Raises:
        ConfigError: The method is unknown.
    """
    found = {}
    for symbol, quantity in trades:
        held = [lot for lot in lots if lot.symbol == symbol and lot.side * quantity < 0.0]
        if held:
            found[symbol] = take_lots(held, abs(quantity), method)
    return found


def export(closed: Iterable[Disposal]) -> str:
    """Return disposals as CSV, a row each, in the columns that a tax form asks for; days are UTC's."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["symbol", "side", "quantity", "acquired", "sold", "proceeds", "cost", "gain", "term"])
    for one in closed:
        days = [_day(moment).date().isoformat() for moment in (one.opened, one.closed)]
        if one.side < 0:  # what was sold first was acquired last
            days.reverse()
        money = [f"{value:.2f}" for value in (one.proceeds, one.cost, one.gain)]
        side = "long" if one.side > 0 else "short"
        rows.writerow([one.symbol, side, f"{one.quantity:.10g}", *days, *money, one.term])
    return text.getvalue()


class _Book:
    """The lots of each symbol, as a ledger changes them."""

    def __init__(self, method: Method) -> None:
        self.held: dict[str, list[Lot]] = {}
        self.closed: list[Disposal] = []
        self._method = method

    def trade(self, entry: Entry) -> None:
        """Close lots of the other side, and open one with what is left."""
        side, left = (1 if entry.quantity > 0 else -1), abs(entry.quantity)
        lots = self.held.setdefault(entry.symbol, [])
        each = entry.fee / left
        if lots and lots[0].side != side:
            left -= self._close(entry, left, price=entry.price, fee=each)
        if left > rules.DUST:
            lots.append(Lot(entry.symbol, side, left, entry.price, each * left, entry.time))
            if self._method is Method.AVERAGE:
                _average(lots)

    def split(self, entry: Entry) -> None:
        """Count each lot in the new shares; the fraction that was paid in cash is closed."""
        lots = self.held.get(entry.symbol, [])
        for lot in lots:
            lot.quantity *= entry.ratio
            lot.price /= entry.ratio
        fraction = sum(lot.quantity for lot in lots) - abs(entry.position)
        if fraction > rules.DUST:
            self._close(entry, fraction, price=entry.price, fee=0.0)

    def _close(self, entry: Entry, quantity: float, *, price: float, fee: float) -> float:
        """Close `quantity` shares or what there is; return how many were closed."""
        done = 0.0
        for lot, part in take_lots(self.held[entry.symbol], quantity, self._method):
            share = part / lot.quantity
            self.closed.append(
                Disposal(
                    lot.symbol, lot.side, part, lot.opened, entry.time, lot.price, price,
                    lot.fee * share, fee * part,
                )
            )  # fmt: skip
            lot.fee -= lot.fee * share
            lot.quantity = 0.0 if share == 1.0 else lot.quantity - part
            done += part
        self.held[entry.symbol][:] = [lot for lot in self.held[entry.symbol] if lot.quantity > 0.0]
        return done


def _average(lots: list[Lot]) -> None:
    """Give all lots their common price."""
    shares = sum(lot.quantity for lot in lots)
    price = sum(lot.quantity * lot.price for lot in lots) / shares
    for lot in lots:
        lot.price = price


def _rank(method: Method) -> Callable[[Lot], float]:
    """Return what sorts lots in the order in which a method takes them."""
    if method is Method.LIFO:
        return lambda lot: -lot.opened
    if method is Method.HIGHEST:
        return lambda lot: -lot.side * lot.price
    return lambda lot: lot.opened


def _day(moment: int) -> datetime:
    return datetime.fromtimestamp(moment // NANOS_PER_SECOND, UTC)
