"""Summaries: how a session stands without its whole journal, and all of it where one cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openbell.cli.standings import read_sessions
from openbell.storage.journal import Journal
from openbell.trading import summaries
from openbell.trading.freezing import freeze
from openbell.trading.record import Record
from openbell.trading.saves import Saves
from openbell.trading.session import Ending
from openbell.trading.summaries import SUMMED, Summary, ledgers_of, summarise, write_summary
from tests.unit.test_retirement import paper_session, play
from tests.unit.test_saves import play_on, saves_of


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal of a session of seven days; how it stood is kept after six."""
    with Journal(tmp_path / "journal.db") as journal:
        session = paper_session(journal)
        session.saves = saves_of(session, journal)
        play(session, 6)
        session.save()
        play_on(session, 6, 7)
        journal.commit()
        yield journal


class Counted(Record):
    """A record that counts what is read of it."""

    read = 0

    def after(self, seq: int = 0) -> Iterator[object]:  # type: ignore[override]  # entries
        for entry in super().after(seq):
            self.read += 1
            yield entry


def whole(journal: Journal) -> Summary:
    found = Summary()
    found.follow(Record(journal).after())
    return found


def test_it_says_what_all_of_the_journal_says_and_reads_the_last_day(journal: Journal) -> None:
    record = Counted(journal)
    found, all_of_it = summarise(record), whole(journal)
    assert record.read < journal.last / 4
    (one,), (other,) = found.ledgers.values(), all_of_it.ledgers.values()
    assert (one.filled, one.account.cash) == (other.filled, other.account.cash)
    assert repr(one.account.positions) == repr(other.account.positions)
    assert (found.prices, found.time, found.state) == (all_of_it.prices, all_of_it.time, all_of_it.state)
    assert {n for n, order in one.orders.items() if order.open} == {
        n for n, order in other.orders.items() if order.open
    }
    assert len(one.orders) < len(other.orders)


def test_all_orders_are_there_for_who_wants_them(journal: Journal) -> None:
    ledgers = ledgers_of(Record(journal))
    assert list(ledgers["s"].orders) == list(whole(journal).ledgers["s"].orders)
    folder = str(journal.path.parent)
    assert len(list(read_sessions(folder, whole=True).orders())) == len(ledgers["s"].orders)
    (standing,) = read_sessions(folder).sessions
    assert standing.ledgers["s"].account.cash == ledgers["s"].account.cash
    assert (standing.state, standing.can_go_on) == ("interrupted", True)


@pytest.mark.parametrize("harm", ["gone", "edited", "build", "another thing"])
def test_one_that_cannot_be_used_is_passed_over(
    harm: str, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = (journal.path.parent / "saved").glob("*.summary")
    if harm == "gone":
        file.unlink()
    elif harm == "edited":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    elif harm == "build":
        monkeypatch.setattr(summaries, "build", lambda: "another")
    else:
        monkeypatch.setattr(summaries, "freeze", lambda *_: freeze(["no summary"], {}))
        write_summary(journal, time=0, wall=0)
    record = Counted(journal)
    assert summarise(record).ledgers["s"].account.cash == whole(journal).ledgers["s"].account.cash
    assert record.read == journal.last - 1


def test_the_last_one_is_kept_alone(journal: Journal) -> None:
    write_summary(journal, time=0, wall=0)
    (file,) = (journal.path.parent / "saved").glob("*.summary")
    kept = Record(journal).latest(SUMMED)
    assert kept is not None
    assert file.stem == str(kept.body["upto"])


def test_a_disk_that_takes_none_is_said_and_trading_goes_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []

    class Ear:
        warning = said.append

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("openbell.trading.saves.get_logger", Ear)
    monkeypatch.setattr(summaries, "write_whole", full)
    with Journal(tmp_path / "other" / "journal.db") as other:
        session = paper_session(other)
        session.saves = saves_of(session, other)
        play(session, 1)
        session.save()
        assert other.latest(SUMMED) is None
        assert other.latest("saved") is not None
    assert ["No space left" in one for one in said] == [True]


def test_a_session_that_ended_is_not_gone_on_with_however_it_is_read(journal: Journal) -> None:
    journal.append("session", {"state": Ending.END_OF_DATA.value}, time=1, wall=1)
    write_summary(journal, time=1, wall=1)
    (standing,) = read_sessions(str(journal.path.parent)).sessions
    assert (standing.state, standing.can_go_on) == (Ending.END_OF_DATA.value, False)


def test_what_a_strategy_raised_is_kept(journal: Journal) -> None:
    journal.append("failed", {"said": "no"}, time=1, wall=1, strategy="s")
    write_summary(journal, time=1, wall=1)
    assert summarise(Record(journal)).failed == {"s": "no"}


def test_saves_are_none_of_its_concern(journal: Journal) -> None:
    """A strategy whose state cannot be kept is summed up all the same."""
    session = paper_session(journal)
    session.saves = saves = saves_of(session, journal)
    play(session, 1)
    session.courses[0].engine.strategy.odd = lambda: None  # type: ignore[attr-defined]  # any name
    session.save()
    record = Record(journal)
    assert isinstance(saves, Saves)
    assert record.latest("saved") is None
    assert record.latest(SUMMED) is not None
