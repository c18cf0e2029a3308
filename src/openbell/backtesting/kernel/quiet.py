"""Bars that pass by whatever rests: found in one loop, without meeting each order at each bar."""

from __future__ import annotations

import math

from openbell.backtesting.kernel.book import set_level
from openbell.backtesting.kernel.compiler import compiled
from openbell.backtesting.kernel.memory import item, order_at, symbol_at, value
from openbell.backtesting.kernel.records import LIMIT, TRAILING, Run
from openbell.core import rules


@compiled
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
    if trailing >= 0:
        return next_trailed(run, trailing, moment, until, falls, rises)
    while moment < until and falls < value(run.low_at, moment) and value(run.high_at, moment) < rises:
        moment += 1
    return moment


@compiled
def next_trailed(run: Run, slot: int, moment: int, until: int, falls: float, rises: float) -> int:
    """Do so with a trailing stop among what rests."""
    order, tick = order_at(run, slot), symbol_at(run, 0).tick
    side, mark, level = order.side, order.mark, order.level
    while moment < until:
        low, high = value(run.low_at, moment), value(run.high_at, moment)
        if low <= falls or high >= rises or rules.stop_touched(side, level, high, low):
            break
        moved = rules.trailing_mark(side, mark, high, low)
        if moved != mark:
            mark = moved
            level = rules.on_tick(rules.trailing_stop(side, mark, order.trail, True), tick)
        moment += 1
    order.mark = mark
    set_level(run, slot)
    return moment
