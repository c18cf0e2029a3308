from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.errors import BadData
from openbell.storage.journal import Entry, Journal
from openbell.storage.supabase import tables
from openbell.storage.supabase.tables import Row, Table
from openbell.trading.ledger import fold
from openbell.trading.projection import Projection
from openbell.trading.record import latest_session


class Breaks(ob.Strategy):
    """Buys, and breaks at its tenth bar."""

    def on_start(self) -> None:
        self.bars = 0

    def on_bar(self, bar: Any) -> None:
        self.bars += 1
        if self.bars == 1:
            self.order(bar.symbol, 10)
        if self.bars == 10:
            raise ValueError("no more")  # what a user's code may do


def journal_of(folder: Path, strategy: Any, symbol: str, **settings: Any) -> Path:
    ob.paper(strategy, symbol, state=folder, start="2005-01-03", **settings)
    return folder / "journal.db"


def read(path: Path) -> list[Entry]:
    with Journal(path, read_only=True) as journal:
        return list(journal.read())


def project(entries: Sequence[Entry], *, every: int) -> Mapping[Table, Mapping[Row, Row]]:
    """Return what the tables hold after all events, if changes are written each time after so many."""
    projection = Projection()
    held: dict[Table, dict[Row, Row]] = {table: {} for table in tables.DERIVED}
    for at, entry in enumerate(entries):
        projection.take(entry)
        if at % every == 0 or at == len(entries) - 1:
            for table, rows in projection.changes().items():
                held[table].update((row[: len(table.keys)], row) for row in rows)
    assert projection.changes().keys() <= {tables.EQUITY}  # the last moment's points are told again
    return held


def named(table: Table, row: Row) -> dict[str, Any]:
    return dict(zip(table.names, row, strict=True))


@pytest.mark.parametrize(
    ("strategy", "symbol", "costs"),
    [("rsi_reversion", "IBM", None), ("sma_cross", "AAPL", ob.Costs(margin=ob.REG_T)), (Breaks, "IBM", None)],
)
def test_tables_do_not_depend_on_how_events_are_cut_into_batches(
    tmp_path: Path, strategy: Any, symbol: str, costs: Any
):
    entries = read(journal_of(tmp_path, strategy, symbol, end="2006-12-29", costs=costs))
    whole = project(entries, every=10**9)
    for every in (1, 2, 7, 50):
        assert project(entries, every=every) == whole


def test_a_dividend_is_in_the_position_and_in_the_cash(tmp_path: Path):
    path = journal_of(tmp_path, "buy_and_hold", "IBM", end="2005-12-30")
    held = project(read(path), every=100)
    with Journal(path, read_only=True) as journal:
        (ledger,) = fold(latest_session(journal)[1]).values()
    (position,) = (named(tables.POSITIONS, row) for row in held[tables.POSITIONS].values())
    (strategy,) = (named(tables.STRATEGIES, row) for row in held[tables.STRATEGIES].values())
    assert position["dividends"] == ledger.account.positions["IBM"].dividends > 0
    assert strategy["cash"] == ledger.account.cash


def test_a_strategy_that_raises_is_an_alert_and_says_so_in_its_row(tmp_path: Path):
    held = project(read(journal_of(tmp_path, Breaks, "IBM", end="2005-03-01")), every=3)
    (alert,) = (named(tables.ALERTS, row) for row in held[tables.ALERTS].values())
    (strategy,) = (named(tables.STRATEGIES, row) for row in held[tables.STRATEGIES].values())
    assert (alert["level"], alert["kind"]) == ("error", "failed")
    assert "ValueError: no more" in alert["said"]
    assert strategy["failed"] == alert["said"]


def entry(seq: int, kind: str, **body: Any) -> Entry:
    return Entry(seq, seq, seq, kind, "s", "", "", body)


def test_a_margin_call_is_an_alert_with_its_figures():
    begun = [entry(1, "session", state="begun"), entry(2, "strategy", cash=1.0, origin="s", parameters={})]
    held = project([*begun, entry(3, "margin_call", equity=5.0, needed=9.0)], every=1)
    assert list(held[tables.ALERTS].values()) == [
        (3, 1, "error", "margin_call", "s", "equity 5.0, needed 9.0", 3)
    ]


def test_kinds_that_are_unknown_here_change_nothing():
    projection = Projection()
    projection.take(entry(1, "of_a_later_version", x=1))
    assert projection.changes() == {}


def test_what_cannot_follow_is_refused():
    with pytest.raises(BadData, match="never begun"):
        Projection().take(entry(1, "fill", order_id=1))
