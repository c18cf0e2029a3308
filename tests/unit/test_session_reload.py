"""Parameters that change while a session runs: between two bars, journalled, and taken back if they fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.errors import ConfigError, Halt
from openbell.core.messages import BarMessage
from openbell.data.bars import Series
from openbell.operation.parity import find_parity
from openbell.operation.reloading import Reloads
from openbell.run import prepare
from openbell.run.course import describe_course, ground_of, make_course
from openbell.storage.journal import Journal
from openbell.strategies.registry import find
from openbell.trading.moments import moments_of
from openbell.trading.record import latest_session
from openbell.trading.session import Session
from openbell.utils.logging import get_logger

YEAR: dict[str, Any] = {"start": "2005-01-03", "end": "2005-12-30"}


class Steps(ob.Strategy):
    """Buys at every `step`-th bar, and fails at step 7."""

    step: int = ob.param(10, ge=1)

    def on_start(self) -> None:
        self.seen: list[int] = []
        self.average = self.indicator(ob.SMA(self.step))

    def on_bar(self, bar: ob.Bar) -> None:
        self.seen.append(bar.index)
        if bar.index % self.step == 0:
            self.order(bar.symbol, 1.0)
        if self.step == 7:
            raise ValueError("seven")


class Keeps(Steps):
    """Keeps its state when parameters change."""

    def on_reload(self) -> None:
        self.average = self.indicator(ob.SMA(self.step))


class Eager(ob.Strategy):
    """Sends an order in on_start."""

    size: float = 1.0

    def on_start(self) -> None:
        self.order("AAPL", self.size)

    def on_bar(self, bar: ob.Bar) -> None:
        self.hold(bar.symbol)


def session_of(form: Any, journal: Journal, **parameters: Any) -> tuple[Session, list[Series], Any]:
    plan, found, series = prepare(form, "AAPL", parameters=parameters, **YEAR)
    ground = ground_of(plan, series)
    course = make_course("mine", plan, found, ground, journal)
    return Session([course], journal, wall=lambda: 0), series, describe_course("mine", plan, ground)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db", account="paper") as made:
        yield made


def play(form: Any, journal: Journal, changes: Mapping[int, Mapping[str, Any]]) -> Session:
    session, series, about = session_of(form, journal)
    session.begin({"strategies": [about]})
    for number, bars in enumerate(moments_of(series)):
        session.take(bars)
        if number in changes:
            session.reload("mine", changes[number])
    return session


def decided(session: Session) -> list[int]:
    course = session.courses[0]
    starts = list(course.tape.lanes["AAPL"].known)
    return [starts.index(order.decided) for order in course.engine.desk.orders.values()]


def kinds(journal: Journal, kind: str) -> list[Any]:
    return [entry for entry in journal.read() if entry.kind == kind]


def test_new_parameters_count_from_the_next_bar_on_and_are_in_the_journal(journal: Journal) -> None:
    session = play(Steps, journal, {50: {"step": 25}})
    assert decided(session)[:9] == [10, 20, 30, 40, 50, 75, 100, 125, 150]
    (entry,) = kinds(journal, "reload")
    assert entry.body == {"parameters": {"step": 25}, "before": {}}
    assert kinds(journal, "rolled_back") == []


def test_indicators_are_filled_from_the_past(journal: Journal) -> None:
    session = play(Steps, journal, {50: {"step": 25}})
    lane = session.courses[0].tape.lanes["AAPL"]
    strategy: Any = session.courses[0].engine.strategy
    assert strategy.average[-1] == pytest.approx(sum(lane.columns["close"][-25:]) / 25)


def test_on_start_begins_anew_and_on_reload_keeps_what_there_is(journal: Journal, tmp_path: Path) -> None:
    strategy: Any = play(Steps, journal, {50: {"step": 25}}).courses[0].engine.strategy
    assert strategy.seen[0] == 51
    with Journal(tmp_path / "other.db") as other:
        kept: Any = play(Keeps, other, {50: {"step": 25}}).courses[0].engine.strategy
    assert kept.seen[0] == 9


def test_a_strategy_that_raises_gets_its_old_parameters_and_state_back(journal: Journal) -> None:
    session = play(Steps, journal, {69: {"step": 7}})
    strategy: Any = session.courses[0].engine.strategy
    assert strategy.step == 10
    assert strategy.seen[0] == 9
    assert 70 not in strategy.seen  # the bar passed without a decision
    assert 70 not in decided(session)  # what it asked for before it raised was taken back
    assert decided(session)[-1] == 250
    (said,) = kinds(journal, "rolled_back")
    assert said.body["failed"] == {"step": 7}
    assert "seven" in said.body["said"]
    assert session.courses[0].failure is None


def test_two_changes_before_a_bar_are_taken_back_together(journal: Journal) -> None:
    session, series, about = session_of(Steps, journal)
    session.begin({"strategies": [about]})
    moments = list(moments_of(series))
    for bars in moments[:30]:
        session.take(bars)
    session.reload("mine", {"step": 5})
    session.reload("mine", {"step": 7})
    session.take(moments[30])
    strategy: Any = session.courses[0].engine.strategy
    assert strategy.step == 10


def test_orders_in_on_start_refuse_a_change(journal: Journal) -> None:
    session = play(Eager, journal, {20: {"size": 2.0}})
    (said,) = kinds(journal, "rolled_back")
    assert "sends orders in on_start" in said.body["said"]
    assert len(session.courses[0].engine.desk.orders) == 1
    assert session.courses[0].engine.strategy.size == 1.0  # type: ignore[attr-defined]  # its parameter


def test_a_signal_takes_new_indicators(journal: Journal) -> None:
    session = play("sma_cross", journal, {100: {"fast": 3, "slow": 8}})
    assert session.courses[0].engine.strategy.values() == {"fast": 3, "slow": 8}  # type: ignore[attr-defined]
    assert len(session.courses[0].engine.desk.orders) > 10


@pytest.mark.parametrize("change", [{"step": 25}, {"step": 7}])
def test_a_session_with_a_change_goes_on_and_has_parity(change: dict[str, Any], journal: Journal) -> None:
    session, series, about = session_of(Steps, journal)
    session.begin({"strategies": [about]})
    moments = list(moments_of(series))
    for bars in moments[:100]:
        session.take(bars)
    session.reload("mine", change)
    session.take(moments[100])
    again, _, _ = session_of(Steps, journal)
    assert again.resume(latest_session(journal)[1]) == 101
    for bars in moments[101:]:
        again.take(bars)
        session.courses[0].scribe.rehearse(_Silent())
        session.courses[0].moment(bars)
    assert decided(again) == decided(session)
    found = find_parity(journal.path, strategies={"mine": find(Steps)})
    assert found.differences == []


class _Silent:
    def append(self, *_: Any, **__: Any) -> None:
        """Keep nothing."""


def test_wrong_parameters_and_names_change_nothing(journal: Journal) -> None:
    session, _, about = session_of(Steps, journal)
    session.begin({"strategies": [about]})
    with pytest.raises(ConfigError, match=r"Steps\.step=0 must be"):
        session.reload("mine", {"step": 0})
    with pytest.raises(ConfigError, match=r"'your' is not in this session.*mine"):
        session.reload("your", {"step": 3})
    assert kinds(journal, "reload") == []


async def test_a_running_session_asks_for_changes_after_each_moment(journal: Journal) -> None:
    session, series, about = session_of(Steps, journal)
    session.begin({"strategies": [about]})
    asked = iter([{}, {"mine": {"step": 4}}])
    session.changes = lambda: next(asked, {})

    async def stream() -> AsyncIterator[list[BarMessage]]:
        for bars in list(moments_of(series))[:10]:
            yield bars

    await session.run(stream())
    assert decided(session) == [4, 8]


def test_a_guard_that_halts_keeps_a_moment_from_happening(journal: Journal) -> None:
    def taken_over() -> None:
        raise Halt("taken over")

    plan, found, series = prepare("sma_cross", "AAPL", **YEAR)
    course = make_course("mine", plan, found, ground_of(plan, series), journal)
    session = Session([course], journal, guard=taken_over)
    session.begin({})
    with pytest.raises(Halt, match="taken over"):
        session.take(next(iter(moments_of(series))))
    assert kinds(journal, "moment") == []


def test_a_strategy_that_raises_long_after_a_change_fails_as_ever(journal: Journal) -> None:
    class Late(ob.Strategy):
        step: int = 1

        def on_bar(self, bar: ob.Bar) -> None:
            if bar.index == 30:
                self.extra = 1
                raise ValueError("late")

    session = play(Late, journal, {10: {"step": 2}})
    assert "late" in str(session.courses[0].failure)
    assert kinds(journal, "rolled_back") == []


def test_attributes_that_came_with_a_failed_bar_are_gone(journal: Journal) -> None:
    class Adds(ob.Strategy):
        step: int = 1

        def on_bar(self, bar: ob.Bar) -> None:
            if self.step == 2:
                self.extra = 1
                raise ValueError(f"no {bar.symbol}")

    session = play(Adds, journal, {10: {"step": 2}})
    assert not hasattr(session.courses[0].engine.strategy, "extra")


# --- the file that is watched ----------------------------------------------------------------------------


def write(folder: Path, parameters: str, *, name: str = "mine", symbols: str = "AAPL") -> None:
    (folder / "strategies.yaml").write_text(
        f"strategies:\n  - {{name: {name}, strategy: sma_cross, symbols: [{symbols}], "
        f"parameters: {{{parameters}}}}}\n"
    )


@pytest.fixture
def watched(journal: Journal, tmp_path: Path) -> tuple[Session, Reloads]:
    write(tmp_path, "fast: 10")
    session, _, about = session_of("sma_cross", journal, fast=10)
    session.begin({"strategies": [about]})
    reloads = Reloads(tmp_path)
    assert reloads(session) == {}
    return session, reloads


@pytest.fixture
def said_aloud() -> Iterator[list[str]]:
    lines: list[str] = []
    number = get_logger().add(lines.append, level="WARNING")
    yield lines
    get_logger().remove(number)


def test_a_changed_file_is_a_change_once(watched: tuple[Session, Reloads], tmp_path: Path) -> None:
    session, reloads = watched
    write(tmp_path, "fast: 12, slow: 40")
    assert reloads(session) == {"mine": {"fast": 12, "slow": 40}}
    assert reloads(session) == {}


@pytest.mark.parametrize(
    ("parameters", "rest", "said"),
    [
        ("fast: many", {}, "must be"),
        ("fast: [", {}, "strategies.yaml"),
        ("fast: 10", {"symbols": "MSFT"}, "more than parameters changed"),
        ("fast: 10", {"name": "other"}, "'mine' is not in it any more"),
    ],
)
def test_what_cannot_count_is_said_once(
    parameters: str,
    rest: dict[str, str],
    said: str,
    watched: tuple[Session, Reloads],
    tmp_path: Path,
    said_aloud: list[str],
) -> None:
    session, reloads = watched
    write(tmp_path, parameters, **rest)
    assert reloads(session) == {}
    assert reloads(session) == {}
    assert len([line for line in said_aloud if said in line]) == 1


def test_a_file_that_is_gone_is_said_once_and_read_when_it_is_back(
    watched: tuple[Session, Reloads], tmp_path: Path, said_aloud: list[str]
) -> None:
    session, reloads = watched
    (tmp_path / "strategies.yaml").unlink()
    assert reloads(session) == {}
    assert reloads(session) == {}
    assert len([line for line in said_aloud if "cannot be read" in line]) == 1
    write(tmp_path, "fast: 13")
    assert reloads(session) == {"mine": {"fast": 13}}
