"""Sweeps, wired: from what a caller asks for to combinations, an engine, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from openbell import run
from openbell.backtesting import checkpoint
from openbell.backtesting.aims import Aim, Require, read_aims
from openbell.backtesting.measures import measures_of
from openbell.backtesting.outcome import hold, last_of_sessions
from openbell.backtesting.parallel import EventEngine
from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Progress, SweepInterrupted, Trials
from openbell.core.costs import Costs
from openbell.core.errors import ConfigError
from openbell.core.ports import Sizer
from openbell.core.types import Instrument
from openbell.data.bars import Floats, Series, Times
from openbell.data.panel import Panel
from openbell.reporting.selection import Rerun
from openbell.reporting.sweep import Manner, Sweep
from openbell.reporting.sweepfiles import file_name
from openbell.run.batches import DrawRows
from openbell.run.counting import count_sweep
from openbell.searching import Course, Search
from openbell.strategies.registry import Form, Found

#: The values of curves that are kept, 8 bytes each.
MOST_KEPT = 4_000_000
#: Names a folder for a sweep by what decides it.
Place = Callable[[Mapping[str, Any]], Path]


@overload
def sweep(strategy: str | Form, data: Any, *, each: Literal[True], **options: Any) -> dict[str, Sweep]: ...


@overload
def sweep(strategy: str | Form, data: Any, *, each: Literal[False] = False, **options: Any) -> Sweep: ...


def sweep(  # noqa: D417, PLR0913  # as many as a run has, and more; `backtest` tells those
    strategy: str | Form,
    data: Any,
    *,
    method: str = "grid",
    samples: int | None = None,
    seed: int = 0,
    where: str | Callable[..., Any] | None = None,
    objective: Aim | Sequence[Aim] | None = None,
    require: Require | None = None,
    figures: str = "all",
    each: bool = False,
    engine: str = "auto",
    address: str | None = None,
    workers: int | None = None,
    memory: str | int | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
    start: Any = None,
    end: Any = None,
    parameters: Mapping[str, Any] | None = None,
    cash: float = 100_000.0,
    costs: Costs | None = None,
    sizer: Sizer | None = None,
    provider: str = "bundled",
    timeframe: str = "1d",
    instruments: Sequence[Instrument] = (),
    holdout: Any = None,
    **grid: Any,
) -> Sweep | dict[str, Sweep]:
    """Run a strategy with many combinations of parameters, and return what each led to.

    Args:
        strategy: As for `backtest`, like all that is not told here; several symbols are one portfolio.
        method: All combinations of a `grid`, a `random` or `latin` sample of them, or a search that learns
            from what it has tried: `optuna`, or `coordinate`, from the middle of the grid step by step.
        samples: How many a sample has, or `optuna` tries.
        seed: Of the sample, and of the strategy's `self.random`.
        where: What has to hold for a combination: text such as `"fast < slow"`, or a function of parameters.
        objective: What decides which is best: a measure (`-trades` turns it round), several, of which a later
            one decides between equals, or a function of a mapping of all. None is the Sharpe ratio.
        require: What the figures of a combination have to meet to be best: text such as
            `"max_drawdown > -0.3 and trades >= 20"`, or a function of measures.
        figures: `all`, or those of the `trades` alone: the return, the trades, and what they cost and gained.
        each: Sweep each symbol by itself, and return a sweep by symbol.
        engine: `event`, `compiled` (for `@signal` strategies), `auto`, or `ray` for a cluster.
        address: Of a Ray cluster, such as `"auto"`; None starts one on this machine, for `ray` alone.
        workers: How many processes the event engine uses; None decides by the time it takes.
        memory: The most that may be used beside the data, such as `"300MB"`; on a cluster, by each worker.
        resume: A folder that keeps what is done, so that the same call goes on, and the finished sweep.
        progress: Told (combinations done, combinations in all) now and then.
        parameters: More of the grid: for names that are options here.
        **grid: What to try of each parameter: a list, a range, `ob.span(...)`, a distribution, one value.

    Raises:
        ConfigError: A name, a value or a setting is wrong, or no combination is left.
        BadData: The data break a rule.
        StrategyError: Every combination failed.
        SweepInterrupted: Ctrl-C; it is a `KeyboardInterrupt`, and its `sweep` has what was done.
    """
    tried = _joined(parameters or {}, grid)
    plan, found, series = run.prepare(
        strategy, data, start=start, end=end, cash=cash, costs=costs, sizer=sizer, provider=provider,
        timeframe=timeframe, seed=seed, instruments=instruments, holdout=holdout,
    )  # fmt: skip
    search = Search(
        tried, method, samples, where, objective, figures, engine, address, workers, memory, resume, require
    )
    run_all = search_each if each else search_plan
    return run_all(plan, found, series, search, progress=progress)


def search_each(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    *,
    progress: Progress | None = None,
    place: Place | None = None,
) -> dict[str, Sweep]:
    """Sweep each symbol of a plan by itself; with a folder to resume, in a folder of its own below it."""
    made = {}
    count = len(plan.symbols)
    for at, symbol in enumerate(plan.symbols):
        mine = replace(
            search, resume=Path(search.resume) / file_name(symbol) if search.resume is not None else None
        )
        made[symbol] = search_plan(
            replace(plan, symbols=(symbol,)),
            found,
            [one for one in series if one.symbol == symbol],
            mine,
            progress=_shifted(progress, at, count),
            place=place,
        )
    return made


def _shifted(progress: Progress | None, at: int, count: int) -> Progress | None:
    """Return what tells the progress of one sweep as that of all."""
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(at * total + done, count * total)


def search_plan(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    *,
    progress: Progress | None = None,
    place: Place | None = None,
) -> Sweep:
    """Run a plan with many combinations of parameters; errors as of `sweep`.

    Args:
        plan: What is run, on what, and how; its parameters are fixed.
        found: The strategy.
        series: The data.
        search: What is varied, and how.
        progress: Told (combinations done, combinations in all) now and then.
        place: Where to keep what is done, and to write the sweep, if there is nothing to resume.
    """
    aims = read_aims(search.objective, search.require, measures_of(search.figures))
    course = Course(plan, found, series, search)
    if search.resume is not None:
        checkpoint.check_place(search.resume)  # before anything is compiled
    engine, name, reason = course.open_engine()
    if isinstance(engine, EventEngine) and len(course.fixed) * max(map(len, series)) <= MOST_KEPT:
        engine.keep_curves()
    identity = course.identity(name)
    span = min(int(one.start[0]) for one in series), max(int(one.known[-1]) for one in series)
    folder = None
    if search.resume is not None:
        folder = checkpoint.Folder(search.resume, identity, engine.measures)
    elif place is not None:
        folder = checkpoint.Folder(place(identity), identity, engine.measures, fresh=True)
    where = "" if course.constraint is None else course.constraint.text

    def show(results: Trials) -> Sweep:
        manner = Manner(
            found.name, name, reason, aims.objectives, span, where, search.samples, require=aims.text
        )
        return Sweep(plan, aims.judge(results), manner, identity)

    try:
        made = show(course.run(engine, aims, store=folder, progress=progress))
    except SweepInterrupted as stopped:
        if stopped.trials.done.any():
            stopped.sweep = show(stopped.trials.finished())
            count_sweep(stopped.sweep, found=found, series=series)
            stopped.folder = folder.path if folder is not None and folder.begun else None
        raise
    made.rerun = _rerun(plan, series, course, made.results)
    draw, quick = _drawn_by(course, made)
    count_sweep(made, found=found, series=series, draw=draw, quick=quick)
    course.rest()
    if folder is not None:
        made.write(folder.path)
    return made


def _drawn_by(course: Course, sweep: Sweep) -> tuple[DrawRows, bool]:
    """Return what draws rows of a sweep for the ledger, and whether that takes next to nothing."""
    results, rerun = sweep.results, sweep.rerun
    if rerun is not None and (rerun.rows is None or len(rerun.rows) == len(results.done)):
        return rerun.draw, True
    return lambda rows: course.draw()([results.combinations[row] for row in rows]), False


def _rerun(plan: Plan, series: Sequence[Series], course: Course, results: Trials) -> Rerun:
    """Return where the curves of a sweep's combinations come from: compiled ones are quick to make again."""
    calendar = series[0].source.calendar

    def panel_from() -> tuple[Panel, int]:
        panel = run.panel_of(plan, series)
        return panel, panel.after(plan.begin)

    def held(times: Times) -> Floats:
        panel, first = panel_from()
        curve: Floats = hold(panel, plan.cash, first=first)[np.searchsorted(panel.times[first:], times)]
        return curve

    def kept(rows: Sequence[int]) -> tuple[Times, Floats]:
        panel, first = panel_from()
        times = panel.times[first:]
        marks = times[np.unique(np.append(0, last_of_sessions(times, panel)))]
        return marks, np.array([results.curves[row] for row in rows])

    def again(rows: Sequence[int]) -> tuple[Times, Floats]:
        try:
            return course.draw()([results.combinations[row] for row in rows])
        finally:
            course.rest()

    if course.is_quick:
        return Rerun(again, held, calendar, sum(map(len, series)))
    return Rerun(kept, held, calendar, rows=results.curves)


def _joined(parameters: Mapping[str, Any], grid: Mapping[str, Any]) -> dict[str, Any]:
    for name in grid:
        if name in parameters:
            raise ConfigError(f"{name!r} is in parameters and beside them; give it once")
    return {**parameters, **grid}
