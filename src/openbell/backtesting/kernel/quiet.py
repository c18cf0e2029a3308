"""Bars that pass by whatever rests: found in one loop, without meeting each order at each bar."""

from __future__ import annotations

import math

from openbell.backtesting.kernel.compiler import apart, compiled, inlined
from openbell.backtesting.kernel.memory import fetch, item, order_at, symbol_at, value
from openbell.backtesting.kernel.records import LIMIT, TRAILING, Run
from openbell.core import rules

#: Prices that come from the memory together.
LINE = 8
#: Bars that are looked at together for one that touches a price, without a branch for each.
STRETCH = 2 * LINE
#: How many bars ahead prices are asked for: those that a processor looks at while they come.
FAR = 256


@apart
def next_touch(run: Run, moment: int, until: int) -> int:
    """Return the first moment from `moment` on, or `until`, whose bar may fill what rests.

    The marks of trailing stops are moved by the bars in between. With several symbols, and where an order
    does not wait for a price, it is the next bar.
    """
    if not run.dense or run.symbols > 1:
        return moment
    falls, rises, trailing = -math.inf, math.inf, -1
    for k in range(run.resting):
        order = order_at(run, item(run.resting_at, k))
        if order.since > item(run.start_at, moment):
            return moment
        if order.is_stop and order.kind == TRAILING:
            if trailing >= 0:
                return moment
            trailing = item(run.resting_at, k)
        elif order.is_stop:
            falls = max(falls, order.level) if order.side < 0.0 else falls
            rises = min(rises, order.level) if order.side > 0.0 else rises
        elif order.kind == LIMIT:
            falls = max(falls, order.limit) if order.side > 0.0 else falls
            rises = min(rises, order.limit) if order.side < 0.0 else rises
        else:
            return moment
    if trailing < 0:
        return pass_levels(run, moment, until, falls, rises)
    order = order_at(run, trailing)
    run.trail_mark, run.trail_level = order.mark, order.level
    moment = pass_trailed(run, moment, until, falls, rises, order.side, order.trail)
    order.mark, order.level = run.trail_mark, run.trail_level
    return moment


@compiled
def pass_by(run: Run, moment: int, until: int) -> int:
    """Return the first moment from `moment` on, or `until`, whose bar touches a long position's exits."""
    if run.trailing_stop > 0.0:
        return pass_trailed(run, moment, until, run.falls, run.rises, -1.0, run.trailing_stop)
    return pass_levels(run, moment, until, run.falls, run.rises)


@compiled
def pass_levels(run: Run, moment: int, until: int, falls: float, rises: float) -> int:
    """Return the first moment whose bar comes down to one price, or up to another."""
    while moment + STRETCH <= until and stretch_passes(run, moment, falls, rises):
        moment += STRETCH
    while moment < until and falls < value(run.low_at, moment) and value(run.high_at, moment) < rises:
        moment += 1
    return moment


@inlined
def stretch_passes(run: Run, moment: int, falls: float, rises: float) -> bool:
    """Tell whether no bar of a stretch touches two prices, and ask for what lies ahead.

    The position's end, its marks and the next entry read opens and closes there, one here and one there:
    a processor does not foresee those by itself.
    """
    ahead, passed = moment + FAR, 0
    for line in range(ahead, ahead + STRETCH, LINE):
        fetch(run.open_at, line)
        fetch(run.high_at, line)
        fetch(run.low_at, line)
        fetch(run.close_at, line)
    for k in range(moment, moment + STRETCH):
        passed += 1 if (falls < value(run.low_at, k)) & (value(run.high_at, k) < rises) else 0
    return passed == STRETCH


@compiled
def pass_trailed(
    run: Run, moment: int, until: int, falls: float, rises: float, side: float, trail: float
) -> int:  # fmt: skip
    """Do so with a trailing stop beside the two, whose mark the bars move."""
    mark, level, tick = run.trail_mark, run.trail_level, symbol_at(run, 0).tick
    while moment < until:
        low, high = value(run.low_at, moment), value(run.high_at, moment)
        if low <= falls or high >= rises or rules.stop_touched(side, level, high, low):
            break
        moved = rules.trailing_mark(side, mark, high, low)
        if moved != mark:
            mark = moved
            level = trailing_level(side, mark, trail, tick)
        moment += 1
    run.trail_mark, run.trail_level = mark, level
    return moment


@compiled
def trailing_level(side: float, mark: float, trail: float, tick: float) -> float:
    """Return a trailing stop's price on the tick grid."""
    return rules.on_tick(rules.trailing_stop(side, mark, trail, True), tick)
