"""A paper session is its backtest: no difference; and a journal that was tampered with is explained."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.operation.parity import Parity, find_parity
from openbell.strategies.examples import BY_NAME
from openbell.strategies.registry import find
from openbell.trading.parity import Word

PINNED = json.loads(Path(__file__).with_name("example_hashes.json").read_text(encoding="utf-8"))
YEARS = {"start": "2005-01-03", "end": "2006-12-29"}
Edit = Callable[[dict[str, Any]], dict[str, Any] | None]


def play(state: Path, name: str = "sma_cross", symbols: Any = "AAPL", **settings: Any) -> Path:
    ob.paper(name, symbols, state=state, **{**YEARS, **settings})
    return state


def edit(state: Path, kind: str, at: int, change: Edit) -> None:
    """Change the body of the event of a kind, or drop it, as somebody would who tampers with the file."""
    connection = sqlite3.connect(state / "journal.db")
    seqs = [
        seq for (seq,) in connection.execute("SELECT seq FROM event WHERE kind = ? ORDER BY seq", (kind,))
    ]
    seq = seqs[at]
    (text,) = connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
    body = change(json.loads(text))
    connection.execute("DROP TRIGGER IF EXISTS event_is_append_only")
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    if body is None:
        connection.execute("DELETE FROM event WHERE seq = ?", (seq,))
    else:
        connection.execute("UPDATE event SET body = ? WHERE seq = ?", (json.dumps(body), seq))
    connection.commit()
    connection.close()


def words(found: Parity) -> set[Word]:
    return {one.word for one in found.differences}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_paper_session_of_an_example_has_no_difference(name: str, tmp_path: Path) -> None:
    case = PINNED[name]
    costs = ob.Costs(margin=ob.REG_T) if case["margin"] else None
    found = find_parity(play(tmp_path / "s", name, case["symbols"], costs=costs))
    assert found.differences == []
    assert found.notes == []
    assert found.orders > 0


def test_a_changed_fill_price_is_named_and_unexplained(tmp_path: Path) -> None:
    state = play(tmp_path / "s")
    edit(state, "fill", 1, lambda body: {**body, "price": body["price"] + 0.01})
    (one,) = find_parity(state).differences
    assert (one.word, one.cause) == (Word.FILL_PRICE, "")
    assert "in the backtest at" in one.said


def test_a_changed_fee_is_named(tmp_path: Path) -> None:
    state = play(tmp_path / "s")
    edit(state, "fill", 1, lambda body: {**body, "fee": body["fee"] + 1.0})
    assert words(find_parity(state)) == {Word.FEE}


def test_a_fill_that_is_not_in_the_journal_is_missing(tmp_path: Path) -> None:
    state = play(tmp_path / "s")
    edit(state, "fill", 2, lambda _: None)
    found = find_parity(state)
    assert words(found) == {Word.MISSING}
    assert len(found.unexplained) == 1


def test_a_fill_in_two_parts_that_the_backtest_has_not_is_extra(tmp_path: Path) -> None:
    state = play(tmp_path / "s")
    edit(state, "fill", 0, lambda body: {**body, "quantity": body["quantity"] - 1})
    edit(state, "fill", 1, lambda body: {**body, "quantity": body["quantity"] - 2})
    assert words(find_parity(state)) == {Word.MISSING}


def test_a_bar_that_came_late_explains_what_followed(tmp_path: Path) -> None:
    state = play(tmp_path / "s", "buy_and_hold", ["AAPL", "MSFT"])
    late: list[Any] = []

    def take_out(body: dict[str, Any]) -> dict[str, Any]:
        late.append(body["bars"].pop(0))
        return body

    edit(state, "moment", 0, take_out)
    edit(state, "moment", 1, lambda body: {"bars": [b for b in body["bars"] if b[0] != "AAPL"] + late})
    found = find_parity(state)
    assert words(found) == {Word.TIMING}
    assert found.unexplained == []


def test_another_bar_than_the_stored_one_is_data(tmp_path: Path) -> None:
    state = play(tmp_path / "s")

    def spike(body: dict[str, Any]) -> dict[str, Any]:
        (bar,) = body["bars"]
        return {"bars": [[*bar[:3], *(price * 3 for price in bar[3:7]), *bar[7:]]]}

    edit(state, "moment", 60, spike)
    found = find_parity(state)
    assert words(found) == {Word.DATA}
    assert found.unexplained == []


def test_a_session_of_a_users_own_class_needs_the_class(tmp_path: Path) -> None:
    class Mine(ob.Strategy):
        def on_bar(self, bar: ob.Bar) -> None:
            self.buy(bar.symbol)

    state = tmp_path / "s"
    ob.paper(Mine, "AAPL", state=state, **YEARS)  # type: ignore[arg-type]  # dates alone
    found = find_parity(state, strategies={"mine": find(Mine)})
    assert found.differences == []


def test_what_is_no_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no journal\.db"):
        find_parity(tmp_path)
