"""Doubt, wired: a finished run again, traded harder, over other histories, and over shuffled prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import openbell
from openbell import run
from openbell.backtesting import checkpoint
from openbell.backtesting.cluster import Cluster
from openbell.backtesting.harder import Harder, harder_ways
from openbell.backtesting.histories import observe
from openbell.backtesting.laws import Law, Permutation, fit
from openbell.backtesting.measures import MEASURES, measure
from openbell.backtesting.pairing import Paired, pair_anew
from openbell.backtesting.recipe import Recipe
from openbell.backtesting.sweep import Part, SweepInterrupted, explore
from openbell.backtesting.worlds import Worlds, numbered
from openbell.core.errors import BadData, ConfigError, StrategyError
from openbell.data.bars import Floats
from openbell.reporting.result import Result
from openbell.reporting.robustness import Asked, History, Rerun, Robustness
from openbell.run.engines import Progress
from openbell.searching import Search, choose

#: Orders of the returns that positions are held against: cheap, as nothing is run again.
ORDERS = 10_000
_HERE = Search()


def robustness(  # noqa: PLR0913  # all named and all with a default
    result: Result,
    *,
    prices: str | Sequence[str] = ("gbm", "regimes", "blocks"),
    histories: int = 200,
    permutations: int = 200,
    drop: float = 0.1,
    drops: int = 20,
    figure: str = "sharpe",
    block: float | None = None,
    seed: int = 0,
    engine: str = "auto",
    address: str | None = None,
    workers: int | None = None,
    memory: str | int | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
) -> Robustness:
    """Run a backtest again under doubt, and return what is left of it.

    Args:
        result: The run.
        prices: The laws of other histories: `gbm`, `regimes`, `blocks`, or several of them.
        histories: How many of each; 0 is none.
        permutations: Over how many permutations of its prices; 0 is none.
        drop: The share of entries that is missed.
        drops: How many times other ones are missed; 0 is never.
        figure: What decides, such as `sharpe` or `total_return`.
        block: The mean length of a block, in sessions; None chooses it from the returns.
        seed: Of all that is drawn: the same seed gives the same figures, whoever runs them.
        engine: What runs over histories, as for `sweep`: `auto`, `event`, `compiled`, or `ray`.
        address: Of a Ray cluster.
        workers: How many processes the event engine uses.
        memory: The most that may be used beside the data.
        resume: A folder that keeps the runs over histories, so that the same call goes on after Ctrl-C.
        progress: Told (runs done, runs in all) now and then.

    Raises:
        ConfigError: A value is out of its range, or the run cannot be run again.
        BadData: It has too few sessions, or never traded.
        StrategyError: The strategy raised over prices that it has not seen before.
        SweepInterrupted: Ctrl-C; with `resume` the same call goes on.
    """
    names = (prices,) if isinstance(prices, str) else tuple(prices)
    asked = Asked(names, histories, permutations, drop, drops, figure, block, seed)
    search = Search(engine=engine, address=address, workers=workers, memory=memory, resume=resume)
    return examine(result, asked, search, progress=progress)


def examine(
    result: Result, asked: Asked, search: Search = _HERE, *, progress: Progress | None = None
) -> Robustness:
    """Do the same for what is asked; of the search its engine and folders count. Errors as there."""
    own = measure(result.outcome)
    if not result.outcome.fills:
        raise BadData(f"{result.found.name} never traded on {result.plan.traded}: there is nothing to doubt")
    ways = list(harder_ways(result.plan.costs, drop=asked.drop, drops=asked.drops, seed=asked.seed))
    laws = asked.prices if asked.histories else ()
    total = sum(len(way.hindrances) for way in ways) + len(laws) * asked.histories + asked.permutations
    runner = _Runner(result, search, asked, total, progress)
    if not np.allclose(runner.trade(Harder("again", result.plan.costs)).values[0], own, equal_nan=True):
        raise ConfigError(
            f"{result.found.name} does not run again as it did: robustness takes the result of one backtest, "
            "whose strategy decides the same each time"
        )
    reruns = [runner.trade(way, counts=True) for way in ways]
    drawn: dict[str, History] = {}
    permuted: Floats = np.empty((0, len(MEASURES)))
    count = 0
    if laws or asked.permutations:
        observed = observe(result.outcome.panel.series)
        count = observed.sessions
        with _joined(search):
            for name in laws:
                law = fit(name, observed, block=asked.block)
                drawn[name] = History(runner.over(law, asked.histories, f"{name} history"), law.told)
            if asked.permutations:
                permuted = runner.over(Permutation(), asked.permutations, "permutation")
    return Robustness(result, asked, own, reruns, drawn, permuted, _paired(result, asked), count)


def _joined(search: Search) -> AbstractContextManager[object]:
    """Join a cluster once for all that is run on it; elsewhere there is nothing to join."""
    if search.engine != "ray":
        return nullcontext()
    return Cluster(search.address, search.workers).connected()


def _paired(result: Result, asked: Asked) -> Paired | None:
    try:
        return pair_anew(result.outcome, draws=ORDERS, seed=asked.seed)
    except BadData:  # it held nothing at any close
        return None


class _Runner:
    """Runs a plan again and again, and tells how far it is."""

    def __init__(
        self, result: Result, search: Search, asked: Asked, total: int, progress: Progress | None
    ) -> None:
        self._result, self._search, self._asked = result, search, asked
        self._total, self._progress, self._done = total, progress, 0

    def trade(self, way: Harder, *, counts: bool = False) -> Rerun:
        """Trade the run harder over its own prices, as many times as there are hindrances.

        Raises:
            StrategyError: The strategy raised.
        """
        result, found = self._result, []
        plan = replace(result.plan, costs=way.costs)
        for hindrance in way.hindrances:
            self._tell()
            simulate = partial(run.simulate, finer=result.finer, hindrance=hindrance)
            runs = Recipe(simulate, plan, result.found).runs(result.outcome.panel.series)
            values, errors = runs.examine([{}])
            for why in errors.values():
                raise StrategyError(why)
            found.append(values[0])
            self._done += counts
        return Rerun(way.name, np.array(found))

    def over(self, law: Law, count: int, name: str) -> Floats:
        """(count, measures) of the run over other histories, by whatever runs a sweep's combinations.

        Of other prices there are no finer bars.

        Raises:
            StrategyError: The strategy raised over one; its number is named.
            SweepInterrupted: Ctrl-C.
        """
        result, search = self._result, self._search
        plan = replace(result.plan, finer=())
        recipe = Recipe(run.simulate, plan, result.found, worlds=Worlds(law, self._asked.seed))
        engine = choose(recipe, result.outcome.panel.series, search).engine
        before = self._done

        def tell(done: int, _: int) -> None:
            self._done = before + done
            self._tell()

        own = None if search.resume is None else Path(search.resume) / name.replace(" ", "-")
        try:
            with checkpoint.keep(own, search.unfinished, self._identity(name, count), MEASURES) as folder:
                made = explore(numbered(count), engine, store=_Strict(folder, name), progress=tell)
        except SweepInterrupted as stopped:
            stopped.so_far = f"{self._done:,} of {self._total:,} runs"
            stopped.args = (f"stopped after {stopped.so_far}",)
            if search.resume is not None:
                stopped.folder = Path(search.resume)
            raise
        self._done = before + count
        return made.values

    def _identity(self, name: str, count: int) -> dict[str, Any]:
        """Return everything that decides the figures over other histories, as JSON values."""
        result, asked = self._result, self._asked
        return {
            "version": openbell.__version__,
            "strategy": result.found.name,
            "code": checkpoint.code_of(result.found),
            "plan": result.plan.as_json(),
            "ledger": result.hash,
            "histories": name,
            "count": count,
            "seed": asked.seed,
            "block": asked.block,
        }

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total)


class _Strict:
    """Keeps runs over histories, all of which have to be there: the first that raises ends them."""

    def __init__(self, folder: checkpoint.Folder | None, name: str) -> None:
        self._folder, self._name = folder, name

    def parts(self) -> Iterator[Part]:
        """Yield what is kept."""
        return iter(()) if self._folder is None else self._folder.parts()

    def save(self, part: Part) -> None:
        """Keep one more part.

        Raises:
            StrategyError: The strategy raised.
        """
        for number, why in sorted(part.errors.items()):
            raise StrategyError(f"{self._name} {number}: {why}")
        if self._folder is not None:
            self._folder.save(part)
