"""Walk-forward, wired: parameters chosen on the past, traded on what follows, window after window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openbell import run
from openbell.backtesting.perturbation import cut_off
from openbell.backtesting.plan import Plan
from openbell.backtesting.replay import Turn
from openbell.backtesting.sweep import Progress
from openbell.backtesting.windows import Scheme, Window
from openbell.core.costs import Costs
from openbell.core.engine import Engine
from openbell.core.errors import ConfigError, nearest
from openbell.core.ports import Reviewed, Sizer
from openbell.core.requests import NO_EXITS, Ticket
from openbell.core.types import Instrument
from openbell.data.bars import Series, Times
from openbell.reporting.result import Result
from openbell.reporting.sweep import Sweep
from openbell.reporting.walk import Step, WalkForward
from openbell.strategies.registry import Form, Found
from openbell.sweeping import Search, search_plan

CHOICES = ("plateau", "best")


def walkforward(  # noqa: PLR0913  # as a sweep: all named and all with a default
    strategy: str | Form,
    data: Any,
    *,
    train: int | str,
    test: int | str,
    gap: int = 0,
    anchored: bool = False,
    choose: str = "plateau",
    method: str = "grid",
    samples: int | None = None,
    seed: int = 0,
    where: str | Callable[..., Any] | None = None,
    objective: str | Sequence[str] | None = None,
    engine: str = "auto",
    address: str | None = None,
    workers: int | None = None,
    memory: str | int | None = None,
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
) -> WalkForward:
    """Choose parameters on one window, trade the next with them, and go on so to the end.

    What is chosen for a window comes from bars that were known when it began. The tests are one run: one
    account, one ledger. At a window's end what is held is sold at the next open, with costs, and the strategy
    begins anew with its new parameters; its indicators know all bars of the past.

    Args:
        strategy: As for `sweep`, like all that is not told here.
        data: Symbols or prices.
        train: How long parameters are chosen on: bars (504), or time ("2y").
        test: How long they are traded.
        gap: Bars between the two, so that what the last decisions lead to is not in both.
        anchored: Choose on everything so far, and not on the last `train` alone.
        choose: `plateau`, the combination whose neighbours are good too, or `best`, the peak. A sample has
            no neighbours and takes its best.
        method: All combinations of the grid, or a sample.
        samples: How many a sample has.
        seed: Of the sample, and of the strategy.
        where: What has to hold for a combination.
        objective: What decides.
        engine: For choosing; the tests run through the event engine.
        address: Of a Ray cluster.
        workers: How many processes choose.
        memory: The most that may be used beside the data.
        progress: Told (windows done, windows in all).
        start: First date.
        end: Last date.
        parameters: More of the grid.
        cash: What the account begins with.
        costs: Of choosing and of testing.
        sizer: Turns signals into shares.
        provider: Where symbols come from.
        timeframe: The bars that are asked of the provider.
        instruments: Tick, lot and the like.
        **grid: What to try of each parameter.

    Raises:
        ConfigError: A name, a value or a setting is wrong.
        BadData: The data are too few for a window, or break a rule.
        StrategyError: Every combination failed in a window, or the strategy raised.
    """
    tried = {**(parameters or {}), **grid}
    plan, found, series = run.prepare(
        strategy, data, start=start, end=end, cash=cash, costs=costs, sizer=sizer, provider=provider,
        timeframe=timeframe, seed=seed, instruments=instruments,
    )  # fmt: skip
    search = Search(tried, method, samples, where, objective, "all", engine, address, workers, memory)
    scheme = Scheme(train, test, gap, anchored)
    return walk_plan(plan, found, series, search, scheme, choose=choose, progress=progress)


def walk_plan(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    scheme: Scheme,
    *,
    choose: str = "plateau",
    progress: Progress | None = None,
) -> WalkForward:
    """Walk a plan forward; arguments and errors as of `walkforward`."""
    if choose not in CHOICES:
        raise ConfigError(f"choose={choose!r} is unknown{nearest(str(choose), CHOICES)}")
    times = run.panel_of(plan, series).times
    windows = scheme.windows(times)
    steps = []
    for at, window in enumerate(windows):
        if progress is not None:
            progress(at, len(windows))
        steps.append(fit(plan, found, series, search, times, window, choose=choose))
    result = trade(plan, found, series, times, steps)
    if progress is not None:
        progress(len(windows), len(windows))
    return WalkForward(result, steps, trials=sum(step.trials for step in steps), choose=choose)


def fit(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    search: Search,
    times: Times,
    window: Window,
    *,
    choose: str,
) -> Step:
    """Choose parameters on a window, from what was known at its end."""
    known = int(times[window.end - 1])
    past = [cut_off(one, known) for one in series]
    begin = int(times[window.begin - 1]) if window.begin else None
    made: Sweep = search_plan(replace(plan, begin=begin), found, past, search)
    peak = made.best()
    picked = made.plateau() if choose == "plateau" and made.results.combinations.method == "grid" else peak
    row = dict(zip(made.results.measures, made.results.values[picked.row].tolist(), strict=True))
    return Step(window, dict(picked.parameters), made.objective, row, made.trials)


def trade(plan: Plan, found: Found, series: Sequence[Series], times: Times, steps: Sequence[Step]) -> Result:
    """Run the tests of all windows as one, with each one's parameters in its own."""
    first, last = steps[0].window, steps[-1].window
    known = int(times[last.last - 1])
    data = [cut_off(one, known) for one in series]
    own = replace(
        plan, begin=int(times[first.test - 1]), parameters={**plan.parameters, **steps[0].parameters}
    )
    turns = [Turn(step.window.test, _successor(plan, found, step.parameters)) for step in steps[1:]]
    outcome = run.simulate(own, found, data, turns=turns)
    return Result(own, found, outcome, outcome.hold_benchmark())


def _successor(
    plan: Plan, found: Found, parameters: Mapping[str, Any]
) -> Callable[[Engine], Iterable[Reviewed]]:
    """Return what seats a strategy with other parameters, once all that is held is being sold."""

    def take(engine: Engine) -> Iterable[Reviewed]:
        desk = engine.desk
        for symbol in desk.active():
            desk.target(symbol, 0.0, NO_EXITS, Ticket(tag="window"))
        sent = list(engine.flush())
        engine.stop()
        desk.forget_signals()
        strategy = found.make({**plan.parameters, **parameters})
        strategy.bind(desk, seed=plan.seed)
        return [*sent, *engine.seat(strategy)]

    return take
