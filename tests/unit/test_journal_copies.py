"""What a copier asks of a journal, and a damaged or locked file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openbell.core.errors import BadData, Halt
from openbell.storage.journal import Journal


def filled(path: Path, count: int) -> Path:
    with Journal(path) as journal:
        for number in range(count):
            journal.append("fill", {"n": number}, time=number, wall=7, subject="a")
    return path


def test_rows_are_read_and_held_against_each_other(tmp_path: Path) -> None:
    path = filled(tmp_path / "journal.db", 3)
    with Journal(path, read_only=True) as journal:
        first, second, third = journal.rows()
        assert journal.entry(second) == list(journal.read())[1] == journal.about("a")[1]
        assert journal.newest() == (3, 7)
        journal.check(first, None)
        journal.check(second, first.digest)
        with pytest.raises(BadData, match="event 3 is damaged"):
            journal.check(third, first.digest)


def test_an_empty_journal_has_no_newest(tmp_path: Path) -> None:
    with Journal(filled(tmp_path / "journal.db", 0), read_only=True) as journal:
        assert journal.newest() == (0, 0)


def test_damaged_pages_are_said_to_every_reader(tmp_path: Path) -> None:
    path = filled(tmp_path / "journal.db", 3_000)
    with closing(sqlite3.connect(path)) as outsider:
        outsider.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 65_536] = bytes(65_536)
    path.write_bytes(data)
    with closing(Journal(path, read_only=True)) as journal:
        for ask in (lambda: journal.rows(0, 3_000), lambda: list(journal.read())):
            with pytest.raises(BadData, match="is damaged"):
                ask()


def test_a_journal_that_another_writer_has_locked_halts(tmp_path: Path) -> None:
    path = filled(tmp_path / "journal.db", 1)
    with Journal(path) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        journal._connection.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Halt, match="database is locked"):
            journal.append("fill", {}, time=0, wall=0)
        other.execute("ROLLBACK")
        journal.append("fill", {}, time=0, wall=0)
    with Journal(path, read_only=True) as reader:
        assert reader.verify() == 2
