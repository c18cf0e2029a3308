"""The ledger of trials: what was ever tried of which idea on which data, in embedded SQLite.

Several processes may write it at once: each writes a run, or a sweep of thousands, in one transaction. Rows
are added and never changed. The same trial again adds nothing.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData, ConfigError
from openbell.portfolio.sketch import Courses, Sketch, overfitting_among
from openbell.storage.trialfile import open_file
from openbell.storage.trialrecords import (
    HOLDOUT,
    TESTED,
    TRAINING,
    Batch,
    Counted,
    Found,
    Keys,
    Row,
    Seen,
    counts_for,
    is_new,
    spell_out,
    sum_up,
)

_ROW = (
    "SELECT seq, wall, kind, begin, end, size, periods, sharpes, shift, first, rows, sketch, note FROM trial"
)
_EVER = 2**62
_OF = "WHERE idea = ? AND place = ? AND begin < ? AND end > ? ORDER BY seq"


class TrialLedger:
    """The ledger of a file; any number of processes may have it open."""

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        """Open a ledger, and make it where there is none.

        Raises:
            ConfigError: The file is no ledger, of a later version, or cannot be opened.
        """
        self.path = Path(path)
        try:
            self._connection = open_file(self.path, read_only=read_only)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def record(self, batch: Batch, *, wall: int) -> Counted:
        """Write what of a batch is new, all of it or nothing, and return what that comes to.

        Args:
            batch: One trial or more.
            wall: The computer's time, ns UTC.

        Raises:
            ConfigError: The file cannot be written.
        """
        try:
            with self._writing():
                return self._record(batch, wall)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def record_all(self, batches: Sequence[Batch], *, wall: int) -> Counted:
        """Write batches as one, all of what is new or nothing, and return what the last one comes to.

        Raises:
            ConfigError: The file cannot be written.
        """
        try:
            with self._writing():
                for batch in batches[:-1]:
                    self._add(batch, wall)
                return self._record(batches[-1], wall)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def open_holdout(self, batch: Batch, *, since: int, wall: int) -> Seen | Counted:
        """Write the run that opens a holdout, unless its bars were seen before; then return by what.

        Of several processes that do so at once, one opens it.

        Raises:
            ConfigError: The file cannot be written.
        """
        try:
            with self._writing():
                return self._seen(batch.idea, batch.place, since) or self._record(batch, wall)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def seen(self, idea: str, place: str, since: int) -> Seen | None:
        """Return by what bars after `since` were seen; None if by nothing. What opened a holdout goes first.

        Raises:
            ConfigError: The file cannot be read.
        """
        try:
            return self._seen(idea, place, since)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def rows(self, idea: str, place: str) -> list[Row]:
        """Return the trials of an idea on data as they were written; `sum_up` says what they come to.

        Raises:
            ConfigError: The file cannot be read.
        """
        try:
            return list(self._rows(idea, place, -_EVER, _EVER))
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def ideas(self) -> list[tuple[str, str]]:
        """Return the ideas and what they were tried on, in the order in which they were first tried.

        Raises:
            ConfigError: The file cannot be read.
        """
        asked = "SELECT idea, place FROM trial GROUP BY idea, place ORDER BY min(seq)"
        try:
            return [(idea, place) for idea, place in self._connection.execute(asked)]
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def trials(self, idea: str, place: str) -> Iterator[Found]:
        """Yield each trial of an idea on data, in the order in which they were made.

        Raises:
            ConfigError: The file cannot be read.
        """
        asked = (
            "SELECT wall, kind, begin, end, periods, parameters, codes, sharpes FROM trial "
            "WHERE idea = ? AND place = ? ORDER BY seq"
        )
        try:
            for row in self._connection.execute(asked, (idea, place)).fetchall():
                yield from spell_out(*row)
        except (sqlite3.Error, ValueError, KeyError, zlib.error) as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file for one transaction, which counts as a whole or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.execute("COMMIT")

    def _record(self, batch: Batch, wall: int) -> Counted:
        self._add(batch, wall)
        rows = [
            row
            for row in self._rows(batch.idea, batch.place, batch.begin, batch.end)
            if counts_for(batch.kind, row.kind)
        ]
        tried = sum_up(rows, batch.periods)
        if batch.courses is not None and batch.kind not in TESTED:
            overfitting, compared = overfitting_among(self._courses(batch), batch.courses)
            tried = replace(tried, overfitting=overfitting, compared=compared)
        return Counted(self._number(batch, rows), tried)

    def _add(self, batch: Batch, wall: int) -> None:
        """Write what of a batch is new."""
        new = is_new(batch.keys, self._keys(batch))
        if new.any():
            self._insert(batch, new, wall)

    def _insert(self, batch: Batch, new: NDArray[np.bool_], wall: int) -> None:
        codes = np.ascontiguousarray(batch.codes[new], "<i4")
        courses = batch.courses
        if courses is not None:
            own = new[courses.rows]
            courses = courses._replace(rows=courses.rows[own], returns=courses.returns[own])
        sketch = None if courses is None else courses.sketch
        drawn = (None,) * 4 if sketch is None else (
            sketch.shift, sketch.first, sketch.rows, sketch.total.astype("<f4").tobytes()
        )  # fmt: skip
        row = (
            wall, batch.kind, batch.idea, batch.place, batch.begin, batch.end, int(new.sum()), batch.periods,
            batch.parameters, zlib.compress(codes.tobytes(), 1), batch.keys[new].astype("<u8").tobytes(),
            batch.sharpes[new].astype("<f8").tobytes(), *drawn, batch.note,
        )  # fmt: skip
        insert = f"INSERT INTO trial VALUES (NULL{', ?' * len(row)})"  # noqa: S608  # question marks alone
        seq = self._connection.execute(insert, row).lastrowid
        if courses is not None and sketch is not None and batch.kind != TRAINING:
            kept = (seq, len(courses.rows), courses.returns.astype("<f4").tobytes())
            self._connection.execute("INSERT INTO course VALUES (?, ?, ?)", kept)

    def _courses(self, batch: Batch) -> Iterator[Courses]:
        """Yield the courses of trials over at least the bars of a batch, the newest first."""
        found = self._connection.execute(
            "SELECT shift, first, course.rows, returns FROM course JOIN trial ON seq = trial "
            "WHERE idea = ? AND place = ? AND begin <= ? AND end >= ? ORDER BY seq DESC",
            (batch.idea, batch.place, batch.begin, batch.end),
        )
        for shift, first, rows, returns in found:
            values = np.frombuffer(returns, "<f4").astype(np.float64).reshape(rows, -1)
            yield Courses(np.arange(rows), shift, first, values)

    def _keys(self, batch: Batch) -> Keys:
        """Return the keys of the trials on the same bars: the same trial is on the same.

        What was trained alone was not looked at: who looks at it then makes another trial.
        """
        found = self._connection.execute(
            "SELECT keys FROM trial WHERE idea = ? AND place = ? AND begin = ? AND end = ? "
            "AND (kind <> ? OR kind = ?)",
            (batch.idea, batch.place, batch.begin, batch.end, TRAINING, batch.kind),
        ).fetchall()
        return np.frombuffer(b"".join(keys for (keys,) in found), "<u8")

    def _number(self, batch: Batch, rows: Sequence[Row]) -> int:
        """Return the place of the batch's last trial."""
        last, before = batch.keys[-1], 0
        for row in rows:
            if (row.begin, row.end) == (batch.begin, batch.end):
                asked = "SELECT keys FROM trial WHERE seq = ?"
                (keys,) = self._connection.execute(asked, (row.seq,)).fetchone()
                at = np.flatnonzero(np.frombuffer(keys, "<u8") == last)
                if len(at):
                    return before + int(at[0]) + 1
            before += row.size
        raise BadData(f"trials ledger {str(self.path)!r} lost a trial while it was written; check the disk")

    def _rows(self, idea: str, place: str, first: int, last: int) -> Iterator[Row]:
        for row in self._connection.execute(f"{_ROW} {_OF}", (idea, place, last, first)):
            seq, wall, kind, begin, end, size, periods, sharpes, shift, start, rows, sketch, note = row
            drawn = None
            if sketch is not None:
                drawn = Sketch(shift, start, np.frombuffer(sketch, "<f4").astype(np.float64), rows)
            ratios = np.frombuffer(sharpes, "<f8")
            yield Row(seq, wall, kind, begin, end, size, periods, ratios, drawn, note)

    def _seen(self, idea: str, place: str, since: int) -> Seen | None:
        of = "FROM trial WHERE idea = ? AND place = ? AND end > ?"
        given = (idea, place, since)
        (count,) = self._connection.execute(f"SELECT coalesce(sum(size), 0) {of}", given).fetchone()
        first = self._connection.execute(
            f"SELECT wall, kind, note {of} ORDER BY kind = ? DESC, seq LIMIT 1", (*given, HOLDOUT)
        ).fetchone()
        return None if first is None else Seen(count, *first)

    def _unusable(self, error: Exception) -> ConfigError:
        return ConfigError(
            f"trials ledger {str(self.path)!r} cannot be used ({error}); move the file away, or name another "
            "with OPENBELL_TRIALS"
        )
