"""Saves: what cannot be trusted is not used, and why is said; a live session goes on from its last one."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from openbell.core.errors import Halt
from openbell.core.messages import BarMessage
from openbell.storage.journal import Journal
from openbell.trading import saves as saves_module
from openbell.trading.build import build
from openbell.trading.continuation import go_on
from openbell.trading.doubts import Doubts
from openbell.trading.freezing import Unfrozen, freeze, thaw
from openbell.trading.record import Record
from openbell.trading.saves import Saves
from openbell.trading.session import Session
from openbell.utils.files import UNFINISHED, write_whole
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.test_retirement import DAY, STEP, paper_session, play
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life
from tests.unit.trading_chaos import Busy, walk


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []

    class Ear:
        warning = heard.append

    monkeypatch.setattr(saves_module, "get_logger", Ear)
    monkeypatch.setattr("openbell.trading.continuation.get_logger", Ear)
    return heard


def saves_of(session: Any, journal: Journal, code: str = "x") -> Saves:
    strategies = [course.engine.strategy for course in session.courses]
    return Saves(journal, strategies, {"s": code}, after=1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal of a session of six days, of which five are saved."""
    with Journal(tmp_path / "journal.db") as journal:
        session = paper_session(journal)
        session.saves = saves_of(session, journal)
        play(session, 5)
        session.save()
        play_on(session, 5, 6)
        journal.commit()
        yield journal


def play_on(session: Session, first: int, last: int) -> None:
    for number in range(first * DAY, last * DAY):
        begin, price = START + number * STEP, 100.0 + number % 7
        session.take([BarMessage("A", begin, begin + STEP, price, price, price, price, 1e5)])


def again(journal: Journal, code: str = "x") -> tuple[Session, int, list[int]]:
    """Return a session that is gone on with, what it had, and how many events were gone through again."""
    counted = []

    class Counted(Record):
        def after(self, seq: int = 0) -> Any:
            events = list(super().after(seq))
            counted.append(len(events))
            return iter(events)

    def make() -> Session:
        return paper_session_again(journal)

    session, had = go_on(make, Counted(journal), lambda one: saves_of(one, journal, code))
    return session, had, counted


def paper_session_again(journal: Journal) -> Session:
    """Return the session as it began, without beginning it."""
    begin, Session.begin = Session.begin, lambda *_: None  # type: ignore[method-assign]
    try:
        return paper_session(journal)
    finally:
        Session.begin = begin  # type: ignore[method-assign]


def test_it_goes_on_from_the_save(journal: Journal, said: list[str]) -> None:
    events = journal.last
    session, had, counted = again(journal)
    assert had == 6 * 24
    assert counted[0] < events / 4
    assert said == []
    play_on(session, 6, 7)
    assert session.courses[0].engine.account.booked > 100


SAID = {
    "gone": "cannot be read", "edited": "not what was written", "code": "strategy s", "build": "openbell",
    "diverged": "does not do what it did",
}  # fmt: skip


@pytest.mark.parametrize("harm", SAID)
def test_what_cannot_be_used_is_said_and_all_is_gone_through(
    harm: str, journal: Journal, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = (journal.path.parent / "saved").glob("*.state")
    events, code = journal.last, "x"
    if harm == "gone":
        file.unlink()
    elif harm == "edited":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    elif harm == "code":
        code = "y"
    elif harm == "build":
        monkeypatch.setattr(saves_module, "build", lambda: "another")
    else:
        read = Saves.read

        def wrong(self: Saves, saved: Any, outside: Any) -> Any:
            state = read(self, saved, outside)
            state[0][0].engine.strategy.count += 1
            return state

        monkeypatch.setattr(Saves, "read", wrong)
    session, had, counted = again(journal, code)
    assert had == 6 * 24
    assert counted[-1] == events - 1
    assert len(said) == 1
    assert SAID[harm] in said[0]
    assert session.courses[0].engine.account.booked > 80


def test_two_files_stay_and_little_is_not_worth_one(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        session = paper_session(journal)
        strategies = [course.engine.strategy for course in session.courses]
        session.saves = Saves(journal, strategies, {}, after=24)
        for day in range(5):
            play_on(session, day, day + 1)
            session.save()
            session.save()
        assert len(journal.of_kind("saved")) == 5
        assert len(list((tmp_path / "saved").glob("*.state"))) == 2


def test_what_a_kill_left_of_a_save_is_no_save_and_the_next_one_removes_it(
    journal: Journal, said: list[str]
) -> None:
    folder = journal.path.parent / "saved"
    (folder / f"{UNFINISHED}1-77.state").write_bytes(b"half")
    (folder / f"{UNFINISHED}1-77.summary").write_bytes(b"half")
    session, _, _ = again(journal)
    play_on(session, 6, 7)
    session.save()
    assert said == []
    assert sorted(one.suffix for one in folder.iterdir()) == [".state", ".state", ".summary"]


def test_a_file_that_does_not_fit_on_the_disk_leaves_nothing_and_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "made" / "file"
    write_whole(path, b"before")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"after")
    assert [one.read_bytes() for one in path.parent.iterdir()] == [b"before"]


def written(text: str) -> ModuleType:
    module = ModuleType("openbell_user_doubtful")
    sys.modules[module.__name__] = module
    exec(text, vars(module))  # noqa: S102  # a user's strategy
    return module


STRATEGY = """
import openbell as ob
CONSTANT = {"A": 0.5}
SEEN = []
count = 0
def more():
    return CONSTANT
class Mine(ob.Strategy):
    shared = {}
    def on_start(self):
        self.rule = None
    def on_bar(self, bar):
        weight = CONSTANT["A"]
        SEEN_OR_NOT
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("self.mine = more()", ""),
        ("SEEN.append(bar)", "SEEN is not an attribute"),
        ("self.shared[1] = 2", "Mine.shared is not an attribute"),
        ("global count; count += 1", "sets a variable of its module"),
    ],
)
def test_what_a_strategy_remembers_elsewhere_is_noticed(line: str, expected: str) -> None:
    module = written(STRATEGY.replace("SEEN_OR_NOT", line))
    strategy = module.Mine()
    doubts = Doubts([strategy])
    assert not doubts.find() or "sets" in expected
    module.Mine.on_bar(strategy, 5)
    assert expected in doubts.find()
    assert bool(doubts.find()) is bool(expected)


def test_state_that_cannot_be_kept_is_said_once(tmp_path: Path, said: list[str]) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        session = paper_session(journal)
        session.saves = saves_of(session, journal)
        play(session, 1)
        session.courses[0].engine.strategy.rule = lambda: 1  # type: ignore[attr-defined]
        session.save()
        session.save()
        assert len(said) == 1
        assert "is not saved" in said[0]
        assert journal.of_kind("saved") == []


def test_only_what_state_is_made_of_is_made_again() -> None:
    data = freeze({"call": Path.cwd}, {})
    assert thaw(data, {})["call"]() == Path.cwd()
    import subprocess

    with pytest.raises(Unfrozen, match=r"subprocess\.Popen, which state is not made of"):
        thaw(freeze(subprocess.Popen, {}), {})
    thing = object()
    with pytest.raises(Unfrozen, match="it needs thing"):
        thaw(freeze([thing], {"thing": thing}), {})
    assert thaw(freeze([thing], {"thing": thing}), {"thing": 5}) == [5]
    with pytest.raises(Unfrozen, match=r"UnpicklingError|EOFError"):
        thaw(b"nothing", {})
    assert build() == build()


def standing(life: Life) -> list[Any]:
    """Return all of a session's state that can be told."""
    board = life.floor.router.board
    told: list[Any] = [life.floor.held(), life.floor.cash(), life.floor.time, life.floor.compared]
    for course in life.floor.courses.values():
        engine = course.engine
        told += [repr(list(engine.desk.orders.values())), engine.fills, engine.account.entries]
        told += [vars(engine.strategy)["count"], engine.strategy.random.getstate()]  # type: ignore[attr-defined]
    for key, route in board.routes.items():
        told += [key, route.stage, route.ids, route.booked, route.terms, route.asked, sorted(route.heard)]
    told += [sorted(board.by_client), sorted(board.live), board.flights, board.power, board.holds.total]
    return [repr(one) for one in told]


@pytest.mark.parametrize("seed", range(6))
async def test_a_live_session_from_its_save_is_as_from_its_beginning(
    tmp_path: Path, seed: int, said: list[str]
) -> None:
    rng = random.Random(seed)
    x = Exchange(INSTRUMENTS, time=START, margin=None)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    life = Life(tmp_path, x, Direct(x), {"s": Busy})
    life.session.saves = saves_of(life.session, life.journal)
    life.start()
    await life.rest()
    saved_at = rng.randint(5, 25)
    for number in range(30):
        symbol = rng.choice("AB")
        await life.moment(number, walk(x, rng, symbol), symbol)
        if number == saved_at:
            life.session.save()
    await life.kill()
    whole = Life(tmp_path, x, Direct(x), {"s": Busy})
    expected = standing(whole)
    whole.journal.close()
    again = Life(tmp_path, x, Direct(x), {"s": Busy}, saves=lambda one: saves_of(one, one.journal))
    assert said == []
    assert again.session.inputs == whole.session.inputs
    assert standing(again) == expected
    again.start()
    await again.rest()
    again.wish.how = "flatten"
    for number in range(30, 36):
        await again.moment(number, 100.0, "A")
    await again.finish()
    assert not any(x.positions.values())
    assert x.audit() == []
    again.journal.close()


def test_a_session_that_does_not_do_again_what_it_did_halts(journal: Journal) -> None:
    journal.append("order", {"id": 999}, time=1, wall=0, strategy="s", subject="999")
    with pytest.raises(Halt, match="does not"):
        again(journal)
