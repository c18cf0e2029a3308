"""The records of the trials ledger: trials as they are written, and what they come to when they are read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.portfolio.sketch import Courses, Part, Sketch, correlation_of
from openbell.portfolio.tried import Tried, tried_with

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

#: What brings a file from one version to the next, from an empty file on. Steps are added, never changed.
MIGRATIONS: Sequence[str] = (
    """
    CREATE TABLE trial (
        seq INTEGER PRIMARY KEY,
        wall INTEGER NOT NULL,
        kind TEXT NOT NULL,
        idea TEXT NOT NULL,
        place TEXT NOT NULL,
        begin INTEGER NOT NULL,
        end INTEGER NOT NULL,
        size INTEGER NOT NULL,
        periods INTEGER NOT NULL,
        parameters TEXT NOT NULL,
        codes BLOB NOT NULL,
        keys BLOB NOT NULL,
        sharpes BLOB NOT NULL,
        shift INTEGER,
        first INTEGER,
        rows INTEGER,
        sketch BLOB,
        note TEXT NOT NULL
    );
    CREATE INDEX trial_idea ON trial (idea, place, begin);
    CREATE TRIGGER trial_is_never_changed BEFORE UPDATE ON trial
        BEGIN SELECT RAISE(ABORT, 'trials are never changed'); END;
    CREATE TRIGGER trial_is_never_removed BEFORE DELETE ON trial
        BEGIN SELECT RAISE(ABORT, 'trials are never removed'); END;
    """,
    # Two processes may take the same step at once.
    """
    CREATE TABLE IF NOT EXISTS course (
        trial INTEGER PRIMARY KEY,
        rows INTEGER NOT NULL,
        returns BLOB NOT NULL
    );
    CREATE TRIGGER IF NOT EXISTS course_is_never_changed BEFORE UPDATE ON course
        BEGIN SELECT RAISE(ABORT, 'courses are never changed'); END;
    CREATE TRIGGER IF NOT EXISTS course_is_never_removed BEFORE DELETE ON course
        BEGIN SELECT RAISE(ABORT, 'courses are never removed'); END;
    """,
)
#: The kind of a run that opened a holdout.
HOLDOUT = "holdout"
#: The kind of combinations that a walk-forward or a cross-validation chose from, before the tests began.
TRAINING = "training"
WALK, CROSS = "walk-forward", "cross-validation"
#: Kinds whose figures are those of tests: what they were chosen from has not seen these.
TESTED = (WALK, CROSS)


class Batch(NamedTuple):
    """Trials of one idea on the same bars, made together: one of a backtest, thousands of a sweep."""

    kind: str  #: `backtest`, `sweep`, `training`, `walk-forward`, `cross-validation` or `holdout`
    idea: str
    place: str  #: symbols, timeframe and provider
    begin: int  #: the first bar's opening and the last one's end, ns UTC
    end: int
    periods: int  #: returns that each Sharpe ratio is made of
    parameters: str  #: JSON: the names of parameters, and the distinct values of each
    codes: NDArray[np.int32]  #: (trials, parameters) which of the values
    keys: Keys  #: (trials,) what makes a trial the same as another
    sharpes: Floats  #: (trials,) of one period; NaN where there is none
    courses: Courses | None = None  #: of all or of some of them
    note: str = ""  #: what came out of a holdout that was opened


class Counted(NamedTuple):
    """What the ledger says of a trial.

    `number` is the place of the batch's last trial among those of its idea on its data, in the order in which
    they were first made. `tried` is all of them.
    """

    number: int
    tried: Tried


class Found(NamedTuple):
    """One trial as it was written, for its readers."""

    wall: int
    kind: str
    begin: int
    end: int
    periods: int
    parameters: Mapping[str, Any]
    sharpe: float


class Row(NamedTuple):
    """Trials as they were written together, without what tells one from another."""

    seq: int
    wall: int  #: when, ns UTC
    kind: str
    begin: int
    end: int
    size: int  #: how many
    periods: int
    sharpes: Floats
    sketch: Sketch | None
    note: str = ""


class Seen(NamedTuple):
    """Trials that have seen bars after a moment: how many, when the first was made, and what was noted."""

    trials: int
    wall: int
    kind: str
    note: str


def is_new(keys: Keys, known: Keys) -> NDArray[np.bool_]:
    """Return which keys are not known, and are there for the first time."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    first = np.append(True, ranked[1:] != ranked[:-1])
    places = np.searchsorted(ranked, known)
    inside = places < len(ranked)
    first[places[inside][ranked[places[inside]] == known[inside]]] = False
    new = np.empty(len(keys), np.bool_)
    new[order] = first
    return new


def counts_for(kind: str, other: str) -> bool:
    """Tell whether a trial of another kind is one of those that a result of this kind was chosen from.

    Bailey and López de Prado (2014): what deflates a result are the trials that it was chosen from. Tests of
    a walk-forward or a cross-validation were not chosen from what was trained: that had not seen them. They
    were chosen from all that was looked at over their bars, other walk-forwards among it.
    """
    return other != TRAINING or kind not in TESTED


def sum_up(rows: Sequence[Row], periods: int) -> Tried:
    """Return what trials come to; ratios of shorter or longer records are scaled to one of `periods`.

    Under no skill a ratio of T returns has the variance 1/T: times the root of T they compare.
    """
    ratios = np.concatenate([row.sharpes * np.sqrt(row.periods / max(periods, 1)) for row in rows])
    return tried_with(ratios, correlation_of([Part(row.size, row.sketch) for row in rows]))


def spell_out(
    wall: int, kind: str, begin: int, end: int, periods: int, parameters: str, codes: bytes, sharpes: bytes
) -> Iterator[Found]:
    """Yield the trials of a row, each with its parameters."""
    known = json.loads(parameters)
    names, values = known["names"], known["values"]
    table = np.frombuffer(zlib.decompress(codes), "<i4").reshape(-1, len(names))
    for row, sharpe in zip(table.tolist(), np.frombuffer(sharpes, "<f8").tolist(), strict=True):
        picked = {name: values[at][code] for at, (name, code) in enumerate(zip(names, row, strict=True))}
        yield Found(wall, kind, begin, end, periods, picked, sharpe)
