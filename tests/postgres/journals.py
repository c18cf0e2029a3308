"""Journals of real paper sessions, and what their copy must be."""

from __future__ import annotations

import math
import time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import openbell as ob
from openbell.core.orders import Order
from openbell.storage.journal import Journal
from openbell.storage.journal import Row as Stored
from openbell.trading.copying import copy_journal
from openbell.trading.ledger import Ledger, fold
from openbell.trading.record import latest_session
from openbell.utils.retry import Patience
from tests.postgres.server import Project, where

CENT = Decimal("0.01")
SOON = Patience(first=0.01, longest=0.05)


def trade(folder: Path, name: str = "rsi_reversion", symbol: str = "MSFT", **settings: Any) -> Path:
    """Run a session on paper; return its journal."""
    ob.paper(name, symbol, state=folder, **{"start": "2003-01-01", "end": "2004-12-31", **settings})
    return folder / "journal.db"


@cache
def stored(path: Path) -> list[Stored]:
    """Return a finished journal's events."""
    with Journal(path, read_only=True) as journal:
        return journal.rows(0, 10**9)


def write_again(journal: Journal, rows: list[Stored]) -> None:
    """Write events into another journal, which is then the same byte for byte."""
    for row in rows:
        body = journal.entry(row).body
        journal.append(
            row.kind, body, time=row.time, wall=row.wall, strategy=row.strategy, subject=row.subject,
            trace=row.trace,
        )  # fmt: skip
    journal.commit()


def assert_copied(project: Project, path: Path) -> None:
    """Hold a copy against its journal: every event once and in order, the rest as the fold has it."""
    with Journal(path, read_only=True) as journal:
        rows = journal.rows(0, 10**9)
        begun, after = latest_session(journal)
    columns = "seq, time, wall, kind, strategy, subject, trace, body::text, digest"
    copied = project.ask(f"select {columns} from events order by seq")
    assert copied == [tuple(row) for row in rows]
    assert begun is not None
    ledgers = fold(after)
    for name, ledger in ledgers.items():
        assert_ledger(project, begun.seq, name, ledger)
    assert project.ask("select count(*) from strategies where run = %s", begun.seq) == [(len(ledgers),)]


def assert_ledger(project: Project, run: int, name: str, ledger: Ledger) -> None:
    """Hold the derived tables against one strategy's ledger, digit by digit."""
    these, values = "where run = %s and strategy = %s", (run, name)
    account = ledger.account
    assert project.ask(f"select cash from strategies {these}", *values) == [(exact(account.cash),)]
    held = project.ask(
        f"select symbol, quantity, average, realised, fees, dividends, borrow from positions {these}", *values
    )
    assert sorted(held) == sorted(
        (p.symbol, *map(exact, (p.quantity, p.average, p.realised, p.fees, p.dividends, p.borrow)))
        for p in account.positions.values()
    )
    columns = "order_id, symbol, side, quantity, price, fee, slippage, time"
    fills = project.ask(f"select {columns} from fills {these} order by seq", *values)
    assert fills == [
        (f.order_id, f.symbol, f.side, *map(exact, (f.quantity, f.price, f.fee, f.slippage)), f.time)
        for f in ledger.fills
    ]
    columns = "id, status, reason, open, filled, average, fees, limit_price"
    orders = project.ask(f"select {columns} from orders {these} order by id", *values)
    assert orders == [told(order) for _, order in sorted(ledger.orders.items())]
    assert_cents(project, run, name, ledger)


def assert_cents(project: Project, run: int, name: str, ledger: Ledger) -> None:
    """Add up the copy in the database's exact decimals: it must come to the ledger's cash, to the cent."""
    ((total,),) = project.ask(
        """
        select (select initial_cash from strategies where run = %s and strategy = %s)
             + (select coalesce(sum(-side * quantity * price - fee), 0) from fills
                where run = %s and strategy = %s)
             + (select coalesce(sum(dividends - borrow), 0) from positions where run = %s and strategy = %s)
        """,
        *(run, name) * 3,
    )
    cash = exact(ledger.account.cash + ledger.account.interest)
    assert total.quantize(CENT) == cash.quantize(CENT)


def told(order: Order) -> tuple[Any, ...]:
    limit = None if math.isnan(order.limit) else exact(order.limit)
    return (
        order.id, order.status.value, order.reason.value, order.open, exact(order.filled),
        exact(order.average), exact(order.fees), limit,
    )  # fmt: skip


def exact(value: float) -> Decimal:
    """Return the decimal that a float is written as."""
    return Decimal(repr(value))


def copy(project: Project, path: Path, **settings: Any) -> int:
    """Copy what is there; return how many events that was."""
    return copy_journal(path, where(project), never, follow=False, attempts=1, **settings).events


def never(seconds: float) -> bool:
    time.sleep(min(seconds, 0.05))
    return False


def part(folder: Path, source: Path, count: int) -> Journal:
    """Begin a journal that will be the same as another, with its first events."""
    journal = Journal(folder / "journal.db", account="paper")
    write_again(journal, stored(source)[:count])
    return journal
