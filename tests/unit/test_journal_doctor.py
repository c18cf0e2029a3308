"""`openbell journal doctor`: whole or damaged, and up to where it can be read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openbell.cli.answer import Exit
from openbell.cli.journals import examine_journals
from openbell.core.errors import ConfigError
from openbell.storage.journal import Journal


def write(folder: Path, count: int) -> Path:
    path = folder / "journal.db"
    with Journal(path) as journal:
        for number in range(count):
            journal.append("moment", {"n": number}, time=number, wall=10**18)
    return path


def test_a_whole_journal_is_said_to_be_whole(tmp_path: Path) -> None:
    write(tmp_path / "a", 2_500)
    answer = examine_journals(str(tmp_path))
    assert answer.code is Exit.FINE
    (one,) = answer.document["journals"]
    assert (one["events"], one["said"], one["last"]) == (2_500, "", "2001-09-09 01:46:40Z")


@pytest.mark.parametrize("change", ["body = '{}'", "digest = x'00'", "body = '{'"])
def test_a_damaged_one_says_what_can_be_read_and_hides_no_other(change: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a", 9)
    write(tmp_path / "b", 3)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER event_is_never_changed")
        connection.execute(f"UPDATE event SET {change} WHERE seq = 5")
    answer = examine_journals(str(tmp_path))
    assert answer.code is Exit.FAILED
    first, second = answer.document["journals"]
    assert first["events"] == 4
    assert "event 5 is damaged" in first["said"]
    assert (second["events"], second["said"]) == (3, "")


def test_a_file_that_is_no_journal_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"nothing of the kind")
    (one,) = examine_journals(str(tmp_path)).document["journals"]
    assert "cannot be opened" in one["said"]


def test_where_there_is_none_a_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no journal in"):
        examine_journals(str(tmp_path))
