"""The loop of `replay`, compiled: it visits the moments at which something can happen, and no others."""

from __future__ import annotations

from collections.abc import Callable

from numba import types

from openbell.backtesting.kernel.book import finish
from openbell.backtesting.kernel.bracket import NOWHERE, foresee_end, leave
from openbell.backtesting.kernel.compiler import SOURCE, apart, compiled, inlined, kept, ready
from openbell.backtesting.kernel.desk import call_margin, has_exits, holds, signal, works
from openbell.backtesting.kernel.holding import act, charge
from openbell.backtesting.kernel.marking import advance, mark_until
from openbell.backtesting.kernel.matching import match
from openbell.backtesting.kernel.measures import measure
from openbell.backtesting.kernel.memory import fetch, item, put, run_at, symbol_at, value
from openbell.backtesting.kernel.quiet import next_touch
from openbell.backtesting.kernel.records import REASON_COUNT, Run
from openbell.backtesting.kernel.sprint import is_plain, sprint
from openbell.backtesting.kernel.swift import FILLS, LONG_WAY, allowed, book, foresee, is_swift

_NAN = float("nan")
#: Changes of conviction between that whose prices are asked for and that which is acted on.
AHEAD = 4


@apart
def begin(run: Run) -> None:
    """Set a run to its first moment."""
    run.cash = run.initial_cash
    run.reserved = run.fees = run.slippage = run.charges = run.won = run.lost = 0.0
    run.next_id = 1
    run.holds = run.shorts = run.resting = run.positions = run.senders = 0
    run.logged = run.fault = run.trades = run.wins = run.joined = run.invested = 0
    run.mark = run.restless = run.change = 0
    run.since = -1
    for k in range(REASON_COUNT):
        put(run.notes_at, k, 0)
    for symbol in range(run.symbols):
        s = symbol_at(run, symbol)
        s.at, s.unit = -1, 1.0
        s.position = s.projected = s.trade_pnl = s.last = s.carried = 0.0
        s.conviction = _NAN
        s.orders = s.sent = s.booked = 0
        s.tried_at = -1


@apart
def meet(run: Run, moment: int, action: int) -> int:
    """Let a moment's actions happen, its bars fill what rests, and only then become known."""
    advance(run, moment - 1)
    acted = action
    while acted < run.actions and item(run.action_moments_at, acted) == moment:
        act(run, acted)
        acted += 1
    if acted > action or run.resting or run.since >= 0:
        if run.since >= 0:
            charge(run, moment)
        match(run, moment)
        run.since = moment if run.shorts or run.cash < 0.0 else -1
    advance(run, moment)
    if run.since >= 0:
        call_margin(run)
    return acted


@compiled
def is_busy(run: Run, symbol: int) -> bool:
    """Tell whether a symbol is held or ordered."""
    return symbol_at(run, symbol).position != 0.0 or works(run, symbol)


@compiled
def heed(run: Run, symbol: int, conviction: float) -> None:
    """Take note of a conviction, and act on it unless the position is left to its exits."""
    symbol_at(run, symbol).last = conviction
    if not (run.entries_only and is_busy(run, symbol)):
        signal(run, symbol, conviction)


@apart
def decide(run: Run, moment: int) -> None:
    """Act on the convictions that change at a moment."""
    while is_change(run, moment):
        heed(run, item(run.who_at, run.change), value(run.what_at, run.change))
        run.change += 1


@compiled
def is_change(run: Run, moment: int) -> bool:
    """Tell whether the next change of conviction is at a moment."""
    return run.change < run.changes and item(run.when_at, run.change) == moment


@apart
def decide_again(run: Run, moment: int) -> None:
    """Act on the convictions that change, and on those that stand where nothing is held or ordered."""
    for symbol in range(run.symbols):
        s = symbol_at(run, symbol)
        if is_change(run, moment) and item(run.who_at, run.change) == symbol:
            heed(run, symbol, value(run.what_at, run.change))
            run.change += 1
        elif s.at >= 0 and is_restless(run, symbol) and item(run.slots_at, s.first + s.at) == moment:
            signal(run, symbol, s.last)
    run.restless = 1 if any_restless(run) else 0


@compiled
def is_restless(run: Run, symbol: int) -> bool:
    """Tell whether a standing conviction is to be acted on again: an exit closed its position."""
    s = symbol_at(run, symbol)
    wants = s.last > 0.0 or (s.last < 0.0 and run.short != 0)
    if run.entries_only and is_busy(run, symbol):
        return False
    return wants and not holds(run, symbol, s.last)


@compiled
def any_restless(run: Run) -> bool:
    """Tell whether the next bars may be traded on although no conviction changes."""
    for symbol in range(run.symbols):
        if is_restless(run, symbol):
            return True
    return False


@compiled
def next_moment(run: Run, action: int) -> int:
    """Return the next moment that has a change of conviction or a corporate action, or the end."""
    following = run.moments
    if run.change < run.changes:
        following = item(run.when_at, run.change)
    if action < run.actions:
        following = min(following, item(run.action_moments_at, action))
    return following


@compiled
def leap(run: Run, moment: int, action: int) -> int:
    """Return the next moment at which anything can happen, from `moment` on."""
    if run.since >= 0 or run.restless:
        return moment
    following = next_moment(run, action)
    return next_touch(run, moment, following) if run.resting else following


@inlined
def hurry(run: Run, moment: int, action: int) -> int:
    """Act on a conviction by the short way, up to what it leads to; return the moment to go on at.

    Where that way may not be taken nothing is changed, and the moment is `NOWHERE`.
    """
    changes = is_change(run, moment)
    if not changes and not run.restless:
        return NOWHERE
    soon = item(run.when_at, min(run.change + AHEAD, run.changes - 1))
    fetch(run.close_at, soon)
    fetch(run.open_at, soon + 1)
    advance(run, moment)
    s, change = symbol_at(run, 0), run.change + (1 if changes else 0)
    asked = value(run.what_at, change - 1)
    way, following = foresee(run, moment, asked, action), moment + 1
    if way == FILLS and has_exits(run):
        following = foresee_end(run, moment, change, action)
    if way == LONG_WAY or following == NOWHERE:
        return NOWHERE
    s.conviction, run.change = allowed(run, asked), change
    if way == FILLS:
        run.mark = mark_until(run, run.mark, moment + 1)
        book(run, run.foreseen, run.foreseen_price, run.foreseen_fee, run.foreseen_slip)
        if has_exits(run):
            end(run, following)
    s.last = value(run.what_at, run.change - 1)
    run.restless = 1 if run.reenter and is_restless(run, 0) else 0
    return following


@compiled
def end(run: Run, moment: int) -> None:
    """Let a position with exits end at a moment, as it was foreseen."""
    run.mark = mark_until(run, run.mark, moment)
    run.change = run.left
    if moment < run.moments:
        leave(run)


@compiled
def walk(run: Run) -> None:
    """Run a strategy whose changes of conviction are known, and write equity at the marks."""
    begin(run)
    action = moment = 0
    swift, plain = is_swift(run), is_plain(run)
    while moment < run.moments and not run.fault:
        moment = leap(run, moment, action)
        run.mark = mark_until(run, run.mark, moment)
        if moment == run.moments:
            break
        following = hurry(run, moment, action) if swift else NOWHERE
        if following == NOWHERE:
            run.moment = moment
            action = meet(run, moment, action)
            if run.reenter:
                decide_again(run, moment)
            else:
                decide(run, moment)
            following = moment + 1
            run.mark = mark_until(run, run.mark, following)
        moment = sprint(run, following, action) if plain else following
    run.mark = mark_until(run, run.mark, run.moments)
    finish(run, item(run.times_at, run.moments - 1))


def _make_replay(_source: str) -> Callable[[int, int], None]:
    @kept
    def replay(address: int, at: int) -> None:
        """Run what lies in a `Memory`, whose address is given, and write its figures from `at` on.

        With `at` below zero only the log is written.
        """
        _ = _source
        run = run_at(address)
        run.figures_only = 1 if at >= 0 else 0
        walk(run)
        if at >= 0:
            measure(run, at)

    return replay


#: The kernel. Its machine code is kept on disk, and made anew when the rules change.
replay = _make_replay(SOURCE)


def prepare() -> None:
    """Compile the kernel, or load it, before its first run."""
    ready(replay, (types.int64, types.int64))
