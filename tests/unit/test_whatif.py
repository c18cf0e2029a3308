"""`openbell risk whatif`: what an order would do to a session's account before it is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.execution.factory import capabilities_of
from openbell.operation.revival import Standing, revive
from openbell.operation.whatif import Asked, Foreseen, foresee
from openbell.papering import Paper, parts_of, run_paper
from openbell.run import prepare
from openbell.storage.journal import Journal
from openbell.trading.session import Session
from tests.integration.cli_runs import run

RISK = ob.Risk(
    order=ob.OrderLimits(max_quantity=100, collar=0.05, max_per_session=50),
    position=ob.PositionLimits(max_share=0.6),
    portfolio=ob.PortfolioLimits(max_var=0.05, max_leverage=1.0),
    cut=True,
)
ORDERS = [Asked("AAPL", 50.0), Asked("AAPL", 900.0), Asked("AAPL", 20.0, limit=900.0), Asked("AAPL", -20.0)]


def play(folder: Path, *names: str, speed: float = inf, asks: Any = None, end: str = "2012-12-31") -> Session:
    """Run a session to its end; `asks` is called between two moments."""
    jobs = []
    for name in names:
        plan, found, _ = prepare("sma_cross", "AAPL", start="2012-01-03", end=end, risk=RISK, cash=100_000)
        jobs.append((name, plan, found))
    told: list[Session] = []

    def changes(session: Session) -> Mapping[str, Mapping[str, Any]]:
        if asks is not None:
            asks(session)
        return {}

    done: Paper = asyncio.run(
        run_paper(parts_of(jobs), speed=speed, folder=folder, told=told.append, changes=changes)
    )
    assert done.resumed == 0
    return told[0]


def answers(standing: Mapping[str, Standing]) -> list[Foreseen]:
    return [foresee(name, one, asked) for name, one in standing.items() for asked in ORDERS]


def standing_of(session: Session, plans: Mapping[str, Standing]) -> dict[str, Standing]:
    """Return the strategies of the session itself."""
    return {course.name: Standing(course, plans[course.name].plan) for course in session.courses}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Session]:
    folder = tmp_path_factory.mktemp("whatif") / "one"
    return folder, play(folder, "one")


def test_an_ended_session_answers_as_its_own_gate_does(ended: tuple[Path, Session]) -> None:
    folder, session = ended
    made = revive(folder)
    assert answers(made) == answers(standing_of(session, made))


def test_a_running_session_of_two_strategies_answers_as_its_own_gates_do(tmp_path: Path) -> None:
    seen: list[float] = []

    def ask(session: Session) -> None:
        if session.moments % 40 == 0:
            made = revive(tmp_path)
            found = answers(made)
            assert found == answers(standing_of(session, made))
            assert found[0].time == session.time
            seen.extend(one.held for one in found)
            texts = [one.text for one in found[0].answered.readings]  # type: ignore[union-attr]
            assert any(text.endswith("(all strategies of the account)") for text in texts)

    play(tmp_path, "one", "two", speed=1e12, asks=ask, end="2012-08-31")
    assert len(seen) == 4 * 8
    assert any(seen)


def test_the_session_is_left_as_it_is(ended: tuple[Path, Session]) -> None:
    folder, _ = ended
    names, before = sorted(folder.rglob("*")), (folder / "journal.db").read_bytes()
    assert run("risk", "whatif", "AAPL", "50", "--state", str(folder)).code == 0
    assert (folder / "journal.db").read_bytes() == before
    assert {one.name for one in set(folder.rglob("*")) - set(names)} <= {"journal.db-shm", "journal.db-wal"}


def test_it_says_before_after_and_what_each_limit_says(ended: tuple[Path, Session]) -> None:
    folder, _ = ended
    said = run("risk", "whatif", "AAPL", "150", "--state", str(folder))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("one: buy 150 AAPL, as of 2012-12-31 21:00Z; nothing is sent\n")
    assert "Cut to 100 by order_quantity (AAPL: 150 shares, and the most is 100)." in said.out
    assert re.search(r"position_share +refuses AAPL: 7\d\.\d\d% share of equity", said.out)
    collar = run("risk", "whatif", "AAPL", "10", "--limit", "900", "--state", str(folder)).out
    assert "Refused by price_collar" in collar
    assert "Passes " in run("risk", "whatif", "AAPL", "10", "--state", str(folder)).out


def test_as_json_it_has_the_figures(ended: tuple[Path, Session]) -> None:
    folder, _ = ended
    found = run("risk", "whatif", "AAPL", "150", "--stop", "540", "--json", "--state", str(folder)).document
    before, after = found["before"], found["after"]
    assert (found["passes"], found["quantity_that_passes"], found["refused_by"]) == (
        False, 100.0, "order_quantity",
    )  # fmt: skip
    assert found["price"] == pytest.approx(540 * 1.0005)
    assert after["position"] - before["position"] == 150
    assert before["cash"] - after["cash"] == pytest.approx(150 * found["price"] + found["fee"])
    assert after["gross"] == pytest.approx(after["position"] * found["last"] / after["equity"])
    assert 0 < after["value_at_risk"] < after["expected_shortfall"]
    limits = {one["limit"]: one for one in found["limits"]}
    assert limits["value_at_risk"]["value"] == pytest.approx(
        after["value_at_risk"] / before["equity"], rel=1e-3
    )


def test_a_strategy_without_limits_says_so(tmp_path: Path) -> None:
    ob.paper("sma_cross", "AAPL", state=tmp_path, start="2012-01-03", end="2012-01-10")
    said = run("risk", "whatif", "AAPL", "1000", "--state", str(tmp_path)).out
    assert "The strategy has no limits of risk." in said
    assert "The account could not open it" in said
    assert "Value at risk" not in said  # five bars are too few


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("AAPL 0", "QUANTITY: 0.0 must be a positive number; --sell is for sales"),
        ("AAPL 1 --limit nan", "--limit: nan must be a positive number"),
        ("AAPL 1 --stop 0", "--stop: 0.0 must be a positive number"),
        ("AAPL 1.5", "what-if: quantity 1.5 is not a whole number of lots of 1"),
        ("APPL 1", "what-if: no strategy of the session trades 'APPL'; did you mean 'AAPL'?"),
        ("APPL 1 --strategy one", "what-if: strategy 'one' does not trade 'APPL'; did you mean 'AAPL'?"),
        ("AAPL 1 --strategy on", "what-if: strategy 'on' is not in this session; did you mean 'one'?"),
        (
            "AAPL 1 --state nowhere",
            ("what-if: which session? in 'nowhere' are: none; name one, as in --state state/paper-sma_cross"),
        ),
    ],
)
def test_what_is_wrong_is_one_line(ended: tuple[Path, Session], words: str, line: str) -> None:
    given = [] if "--state" in words else ["--state", str(ended[0])]
    said = run("risk", "whatif", *words.split(), *given)
    assert (said.code, said.line) == (2, line)


def test_which_of_two_strategies_is_asked_must_be_said(tmp_path: Path) -> None:
    play(tmp_path, "one", "two", end="2012-01-10")
    asked = ["risk", "whatif", "AAPL", "1", "--state", str(tmp_path)]
    assert run(*asked).line == "what-if: one, two trade 'AAPL'; say which strategy is asked"
    assert run(*asked, "--strategy", "two").out.startswith("two: buy 1 AAPL")


def test_a_strategy_that_does_something_else_now_is_not_asked(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = (
        "import openbell as ob\n\n\nclass Buys(ob.Strategy):\n    def on_bar(self, bar):\n"
        "        if bar.index == 2:\n            self.order(bar.symbol, 10)\n"
    )
    file.write_text(text, encoding="utf-8")
    ob.paper(str(file), "AAPL", state=tmp_path, start="2012-01-03", end="2012-01-20")
    assert revive(tmp_path)["buys"].course.engine.account.quantity("AAPL") == 10
    file.write_text(text.replace("10)", "11)"), encoding="utf-8")
    with pytest.raises(ConfigError, match="'buys' does not do again what it did; its code has changed"):
        revive(tmp_path)


def test_a_journal_without_a_session_says_so(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db", account="paper"):
        pass
    with pytest.raises(ConfigError, match="has no session"):
        revive(tmp_path)


def test_a_journal_of_an_earlier_version_says_so(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        journal.append("session", {"state": "begun", "strategies": [{"name": "one"}]}, time=1, wall=1)
        journal.commit()
    with pytest.raises(ConfigError, match="was begun by an earlier version, which kept too little"):
        revive(tmp_path)


def test_a_session_that_cannot_be_gone_through_again_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = (
        "import openbell as ob\n\n\nclass Waits(ob.Strategy):\n    def on_start(self):\n"
        "        self.left = 3\n\n    def on_bar(self, bar):\n        self.left -= 1\n"
    )
    file.write_text(text, encoding="utf-8")
    ob.paper(str(file), "AAPL", state=tmp_path, start="2012-01-03", end="2012-01-10")
    file.write_text(text.replace("self.left = 3", "raise ValueError('no')"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cannot be gone through again: .*no"):
        revive(tmp_path)


def test_what_a_broker_can_do_is_known_unless_it_must_be_asked() -> None:
    assert capabilities_of("alpaca").types
    with pytest.raises(ConfigError, match="'ccxt' says what it can do only when it is connected"):
        capabilities_of("ccxt")


def test_limits_that_only_record_say_what_they_would_have_refused(tmp_path: Path) -> None:
    risk = ob.Risk(order=ob.OrderLimits(max_quantity=5), enforce=False)
    ob.paper("sma_cross", "AAPL", state=tmp_path, start="2012-01-03", end="2012-01-10", risk=risk)
    found = run("risk", "whatif", "AAPL", "6", "--state", str(tmp_path))
    assert "Passes, as limits are only recorded here; else refused by order_quantity" in found.out
    told = run("risk", "whatif", "AAPL", "6", "--json", "--state", str(tmp_path)).document
    assert (told["passes"], told["quantity_that_passes"], told["refused_by"]) == (True, 6.0, "order_quantity")


def test_before_the_first_bar_there_is_no_price(ended: tuple[Path, Session]) -> None:
    folder, _ = ended
    standing = revive(folder)["one"]
    standing.course.tape.lanes["AAPL"].cursor.at = -1
    with pytest.raises(ConfigError, match="no price of 'AAPL' is known yet"):
        foresee("one", standing, Asked("AAPL", 1.0))
