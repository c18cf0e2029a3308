"""Cross-validation, wired: parameters chosen on some folds of the data and tested on the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from openbell import run
from openbell.backtesting import checkpoint
from openbell.backtesting.aims import Aim, Aims, Require, read_aims
from openbell.backtesting.folds import Division, Folds, Split, Splitter
from openbell.backtesting.grid import ADAPTIVE
from openbell.backtesting.outcome import hold, last_of_sessions
from openbell.backtesting.pieces import FIGURES, measure_columns
from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Progress, Trials, describe
from openbell.core.costs import Costs
from openbell.core.errors import ConfigError, Translation
from openbell.core.ports import Sizer
from openbell.core.types import Instrument
from openbell.data.bars import Floats, Series
from openbell.data.calendar import sessions, sessions_per_year
from openbell.reporting.crossvalidation import Chosen, CrossValidation, Terms
from openbell.reporting.sweeptable import find_plateau, pick
from openbell.run.batches import Ground, batch_of_curve, batch_of_trials, draw_some, ground_of
from openbell.run.counting import count_batches, ledger_path
from openbell.searching import Course, Search
from openbell.storage.trialrecords import CROSS, TRAINING
from openbell.strategies.registry import Form, Found
from openbell.walking import CHOICES, check_choice

#: The most that the curves of all combinations may take.
_MOST_BYTES = 4_000_000_000
_SHARPE = FIGURES.index("sharpe")


def crossvalidate(  # noqa: D417, PLR0913  # as many as a sweep has, which tells them
    strategy: str | Form,
    data: Any,
    *,
    folds: int | Splitter = 6,
    test_folds: int = 2,
    purge: int = 0,
    embargo: int = 0,
    choose: str = "plateau",
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
) -> CrossValidation:
    """Choose parameters on some folds of the data, test them on the others, and make paths of the tests.

    Every combination is run once over all of the data, and its returns are divided by fold: so a test begins
    with what the strategy held then. `docs/how-to/cross-validate.md` says when that may be done.

    Args:
        strategy: As for `sweep`, like all that is not told here.
        folds: Into how many parts of equal length the sessions are divided, or a combinatorial splitter such
            as skfolio's `CombinatorialPurgedCV`, which has the next three in itself.
        test_folds: How many of them are tested at a time; all choices of so many are made. 1 is the k-fold.
        purge: Sessions before and after a test that nothing is chosen on.
        embargo: Sessions after a test that are left out beside those.
        choose: `plateau`, the combination whose neighbours are good too, or `best`, the peak.
        method: All combinations of the grid, or a `random` or `latin` sample of them.
        objective: What decides: total_return, cagr, volatility, sharpe, sortino, calmar, max_drawdown, or
            functions of them.
        require: What these have to meet for a combination to be chosen.

    Raises:
        ConfigError: A name, a value or a setting is wrong.
        BadData: The data break a rule.
        StrategyError: Every combination failed.
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
    return crossvalidate_plan(
        plan, found, series, search, Division(folds, test_folds, purge, embargo), choose=choose,
        progress=progress,
    )  # fmt: skip


def crossvalidate_plan(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    division: Division,
    *,
    choose: str = "plateau",
    progress: Progress | None = None,
) -> CrossValidation:
    """Cross-validate a plan; arguments and errors as of `crossvalidate`."""
    check_choice("choose", choose, CHOICES)
    if search.method in ADAPTIVE:
        raise ConfigError(
            f"method={search.method!r} looks at all of the data before it chooses what to try, and the folds "
            "would not be apart; give 'grid', 'random' or 'latin'"
        )
    aims = read_aims(search.objective, search.require, FIGURES)
    panel = run.panel_of(plan, series)
    ends = last_of_sessions(panel.times, panel)
    marks = ends if ends[0] == 0 else np.append(0, ends)
    times = panel.times[marks]
    made = division.divide(len(times) - 1)
    trials = draw_all(plan, found, series, replace(search, drawn=len(times)), progress=progress)
    returns = np.ascontiguousarray((trials.values[:, 1:] / trials.values[:, :-1] - 1.0).T)
    span = int(times[0]), int(times[-1])
    year = sessions_per_year(sessions(panel.sessions.calendar, *span), *span)
    terms = Terms(
        plan, found.name, len(trials.combinations), aims.objectives[0].name, choose, division.setting, year
    )
    chosen = []
    for split in made.splits:
        with Translation(_in_split(split)):
            chosen.append(_choose(trials, returns, made, split, aims, terms))
    held = hold(panel, plan.cash)[marks]
    whole = CrossValidation(terms, made, chosen, returns=returns, marks=times, held=held)
    if ledger_path() is not None:
        _count(whole, ground_of(plan, found, series), trials, returns)
    return whole


def _in_split(split: Split) -> Callable[[BaseException, TracebackType | None], ConfigError | None]:
    """Return what names the split that an error is about."""
    tests = ", ".join(str(fold + 1) for fold in split.tests)

    def name(error: BaseException, _: TracebackType | None) -> ConfigError | None:
        return ConfigError(f"with folds {tests} tested, {error}") if isinstance(error, ConfigError) else None

    return name


def draw_all(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    *,
    progress: Progress | None = None,
) -> Trials:
    """Return the curves of all combinations: what the account is worth at each mark, instead of measures.

    Raises:
        ConfigError: There are more than fit the memory.
        SweepInterrupted: Ctrl-C.
    """
    course = Course(plan, found, series, search)
    size = len(course.fixed) * search.drawn * 8
    if size > _MOST_BYTES:
        raise ConfigError(
            f"the curves of {len(course.fixed):,} combinations take {size / 1e9:,.1f} GB, and "
            f"{_MOST_BYTES / 1e9:,.0f} GB are the most; try fewer, or draw some with method='random'"
        )
    if search.resume is not None:
        checkpoint.check_place(search.resume)
    engine, name, _ = course.open_engine()
    identity = {**course.identity(name), "figures": "curve"}
    with checkpoint.keep(search.resume, search.unfinished, identity, engine.measures) as folder:
        return course.run(engine, Aims(()), store=folder, progress=progress)


def _choose(trials: Trials, returns: Floats, folds: Folds, split: Split, aims: Aims, terms: Terms) -> Chosen:
    """Choose on what a split trains on, and measure the choice, and all others, on its tests."""
    seen = aims.judge(
        _measured(trials, measure_columns(returns[split.train], periods_per_year=terms.periods_per_year))
    )
    peak = pick(seen, aims.objectives)
    whole = terms.choose == "plateau" and trials.combinations.method == "grid"
    picked = find_plateau(seen, aims.objectives[0]) if whole else peak
    tested = np.concatenate([folds.folds[fold] for fold in split.tests])
    outside = measure_columns(returns[tested], periods_per_year=terms.periods_per_year)
    ratios = np.nan_to_num(outside[:, _SHARPE], nan=0.0)  # who never traded has gained nothing
    others = np.delete(ratios, picked.row)
    below, equal = np.sum(others < ratios[picked.row]), np.sum(others == ratios[picked.row])
    return Chosen(
        split.tests,
        dict(picked.parameters),
        picked.row,
        dict(zip(seen.measures, seen.values[picked.row].tolist(), strict=True)),
        dict(zip(FIGURES, outside[picked.row].tolist(), strict=True)),
        float((below + equal / 2) / len(others)) if len(others) else 0.5,
    )


def _measured(trials: Trials, values: Floats) -> Trials:
    """Return trials with other figures."""
    return Trials(trials.combinations, FIGURES, values, trials.done, trials.errors)


def _count(whole: CrossValidation, ground: Ground, trials: Trials, returns: Floats) -> None:
    """Count each combination, which was trained on all of the data, and what came of it as one trial more."""
    figures = measure_columns(returns, periods_per_year=whole.terms.periods_per_year)
    drawn = draw_some(trials, lambda rows: (whole.marks, trials.values[list(rows)]), bars=0, quick=True)
    trained = batch_of_trials(_measured(trials, figures), ground, kind=TRAINING, drawn=drawn)
    batches = [] if trained is None else [trained]
    chosen = {"splits": "; ".join(describe(one.parameters) for one in whole.chosen), **whole.terms.setting}
    tested = batch_of_curve(ground, whole.marks, whole.curve, kind=CROSS, values=chosen)
    counted = count_batches([*batches, tested])
    if counted is not None:
        whole.trial, whole.tried = counted.number, counted.tried
