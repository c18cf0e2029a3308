"""What a search comes to: which combinations, over which windows, and which engine runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from openbell import run
from openbell.backtesting import checkpoint
from openbell.backtesting.aims import Aim, Aims, Require
from openbell.backtesting.axes import Axis, read_axis
from openbell.backtesting.cluster import Cluster, ClusterEngine
from openbell.backtesting.constraint import Constraint, read_constraint
from openbell.backtesting.feasible import check_bars, checker, unready
from openbell.backtesting.grid import ADAPTIVE, Choice, Combinations, combine
from openbell.backtesting.parallel import EventEngine, check_workers
from openbell.backtesting.plan import Plan
from openbell.backtesting.reasons import Reasons
from openbell.backtesting.recipe import Recipe
from openbell.backtesting.seekers import CoordinateSearch, Seeker, TreeSearch
from openbell.backtesting.seeking import seek
from openbell.backtesting.spans import Span, gathered, spread
from openbell.backtesting.sweep import (
    Chunked,
    Draw,
    Drawer,
    Engine,
    Evaluator,
    Progress,
    Resting,
    Store,
    Trials,
    explore,
    read_memory,
)
from openbell.core.errors import ConfigError, nearest
from openbell.data.bars import Series
from openbell.strategies.registry import Found

#: What may be named beside parameters.
OPTIONS = (
    "each",
    "progress",
    *(name for name in run.Settings.__annotations__ if name not in ("benchmark", "risk", "unlock_holdout")),
)
#: Bars that compiled code goes over in some tenth of a second: so many combinations are tried at first.
_FIRST_BARS = 100_000_000
ENGINES = ("auto", "event", "compiled", "ray")


@dataclass(frozen=True, slots=True)
class Search:
    """What a sweep is asked for, beside what a backtest is."""

    grid: Mapping[str, Any] = field(default_factory=dict)
    method: str = "grid"
    samples: int | None = None
    where: str | Callable[..., Any] | None = None
    objective: Aim | Sequence[Aim] | None = None
    figures: str = "all"
    engine: str = "auto"
    address: str | None = None
    workers: int | None = None
    memory: str | int | None = None
    resume: str | Path | None = None
    require: Require | None = None
    unfinished: Path | None = None  #: where what is done is kept until the end, with nothing to resume
    drawn: int = 0  #: marks of each combination's curve, where it is wanted instead of its figures


_SEARCHED = tuple(name for name in Search.__dataclass_fields__ if name not in ("grid", "unfinished", "drawn"))


class Course:
    """A search that is ready to run: its combinations, or what proposes them."""

    def __init__(
        self, plan: Plan, found: Found, series: Sequence[Series], search: Search, spans: Sequence[Span] = ()
    ) -> None:
        """Take what is searched, and in which windows.

        Raises:
            ConfigError: A name, a value or a setting is wrong, or no combination is left.
            BadData: The bars are too few for an indicator that is not varied.
        """
        self.plan, self.found, self.series, self.search = plan, found, series, search
        self.spans = tuple(spans)
        self.constraint = _constraint(found, plan, search)
        self.axes = _axes(found, plan, search)
        self.fixed = self._combine(Choice(search.method, search.samples, plan.seed))
        check_bars(series)
        self._untried = self._unready()

    def open_engine(self) -> tuple[Engine, str, str]:
        """Return what runs combinations, its name, and why it was chosen."""
        recipe = Recipe(
            run.simulate, self.plan, self.found, self.search.figures, spans=self.spans,
            drawn=self.search.drawn,
        )  # fmt: skip
        chosen = choose(recipe, self.series, self.search)
        self._chosen = chosen
        return chosen.engine, chosen.name, chosen.reason

    def identity(self, engine: str) -> dict[str, Any]:
        """Return everything that decides the figures, as JSON values."""
        search, shown = self.search, self.fixed
        if search.method in ADAPTIVE:
            shown = Combinations(
                tuple(axis.name for axis in self.axes),
                tuple(tuple(axis.values if axis.values is not None else [axis.source]) for axis in self.axes),
                self.fixed.codes[:0],
                search.method,
            )
        made = checkpoint.identify(
            self.plan, self.found, self.series, shown, engine=engine, figures=search.figures
        )
        if search.method in ADAPTIVE:
            text = "" if self.constraint is None else self.constraint.text
            made |= {"samples": search.samples, "where": text, "guide": repr(search.objective)}
            made |= {"required": repr(search.require)}
        return made | ({"windows": [list(span) for span in self.spans]} if self.spans else {})

    def run(
        self, engine: Engine, aims: Aims, *, store: Store | None = None, progress: Progress | None = None
    ) -> Trials:
        """Run it; errors as of `explore` and `seek`."""
        if self.search.method in ADAPTIVE:
            return seek(
                [self._seeker() for _ in self.spans or (None,)], engine,
                names=[axis.name for axis in self.axes], method=self.search.method, judge=aims.scores,
                spanned=bool(self.spans), store=store, progress=progress,
            )  # fmt: skip
        whole = spread(self.fixed, len(self.spans)) if self.spans else self.fixed
        return explore(whole, engine, unready=self._untried, store=store, progress=progress)

    def draw(self) -> Draw:
        """Return what draws combinations over all bars; after `open_engine`, as `is_quick` too."""
        recipe, here = self._chosen.recipe, self._chosen.here
        if not self.spans and isinstance(here, Drawer):
            return here.curves
        return recipe.draw(self.series)

    def rest(self) -> None:
        """Let go of what only helps to be quick; whoever holds the sweep holds this."""
        here = self._chosen.here
        if isinstance(here, Resting):
            here.rest()

    @property
    def is_quick(self) -> bool:
        """Tell whether to draw a combination takes next to nothing: it is compiled."""
        return self._chosen.recipe.join is not None

    def split(self, trials: Trials) -> list[Trials]:
        """Return the trials of each window."""
        return gathered(trials, len(self.spans)) if self.spans else [trials]

    def _unready(self) -> Reasons:
        """Return the rows of which an indicator needs more bars than there are, and which."""
        if not self.spans:
            return unready(self.found, self.plan, self.fixed, self.series)
        cuts = (span.cut(self.series) for span in self.spans)
        return Reasons.joined([unready(self.found, self.plan, self.fixed, cut) for cut in cuts])

    def _combine(self, choice: Choice) -> Combinations:
        """Return the combinations of a grid or a sample; of a search that learns, what is known before it."""
        check = checker(self.found)
        defaults = {**self.found.parameters(), **self.plan.parameters}
        if choice.method == "optuna":
            names = tuple(axis.name for axis in self.axes)
            return Combinations(names, ((),) * len(names), np.empty((0, len(names)), np.int32), "optuna")
        drawn = Choice() if choice.method == "coordinate" else choice
        return combine(self.axes, drawn, constraint=self.constraint, check=check, defaults=defaults)

    def _seeker(self) -> Seeker:
        if self.search.method == "coordinate":
            return CoordinateSearch(self.fixed)
        defaults, constraint = {**self.found.parameters(), **self.plan.parameters}, self.constraint

        def meets(named: Mapping[str, Any]) -> bool:
            return constraint is None or constraint.holds({**defaults, **named})

        samples = self.search.samples or 0
        return TreeSearch(self.axes, samples, self.plan.seed, check=checker(self.found), meets=meets)


def _constraint(found: Found, plan: Plan, search: Search) -> Constraint | None:
    if search.where is None:
        return None
    return read_constraint(search.where, {**found.parameters(), **plan.parameters})


def _axes(found: Found, plan: Plan, search: Search) -> list[Axis]:
    known = found.parameters()
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
    return [read_axis(name, given) for name, given in search.grid.items()]


def _meant(name: str, known: Iterable[str]) -> str:
    """Return what a name was meant for: a parameter, or an option that is very near."""
    options = get_close_matches(name, (*OPTIONS, *_SEARCHED), n=1, cutoff=0.8)
    return f"; did you mean {options[0]!r}?" if options else nearest(name, known)


class Chosen(NamedTuple):
    """What runs combinations, and why."""

    engine: Engine
    name: str
    reason: str
    recipe: Recipe  #: how to make what measures
    here: Evaluator  #: what it made in this process


def choose(recipe: Recipe, series: Sequence[Series], search: Search) -> Chosen:
    """Return an engine for what a recipe makes, its name, and why it was chosen.

    Of the search its engine, address, workers and memory count.

    Raises:
        ConfigError: The engine is unknown, or the compiled one cannot take the strategy; the reason is named.
    """
    if search.engine not in ENGINES:
        raise ConfigError(f"engine={search.engine!r} is unknown{nearest(str(search.engine), ENGINES)}")
    memory = read_memory(search.memory)
    check_workers(search.workers)
    if search.address is not None and search.engine != "ray":
        raise ConfigError(f"address={search.address!r} is a cluster's; it goes with engine='ray' alone")
    runs = recipe.runs(series)
    compiled, why = (
        (None, "it was asked for") if search.engine == "event" else _compile(recipe, series, search)
    )
    name = "event" if compiled is None else "compiled"
    if search.engine == "ray":
        cluster = Cluster(search.address, search.workers, memory)
        sent, here = (recipe, runs) if compiled is None else compiled
        return Chosen(ClusterEngine(sent, here, series, cluster), name, f"on Ray; {why}", sent, here)
    if compiled is None:
        alone = EventEngine(runs, workers=search.workers, memory=memory)
        return Chosen(alone, name, why, recipe, runs)
    first = max(_FIRST_BARS // max(sum(map(len, series)), 1), 1)
    return Chosen(Chunked(compiled[1], memory=memory, first=first), name, why, *compiled)


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
