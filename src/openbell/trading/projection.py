"""What a journal amounts to, as rows of tables that follow it: the ledger's fold, in steps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence

from openbell.core.orders import Order
from openbell.core.types import NANOS_PER_DAY
from openbell.storage.journal import Entry
from openbell.storage.supabase import tables
from openbell.storage.supabase.tables import Row, Table
from openbell.trading.ledger import KINDS, Ledger, fold
from openbell.trading.record import BEGUN

#: Of the kinds of events that somebody should look at, how urgent each is.
_LEVELS = {"failed": "error", "margin_call": "error"}
_KEPT = 3 * NANOS_PER_DAY  #: what ended longer ago is not kept here


class Projection:
    """Takes a journal's events from the first on, and tells which rows they changed."""

    def __init__(self) -> None:
        self._rows: dict[Table, dict[Row, Row]] = {table: {} for table in tables.DERIVED}
        self._ledgers: dict[str, Ledger] = {}
        self._prices: dict[str, float] = {}
        self._run = self._began = self._time = 0
        self._about = "{}"
        self._begun: dict[str, Entry] = {}  # of each strategy, the event that began it
        self._failed: dict[str, str] = {}
        self._orders: dict[tuple[str, int], int] = {}  # changed ones, and the last event about each
        self._accounts: dict[str, int] = {}  # strategies whose cash or positions changed, likewise
        self._steps: Mapping[str, Callable[[Entry], None]] = {
            "session": self._session, "strategy": self._strategy, "order": self._order,
            "accepted": self._order, "update": self._order, "fill": self._fill, "charge": self._account,
            "action": self._account, "failed": self._failure, "moment": self._moment,
        }  # fmt: skip

    def take(self, entry: Entry) -> None:
        """Take the next event.

        Raises:
            BadData: It cannot follow from those before.
        """
        if entry.kind in KINDS:
            fold((entry,), self._ledgers)
        step = self._steps.get(entry.kind)
        if step is not None:
            step(entry)
        level = _LEVELS.get(entry.kind)
        if level is not None:
            self._alert(entry, level)

    def changes(self) -> Mapping[Table, Sequence[Row]]:
        """Return the rows that changed since the last call, as they are now, by table."""
        self._settle()
        changed = {table: list(rows.values()) for table, rows in self._rows.items() if rows}
        for rows in self._rows.values():
            rows.clear()
        return changed

    def _settle(self) -> None:
        """Make the rows of what has changed."""
        self._mark()
        for (strategy, number), seq in self._orders.items():
            order = self._ledgers[strategy].orders[number]
            self._put(tables.ORDERS, _order_row(self._run, order, strategy=strategy, seq=seq))
        for strategy, seq in self._accounts.items():
            self._settle_account(strategy, seq)
        self._orders.clear()
        self._accounts.clear()

    def _settle_account(self, strategy: str, seq: int) -> None:
        account, begun = self._ledgers[strategy].account, self._begun[strategy].body
        parameters = json.dumps(begun["parameters"])
        self._put(tables.STRATEGIES, (
            self._run, strategy, begun["origin"], parameters, account.initial_cash, account.cash,
            self._failed.get(strategy, ""),
        ))  # fmt: skip
        for symbol, held in account.positions.items():
            self._put(tables.POSITIONS, (
                self._run, strategy, symbol, held.quantity, held.average, held.realised, held.fees,
                held.dividends, held.borrow, seq,
            ))  # fmt: skip

    def _mark(self) -> None:
        """Make the points of the equity curves at the last moment."""
        for strategy, ledger in self._ledgers.items() if self._time else ():
            account = ledger.account
            equity, gross = account.equity(self._price), account.gross(self._price)
            self._put(tables.EQUITY, (self._run, strategy, self._time, equity, account.cash, gross))

    def _snapshot(self, seq: int, occasion: str, time: int) -> None:
        """Make a row of all strategies together."""
        accounts = [ledger.account for ledger in self._ledgers.values()]
        equity = math.fsum(account.equity(self._price) for account in accounts)
        cash = math.fsum(account.cash for account in accounts)
        gross = math.fsum(account.gross(self._price) for account in accounts)
        self._put(tables.SNAPSHOTS, (seq, self._run, occasion, equity, cash, gross, time))

    def _price(self, symbol: str) -> float:
        return self._prices[symbol]

    def _put(self, table: Table, row: Row) -> None:
        self._rows[table][row[: len(table.keys)]] = row

    def _session(self, entry: Entry) -> None:
        about = dict(entry.body)
        state = about.pop("state")
        if state == BEGUN:
            self._settle()
            self._begin(entry, json.dumps(about))
        self._put(tables.RUNS, (self._run, state, self._about, self._began, entry.time))
        if self._ledgers:
            self._snapshot(entry.seq, state, entry.time)

    def _begin(self, entry: Entry, about: str) -> None:
        """Begin a run: nothing of the one before goes on."""
        self._run, self._began, self._time, self._about = entry.seq, entry.time, 0, about
        for kept in (self._ledgers, self._prices, self._begun, self._failed):
            kept.clear()

    def _strategy(self, entry: Entry) -> None:
        self._begun[entry.strategy] = entry
        self._accounts[entry.strategy] = entry.seq

    def _order(self, entry: Entry) -> None:
        number = entry.body["id"] if entry.kind == "order" else entry.body["order_id"]
        self._orders[entry.strategy, number] = entry.seq

    def _fill(self, entry: Entry) -> None:
        self._order(entry)
        self._accounts[entry.strategy] = entry.seq
        fill = self._ledgers[entry.strategy].fills[-1]
        self._put(tables.FILLS, (
            entry.seq, self._run, entry.strategy, fill.order_id, fill.symbol, fill.side, fill.quantity,
            fill.price, fill.fee, fill.slippage, fill.time,
        ))  # fmt: skip

    def _account(self, entry: Entry) -> None:
        self._accounts[entry.strategy] = entry.seq

    def _failure(self, entry: Entry) -> None:
        self._failed[entry.strategy] = entry.body["said"]
        self._accounts[entry.strategy] = entry.seq

    def _moment(self, entry: Entry) -> None:
        self._mark()
        if self._time and entry.time // NANOS_PER_DAY != self._time // NANOS_PER_DAY:
            self._snapshot(entry.seq, "day", self._time)
            self._settle()
            for ledger in self._ledgers.values():
                ledger.retire(self._time - _KEPT)  # the tables have it
        self._prices.update((row[0], row[6]) for row in entry.body["bars"])
        self._time = entry.time

    def _alert(self, entry: Entry, level: str) -> None:
        body = entry.body
        said = body.get("said") or ", ".join(f"{name} {value}" for name, value in body.items())
        self._put(tables.ALERTS, (entry.seq, self._run, level, entry.kind, entry.strategy, said, entry.time))


def _order_row(run: int, order: Order, *, strategy: str, seq: int) -> Row:
    prices = (None if math.isnan(price) else price for price in (order.limit, order.stop, order.trail))
    return (
        run, strategy, order.id, order.symbol, order.side, order.type.value, order.tif.value, order.quantity,
        *prices, order.trail_percent, order.parent, order.oco, order.tag, order.status.value,
        order.reason.value, order.open, order.filled, order.average, order.fees, order.decided, seq,
    )  # fmt: skip
