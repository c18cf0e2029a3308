"""One run whose parameters change on the way: the tests of a walk-forward, with one ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openbell.backtesting.perturbation import cut_off
from openbell.backtesting.plan import Plan
from openbell.backtesting.replay import Turn
from openbell.core.engine import Engine
from openbell.core.ports import Reviewed
from openbell.core.requests import NO_EXITS, Ticket
from openbell.data.bars import Series, Times
from openbell.reporting.result import Result
from openbell.reporting.walk import Step
from openbell.run.engines import simulate
from openbell.strategies.registry import Found
from openbell.strategies.trial import Trial

#: What happens to positions where a window ends.
BOUNDARIES = ("close", "carry")


def trade(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    times: Times,
    steps: Sequence[Step],
    *,
    boundary: str = "close",
) -> Result:
    """Run the tests of all windows as one, with each one's parameters in its own."""
    first, last = steps[0].window, steps[-1].window
    known = int(times[last.last - 1])
    data = [cut_off(one, known) for one in series]
    own = replace(
        plan, begin=int(times[first.test - 1]), parameters={**plan.parameters, **steps[0].parameters}
    )
    follow = _successor if boundary == "close" else _change
    turns = [Turn(step.window.test, follow(plan, found, step.parameters)) for step in steps[1:]]
    outcome = simulate(own, found, data, turns=turns)
    return Result(own, found, outcome, outcome.hold_benchmark())


def _change(
    plan: Plan, found: Found, parameters: Mapping[str, Any]
) -> Callable[[Engine], Iterable[Reviewed]]:
    """Return what gives the strategy other parameters and leaves all else, as a live session does."""

    def take(engine: Engine) -> Iterable[Reviewed]:
        Trial(engine, found.make({**plan.parameters, **parameters})).begin()
        return []

    return take


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
