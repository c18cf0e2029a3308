"""The short way of a position with exits: its end is found in one loop over the bars, and booked at once.

An entry for which `swift` foresees a whole fill leads to a stop, a trailing stop and a target, which are
three numbers here and no orders. Whatever may go another way until the position is closed (an action,
another size, a bar of too little volume, a debt) sends the entry the long way.
"""

from __future__ import annotations

import math

from openbell.backtesting.kernel.compiler import compiled
from openbell.backtesting.kernel.desk import count_note
from openbell.backtesting.kernel.memory import item, symbol_at, value
from openbell.backtesting.kernel.quiet import pass_by, trailing_level
from openbell.backtesting.kernel.records import SHORT_NOT_ALLOWED, Run
from openbell.backtesting.kernel.swift import allowed, book, foresee_fill
from openbell.core import rules

NOWHERE = -1  #: no moment: the long way has to be taken


@compiled
def foresee_end(run: Run, moment: int, change: int, action: int) -> int:
    """Work out how the position ends whose entry is foreseen; return when, the end if nothing closes it.

    It was decided on at `moment`, and `change` is the first change of conviction after that. `NOWHERE` is
    returned where something else might happen. Nothing is changed but what `leave` takes.
    """
    bar, conviction = moment + 1, value(run.what_at, change - 1)
    if not set_exits(run, moment):
        return NOWHERE
    until = run.moments
    if action < run.actions:
        until = min(until, item(run.action_moments_at, action))
    if run.entries_only:
        return foresee_alone(run, bar, change, until)
    while bar < until:
        changes = change < run.changes
        passed = min(item(run.when_at, change) + 1, until) if changes else until
        bar = pass_by(run, bar, passed)
        run.left = change
        if bar < passed:
            return bar if foresee_exit(run, bar, moment + 1) else NOWHERE
        if changes and item(run.when_at, change) == bar - 1:
            run.asked = value(run.what_at, change)
            change += 1
            if allowed(run, run.asked) != conviction:
                return bar if foresee_close(run, bar, change, until) else NOWHERE
    run.left = change
    return until if until == run.moments else NOWHERE


@compiled
def foresee_alone(run: Run, entry: int, change: int, until: int) -> int:
    """Do so where no change of conviction ends the position: its bars pass by in one go."""
    bar = pass_by(run, entry, until)
    while change < run.changes and item(run.when_at, change) < bar:
        change += 1
    run.left = change
    if bar < until:
        return bar if foresee_exit(run, bar, entry) else NOWHERE
    return until if until == run.moments else NOWHERE


@compiled
def set_exits(run: Run, moment: int) -> bool:
    """Set the exits of a position that is decided on at a moment; tell whether orders may have them."""
    s, close, open_ = symbol_at(run, 0), value(run.close_at, moment), value(run.open_at, moment + 1)
    run.falls, run.rises, run.trail_level = -math.inf, math.inf, -math.inf
    if run.stop_loss > 0.0:
        run.falls = rules.on_tick(rules.away(close, -1.0, run.stop_loss), s.tick)
    if run.take_profit > 0.0:
        run.rises = rules.on_tick(rules.away(close, 1.0, run.take_profit), s.tick)
    if run.trailing_stop > 0.0:
        run.trail_mark = open_
        run.trail_level = trailing_level(-1.0, open_, run.trailing_stop, s.tick)
    priced = run.rises > 0.0 and (run.stop_loss == 0.0 or run.falls > 0.0)
    whole = rules.whole_lots(run.foreseen, min(s.lot, 1.0)) == run.foreseen
    return priced and whole and opens_inside(run, moment + 1)


@compiled
def opens_inside(run: Run, bar: int) -> bool:
    """Tell whether a bar's open is between its low and its high, so that what it fills the bar touches."""
    return value(run.low_at, bar) <= value(run.open_at, bar) <= value(run.high_at, bar)


@compiled
def foresee_exit(run: Run, bar: int, entry: int) -> bool:
    """Work out the fill of the exit that a bar touches, the stop rather than the target.

    Of two stops the higher one is the nearer to the open. In the bar of the entry, that has taken its volume.
    """
    open_, high, low = value(run.open_at, bar), value(run.high_at, bar), value(run.low_at, bar)
    level = max(run.falls, run.trail_level)
    taken = run.foreseen if bar == entry else 0.0
    run.asked = 1.0
    if not opens_inside(run, bar):
        return False
    if rules.stop_at_open(-1.0, level, open_):
        return foresee_sale(run, bar, open_, False, False, taken)
    if rules.limit_at_open(-1.0, run.rises, open_):
        return foresee_sale(run, bar, open_, True, False, taken)
    if rules.stop_touched(-1.0, level, high, low):
        return foresee_sale(run, bar, level, False, False, taken)
    return foresee_sale(run, bar, run.rises, True, True, taken)


@compiled
def foresee_close(run: Run, bar: int, change: int, until: int) -> bool:
    """Work out the fill at a bar's open of the order to which a change of conviction leads, if it closes."""
    run.left = change
    if bar == until or allowed(run, run.asked) != 0.0:
        return False
    return foresee_sale(run, bar, value(run.open_at, bar), False, False, 0.0)


@compiled
def foresee_sale(run: Run, bar: int, touched: float, rests: bool, maker: bool, taken: float) -> bool:
    """Work out the fill of all that is held; tell whether it can be nothing else."""
    cash = run.cash + rules.fill_amount(run.foreseen, run.foreseen_price, run.foreseen_fee)
    run.left_price, run.left_fee, run.left_slip = foresee_fill(
        run, bar, -run.foreseen, touched, rests, maker, taken, cash, run.foreseen
    )
    return not math.isnan(run.left_price)


@compiled
def leave(run: Run) -> None:
    """Book the end that was foreseen."""
    book(run, -run.foreseen, run.left_price, run.left_fee, run.left_slip)
    if run.asked <= 0.0:  # it was an order of the desk's
        symbol_at(run, 0).conviction = 0.0
    if run.asked < 0.0:
        count_note(run, SHORT_NOT_ALLOWED)
