"""A run as tables of plain values: what the CSV files, the HTML and the pandas frames are made of."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

from openbell.backtesting import ledger
from openbell.backtesting.outcome import Outcome
from openbell.core.account import EntryKind
from openbell.core.orders import Order
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Fill
from openbell.data.bars import Floats, Times
from openbell.portfolio.trades import Trade
from openbell.reporting.excursions import excursions

#: What a column holds: ns UTC (0 is none), text, numbers (None is none), whole numbers, true or false.
Kind = Literal["time", "text", "number", "count", "flag"]


#: Orders and fills share their times, and writing one takes longer than finding it again.
_stamp = lru_cache(maxsize=65_536)(ledger.stamp)


class Table(NamedTuple):
    """Columns by name, each with its kind, and rows in their order."""

    columns: dict[str, Kind]
    rows: list[tuple[Any, ...]]

    def csv(self) -> str:
        """Return the table as CSV: times as ISO text in UTC, nothing for what is none."""
        times = [i for i, kind in enumerate(self.columns.values()) if kind == "time"]
        return ledger.text(tuple(self.columns), (_stamped(row, times) for row in self.rows))

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as JSON values by column: times as ISO text in UTC, null for what is none."""
        times = [i for i, kind in enumerate(self.columns.values()) if kind == "time"]
        rows = (_stamped(row, times) for row in self.rows)
        return [{n: _plain(v) for n, v in zip(self.columns, row, strict=True)} for row in rows]

    def of(self, name: str, value: str) -> Table:
        """Return the table with a column of text before the others that is the same in each row."""
        return Table({name: "text", **self.columns}, [(value, *row) for row in self.rows])


FILLS: dict[str, Kind] = {
    "time": "time", "order": "count", "symbol": "text", "side": "text", "quantity": "number",
    "price": "number", "value": "number", "fee": "number", "slippage": "number", "phase": "text",
    "tag": "text",
}  # fmt: skip

ORDERS: dict[str, Kind] = {
    "id": "count", "decided": "time", "symbol": "text", "side": "text", "quantity": "number", "type": "text",
    "tif": "text", "limit": "number", "stop": "number", "trail": "number", "trail_percent": "flag",
    "reduce_only": "flag", "parent": "count", "oco": "count", "tag": "text", "status": "text",
    "reason": "text", "filled": "number", "average_price": "number", "fees": "number", "life": "text",
}  # fmt: skip

REFUSALS: dict[str, Kind] = {
    "time": "time", "order": "count", "symbol": "text", "limit": "text", "value": "number", "bound": "number",
    "text": "text",
}  # fmt: skip

TRADES: dict[str, Kind] = {
    "trade": "count", "symbol": "text", "side": "text", "is_open": "flag", "opened": "time", "closed": "time",
    "quantity": "number", "entry_price": "number", "exit_price": "number", "pnl": "number",
    "return": "number", "mae": "number", "mfe": "number", "holding_days": "number", "fees": "number",
    "carry": "number", "fills": "count", "exit_reason": "text", "slippage": "number",
}  # fmt: skip


def fills(outcome: Outcome) -> Table:
    """Return every execution; `slippage` is its cost in money, which the price includes."""
    tags = {order.id: order.tag for order in outcome.orders}
    rows = [
        (
            f.time, f.order_id, f.symbol, _way(f.side), f.quantity, f.price, f.quantity * f.price, f.fee,
            f.quantity * f.slippage, f.phase.name.lower(), tags[f.order_id],
        )
        for f in outcome.fills
    ]  # fmt: skip
    return Table(FILLS, rows)


def orders(outcome: Outcome) -> Table:
    """Return every order with its life."""
    rows = [
        (
            o.id, o.decided, o.symbol, _way(o.side), o.quantity, o.type.value, o.tif.value, _number(o.limit),
            _number(o.stop), _number(o.trail), o.trail_percent, o.reduce_only, o.parent, o.oco, o.tag,
            o.status.value, o.reason.value, o.filled, o.average if o.filled else None, o.fees, life(o),
        )
        for o in outcome.orders
    ]  # fmt: skip
    return Table(ORDERS, rows)


def refusals(outcome: Outcome) -> Table:
    """Return what limits of risk held back, and warned of: a warning is about no order, and has none."""
    symbols = {order.id: order.symbol for order in outcome.orders}
    rows = [
        (
            r.time, r.order_id, symbols.get(r.order_id, ""), r.limit.value, _number(r.value), r.bound, r.text,
        )
        for r in outcome.refused
    ]  # fmt: skip
    return Table(REFUSALS, rows)


def trades(outcome: Outcome) -> Table:
    """Return the round trips. An open one has no `closed`, and its `exit_price` is the last price.

    `return` is the profit as a share of the most that was put in, `mae` and `mfe` are moves of the price as
    shares of the entry, `carry` is dividends and spin-offs less borrow. All but these moves is after costs.
    `slippage` is what it cost in money, which the prices include.
    """
    by_entry = fills_by_entry(outcome)
    found = outcome.trades
    slips = slippages(outcome, by_entry)
    last = int(outcome.times[-1])
    reasons = exit_reasons(outcome, by_entry)
    rows = [
        (
            number, t.symbol, "long" if t.side > 0 else "short", t.is_open, t.opened, t.closed, t.quantity,
            t.entry, t.exit, t.pnl, t.gain, mae, mfe, holding_days(t, last), t.fees, t.carry, t.fills, reason,
            slip,
        )
        for number, (t, (mae, mfe), reason, slip) in enumerate(
            zip(found, excursions(found, by_entry, outcome.panel), reasons, slips, strict=True), start=1
        )
    ]  # fmt: skip
    return Table(TRADES, rows)


def slippages(outcome: Outcome, by_entry: dict[int, Fill]) -> list[float]:
    """Return what slippage cost each trade; that of a fill through zero is shared as its fee is."""
    begun: dict[str, list[int]] = {}
    numbers: dict[str, list[int]] = {}
    for number, trade in enumerate(outcome.trades):
        begun.setdefault(trade.symbol, []).append(trade.first)
        numbers.setdefault(trade.symbol, []).append(number)
    sums = [0.0] * len(outcome.trades)
    for at, fill in by_entry.items():
        cost, entry = fill.quantity * fill.slippage, outcome.entries[at]
        rank = bisect_right(begun[fill.symbol], at) - 1
        if entry.position * (entry.position - entry.quantity) < 0.0:  # through zero
            share = abs(entry.position / entry.quantity)
            sums[numbers[fill.symbol][rank - 1]] += cost * (1.0 - share)
            cost *= share
        sums[numbers[fill.symbol][rank]] += cost
    return sums


def holding_days(trade: Trade, last: int) -> float:
    """Return the calendar days that a trade was held, for an open one up to the run's last moment."""
    return ((last if trade.is_open else trade.closed) - trade.opened) / NANOS_PER_DAY


def fills_by_entry(outcome: Outcome) -> dict[int, Fill]:
    """Return the fill of each ledger entry that books one, by the entry's index."""
    ordered = iter(outcome.fills)
    return {i: next(ordered) for i, entry in enumerate(outcome.entries) if entry.kind is EntryKind.FILL}


def exit_reasons(outcome: Outcome, by_entry: dict[int, Fill]) -> list[str]:
    """Return why each trade ended: its exit order's tag, else the reason noted on it, else its type."""
    sent = {order.id: order for order in outcome.orders}
    found = []
    for trade in outcome.trades:
        fill = by_entry.get(trade.last)
        if trade.is_open:
            found.append("")
        elif fill is None:
            found.append(outcome.entries[trade.last].kind.value)  # shares that no order moved
        else:
            order = sent[fill.order_id]
            found.append(order.tag or order.reason.value or f"{order.type.value} order".replace("_", " "))
    return found


def life(order: Order) -> str:
    """Return an order's steps as text: `2005-01-03T21:00:00Z new; 2005-01-04T14:30:00Z filled`."""
    return "; ".join(
        f"{_stamp(step.time)} {step.status}{f' ({step.reason})' if step.reason else ''}"
        for step in order.life
    )


def equity_csv(outcome: Outcome, benchmark: Floats) -> str:
    """Return the curves as CSV, a row a moment: a million rows are common, so they take a short cut."""
    columns = (outcome.equity, outcome.cash, outcome.gross, outcome.net, benchmark)
    numbers = [map(repr, column.tolist()) for column in columns]
    rows = map(",".join, zip(stamps(outcome.times), *numbers, strict=True))
    return "\n".join(("time,equity,cash,gross,net,benchmark", *rows, ""))


def stamps(times: Times) -> list[str]:
    """Return times as `ledger.stamp` does, quicker for many."""
    if (times % NANOS_PER_SECOND).any():
        return [ledger.stamp(time) for time in times.tolist()]
    texts: list[str] = np.datetime_as_string(
        times.astype("datetime64[ns]"), unit="s", timezone="UTC"
    ).tolist()
    return texts


def _stamped(row: Sequence[Any], times: Iterable[int]) -> list[Any]:
    cells = list(row)
    for i in times:
        cells[i] = _stamp(cells[i])
    return cells


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _way(side: int) -> str:
    return "buy" if side > 0 else "sell"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
