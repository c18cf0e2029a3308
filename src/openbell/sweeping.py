"""Sweeps, wired: from what a caller asks for to combinations, an engine, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, overload

from openbell import run
from openbell.backtesting import checkpoint
from openbell.backtesting.axes import Axis, read_axis
from openbell.backtesting.cluster import Cluster, ClusterEngine
from openbell.backtesting.constraint import Constraint, read_constraint
from openbell.backtesting.feasible import check_bars, checker, unready
from openbell.backtesting.grid import Choice, Combinations, combine
from openbell.backtesting.measures import default_objective, measures_of, read_objectives
from openbell.backtesting.parallel import EventEngine, check_workers
from openbell.backtesting.plan import Plan
from openbell.backtesting.recipe import Recipe
from openbell.backtesting.sweep import (
    Chunked,
    Engine,
    Evaluator,
    Progress,
    SweepInterrupted,
    Trials,
    explore,
    read_memory,
)
from openbell.core.costs import Costs
from openbell.core.errors import ConfigError, nearest
from openbell.core.ports import Sizer
from openbell.core.types import Instrument
from openbell.data.bars import Series
from openbell.reporting.sweep import Manner, Sweep
from openbell.reporting.sweepfiles import file_name
from openbell.strategies.registry import Form, Found

#: Names a folder for a sweep by what decides it.
Place = Callable[[Mapping[str, Any]], Path]
ENGINES = ("auto", "event", "compiled", "ray")


@dataclass(frozen=True, slots=True)
class Search:
    """What a sweep is asked for, beside what a backtest is."""

    grid: Mapping[str, Any] = field(default_factory=dict)
    method: str = "grid"
    samples: int | None = None
    where: str | Callable[..., Any] | None = None
    objective: str | Sequence[str] | None = None
    figures: str = "all"
    engine: str = "auto"
    address: str | None = None
    workers: int | None = None
    memory: str | int | None = None
    resume: str | Path | None = None


@overload
def sweep(strategy: str | Form, data: Any, *, each: Literal[True], **options: Any) -> dict[str, Sweep]: ...


@overload
def sweep(strategy: str | Form, data: Any, *, each: Literal[False] = False, **options: Any) -> Sweep: ...


def sweep(  # noqa: PLR0913  # a sweep has many settings, all named and all with a default
    strategy: str | Form,
    data: Any,
    *,
    method: str = "grid",
    samples: int | None = None,
    seed: int = 0,
    where: str | Callable[..., Any] | None = None,
    objective: str | Sequence[str] | None = None,
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
    **grid: Any,
) -> Sweep | dict[str, Sweep]:
    """Run a strategy with many combinations of parameters, and return what each led to.

    Args:
        strategy: As for `backtest`.
        data: As for `backtest`; several symbols are one portfolio.
        method: All combinations of a `grid`, or a `random` or `latin` sample of them.
        samples: How many a sample has.
        seed: Of the sample, and of the strategy's `self.random`.
        where: What has to hold for a combination: text such as `"fast < slow"`, or a function of parameters.
        objective: What decides which is best: a measure, or several, where a later one decides between
            equals. Volatility, exposure and costs are to be small, all else great; `-trades` turns it round.
            None is the Sharpe ratio, or the total return where that is not measured.
        figures: What is measured: `all`, or those of the `trades` alone: the return, the trades and what
            they cost and gained. That is quicker, as nothing is valued from one trade to the next.
        each: Sweep each symbol by itself, and return a sweep by symbol.
        engine: `event`, `compiled` (for `@signal` strategies), `auto`, or `ray` for a cluster.
        address: Of a Ray cluster, such as `"auto"`; None starts one on this machine, for `ray` alone.
        workers: How many processes the event engine uses; None decides by the time that it takes.
        memory: The most that may be used beside the data, such as `"300MB"`; on a cluster, by each worker.
        resume: A folder that keeps what is done, so that the same call goes on after it was stopped; the
            finished sweep is written there.
        progress: Told (combinations done, combinations in all) now and then.
        start: As for `backtest`, like all that follow.
        end: Last date, included.
        parameters: More of the grid: for names that are options here.
        cash: What the account begins with.
        costs: Commission, slippage, volume, margin and borrow.
        sizer: Turns signals into shares.
        provider: Where symbols come from.
        timeframe: The bars that are asked of the provider.
        instruments: Tick, lot and the like of a symbol.
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
        timeframe=timeframe, seed=seed, instruments=instruments,
    )  # fmt: skip
    search = Search(
        tried, method, samples, where, objective, figures, engine, address, workers, memory, resume
    )
    if not each:
        return search_plan(plan, found, series, search, progress=progress)
    return search_each(plan, found, series, search, progress=progress)


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
    measures = measures_of(search.figures)
    objective = search.objective if search.objective is not None else default_objective(measures)
    objectives = read_objectives(objective, measures)
    constraint = _constraint(found, plan, search)
    combinations = _combinations(found, plan, search, constraint)
    check_bars(series)
    untried = unready(found, plan, combinations, series)
    if search.resume is not None:
        checkpoint.check_place(search.resume)  # before anything is compiled
    engine, name, reason = _choose(plan, found, series, search)
    identity = checkpoint.identify(plan, found, series, combinations, engine=name, figures=search.figures)
    span = min(int(one.start[0]) for one in series), max(int(one.known[-1]) for one in series)
    folder = None
    if search.resume is not None:
        folder = checkpoint.Folder(search.resume, identity, engine.measures)
    elif place is not None:
        folder = checkpoint.Folder(place(identity), identity, engine.measures, fresh=True)

    def show(results: Trials) -> Sweep:
        manner = Manner(found.name, name, reason, objectives, span, _text(constraint), search.samples)
        return Sweep(plan, results, manner, identity)

    try:
        made = show(explore(combinations, engine, unready=untried, store=folder, progress=progress))
    except SweepInterrupted as stopped:
        if stopped.trials.done.any():
            stopped.sweep = show(stopped.trials.finished())
            stopped.folder = folder.path if folder is not None and folder.begun else None
        raise
    if folder is not None:
        made.write(folder.path)
    return made


def _text(constraint: Constraint | None) -> str:
    return constraint.text if constraint is not None else ""


def _joined(parameters: Mapping[str, Any], grid: Mapping[str, Any]) -> dict[str, Any]:
    for name in grid:
        if name in parameters:
            raise ConfigError(f"{name!r} is in parameters and beside them; give it once")
    return {**parameters, **grid}


def _constraint(found: Found, plan: Plan, search: Search) -> Constraint | None:
    if search.where is None:
        return None
    return read_constraint(search.where, {**found.parameters(), **plan.parameters})


def _combinations(found: Found, plan: Plan, search: Search, constraint: Constraint | None) -> Combinations:
    known = found.parameters()
    choice = Choice(search.method, search.samples, plan.seed)
    if not search.grid:
        have = f"{found.name} has {', '.join(known)}" if known else f"{found.name} has no parameters"
        raise ConfigError(f"nothing to try: give values for a parameter, as in fast=[5, 10]; {have}")
    for name in search.grid:
        if name in plan.parameters:
            raise ConfigError(f"{name!r} is fixed to {plan.parameters[name]!r} and varied; give it once")
        if name not in known:
            raise ConfigError(
                f"{name!r} is no parameter of strategy {found.name} and no option of a sweep"
                f"{_meant(name, known)}"
            )
    axes: list[Axis] = [read_axis(name, given) for name, given in search.grid.items()]
    return combine(
        axes,
        choice,
        constraint=constraint,
        check=checker(found),
        defaults={} if constraint is None else {**known, **found.make(plan.parameters).values()},
    )


_OPTIONS = tuple(name for name in sweep.__annotations__ if name not in ("strategy", "data", "grid", "return"))


def _meant(name: str, known: Iterable[str]) -> str:
    """Return what a name was meant for: a parameter, or an option that is very near."""
    options = get_close_matches(name, _OPTIONS, n=1, cutoff=0.8)
    return f"; did you mean {options[0]!r}?" if options else nearest(name, known)


def _choose(plan: Plan, found: Found, series: Sequence[Series], search: Search) -> tuple[Engine, str, str]:
    """Return an engine, its name, and why it was chosen.

    Raises:
        ConfigError: The engine is unknown, or the compiled one cannot take the strategy; the reason is named.
    """
    if search.engine not in ENGINES:
        raise ConfigError(f"engine={search.engine!r} is unknown{nearest(str(search.engine), ENGINES)}")
    memory = read_memory(search.memory)
    check_workers(search.workers)
    if search.address is not None and search.engine != "ray":
        raise ConfigError(f"address={search.address!r} is a cluster's; it goes with engine='ray' alone")
    recipe = Recipe(run.simulate, plan, found, search.figures)
    runs = recipe.runs(series)
    compiled, why = (
        (None, "it was asked for") if search.engine == "event" else _compile(recipe, series, search)
    )
    name = "event" if compiled is None else "compiled"
    if search.engine == "ray":
        cluster = Cluster(search.address, search.workers, memory)
        sent, here = (recipe, runs) if compiled is None else compiled
        return ClusterEngine(sent, here, series, cluster), name, f"on Ray; {why}"
    if compiled is None:
        return EventEngine(runs, workers=search.workers, memory=memory), name, why
    return Chunked(compiled[1], memory=memory), name, why


def _compile(
    recipe: Recipe, series: Sequence[Series], search: Search
) -> tuple[tuple[Recipe, Evaluator] | None, str]:
    """Return what evaluates a strategy compiled, as it is sent and as it is here; None if it cannot, and why.

    Raises:
        ConfigError: It cannot, and nothing else was asked for.
    """
    memory = read_memory(search.memory)
    asked = "it was asked for" if search.engine == "compiled" else "the strategy is a decision (@signal)"
    sent = recipe._replace(join=run.panel_of, keep=None if memory is None else memory // 2)
    try:
        return (sent, sent.make(series, threads=search.workers)), asked
    except ConfigError as error:
        if search.engine == "compiled":
            raise
        return None, str(error)
