"""The copy of a journal, on a real Postgres: complete, in order, each event once."""

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.postgres.journals import assert_copied, copy, never, part, stored, trade, write_again
from tests.postgres.server import BERT, Project, where

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.storage.journal import Journal
from openbell.storage.supabase import replicate, tables
from openbell.storage.supabase.address import Address
from openbell.storage.supabase.replicate import Replicator
from openbell.storage.supabase.tables import Row, Table
from openbell.trading import copying
from openbell.trading.copying import copy_journal
from openbell.trading.projection import Projection


@pytest.mark.parametrize(
    ("name", "symbol"), [("rsi_reversion", "MSFT"), ("donchian_trend", "AAPL"), ("sma_cross", "IBM")]
)
def test_a_copy_is_its_journal_and_its_tables_are_the_fold(
    project: Project, tmp_path: Path, name: str, symbol: str
):
    path = trade(tmp_path, name, symbol)
    assert copy(project, path) == len(stored(path))
    assert_copied(project, path)
    assert copy(project, path) == 0


def test_several_sessions_of_a_folder_are_runs_of_their_own(project: Project, tmp_path: Path):
    trade(tmp_path)
    path = trade(tmp_path, end="2003-06-30")
    copy(project, path)
    assert_copied(project, path)
    assert project.ask("select state from runs order by run") == [("end_of_data",), ("end_of_data",)]
    assert project.ask("select count(distinct run) from equity") == [(2,)]


def test_equity_has_a_point_for_each_moment_and_the_account_one_for_each_day(project: Project, source: Path):
    copy(project, source)
    moments = [row for row in stored(source) if row.kind == "moment"]
    assert project.ask("select time from equity order by time") == [(row.time,) for row in moments]
    ((last, cash),) = project.ask("select equity, cash from equity order by time desc limit 1")
    ((snapshot,),) = project.ask("select equity from account_snapshots order by seq desc limit 1")
    assert last == snapshot
    assert cash == project.ask("select cash from strategies")[0][0]
    days = project.ask("select count(*) from account_snapshots where occasion = 'day'")
    assert days == [(len(moments) - 1,)]


def test_what_grows_is_followed_in_batches_of_any_size(
    project: Project, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replicate, "_MOST", 37)
    draw, rows, done = random.Random(5), stored(source), 20
    with part(tmp_path, source, done) as journal, Journal(journal.path, read_only=True) as reader:
        copier = Replicator(reader, where(project), Projection)
        while done < len(rows) or copier.lag().events:
            more = draw.randrange(90)
            write_again(journal, rows[done : done + more])
            done += more
            copier.step()
        copier.close()
        assert copier.lag() == (0, 0.0)
        assert_copied(project, journal.path)


def test_a_copier_rests_after_each_batch_until_somebody_asks_to_end(
    project: Project, source: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = iter(range(0, 10**6, 10))  # each batch takes ten seconds by it
    monkeypatch.setattr(replicate, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(replicate, "_FIRST", 100)
    monkeypatch.setattr(replicate, "_MOST", 100)
    rests: list[float] = []

    def wait(seconds: float) -> bool:
        rests.append(seconds)
        return len(rests) == 2

    with Journal(source, read_only=True) as journal:
        copier = Replicator(journal, where(project), Projection)
        copier.run(wait, rest=0.6)
        copier.close()
    assert copier.written > 3 * 100
    assert rests == [6.0, 6.0]
    assert_copied(project, source)


def test_pieces_of_a_batch_are_small_statements_of_one_transaction(
    project: Project, source: Path, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []

    def arrays_of(table: Table, rows: Sequence[Row]) -> list[str]:
        sizes.append(len(rows))
        return tables.arrays_of(table, rows)

    monkeypatch.setattr(replicate, "arrays_of", arrays_of)
    with Journal(source, read_only=True) as journal:
        copier = Replicator(journal, where(project), Projection, piece=7)
        assert copier.step() > 100
        copier.run(never, follow=False)
        copier.close()
    assert max(sizes) == 7
    assert_copied(project, source)


def test_pieces_are_small_only_beside_an_engine_whose_processors_the_database_shares(
    project: Project, source: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[int | None] = []

    class Watched(Replicator):
        def __init__(self, *parts: Any, piece: int | None, **named: Any) -> None:
            made.append(piece)
            super().__init__(*parts, piece=piece, **named)

    monkeypatch.setattr(copying, "Replicator", Watched)
    near = where(project)
    copy_journal(source, near, never, follow=False, beside=True)
    copy_journal(source, near, never, follow=False)
    monkeypatch.setattr(Address, "is_here", False)
    copy_journal(source, near, never, follow=False, beside=True)
    assert made == [copying._PIECE, None, None]


def test_how_far_a_copy_is_is_said_when_it_has_moved_and_seldom(
    project: Project, source: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replicate, "_FIRST", 10)
    monkeypatch.setattr(replicate, "_MOST", 10)
    clock, said = [0.0], list[tuple[float, int]]()
    monkeypatch.setattr(copying, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(copying, "note_copied", lambda _, last: said.append((clock[0], last)))

    def wait(_: float) -> bool:
        clock[0] += 0.125
        return clock[0] == 8.0

    last = copy_journal(source, where(project), wait, beside=True).last
    assert len(said) > 10
    assert [second - first for (first, _), (second, _) in pairwise(said[:-1])] == [0.5] * (len(said) - 2)
    assert [far for _, far in said[:-1]] == sorted({far for _, far in said[:-1]})
    assert said[-1][1] == last


@pytest.mark.parametrize("piece", [None, 2])
def test_whatever_a_text_has_in_it_arrives(project: Project, tmp_path: Path, piece: int | None):
    texts = ["", "NULL", 'a "quote"', "back\\slash", "{brace},", "\n\t", "'", "ö\N{SNOWMAN}", "\\N", "$1 %s"]
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        for number, text in enumerate(texts):
            journal.append("note", {"said": text}, time=number, wall=number, subject=text)
        journal.commit()
        with Journal(journal.path, read_only=True) as reader:
            copier = Replicator(reader, where(project), Projection, piece=piece)
            copier.run(never, follow=False)
            copier.close()
    found = project.ask("select subject, body from events order by seq")
    assert found == [(text, {"said": text}) for text in texts]


def test_lag_is_what_is_not_copied_and_how_old_it_is(project: Project, tmp_path: Path):
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        journal.append("session", {"state": "begun"}, time=1, wall=time.time_ns() - 5 * 10**9)
        journal.append("note", {}, time=2, wall=time.time_ns())
        journal.commit()
        with Journal(journal.path, read_only=True) as reader:
            copier = Replicator(reader, where(project), Projection)
            assert copier.lag().events == 2
            assert 5 <= copier.lag().seconds < 60
            copier.step()
            assert copier.lag() == (0, 0.0)
            copier.close()


def test_a_journal_without_events_begins_no_copy(project: Project, tmp_path: Path):
    Journal(tmp_path / "journal.db", account="paper").close()
    assert copy(project, tmp_path / "journal.db") == 0
    assert project.ask("select count(*) from journals") == [(0,)]


def test_text_that_postgres_cannot_hold_does_not_stop_the_copy(project: Project, tmp_path: Path):
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        journal.append("note", {"odd": "a\0b\ud800"}, time=1, wall=1, strategy="s\0", subject="ü")
        journal.commit()
        assert copy(project, journal.path) == 1
    ((body, strategy, subject),) = project.ask("select body::text, strategy, subject from events")
    assert (body, strategy, subject) == ('{"odd":"a\\u0000b\\ud800"}', "s\N{REPLACEMENT CHARACTER}", "ü")


def test_two_copiers_of_one_journal_double_nothing(project: Project, tmp_path: Path, source: Path):
    """The lock of a folder keeps them apart on one machine; this is what the database does about it."""
    rows = stored(source)
    with part(tmp_path, source, 100) as journal, Journal(journal.path, read_only=True) as reader:
        copiers = [Replicator(reader, where(project), Projection) for _ in range(2)]
        for copier in copiers:
            copier.step()
        for done in range(100, len(rows), 50):
            write_again(journal, rows[done : done + 50])
            for copier in copiers:
                with suppress(Retryable):  # the other has moved the copy
                    copier.step()
                    continue
                copier.close()
        for copier in copiers:
            copier.run(never, follow=False)
            copier.close()
        assert_copied(project, journal.path)


def test_a_folder_is_copied_by_one_process_at_a_time(project: Project, source: Path):
    def meanwhile(_: float) -> bool:
        with pytest.raises(ConfigError, match="in use by process"):
            copy(project, source)
        return True

    copy_journal(source, where(project), meanwhile)


def test_an_older_backup_of_a_journal_and_another_history_of_it_are_refused(
    project: Project, tmp_path: Path, source: Path
):
    copy(project, source)
    with part(tmp_path / "old", source, 200) as old, pytest.raises(BadData, match="is not the one"):
        copy(project, old.path)
    with part(tmp_path / "other", source, 200) as other:
        for _ in stored(source)[200:]:
            other.append("note", {}, time=1, wall=1)
        other.commit()
        with pytest.raises(BadData, match="is not the one that was copied"):
            copy(project, other.path)


def test_a_damaged_event_is_not_copied(project: Project, tmp_path: Path, source: Path):
    with part(tmp_path, source, 200) as journal:
        connection = journal._connection
        connection.executescript(
            "DROP TRIGGER event_is_never_changed; UPDATE event SET time = 5 WHERE seq = 150"
        )
        with pytest.raises(BadData, match="event 150 is damaged"):
            copy(project, journal.path)
    assert project.ask("select count(*) from events") == [(0,)]


def test_whose_the_rows_are_must_be_known_and_stays(project: Project, source: Path):
    del project.environ["SUPABASE_OWNER"]
    with pytest.raises(ConfigError, match=r"several users.*SUPABASE_OWNER"):
        copy(project, source)
    project.tell(f"delete from auth.users where id = '{BERT}'")
    assert copy(project, source) > 0
    project.environ["SUPABASE_OWNER"] = str(BERT)
    with pytest.raises(ConfigError, match=f"SUPABASE_OWNER is {BERT}"):
        copy(project, source)


def test_a_project_without_users_and_one_without_tables_say_what_to_do(empty_project: Project, source: Path):
    with pytest.raises(Rejected, match="run `openbell db migrate`"):
        copy(empty_project, source)
