"""A statement: what an account held before and after some sessions, and everything that happened between.

The change of equity is the sum of its parts to the cent, and so is the change of cash.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from openbell.core.account import Entry, EntryKind
from openbell.core.errors import ConfigError
from openbell.portfolio.holdings import Holdings
from openbell.portfolio.lots import lots_of
from openbell.reporting import tables
from openbell.reporting.period import Period
from openbell.reporting.portfolio import LOTS, lot_row
from openbell.reporting.result import Result
from openbell.reporting.tables import Kind, Table

POSITIONS: dict[str, Kind] = {
    "symbol": "text", "side": "text", "quantity": "number", "average_price": "number", "price": "number",
    "value": "number", "unrealised": "number",
}  # fmt: skip
SYMBOLS: dict[str, Kind] = {
    "symbol": "text", "realised": "number", "unrealised_change": "number", "dividends": "number",
    "borrow": "number", "fees": "number", "pnl": "number",
}  # fmt: skip
BOOKINGS: dict[str, Kind] = {
    "time": "time", "kind": "text", "symbol": "text", "amount": "number", "cash": "number",
}  # fmt: skip

#: What profit and loss is the sum of, and what a change of cash is.
PROFIT = {
    "realised": "Realised, before fees", "unrealised": "Change of unrealised", "dividends": "Dividends",
    "borrow": "Borrow", "interest": "Interest", "fees": "Fees",
}  # fmt: skip
CASH = {
    "sold": "Sold", "bought": "Bought", "dividends": "Dividends", "borrow": "Borrow",
    "interest": "Interest", "fees": "Fees", "other": "Splits and delistings",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """An account at one moment."""

    cash: float
    equity: float
    unrealised: float
    positions: Table

    @property
    def invested(self) -> float:
        """Return the positions' value."""
        return self.equity - self.cash


@dataclass(frozen=True)
class Statement:
    """What one strategy's account did in a period."""

    name: str
    period: Period
    first: date  #: of the sessions in it that there are bars of
    last: date
    sessions: int
    opening: Standing
    closing: Standing
    entries: Sequence[Entry]
    trades: Table  #: round trips that closed in it
    fills: Table
    lots: Table  #: tax lots that were closed in it, the oldest first
    symbols: Table

    @cached_property
    def profit(self) -> dict[str, float]:
        """The parts of profit and loss, by the keys of `PROFIT`."""
        sums = dict.fromkeys(PROFIT, 0.0)
        for name, column in (("realised", 1), ("dividends", 3), ("borrow", 4), ("fees", 5)):
            sums[name] = math.fsum(row[column] for row in self.symbols.rows)
        sums["unrealised"] = self.closing.unrealised - self.opening.unrealised
        sums["interest"] = _sum(self.entries, EntryKind.INTEREST)
        return sums

    @property
    def pnl(self) -> float:
        """Return profit and loss, which is the change of equity."""
        return self.closing.equity - self.opening.equity

    @property
    def gain(self) -> float:
        """Return profit and loss as a share of the equity before; NaN where there was none."""
        return self.pnl / self.opening.equity if self.opening.equity > 0 else math.nan

    @cached_property
    def cash(self) -> dict[str, float]:
        """The parts of the change of cash, by the keys of `CASH`."""
        fills = [entry for entry in self.entries if entry.kind is EntryKind.FILL]
        paid = [entry.amount + entry.fee for entry in fills]
        spun = _sum(self.entries, EntryKind.SPIN_OFF, moved=False)
        sums = {
            "sold": math.fsum(amount for amount in paid if amount > 0),
            "bought": math.fsum(amount for amount in paid if amount < 0),
            "dividends": _sum(self.entries, EntryKind.DIVIDEND) + spun,
            "borrow": _sum(self.entries, EntryKind.BORROW),
            "interest": _sum(self.entries, EntryKind.INTEREST),
            "fees": -math.fsum(entry.fee for entry in fills),
        }
        change = self.closing.cash - self.opening.cash
        return {**sums, "other": 0.0 if _is_plain(self.entries) else change - math.fsum(sums.values())}

    @property
    def bookings(self) -> Table:
        """Return what was booked that is no fill: dividends, splits, borrow and the like."""
        rows = [
            (e.time, e.kind.value, e.symbol, e.amount, e.cash)
            for e in self.entries
            if e.kind is not EntryKind.FILL
        ]
        return Table(BOOKINGS, rows)

    def as_json(self) -> dict[str, object]:
        """Return the statement as JSON values."""
        return {
            "name": self.name,
            "period": self.period.name,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "sessions": self.sessions,
            "opening": _standing(self.opening),
            "closing": _standing(self.closing),
            "pnl": self.pnl,
            "return": None if math.isnan(self.gain) else self.gain,
            "profit": self.profit,
            "cash": self.cash,
            **{
                name: getattr(self, name).records()
                for name in ("symbols", "trades", "fills", "lots", "bookings")
            },
        }


def state(result: Result, period: Period) -> Statement:
    """Return the statement of a period's sessions.

    Raises:
        ConfigError: The run has no bar in it.
    """
    outcome = result.outcome
    calendar = outcome.panel.sessions
    at = np.minimum(np.searchsorted(calendar.closes, outcome.times), len(calendar) - 1)
    days = calendar.dates[at]
    first_day, last_day = period.days
    begin, end = (int(i) for i in np.searchsorted(days, [first_day, last_day + 1]))
    if begin == end:
        reach = " to ".join(str(np.datetime64(int(day), "D")) for day in (days[0], days[-1]))
        raise ConfigError(
            f"--{period.kind}: {result.found.name} has no bar in {period.name}; it has some from {reach}"
        )
    before, after = _booked(result, begin - 1), _booked(result, end - 1)
    entries = outcome.entries[before:after]
    held = Holdings().add(outcome.entries[:before])
    opening = _stand(result, held, begin - 1)
    symbols = _sums(held, result, begin - 1)
    held.add(entries)
    closing = _stand(result, held, end - 1)
    dates = [date.fromisoformat(str(np.datetime64(int(day), "D"))) for day in (days[begin], days[end - 1])]
    return Statement(
        name=result.found.name,
        period=period,
        first=dates[0],
        last=dates[1],
        sessions=len(np.unique(days[begin:end])),
        opening=opening,
        closing=closing,
        entries=entries,
        trades=_trades(result, before, after),
        fills=_fills(result, before, after),
        lots=_lots(result, before, after),
        symbols=_symbols(symbols, _sums(held, result, end - 1)),
    )


def stand(result: Result) -> Standing:
    """Return how an account stands at the end."""
    held = Holdings().add(result.outcome.entries)
    return _stand(result, held, len(result.outcome.times) - 1)


def _booked(result: Result, moment: int) -> int:
    """Return how many bookings there were after a moment; -1 is before the first."""
    outcome = result.outcome
    marks, before = outcome.marks, len(outcome.panel.times) - len(outcome.times)  # bars for indicators alone
    at = bisect_right(marks.moments, moment + before)
    return marks.entries[at - 1] if at else 0


def _stand(result: Result, held: Holdings, moment: int) -> Standing:
    outcome = result.outcome
    if moment < 0:
        cash = float(outcome.account.initial_cash)
        return Standing(cash, cash, 0.0, Table(POSITIONS, []))
    rows = []
    for symbol, position in held.positions.items():
        if position.quantity:
            price = _price(result, symbol, moment)
            rows.append((
                symbol, "long" if position.quantity > 0 else "short", position.quantity, position.average,
                price, position.quantity * price, position.unrealised(price),
            ))  # fmt: skip
    unrealised = math.fsum(row[6] for row in rows)
    equity = float(outcome.equity[moment])
    return Standing(float(outcome.cash[moment]), equity, unrealised, Table(POSITIONS, rows))


def _price(result: Result, symbol: str, moment: int) -> float:
    outcome = result.outcome
    return float(outcome.panel.closes(symbol)[moment - len(outcome.times)])


#: Of a symbol: realised, unrealised, dividends, borrow, fees.
_Sums = tuple[float, float, float, float, float]


def _sums(held: Holdings, result: Result, moment: int) -> dict[str, _Sums]:
    found = {}
    for symbol, p in held.positions.items():
        price = _price(result, symbol, moment) if p.quantity else 0.0
        found[symbol] = (p.realised, p.unrealised(price), p.dividends, -p.borrow, -p.fees)
    return found


def _symbols(before: Mapping[str, _Sums], after: Mapping[str, _Sums]) -> Table:
    rows = []
    for symbol, sums in after.items():
        change = [now - then for now, then in zip(sums, before.get(symbol, (0.0,) * 5), strict=True)]
        if any(change):
            rows.append((symbol, *change, math.fsum(change)))
    return Table(SYMBOLS, rows)


def _trades(result: Result, before: int, after: int) -> Table:
    found = result.trade_table
    trips = zip(result.outcome.trades, found.rows, strict=True)
    return Table(found.columns, [row for t, row in trips if not t.is_open and before <= t.last < after])


def _fills(result: Result, before: int, after: int) -> Table:
    found = tables.fills(result.outcome)
    at = tables.fills_by_entry(result.outcome)
    return Table(found.columns, [row for i, row in zip(at, found.rows, strict=True) if before <= i < after])


def _lots(result: Result, before: int, after: int) -> Table:
    entries = result.outcome.entries
    done = len(lots_of(entries[:before]).closed)
    return Table(LOTS, [lot_row(one) for one in lots_of(entries[:after]).closed[done:]])


def _sum(entries: Sequence[Entry], kind: EntryKind, *, moved: bool | None = None) -> float:
    wanted = [e for e in entries if e.kind is kind and (moved is None or bool(e.quantity) is moved)]
    return math.fsum(entry.amount for entry in wanted)


def _is_plain(entries: Sequence[Entry]) -> bool:
    """Tell whether nothing but orders and carry moved cash."""
    moves = (EntryKind.SPLIT, EntryKind.SPIN_OFF, EntryKind.DELISTING)
    return not any(entry.kind in moves for entry in entries)


def _standing(one: Standing) -> dict[str, object]:
    return {
        "cash": one.cash, "invested": one.invested, "equity": one.equity, "unrealised": one.unrealised,
        "positions": one.positions.records(),
    }  # fmt: skip
