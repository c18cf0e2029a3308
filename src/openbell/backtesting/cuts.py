"""At which moments a look-ahead check cuts a run."""

from __future__ import annotations

import numpy as np

from openbell.backtesting.outcome import Outcome
from openbell.data.bars import Times

CUTS = 12  #: moments that are tested, if the budget allows
BUDGET = 8  #: how many times the run's bars may be simulated,
FLOOR = 40_000  #: or so many bars, for short runs
RUNS_A_CUT = 4  #: over the true bars, and over three other futures
REPEATS = 4 / 3  #: of the run: once again, and a third of it over other bars


def choose_cuts(outcome: Outcome, moments: int, bars: int, most: int, seed: int = 0) -> list[int]:
    """Return the moments to test, ascending: half of them with orders, and more early ones than late.

    A sixth lies just before corporate actions, and the rest anywhere. An early cut is cheap, and leaves more
    of the future to be changed. -1 is before the first bar, when something was ordered there. The last
    moment has no future and is left out.

    Args:
        outcome: What the strategy did.
        moments: How many of its moments are tested.
        bars: How many bars all of them have.
        most: The most cuts; more than `CUTS` raise the budget in proportion.
        seed: Another one gives other moments.
    """
    sent = [order.life[1].time if len(order.life) > 1 else order.decided for order in outcome.orders]
    ordered = np.unique(np.searchsorted(outcome.times, np.array(sent, np.int64), side="right") - 1)
    ordered = ordered[ordered < moments - 1]
    acting = np.unique([at - 1 for at, _ in outcome.panel.schedule() if 0 < at < moments])

    def pick(count: int) -> list[int]:
        picked = {*_spread(acting, count // 6, seed), *_spread(ordered, (count + 1) // 2, seed)}
        rest = np.delete(np.arange(moments - 1), [cut for cut in picked if cut >= 0])
        return sorted(picked.union(_spread(rest, count - len(picked), seed)))

    def cost(cuts: list[int]) -> float:
        return (REPEATS + sum(RUNS_A_CUT * (cut + 2) for cut in cuts) / moments) * bars

    tried = (pick(count) for count in range(most, 0, -1))
    budget = max(BUDGET * bars, FLOOR) * max(most / CUTS, 1.0)
    return next(cuts for cuts in tried if cost(cuts) <= budget)


def _spread(places: Times, count: int, seed: int) -> list[int]:
    """Return `count` different places, or all: one drawn from each part of them, the early parts shorter."""
    count = min(count, len(places))
    shares = (np.arange(count) + np.random.default_rng(seed).random(count)) / count
    at = np.minimum((shares**2 * len(places)).astype(np.int64), np.arange(len(places) - count, len(places)))
    steps = np.arange(count)
    return [int(place) for place in places[np.maximum.accumulate(at - steps) + steps]]
