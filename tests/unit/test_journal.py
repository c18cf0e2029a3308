import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.core.errors import BadData, ConfigError, Halt
from openbell.storage.journal import Journal
from openbell.storage.schema import VERSION


def write(journal: Journal, count: int, *, kind: str = "fill", durable: bool = False) -> None:
    for number in range(count):
        journal.append(kind, {"n": number}, time=number, wall=number + 1, strategy="s", subject=f"o{number}")
    journal.commit(durable=durable)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


def test_what_was_written_is_read_in_order(path: Path) -> None:
    with Journal(path, account="sim") as journal:
        write(journal, 3, durable=True)
        entry = journal.append("order", {"price": 0.1}, time=7, wall=8, subject="o1", trace="t")
        journal.commit()
        assert list(journal.read(2)) == [*list(journal.read())[2:3], entry]
        assert [one.kind for one in journal.about("o1")] == ["fill", "order"]
    with Journal(path, read_only=True) as again:
        assert [one.seq for one in again.read()] == [1, 2, 3, 4]
        assert again.account == "sim"
        assert again.verify() == 4


def test_a_reader_sees_commits_and_nothing_else_while_another_writes(path: Path) -> None:
    with Journal(path) as journal:
        write(journal, 2)
        with Journal(path, read_only=True) as reader:
            journal.append("fill", {}, time=0, wall=0)
            assert len(list(reader.read())) == 2
            journal.commit()
            assert len(list(reader.read())) == 3


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.booleans()
        ),
        max_size=20,
    )
)
def test_bodies_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.db"
    with Journal(path) as journal:
        for body in bodies:
            journal.append("any", body, time=1, wall=2)
        journal.commit()
        assert [entry.body for entry in journal.read()] == bodies
        assert journal.verify() == len(bodies)


def test_numbers_that_json_does_not_have_are_refused(path: Path) -> None:
    with Journal(path) as journal, pytest.raises(ValueError, match="not JSON compliant"):
        journal.append("fill", {"price": float("nan")}, time=0, wall=0)


def test_events_are_neither_changed_nor_removed(path: Path) -> None:
    with Journal(path) as journal:
        write(journal, 2)
    outsider = sqlite3.connect(path)
    for order in ("UPDATE event SET body = '{}' WHERE seq = 1", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="events are never"):
            outsider.execute(order)
    outsider.close()


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE event SET body = '{\"n\":5}' WHERE seq = 2",
        "UPDATE event SET time = 99 WHERE seq = 2",
        "DELETE FROM event WHERE seq = 2",
    ],
)
def test_an_edited_journal_is_noticed(path: Path, harm: str) -> None:
    with Journal(path) as journal:
        write(journal, 3)
    outsider = sqlite3.connect(path)
    outsider.executescript(
        f"DROP TRIGGER event_is_never_changed; DROP TRIGGER event_is_never_removed; {harm}"
    )
    outsider.close()
    with Journal(path) as journal:
        with pytest.raises(BadData, match=r"event [23] is damaged"):
            journal.verify()
        with pytest.raises(BadData, match="event 2 is damaged"):  # nobody goes on from such a one
            list(journal.read())
        with pytest.raises(BadData, match=r"event [23] is damaged"):
            list(journal.read(1))


def test_a_body_that_is_no_json_is_named(path: Path) -> None:
    with Journal(path) as journal:
        write(journal, 2)
    outsider = sqlite3.connect(path)
    outsider.executescript("DROP TRIGGER event_is_never_changed; UPDATE event SET body = '{' WHERE seq = 2")
    outsider.close()
    with Journal(path) as journal:
        kind = next(journal.read()).kind
        for look in (
            lambda: list(journal.read()),
            lambda: journal.of_kind(kind),
            lambda: journal.latest(kind),
        ):
            with pytest.raises(BadData, match="event 2 is damaged"):
                look()


def test_a_page_of_zeros_is_noticed(path: Path) -> None:
    with Journal(path) as journal:
        write(journal, 2_000)
    outsider = sqlite3.connect(path)
    outsider.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    outsider.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = bytes(4096)
    path.write_bytes(data)
    with Journal(path) as journal, pytest.raises(BadData, match="is damaged"):
        journal.verify()


def test_another_account_is_refused(path: Path) -> None:
    Journal(path, account="alpaca:paper:1").close()
    with pytest.raises(ConfigError, match="is of account 'alpaca:paper:1', not 'alpaca:live:2'"):
        Journal(path, account="alpaca:live:2")


def test_a_later_version_is_refused(path: Path) -> None:
    Journal(path).close()
    outsider = sqlite3.connect(path)
    outsider.execute(f"PRAGMA user_version = {VERSION + 1}")
    outsider.close()
    with pytest.raises(ConfigError, match="update Openbell"):
        Journal(path)


def test_what_is_no_journal_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    with pytest.raises(ConfigError, match="cannot be opened"):
        Journal(path)


def test_a_missing_file_is_not_made_by_a_reader(path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        Journal(path, read_only=True)
    assert not path.exists()


def test_a_full_disk_halts_before_anything_counts(path: Path) -> None:
    with Journal(path) as journal:
        write(journal, 1)
        journal._connection.execute(
            f"PRAGMA max_page_count = {journal._connection.execute('PRAGMA page_count').fetchone()[0]}"
        )
        with pytest.raises(Halt, match="make room on the disk"):
            write(journal, 2_000)
        journal._connection.rollback()
    with Journal(path, read_only=True) as reader:
        assert reader.verify() == 1


def test_a_disk_that_refuses_to_sync_halts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(path) as journal:
        journal.append("intent", {}, time=0, wall=0)

        def refuse(_file: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            with pytest.raises(Halt, match="No space left"):
                journal.commit(durable=True)


def test_a_halted_commit_names_the_reason(path: Path) -> None:
    journal = Journal(path)
    journal.append("fill", {}, time=0, wall=0)
    journal._connection.close()
    with pytest.raises(sqlite3.ProgrammingError):
        journal._connection.execute("SELECT 1")
    with pytest.raises(Halt, match="cannot be written"):
        journal.append("fill", {}, time=0, wall=0)


def test_what_an_error_interrupts_does_not_count(path: Path) -> None:
    def fail(journal: Journal) -> None:
        with journal:
            write(journal, 1)
            journal.append("fill", {}, time=0, wall=0)
            raise KeyError

    with pytest.raises(KeyError):
        fail(Journal(path))
    with Journal(path, read_only=True) as reader:
        assert reader.verify() == 1


def test_kill_leaves_every_durable_event(path: Path) -> None:
    program = textwrap.dedent(f"""
        import os, signal
        from openbell.storage.journal import Journal
        journal = Journal({str(path)!r})
        for number in range(50):
            journal.append("intent", {{"n": number}}, time=0, wall=0)
            journal.commit(durable=True)
        journal.append("intent", {{"n": 50}}, time=0, wall=0)  # not committed
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    with Journal(path) as journal:
        assert [entry.body["n"] for entry in journal.read()] == list(range(50))
        assert journal.verify() == 50
        entry = journal.append("intent", {"n": 50}, time=0, wall=0)
        assert entry.seq == 51
    assert json.dumps(entry.body) == '{"n": 50}'
