"""The account's worth at the marks, between the moments at which anything happens."""

from __future__ import annotations

from openbell.backtesting.kernel.compiler import compiled, inlined
from openbell.backtesting.kernel.memory import item, put_value, symbol_at, value
from openbell.backtesting.kernel.records import Run


@inlined
def advance(run: Run, moment: int) -> None:
    """Make the bars up to a moment known."""
    for symbol in range(run.symbols):
        s = symbol_at(run, symbol)
        at = s.at
        if run.dense:
            at = moment
        else:
            while at + 1 < s.bars and item(run.slots_at, s.first + at + 1) <= moment:
                at += 1
        if at != s.at:
            s.at, s.unit, s.carried = at, 1.0, value(run.close_at, s.first + at)


@compiled
def marked(run: Run) -> float:
    """Return equity at the last closes, in the order in which a curve is summed."""
    total = run.cash
    for k in range(run.positions):
        s = symbol_at(run, item(run.positions_at, k))
        if s.position != 0.0:
            total += s.position * s.carried
    return total


@compiled
def is_held(run: Run) -> bool:
    """Tell whether something is held."""
    for k in range(run.positions):
        if symbol_at(run, item(run.positions_at, k)).position != 0.0:
            return True
    return False


@compiled
def mark_until(run: Run, mark: int, following: int) -> int:
    """Write equity at the marks before a moment up to which nothing happens; return the next mark."""
    if mark >= run.mark_count or item(run.marks_at, mark) >= following:
        return mark
    held = is_held(run)
    if run.symbols == 1 and run.dense:
        return mark_one(run, mark, following, held)
    while mark < run.mark_count and item(run.marks_at, mark) < following:
        if held:
            advance(run, item(run.marks_at, mark))
        mark = put_mark(run, mark, marked(run), held)
    return mark


@inlined
def put_mark(run: Run, mark: int, equity: float, held: bool) -> int:
    """Write equity at a mark; return the next one."""
    run.invested += 1 if held and equity > 0.0 else 0
    put_value(run.curve_at, mark, equity)
    return mark + 1


@inlined
def mark_one(run: Run, mark: int, following: int, held: bool) -> int:
    """Write equity at marks, of which there is one at least, where there is one symbol with a bar at each."""
    s, equity = symbol_at(run, 0), run.cash
    if not held:
        while mark < run.mark_count and item(run.marks_at, mark) < following:
            mark = put_mark(run, mark, equity, False)
        return mark
    advance(run, item(run.marks_at, mark))
    mark = put_mark(run, mark, marked(run), True)
    while mark < run.mark_count and item(run.marks_at, mark) < following:
        equity = run.cash + s.position * value(run.close_at, item(run.marks_at, mark))
        mark = put_mark(run, mark, equity, True)
    advance(run, item(run.marks_at, mark - 1))
    return mark
