"""Counts trials: what is written into the ledger of each run, sweep and walk-forward, and what it answers.

A result is never lost because it could not be counted: that is one line of warning.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Trials
from openbell.core.errors import BadData, ConfigError
from openbell.data.bars import Floats, Series, Times
from openbell.data.calendar import sessions, sessions_per_year
from openbell.portfolio import metrics
from openbell.portfolio.sketch import sketch_of
from openbell.reporting.result import Result
from openbell.run.prices import FILES
from openbell.storage.trialrecords import Batch, Counted
from openbell.storage.trials import TrialLedger
from openbell.strategies.registry import Found
from openbell.utils.logging import get_logger

#: The variable that names the ledger, or says `off`.
VARIABLE = "OPENBELL_TRIALS"
OFF = "off"
#: Where the ledger is, unless the environment says otherwise.
LEDGER = Path("state") / "trials.db"

#: Draws combinations: the moments of statistics, ns UTC, and the equity of each one there.
Draw = Callable[[Sequence[Mapping[str, Any]]], tuple[Times, Floats]]

#: How many combinations of a sweep are drawn, to know how alike they are.
FEWEST_DRAWN, MOST_DRAWN = 8, 32
#: The provider of data that were a table of the caller's.
CALLER = "caller"
#: More symbols than this are shown by their number and a digest.
_SHOWN = 8


class Ground(NamedTuple):
    """What trials have in common: the idea, the data, and what identifies both in the ledger."""

    idea: str
    place: str
    begin: int  #: ns UTC, of the bars
    end: int
    base: int  #: of the keys: what decides a trial beside its parameters
    parameters: Mapping[str, Any]  #: those that are not varied, defaults included


def ledger_path() -> Path | None:
    """Return where the ledger is; None where it is turned off."""
    given = os.environ.get(VARIABLE, "").strip()
    if given.lower() == OFF:
        return None
    return Path(given) if given else LEDGER


def count_run(result: Result, *, kind: str = "backtest", chosen: Mapping[str, Any] | None = None) -> None:
    """Count a run, and tell its result which trial it is and how many there are.

    Args:
        result: The run.
        kind: What made it.
        chosen: What decided it, if that is more than its parameters.
    """
    path = ledger_path()
    if path is None:
        return
    counted = _write(path, batch_of_run(result, kind=kind, chosen=chosen))
    if counted is not None:
        result.trial, result.tried = counted.number, counted.tried


def batch_of_run(
    result: Result, *, kind: str, chosen: Mapping[str, Any] | None = None, note: str = ""
) -> Batch:
    """Return what the ledger keeps of a run."""
    plan, outcome = result.plan, result.outcome
    ground = ground_of(plan, result.found, outcome.panel.series)
    values = {**ground.parameters, **(chosen or {})}
    curve, times = result.daily_equity, result.daily_times
    key = np.array([ground.base], np.uint64)
    for name, value in values.items():
        key += _hash(f"{name}={_canonical(value)}")
    return Batch(
        kind, ground.idea, ground.place, ground.begin, ground.end, max(len(curve) - 1, 0),
        _parameters(values, {}), np.zeros((1, len(values)), np.int32), key,
        np.array([_ratio(curve)]), sketch_of(times, curve[None, :]), note,
    )  # fmt: skip


def count_trials(
    trials: Trials,
    *,
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    kind: str = "sweep",
    draw: Draw | None = None,
) -> Counted | None:
    """Count the combinations of a sweep that have figures; None where there is no ledger, or none has.

    Args:
        trials: The combinations and their figures.
        plan: What was run; its parameters are fixed.
        found: The strategy.
        series: The bars that were seen.
        kind: What made them.
        draw: Draws some of them, from which it is known how alike they are; None counts each as independent.
    """
    path = ledger_path()
    rows = np.flatnonzero(trials.done)
    rows = rows[~np.isin(rows, list(trials.errors))]
    if path is None or not len(rows):
        return None
    return _write(
        path, _batch_of_trials(trials, rows, ground_of(plan, found, series), plan, series, kind, draw)
    )


def _batch_of_trials(  # all of it is the batch
    trials: Trials,
    rows: NDArray[np.int64],
    ground: Ground,
    plan: Plan,
    series: Sequence[Series],
    kind: str,
    draw: Draw | None,
) -> Batch:
    tried = trials.combinations
    names = tried.names
    fixed = {name: value for name, value in ground.parameters.items() if name not in names}
    keys = np.full(len(rows), ground.base, np.uint64)
    for name, value in fixed.items():
        keys += _hash(f"{name}={_canonical(value)}")
    for at, name in enumerate(names):
        hashes = np.array([_hash(f"{name}={_canonical(value)}") for value in tried.values[at]], np.uint64)
        keys += hashes[tried.codes[rows, at]]
    begin = ground.begin if plan.begin is None else max(plan.begin, ground.begin)
    periods, year = _periods(series, begin, ground.end)
    ratios = np.full(len(rows), math.nan)
    if "sharpe" in trials.measures:
        ratios = trials.values[rows, trials.measures.index("sharpe")] / math.sqrt(year)
    sketch = None
    picked = sample_of(len(rows))
    if draw is not None and len(picked):
        sketch = sketch_of(*draw([tried[int(rows[at])] for at in picked]))
    codes = np.hstack([tried.codes[rows], np.zeros((len(rows), len(fixed)), np.int32)])
    return Batch(
        kind, ground.idea, ground.place, begin, ground.end, periods,
        _parameters(fixed, dict(zip(names, tried.values, strict=True))), codes, keys, ratios, sketch,
    )  # fmt: skip


def sample_of(count: int) -> list[int]:
    """Return which of so many combinations are drawn: two in a hundred, from 8 to 32, the same each time."""
    size = min(max(count // 50, FEWEST_DRAWN), MOST_DRAWN, count)
    return sorted(random.Random(count).sample(range(count), size))


def ground_of(plan: Plan, found: Found, series: Sequence[Series]) -> Ground:
    """Return what trials of a plan have in common.

    Costs, cash and seed are the world's, not the idea's: they make no other trial. Sizes and limits do.
    """
    content = sorted(one.content_hash for one in series)
    described = plan.as_json()
    decides = [content, plan.begin, described["sizing"], described.get("risk"), described.get("universe")]
    return Ground(
        idea_of(found),
        _place(plan, series, content),
        min(int(one.start[0]) for one in series),
        max(int(one.known[-1]) for one in series),
        _hash(json.dumps(decides, sort_keys=True, default=str)),
        {**found.parameters(), **found.make(plan.parameters).values()},
    )


def idea_of(found: Found) -> str:
    """Return the identity of an idea: its name and its file. A changed line is the same idea."""
    file = found.file
    if file is None:
        return found.name
    package = "openbell.strategies"
    if found.form.__module__.startswith(f"{package}."):
        return f"{found.name} ({found.form.__module__})"
    return f"{found.name} ({file.resolve()})"


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


def _write(path: Path, batch: Batch) -> Counted | None:
    try:
        with TrialLedger(path) as ledger:
            return ledger.record(batch, wall=time.time_ns())
    except (ConfigError, BadData) as error:
        get_logger().warning(f"this trial is not counted: {error}")
        return None


def _periods(series: Sequence[Series], begin: int, end: int) -> tuple[int, float]:
    """Return how many returns the figures of a span are made of, and how many make a year."""
    calendar = sessions(series[0].source.calendar, begin, end)
    closes = calendar.closes
    count = np.searchsorted(closes, end, side="right") - np.searchsorted(closes, begin, side="right")
    return max(int(count), 1), sessions_per_year(calendar, begin, end)


def _ratio(curve: Floats) -> float:
    return metrics.sharpe(metrics.simple_returns(curve), periods_per_year=1.0)


def _parameters(fixed: Mapping[str, Any], varied: Mapping[str, Iterable[Any]]) -> str:
    """Return parameters as the ledger keeps them: those that are varied first."""
    values = [*(list(tried) for tried in varied.values()), *([value] for value in fixed.values())]
    return json.dumps({"names": [*varied, *fixed], "values": values}, default=repr)


def _canonical(value: Any) -> str:
    """Return a value as text that is the same for 20 and 20.0."""
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    return repr(value)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="backslashreplace"), digest_size=8).digest(), "little")
