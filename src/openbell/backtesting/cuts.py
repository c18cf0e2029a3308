"""At which moments a look-ahead check cuts a run."""

from __future__ import annotations

import numpy as np

from openbell.backtesting.outcome import Outcome
from openbell.data.bars import Times

CUTS = 12  #: moments that are tested, if the budget allows
FEWEST_CUTS = 3
BUDGET = 8  #: how many times the run's bars may be simulated,
FLOOR = 80_000  #: or so many bars, for short runs
RUNS_A_CUT = 4  #: over the true bars, and over three other futures
REPEATS = 4 / 3  #: of the run: once again, and a third of it over other bars


def choose_cuts(outcome: Outcome, moments: int, bars: int, most: int) -> list[int]:
    """Return the moments to test, ascending: two thirds of them with orders, and more early ones than late.

    An early cut is cheap, and leaves more of the future to be changed. -1 is before the first bar, when
    something was ordered there. The last moment has no future and is left out.

    Args:
        outcome: What the strategy did.
        moments: How many of its moments are tested.
        bars: How many bars all of them have.
        most: The most cuts.
    """
    sent = [order.life[1].time if len(order.life) > 1 else order.decided for order in outcome.orders]
    ordered = np.unique(np.searchsorted(outcome.times, np.array(sent, np.int64), side="right") - 1)
    ordered = ordered[ordered < moments - 1]
    others = np.setdiff1d(np.arange(moments - 1), ordered)
    allowed = max(BUDGET * bars, FLOOR) - REPEATS * bars
    chosen: list[int] = []
    for count in range(most, 0, -1):
        picked = _spread(ordered, min(2 * count // 3, len(ordered)))
        chosen = sorted(picked + _spread(others, min(count - len(picked), len(others))))
        cost = sum(RUNS_A_CUT * (cut + 2) * bars / moments for cut in chosen)
        if cost <= allowed or count <= FEWEST_CUTS:
            break
    return chosen


def _spread(places: Times, count: int) -> list[int]:
    """Return `count` different places, one drawn from each part of them; the early parts are shorter."""
    if not count:
        return []
    shares = (np.arange(count) + np.random.default_rng(0).random(count)) / count
    at = np.minimum((shares**1.5 * len(places)).astype(np.int64), np.arange(len(places) - count, len(places)))
    steps = np.arange(count)
    return [int(place) for place in places[np.maximum.accumulate(at - steps) + steps]]
