"""What the choice of a sweep's best is evidence of, by the returns of all that it was chosen from."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from openbell.core.errors import ConfigError
from openbell.data.bars import Floats, Times
from openbell.data.calendar import sessions, sessions_per_year
from openbell.portfolio.evidence import Evidence, weigh
from openbell.portfolio.overfitting import (
    FEWEST_IN_PART,
    FEWEST_TRIALS,
    overfitting_probability,
    parts_of,
)
from openbell.portfolio.reality import Superiority, superiority
from openbell.portfolio.tried import Tried, tried_of
from openbell.reporting.credibility import WITHOUT_COSTS
from openbell.reporting.judgement import Judgement, judge
from openbell.reporting.words import count

if TYPE_CHECKING:  # it asks for the verdict
    from openbell.reporting.sweep import Sweep

#: The bars that are gone over again by compiled code, which takes a second or so.
MOST_BARS = 4_000_000
#: More combinations than this make the tests slower and no surer.
MOST_DRAWN = 1_000
#: Resamples of the test against the benchmark: a p-value of 0.05 is known to about 0.01.
DRAWS = 500
#: Returns that the tests need.
FEWEST_RETURNS = 2 * FEWEST_IN_PART


class Rerun(NamedTuple):
    """Where the curves of a sweep's combinations come from."""

    #: Returns the moments of statistics, ns UTC, and what rows of the sweep were worth there, (rows, marks).
    draw: Callable[[Sequence[int]], tuple[Times, Floats]]
    hold: Callable[[Times], Floats]  #: what holding what is traded has become at moments
    calendar: str  #: of the exchange
    bars: int = 0  #: that are gone over for one combination
    rows: Collection[int] | None = None  #: that were kept; None where any can be run again


class Drawn(NamedTuple):
    """Combinations of a sweep and what they returned."""

    best: Floats  #: (periods,) of the best one
    year: float  #: periods
    returns: Floats  #: (periods, combinations)
    benchmark: Floats  #: (periods,)


def judge_sweep(sweep: Sweep) -> Judgement:
    """Return the verdict on a sweep's best combination, or what is missing for one."""
    rerun = sweep.rerun
    if rerun is None:
        return _unknown("the returns of its combinations are not kept; run the sweep again")
    drawn = draw_sweep(sweep, rerun)
    if isinstance(drawn, str):
        return _unknown(drawn)
    tried = sweep.tried or tried_here(sweep, drawn)
    evidence = _weigh(drawn, tried)
    found = judge(
        evidence,
        drawn.year,
        against=f"holding {_held(sweep)}",
        findings=[WITHOUT_COSTS] if sweep.plan.costs.free else [],
    )
    return found._replace(detail=" ".join(part for part in (found.detail, _told(sweep, drawn)) if part))


def draw_sweep(sweep: Sweep, rerun: Rerun) -> Drawn | str:
    """Return what a sweep's combinations returned, a sample of them where they are many; or what is missing.

    The sample is the same each time, and the best one is in it by chance alone: among fewer others it would
    look like more than it is.
    """
    results = sweep.results
    try:
        best = sweep.best().row
    except ConfigError as error:
        return str(error)
    rows = results.measured
    gone = 0 if rerun.rows is None else sum(row not in rerun.rows for row in rows.tolist())
    if gone:
        return (
            f"the returns of {gone:,} of {count(len(rows), 'combination')} were not kept: "
            "the sweep was resumed, is large, or ran on a cluster"
        )
    fitting = min(MOST_DRAWN, MOST_BARS // max(rerun.bars, 1))
    if len(rows) > fitting:
        rows = rows[sorted(random.Random(len(rows)).sample(range(len(rows)), fitting))]
    times, curves = rerun.draw([*rows.tolist(), best])
    if len(times) <= FEWEST_RETURNS:
        return f"too few returns of each combination, {max(len(times) - 1, 0)}"
    alive = np.array([bool((np.isfinite(curve) & (curve > 0.0)).all()) for curve in curves])
    if not alive[-1]:
        return "the best combination has a moment without a value"
    own, others = curves[-1], curves[:-1][alive[:-1]]
    held = rerun.hold(times)
    span = int(times[0]), int(times[-1])
    year = sessions_per_year(sessions(rerun.calendar, *span), *span)
    benchmark = held[1:] / held[:-1] - 1.0
    returns = np.ascontiguousarray((others[:, 1:] / others[:, :-1] - 1.0).T)
    return Drawn(own[1:] / own[:-1] - 1.0, year, returns, benchmark)


def tried_here(sweep: Sweep, drawn: Drawn) -> Tried:
    """Return what a sweep alone tried, where no ledger counts."""
    results = sweep.results
    ratios = np.full(int(results.done.sum()), np.nan)
    if "sharpe" in results.measures:
        ratios = results.values[results.done, results.measures.index("sharpe")] / math.sqrt(drawn.year)
    return tried_of(ratios, drawn.returns.T)


def _weigh(drawn: Drawn, tried: Tried) -> Evidence:
    """Return the evidence, with the tests of a choice where there was one."""
    overfit: float | None = None
    better: Superiority | None = None
    periods, chosen = drawn.returns.shape
    if chosen >= FEWEST_TRIALS:
        overfit = overfitting_probability(drawn.returns, parts=parts_of(periods)).probability
        better = superiority(_excess(drawn), draws=DRAWS)
    return weigh(drawn.best, drawn.benchmark, tried=tried, overfitting=overfit, superiority=better)


def _excess(drawn: Drawn) -> Floats:
    """Return what each combination returned more than the benchmark, at the benchmark's volatility.

    Who is half of the time in cash earns less than who holds, and may do it better: held with as much money
    as makes both move alike, the two compare (Modigliani and Modigliani, 1997).
    """
    spread = drawn.returns.std(axis=0)
    scale = np.divide(drawn.benchmark.std(), spread, out=np.zeros_like(spread), where=spread > 0.0)
    excess: Floats = drawn.returns * scale - drawn.benchmark[:, None]
    return excess


def _told(sweep: Sweep, drawn: Drawn) -> str:
    """Return what the tests of the choice were made of, where that is not all of it."""
    chosen = drawn.returns.shape[1]
    if chosen < FEWEST_TRIALS:
        return f"PBO and the test against the benchmark need {FEWEST_TRIALS} combinations or more."
    if chosen < sweep.trials - sweep.failed:
        return (
            f"PBO and the test against the benchmark are of {chosen:,} of the combinations, drawn at random."
        )
    return ""


def _held(sweep: Sweep) -> str:
    symbols = sweep.plan.symbols
    return symbols[0] if len(symbols) == 1 else f"all {len(symbols)} in equal parts"


def _unknown(why: str) -> Judgement:
    return Judgement("nothing", f"No verdict: {why}.", "", Evidence(0), math.nan)
