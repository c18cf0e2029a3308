"""Walk-forward, wired: parameters chosen on the past, traded on what follows, window after window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from openbell import run
from openbell.backtesting import checkpoint
from openbell.backtesting.aims import Aim, Require, read_aims
from openbell.backtesting.measures import measures_of
from openbell.backtesting.plan import Plan
from openbell.backtesting.spans import Span
from openbell.backtesting.sweep import Progress, describe
from openbell.backtesting.windows import Scheme, Window
from openbell.core.costs import Costs
from openbell.core.errors import ConfigError, Translation, nearest
from openbell.core.ports import Sizer
from openbell.core.types import Instrument
from openbell.data.bars import Floats, Series, Times
from openbell.reporting.sweep import Manner, Sweep
from openbell.reporting.walk import Step, WalkForward
from openbell.reporting.words import date
from openbell.run.batches import batch_of_trials, draw_some, ground_of
from openbell.run.counting import count_batches, count_run, ledger_path
from openbell.run.turns import BOUNDARIES, trade
from openbell.searching import Course, Search
from openbell.storage.trialrecords import TRAINING, WALK
from openbell.strategies.registry import Form, Found

CHOICES = ("plateau", "best")
#: From so many windows on, to draw combinations once more takes next to nothing of the whole.
MANY_WINDOWS = 50


def walkforward(  # noqa: D417, PLR0913  # as many as a sweep has, which tells them
    strategy: str | Form,
    data: Any,
    *,
    train: int | str,
    test: int | str,
    gap: int = 0,
    embargo: int = 0,
    anchored: bool = False,
    choose: str = "plateau",
    boundary: str = "close",
    method: str = "grid",
    samples: int | None = None,
    seed: int = 0,
    where: str | Callable[..., Any] | None = None,
    objective: Aim | Sequence[Aim] | None = None,
    require: Require | None = None,
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
) -> WalkForward:
    """Choose parameters on one window, trade the next with them, and go on so to the end.

    What is chosen for a window comes from bars that were known when it began. The tests are one run: one
    account, one ledger, through the event engine; indicators of new parameters know all bars of the past.

    Args:
        strategy: As for `sweep`, like all that is not told here.
        train: How long parameters are chosen on: bars (504), or time ("2y").
        test: How long they are traded.
        gap: Bars between the two, a purge: so that what the last decisions lead to is not in both.
        embargo: Bars more between the two; docs/how-to/walk-forward.md says how this differs from a purge.
        anchored: Choose on everything so far (an expanding window), and not on the last `train` alone.
        choose: `plateau`, the combination whose neighbours are good too, or `best`, the peak. A sample has
            no neighbours and takes its best.
        boundary: Where a window ends, `close` what is held at the next open, with costs, and begin anew; or
            `carry` it: the strategy goes on as it is and only its parameters change, as those of a session
            do whose strategies.yaml is edited.

    Raises:
        ConfigError: A name, a value or a setting is wrong.
        BadData: The data are too few for a window, or break a rule.
        StrategyError: Every combination failed in a window, or the strategy raised.
        SweepInterrupted: Ctrl-C; with `resume` the same call goes on.
    """
    tried = {**(parameters or {}), **grid}
    plan, found, series = run.prepare(
        strategy, data, start=start, end=end, cash=cash, costs=costs, sizer=sizer, provider=provider,
        timeframe=timeframe, seed=seed, instruments=instruments, holdout=holdout,
    )  # fmt: skip
    search = Search(
        tried, method, samples, where, objective, "all", engine, address, workers, memory, resume, require
    )
    scheme = Scheme(train, test, gap, anchored, embargo)
    return walk_plan(plan, found, series, search, scheme, choose=choose, boundary=boundary, progress=progress)


def walk_plan(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    scheme: Scheme,
    *,
    choose: str = "plateau",
    boundary: str = "close",
    progress: Progress | None = None,
) -> WalkForward:
    """Walk a plan forward; arguments and errors as of `walkforward`."""
    check_choice("choose", choose, CHOICES)
    check_choice("boundary", boundary, BOUNDARIES)
    times = run.panel_of(plan, series).times
    windows = scheme.windows(times)
    steps = fit_windows(plan, found, series, search, times, windows, choose=choose, progress=progress)
    result = trade(plan, found, series, times, steps, boundary=boundary)
    chosen = [f"{step.window.test}: {describe(step.parameters)}" for step in steps]
    count_run(result, kind=WALK, chosen={"windows": "; ".join(chosen), "boundary": boundary})
    return WalkForward(
        result, steps, trials=sum(step.trials for step in steps), choose=choose, boundary=boundary
    )


def refit_plan(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    scheme: Scheme,
    *,
    choose: str = "plateau",
    progress: Progress | None = None,
) -> Step:
    """Choose parameters on the newest window, for the bars that are still to come, as a walk-forward does.

    Arguments and errors as of `walk_plan`.
    """
    check_choice("choose", choose, CHOICES)
    times = run.panel_of(plan, series).times
    newest = scheme.newest(times)
    (step,) = fit_windows(plan, found, series, search, times, [newest], choose=choose, progress=progress)
    return step


def check_choice(name: str, given: str, known: Sequence[str]) -> None:
    """Refuse a choice that there is not.

    Raises:
        ConfigError: It is unknown.
    """
    if given not in known:
        raise ConfigError(f"{name}={given!r} is unknown{nearest(str(given), known)}")


def fit_windows(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    times: Times,
    windows: Sequence[Window],
    *,
    choose: str,
    progress: Progress | None = None,
) -> list[Step]:
    """Choose parameters on each window, from what was known at its end; all windows are one piece of work."""
    spans = [
        Span(int(times[one.end - 1]), int(times[one.begin - 1]) if one.begin else None) for one in windows
    ]
    sweeps = search_spans(plan, found, series, search, spans, progress=progress)
    steps = []
    for window, sweep in zip(windows, sweeps, strict=True):
        with Translation(_in_window(times, window)):
            steps.append(_step(sweep, window, choose))
    return steps


def _in_window(
    times: Times, window: Window
) -> Callable[[BaseException, TracebackType | None], ConfigError | None]:
    """Return what names the window that an error is about."""
    dates = f"{date(int(times[window.begin]))} to {date(int(times[window.end - 1]))}"

    def name(error: BaseException, _: TracebackType | None) -> ConfigError | None:
        return ConfigError(f"the window {dates}: {error}") if isinstance(error, ConfigError) else None

    return name


def _step(sweep: Sweep, window: Window, choose: str) -> Step:
    """Return what a window chose."""
    results, peak = sweep.results, sweep.best()
    picked = sweep.plateau() if choose == "plateau" and results.combinations.method == "grid" else peak
    row = dict(zip(results.measures, results.values[picked.row].tolist(), strict=True))
    return Step(window, dict(picked.parameters), sweep.objective, row, sweep.trials)


def search_spans(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    spans: Sequence[Span],
    *,
    progress: Progress | None = None,
) -> list[Sweep]:
    """Sweep each window, with all of their combinations shared out over the same workers.

    Raises:
        SweepInterrupted: Ctrl-C; what is done is in the folder to resume, if there is one.
    """
    aims = read_aims(search.objective, search.require, measures_of(search.figures))
    course = Course(plan, found, series, search, spans)
    if search.resume is not None:
        checkpoint.check_place(search.resume)
    engine, name, reason = course.open_engine()
    identity = course.identity(name)
    with checkpoint.keep(search.resume, search.unfinished, identity, engine.measures) as folder:
        trials = course.run(engine, aims, store=folder, progress=progress)
    begins = min(int(one.start[0]) for one in series)
    where = "" if course.constraint is None else course.constraint.text
    made = []
    for span, mine in zip(spans, course.split(trials), strict=True):
        seen = (begins if span.begin is None else span.begin, span.known)
        manner = Manner(
            found.name, name, reason, aims.objectives, seen, where, search.samples, require=aims.text
        )
        made.append(Sweep(replace(plan, begin=span.begin), aims.judge(mine), manner, identity))
    if ledger_path() is not None:
        _count(course, spans, made)
    return made


def _count(course: Course, spans: Sequence[Span], sweeps: Sequence[Sweep]) -> None:
    """Count the trials of each window: each combination in each has been looked at.

    How alike they are is known from the first window's, drawn once over all bars and cut to each window.
    """
    ground = ground_of(course.plan, course.found, course.series)
    results, draw = sweeps[0].results, course.draw()

    def draw_rows(rows: Sequence[int]) -> tuple[Times, Floats]:
        return draw([results.combinations[row] for row in rows])

    bars, quick = sum(map(len, course.series)), course.is_quick or len(spans) >= MANY_WINDOWS
    drawn = draw_some(results, draw_rows, bars=bars, quick=quick)
    batches = []
    for span, sweep in zip(spans, sweeps, strict=True):
        own = ground._replace(end=span.known)
        mine = None if drawn is None else drawn.between(span.begin, span.known)
        batches.append(batch_of_trials(sweep.results, own, begin=span.begin, drawn=mine, kind=TRAINING))
    count_batches([batch for batch in batches if batch is not None])
