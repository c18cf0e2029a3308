"""The commands `openbell trials`: what the ledger of trials says."""

from __future__ import annotations

import heapq
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from openbell.backtesting.ledger import stamp
from openbell.backtesting.sweep import describe
from openbell.cli.answer import Answer, Column, Table
from openbell.core.errors import ConfigError, nearest
from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio.tried import Tried
from openbell.reporting.trialcount import worth
from openbell.reporting.words import count, date, shown
from openbell.run.counting import OFF, VARIABLE, ledger_path
from openbell.storage.trialrecords import HOLDOUT, Found, sum_up
from openbell.storage.trials import TrialLedger

_YEAR = 365.25 * NANOS_PER_DAY
_COLUMNS = (
    Column("Idea"), Column("Data"), Column("Trials", right=True), Column("Independent", right=True),
    Column("Best Sharpe", right=True), Column("Last"),
)  # fmt: skip
_BEST = (Column("Sharpe", right=True), Column("Parameters"), Column("Bars"), Column("By"), Column("On"))


class Known(NamedTuple):
    """What the ledger says of an idea on data."""

    idea: str
    place: str
    tried: Tried
    best: float  #: the highest yearly Sharpe ratio; NaN where none has one
    kinds: Mapping[str, int]  #: trials by what made them
    first: int  #: when, ns UTC
    last: int
    opened: Sequence[tuple[int, str]]  #: when holdouts were opened, and what came out

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self.idea.partition(" (")[0]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; Sharpe ratios are yearly but for the deviation, which is of a period."""
        return {
            "idea": self.idea,
            "data": self.place,
            **asdict(self.tried),
            "best_sharpe": _number(self.best),
            "kinds": dict(self.kinds),
            "first": stamp(self.first),
            "last": stamp(self.last),
            "holdouts": [{"opened": stamp(wall), "outcome": note} for wall, note in self.opened],
        }


def list_ideas() -> Answer:
    """List the ideas of the ledger.

    Raises:
        ConfigError: There is no ledger by choice, or it cannot be read.
    """
    path = _path()
    if not path.exists():
        return _nothing(path)
    with TrialLedger(path) as ledger:
        known = [_known(ledger, *one) for one in ledger.ideas()]
    names = Counter(name for name, _ in {(one.name, one.idea) for one in known})
    rows = [
        [
            one.name if names[one.name] == 1 else one.idea, one.place,
            f"{one.tried.count:,}", f"{one.tried.independent:,.0f}",
            shown("sharpe", one.best), date(one.last),
        ]
        for one in known
    ]  # fmt: skip
    document = {"ledger": str(path), "ideas": [one.as_json() for one in known]}
    return Answer([Table(_COLUMNS, rows), "", f"Ledger: {path}"], document)


def show_idea(name: str, top: int) -> Answer:
    """Show an idea's trials, on each of the data that it was tried on.

    Raises:
        ConfigError: There is no such idea, no ledger by choice, or it cannot be read.
    """
    if top < 1:
        raise ConfigError(f"--top {top} must be 1 or more")
    path = _path()
    if not path.exists():
        return _nothing(path)
    with TrialLedger(path) as ledger:
        ideas = ledger.ideas()
        wanted = [one for one in ideas if one[0].partition(" (")[0] == name or one[0] == name]
        wanted = wanted or [one for one in ideas if one[0].startswith(name)]
        if not wanted:
            names = {idea.partition(" (")[0] for idea, _ in ideas}
            raise ConfigError(f"idea {name!r} was never tried{nearest(name, names)}")
        found = [(_known(ledger, *one), _best(ledger, one, top)) for one in wanted]
    parts: list[str | Table] = []
    for known, best in found:
        parts += [*_spell_out(known), "", Table(_BEST, [_row(one) for one in best]), ""]
    parts.pop()
    ideas_json = [known.as_json() | {"top": [_plain(one) for one in best]} for known, best in found]
    return Answer(parts, {"ledger": str(path), "ideas": ideas_json})


def _path() -> Path:
    path = ledger_path()
    if path is None:
        raise ConfigError(f"{VARIABLE}={OFF} keeps no ledger of trials; name a file there, or unset it")
    return path


def _nothing(path: Path) -> Answer:
    line = (
        f"Nothing was tried yet, as far as {path} knows; `openbell backtest sma_cross --symbols AAPL` tries."
    )
    return Answer([line], {"ledger": str(path), "ideas": []})


def _known(ledger: TrialLedger, idea: str, place: str) -> Known:
    rows = ledger.rows(idea, place)
    longest = max(row.periods for row in rows)
    tried = sum_up(rows, longest)
    ratios = [row.sharpes * _root(row.periods, row.begin, row.end) for row in rows]
    finite = np.concatenate(ratios)
    finite = finite[np.isfinite(finite)]
    kinds: Counter[str] = Counter()
    for row in rows:
        kinds[row.kind] += row.size
    opened = [(row.wall, row.note) for row in rows if row.kind == HOLDOUT]
    walls = [row.wall for row in rows]
    best = float(finite.max()) if len(finite) else math.nan
    return Known(idea, place, tried, best, kinds, min(walls), max(walls), opened)


def _best(ledger: TrialLedger, one: tuple[str, str], top: int) -> list[Found]:
    return heapq.nlargest(top, ledger.trials(*one), key=lambda trial: _rank(_yearly(trial)))


def _rank(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _yearly(trial: Found) -> float:
    return trial.sharpe * _root(trial.periods, trial.begin, trial.end)


def _root(periods: int, begin: int, end: int) -> float:
    """Return what makes a ratio of a period one of a year."""
    return math.sqrt(periods / max((end - begin) / _YEAR, 1.0 / 366))


def _spell_out(known: Known) -> list[str]:
    kinds = ", ".join(f"{size:,} by {kind}" for kind, size in known.kinds.items())
    said = [
        f"{known.idea} on {known.place}",
        f"{count(known.tried.count, 'trial')}{worth(known.tried)}: {kinds}",
        f"first on {date(known.first)}, last on {date(known.last)}",
    ]
    return [*said, *(f"holdout opened on {date(wall)}: {note}" for wall, note in known.opened)]


def _row(trial: Found) -> list[str]:
    bars = f"{date(trial.begin)} to {date(trial.end)}"
    return [
        shown("sharpe", _yearly(trial)), describe(trial.parameters), bars, trial.kind, date(trial.wall),
    ]  # fmt: skip


def _plain(trial: Found) -> dict[str, Any]:
    return {
        "sharpe": _number(_yearly(trial)),
        "parameters": json.loads(json.dumps(dict(trial.parameters))),
        "begin": stamp(trial.begin),
        "end": stamp(trial.end),
        "kind": trial.kind,
        "wall": stamp(trial.wall),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
