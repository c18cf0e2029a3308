"""Doubt, wired: a finished run again, traded harder, over other histories, and over shuffled prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from openbell import run
from openbell.backtesting.harder import Harder, harder_ways
from openbell.backtesting.histories import observe
from openbell.backtesting.laws import fit, permute_bars, worlds
from openbell.backtesting.measures import MEASURES, measure
from openbell.backtesting.pairing import Paired, pair_anew
from openbell.backtesting.plan import Plan
from openbell.backtesting.recipe import Recipe
from openbell.core.errors import BadData, ConfigError, StrategyError
from openbell.data.bars import Floats, Series
from openbell.execution.brokers.hindered import Hindrance
from openbell.reporting.result import Result
from openbell.reporting.robustness import Asked, History, Rerun, Robustness
from openbell.run.engines import WORTH_COMPILING, Progress

#: Orders of the returns that positions are held against: cheap, as nothing is run again.
ORDERS = 10_000


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
        seed: Of all that is drawn: the same seed gives the same figures.
        progress: Told (runs done, runs in all) now and then.

    Raises:
        ConfigError: A value is out of its range, or the run cannot be run again.
        BadData: It has too few sessions, or never traded.
        StrategyError: The strategy raised over prices that it has not seen before.
    """
    names = (prices,) if isinstance(prices, str) else tuple(prices)
    return examine(
        result, Asked(names, histories, permutations, drop, drops, figure, block, seed), progress=progress
    )


def examine(result: Result, asked: Asked, *, progress: Progress | None = None) -> Robustness:
    """Do the same for what is asked; errors as of `robustness`."""
    own = measure(result.outcome)
    if not result.outcome.fills:
        raise BadData(f"{result.found.name} never traded on {result.plan.traded}: there is nothing to doubt")
    series = result.outcome.panel.series
    ways = list(harder_ways(result.plan.costs, drop=asked.drop, drops=asked.drops, seed=asked.seed))
    laws = asked.prices if asked.histories else ()
    total = sum(len(way.hindrances) for way in ways) + len(laws) * asked.histories + asked.permutations
    runner = _Runner(result, total, progress)
    if not np.allclose(runner.measure(result.plan, series), own, rtol=1e-9, equal_nan=True):
        raise ConfigError(
            f"{result.found.name} does not run again as it did: robustness takes the result of one backtest, "
            "whose strategy decides the same each time"
        )
    reruns = [runner.trade(way) for way in ways]
    drawn: dict[str, History] = {}
    permuted: Floats = np.empty((0, len(MEASURES)))
    count = 0
    if laws or asked.permutations:
        observed = observe(series)
        count = observed.sessions
        for name in laws:
            law = fit(name, observed, block=asked.block)
            made = runner.over(worlds(law.draw, asked.histories, seed=asked.seed), name)
            drawn[name] = History(made, law.told)
        shuffled = worlds(partial(permute_bars, observed), asked.permutations, seed=asked.seed)
        permuted = runner.over(shuffled, "permutation")
    return Robustness(result, asked, own, reruns, drawn, permuted, _paired(result, asked), count)


def _paired(result: Result, asked: Asked) -> Paired | None:
    try:
        return pair_anew(result.outcome, draws=ORDERS, seed=asked.seed)
    except BadData:  # it held nothing at any close
        return None


class _Runner:
    """Runs a plan again and again, compiled where that is worth it, and tells how far it is."""

    def __init__(self, result: Result, total: int, progress: Progress | None) -> None:
        self._result, self._total, self._progress = result, total, progress
        self._done = 0
        bars = sum(map(len, result.outcome.panel.series))
        self._compiles = bars * total >= WORTH_COMPILING

    def measure(self, plan: Plan, series: Sequence[Series], hindrance: Hindrance | None = None) -> Floats:
        """Return the figures of one run, the same by either engine.

        Raises:
            StrategyError: The strategy raised.
        """
        result = self._result
        real = series is result.outcome.panel.series  # of other prices there are no finer bars
        simulate = partial(run.simulate, finer=result.finer if real else (), hindrance=hindrance)
        recipe = Recipe(simulate, plan if real else replace(plan, finer=()), result.found, join=run.panel_of)
        evaluator = None
        if self._compiles and hindrance is None:
            try:
                evaluator = recipe.make(series, threads=1)
            except ConfigError:  # it has no compiled form, and the event engine says the same
                self._compiles = False
        values, errors = (evaluator or recipe.runs(series)).examine([{}])
        for why in errors.values():
            raise StrategyError(why)
        found: Floats = values[0]
        return found

    def trade(self, way: Harder) -> Rerun:
        """Trade the run harder, as many times as there are hindrances."""
        plan, series = replace(self._result.plan, costs=way.costs), self._result.outcome.panel.series
        runs = [self._told(partial(self.measure, plan, series, one)) for one in way.hindrances]
        return Rerun(way.name, np.array(runs))

    def over(self, histories: Iterable[list[Series]], name: str) -> Floats:
        """Run over other histories.

        Raises:
            StrategyError: The strategy raised over one; its number is named.
        """
        found = []
        for number, series in enumerate(histories):
            try:
                found.append(self._told(partial(self.measure, self._result.plan, series)))
            except StrategyError as error:
                raise StrategyError(f"{name} {number}: {error}") from error
        return np.array(found).reshape(-1, len(MEASURES))

    def _told(self, measure: Callable[[], Floats]) -> Floats:
        if self._progress is not None:
            self._progress(self._done, self._total)
        self._done += 1
        return measure()
