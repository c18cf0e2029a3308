"""What the ledger of trials keeps of runs and sweeps: the idea, the data, the parameters, what came out."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Trials
from openbell.data.bars import Floats, Series, Times
from openbell.data.calendar import sessions, sessions_per_year
from openbell.portfolio import metrics
from openbell.portfolio.sketch import Courses, courses_of
from openbell.reporting.result import Result
from openbell.run.prices import FILES
from openbell.storage.trialrecords import Batch
from openbell.strategies.registry import Found

#: The provider of data that were a table of the caller's.
CALLER = "caller"
#: How many combinations of a search are drawn, to know how alike they are and what choosing is worth.
FEWEST_DRAWN, MOST_DRAWN = 8, 256
#: The bars that compiled code goes over again for that, in half a second or so.
MOST_BARS = 2_000_000
#: Where drawing is slow, one in so many is drawn.
_SHARE = 50
#: More symbols than this are shown by their number and a digest.
_SHOWN = 8
_EXAMPLES = "openbell.strategies."


#: Returns moments, ns UTC, and what rows of a search were worth there, (rows, marks).
DrawRows = Callable[[Sequence[int]], tuple[Times, Floats]]


class Drawn(NamedTuple):
    """Rows of a search, and their curves."""

    rows: NDArray[np.int64]
    times: Times
    curves: Floats  #: (rows, marks)

    def between(self, first: int | None, last: int) -> Drawn:
        """Return what of them lies between two moments, ns UTC."""
        begin = 0 if first is None else int(np.searchsorted(self.times, first))
        end = int(np.searchsorted(self.times, last, side="right"))
        return Drawn(self.rows, self.times[begin:end], self.curves[:, begin:end])


class Ground(NamedTuple):
    """What trials have in common: the idea, the data, and what identifies both in the ledger."""

    idea: str
    place: str
    begin: int  #: ns UTC, of the bars
    end: int
    base: int  #: what decides a trial beside its parameters and its span
    parameters: Mapping[str, Any]  #: those that are not varied, defaults included
    calendar: str
    known: Sequence[Times]  #: of each series, when its bars are known

    @property
    def key(self) -> int:
        """What decides a trial beside its parameters."""
        return (self.base + _hash(f"{self.begin}:{self.end}")) % 2**64


def ground_of(plan: Plan, found: Found, series: Sequence[Series]) -> Ground:
    """Return what trials of a plan have in common.

    Costs, cash and seed are the world's, not the idea's: they make no other trial. Sizes and limits do.
    """
    content = sorted(one.content_hash for one in series)
    described = plan.as_json()
    decides = [content, described["sizing"], described.get("risk"), described.get("universe")]
    return Ground(
        idea_of(found),
        _place(plan, series, content),
        min(int(one.start[0]) for one in series),
        max(int(one.known[-1]) for one in series),
        _hash(json.dumps(decides, sort_keys=True, default=str)),
        {**found.parameters(), **found.make(plan.parameters).values()},
        series[0].source.calendar,
        [one.known for one in series],
    )


def batch_of_run(
    result: Result, *, kind: str, chosen: Mapping[str, Any] | None = None, note: str = ""
) -> Batch:
    """Return what the ledger keeps of a run; arguments as of `count_run`."""
    ground = ground_of(result.plan, result.found, result.outcome.panel.series)
    values = {**ground.parameters, **(chosen or {})}
    return batch_of_curve(
        _begun(ground, result.plan.begin), result.daily_times, result.daily_equity, kind=kind, values=values,
        note=note,
    )  # fmt: skip


def batch_of_curve(
    ground: Ground,
    times: Times,
    curve: Floats,
    *,
    kind: str,
    values: Mapping[str, Any],
    note: str = "",
) -> Batch:
    """Return what the ledger keeps of one curve.

    Args:
        ground: Its idea and its data.
        times: (marks,) ns UTC.
        curve: (marks,) equity.
        kind: What made it.
        values: What decided it.
        note: What came out, of a holdout that was opened.
    """
    key = np.array([ground.key], np.uint64)
    for name, value in values.items():
        key += _hash_of(name, value)
    return Batch(
        kind, ground.idea, ground.place, ground.begin, ground.end, max(len(curve) - 1, 1),
        _parameters(values, {}), np.zeros((1, len(values)), np.int32), key,
        np.array([_ratio(curve)]), courses_of(times, curve[None, :]), note,
    )  # fmt: skip


def batch_of_trials(
    trials: Trials,
    ground: Ground,
    *,
    begin: int | None = None,
    drawn: Drawn | None = None,
    kind: str = "sweep",
) -> Batch | None:
    """Return what the ledger keeps of those combinations that have figures; None where none has.

    Args:
        trials: The combinations and their figures.
        ground: What they have in common.
        begin: As of a plan.
        drawn: The curves of some of them; None counts each as independent.
        kind: What made them.
    """
    rows = trials.measured
    if not len(rows):
        return None
    ground = _begun(ground, begin)
    tried = trials.combinations
    fixed = {name: value for name, value in ground.parameters.items() if name not in tried.names}
    year = sessions_per_year(sessions(ground.calendar, ground.begin, ground.end), ground.begin, ground.end)
    ratios = np.full(len(rows), math.nan)
    if "sharpe" in trials.measures:
        ratios = trials.values[rows, trials.measures.index("sharpe")] / math.sqrt(year)
    codes = np.hstack([tried.codes[rows], np.zeros((len(rows), len(fixed)), np.int32)])
    varied = dict(zip(tried.names, tried.values, strict=True))
    return Batch(
        kind, ground.idea, ground.place, ground.begin, ground.end, _periods(ground),
        _parameters(fixed, varied), codes, _keys(trials, rows, ground, fixed), ratios, _courses(drawn, rows),
    )  # fmt: skip


def sample_of(count: int, *, bars: int, quick: bool) -> list[int]:
    """Return which of so many combinations are drawn, the same each time.

    Where it is quick they are up to 256, as long as they go over no more than two million bars; else one in
    fifty, and none where that is fewer than eight.
    """
    if quick:
        size = min(max(MOST_BARS // max(bars, 1), FEWEST_DRAWN), MOST_DRAWN, count)
    else:
        size = min(count // _SHARE, MOST_DRAWN // 8)
        size = size if size >= FEWEST_DRAWN else 0
    return sorted(random.Random(count).sample(range(count), size))


def draw_some(trials: Trials, draw: DrawRows, *, bars: int, quick: bool) -> Drawn | None:
    """Return the curves of a sample of those that have figures; None where there is no time for it.

    Args:
        trials: The combinations.
        draw: Draws rows of them.
        bars: That are gone over for one.
        quick: Whether that takes next to nothing; else few are drawn, and those of a large search alone.
    """
    rows = trials.measured
    picked = rows[sample_of(len(rows), bars=bars, quick=quick)]
    return Drawn(picked, *draw(picked.tolist())) if len(picked) else None


def _courses(drawn: Drawn | None, rows: NDArray[np.int64]) -> Courses | None:
    """Return the courses of what was drawn, by their places among the rows that are counted."""
    if drawn is None:
        return None
    counted = np.isin(drawn.rows, rows)
    courses = courses_of(drawn.times, drawn.curves[counted])
    if courses is None:
        return None
    return courses._replace(rows=np.searchsorted(rows, drawn.rows[counted][courses.rows]))


def idea_of(found: Found) -> str:
    """Return the identity of an idea: its name and its file. A changed line is the same idea."""
    if found.form.__module__.startswith(_EXAMPLES):
        return f"{found.name} ({found.form.__module__})"
    file = found.file
    return found.name if file is None else f"{found.name} ({file.resolve()})"


def _place(plan: Plan, series: Sequence[Series], content: Sequence[str]) -> str:
    """Return what is said of data: symbols, timeframe and provider; of a caller's table, what is in it."""
    symbols = sorted({one.symbol for one in series})
    listed = "+".join(symbols)
    if len(symbols) > _SHOWN:
        listed = f"{symbols[0]} and {len(symbols) - 1} more [{_hash(listed):016x}]"
    kind, _, rest = plan.provider.partition(":")
    source = series[0].source
    where = ":".join(part for part in (source.provider, source.feed) if part)
    if plan.provider == CALLER:
        where = f"table [{_hash(''.join(content)):016x}]"
    elif kind in FILES:
        where = f"{kind}:{Path(rest.partition('?')[0]).resolve()}"
    return f"{listed} {plan.timeframe} {where}"


def _begun(ground: Ground, begin: int | None) -> Ground:
    """Return the ground of what begins late: bars before it served indicators alone."""
    return ground if begin is None else ground._replace(begin=max(begin, ground.begin))


def _keys(
    trials: Trials, rows: NDArray[np.int64], ground: Ground, fixed: Mapping[str, Any]
) -> NDArray[np.uint64]:
    """Return what makes each trial the same as another: a sum of digests, so that no order matters."""
    tried = trials.combinations
    keys = np.full(len(rows), ground.key, np.uint64)
    for name, value in fixed.items():
        keys += np.uint64(_hash_of(name, value))
    for at, name in enumerate(tried.names):
        keys += np.array([_hash_of(name, value) for value in tried.values[at]], np.uint64)[
            tried.codes[rows, at]
        ]
    return keys


def _periods(ground: Ground) -> int:
    """Return how many returns the figures of a span are made of, as a run over it has them.

    A session counts that has a bar: a calendar may have more of them, such as weekends. The first moment
    begins the first return, and ends none.
    """
    known = np.unique(
        np.concatenate([one[(one > ground.begin) & (one <= ground.end)] for one in ground.known])
    )
    if not len(known):
        return 1
    closes = sessions(ground.calendar, ground.begin, ground.end).closes
    at = np.searchsorted(closes, known)  # a bar that is known at the close is the session's
    lone = len(at) < 2 or at[1] != at[0]
    return max(len(np.unique(at)) - int(lone), 1)


def _ratio(curve: Floats) -> float:
    return metrics.sharpe(metrics.simple_returns(curve), periods_per_year=1.0)


def _parameters(fixed: Mapping[str, Any], varied: Mapping[str, Iterable[Any]]) -> str:
    """Return parameters as the ledger keeps them: those that are varied first."""
    values = [*(list(tried) for tried in varied.values()), *([value] for value in fixed.values())]
    return json.dumps({"names": [*varied, *fixed], "values": values}, default=repr)


def _hash_of(name: str, value: Any) -> int:
    """Return the digest of a parameter's value, the same for 20 and 20.0."""
    whole = isinstance(value, float) and value.is_integer()
    return _hash(f"{name}={int(value) if whole else value!r}")


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="backslashreplace"), digest_size=8).digest(), "little")
