"""A session is made again from its last save, and who looks again goes through what is new alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.messages import BarMessage
from openbell.execution.factory import capabilities_of
from openbell.execution.port import capabilities_from_json
from openbell.operation.revival import Revival, Standing
from openbell.operation.whatif import Asked, foresee
from openbell.papering import saves_of
from openbell.run import prepare
from openbell.run.course import describe_course, ground_of, make_course
from openbell.storage.journal import Journal
from openbell.trading.moments import moments_of
from openbell.trading.paperbooks import PaperBooks
from openbell.trading.session import Session

YEAR: Any = {"start": "2005-01-03", "end": "2005-12-30"}
ASKED = Asked("AAPL", 20.0)
Running = tuple[Session, Iterator[list[BarMessage]], Standing]


@pytest.fixture
def redone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of what was gone through again."""
    kinds: list[str] = []
    redo = PaperBooks.redo

    def noted(books: PaperBooks, entry: object) -> None:
        kinds.append(entry.kind)  # type: ignore[attr-defined]  # an entry
        redo(books, entry)  # type: ignore[arg-type]  # as above

    monkeypatch.setattr(PaperBooks, "redo", noted)
    return kinds


def begin(journal: Journal) -> Running:
    """Return a session that has begun, its moments, and its strategy."""
    plan, found, series = prepare(
        "sma_cross", "AAPL", start="2005-01-03", end="2005-12-30", risk=ob.STANDARD_RISK
    )
    ground = ground_of(plan, series)
    course = make_course("mine", plan, found, ground, journal)
    session = Session([course], journal, wall=lambda: 0)
    session.saves = saves_of([course], [found], journal)
    session.begin({"strategies": [describe_course("mine", plan, ground)]})
    journal.commit()
    return session, iter(list(moments_of(series))), Standing(course, plan)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A session of 230 days, of which 220 are in a save, and the moments that are left."""
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        session, moments, standing = begin(journal)
        for number in range(230):
            if number == 220:
                session.save()
            session.take(next(moments))
        journal.commit()
        yield session, moments, standing


def test_it_goes_on_from_the_save_and_follows_what_is_new(
    running: Running, redone: list[str], tmp_path: Path
) -> None:
    session, moments, own = running
    revival = Revival(tmp_path)
    for gone in (10, 5, 0):
        redone.clear()
        (standing,) = revival.look().values()
        assert redone == ["moment"] * gone
        assert foresee("mine", standing, ASKED) == foresee("mine", own, ASKED)
        if gone:
            for _ in range(5 if gone == 10 else 0):
                session.take(next(moments))
            session.journal.commit()


def test_a_save_that_is_not_what_was_written_is_not_used(
    running: Running, redone: list[str], tmp_path: Path
) -> None:
    (save,) = tmp_path.glob("saved/*.state")
    save.write_bytes(b"other")
    (standing,) = Revival(tmp_path).look().values()
    assert redone.count("moment") == 230
    assert foresee("mine", standing, ASKED) == foresee("mine", running[2], ASKED)


def test_another_session_in_the_folder_is_begun_with(
    running: Running, redone: list[str], tmp_path: Path
) -> None:
    revival = Revival(tmp_path)
    revival.look()
    running[0].journal.append("session", {"state": "end_of_data"}, time=1, wall=1)
    running[0].journal.commit()
    assert not any(revival.look()["mine"].course.engine.desk.working.values())  # they have ended
    redone.clear()
    begin(running[0].journal)
    assert revival.look()["mine"].course.engine.account.booked == 0
    assert "moment" not in redone


def test_what_a_broker_can_do_is_read_back_as_it_was_written() -> None:
    can = capabilities_of("alpaca")
    assert capabilities_from_json(json.loads(json.dumps(can.as_json()))) == can
