"""The shortest way: plain changes of conviction one after the other, the account kept in registers.

A change is plain where a position without exits is bought whole, for cash, or sold whole. The steps are those
of `swift`, by the same rules; what it writes after each of them is written at the end. At the first change
that is not plain this stops, with nothing of that one done.
"""

from __future__ import annotations

import math

from openbell.backtesting.kernel.compiler import compiled, inlined
from openbell.backtesting.kernel.desk import has_exits, sized
from openbell.backtesting.kernel.funds import whole_fee
from openbell.backtesting.kernel.marking import mark_until
from openbell.backtesting.kernel.memory import fetch, item, symbol_at, value
from openbell.backtesting.kernel.records import Run
from openbell.backtesting.kernel.swift import foresee_fill, is_swift
from openbell.core import rules

_NAN = float("nan")
#: Changes of conviction between that whose prices are asked for and that which is acted on.
AHEAD = 8


@compiled
def is_plain(run: Run) -> bool:
    """Tell whether a run may take this way at all."""
    return is_swift(run) and not has_exits(run) and run.initial == 1.0 and run.short == 0


@inlined
def next_mark(run: Run) -> int:
    """Return the moment of the next mark, or the end."""
    return item(run.marks_at, run.mark) if run.mark < run.mark_count else run.moments


@inlined
def order(run: Run, conviction: float, close: float, cash: float, held: float, lot: float) -> float:
    """Return the signed shares that a conviction orders at a close, or NaN where that is not plain."""
    if conviction == 0.0:
        quantity = rules.whole_lots(held, min(lot, 1.0))
        return -quantity if held - rules.DUST <= quantity <= held else _NAN
    if held != 0.0:
        return _NAN
    wanted = sized(run, conviction, close, cash, lot)
    if wanted <= 0.0 or not wanted * close <= run.part * cash:
        return _NAN
    quantity = rules.whole_lots(wanted, lot)
    fee = whole_fee(run, quantity, quantity * close)
    need = rules.required(quantity, 0.0, close, close, 1.0, 1.0, fee)
    return quantity if abs(quantity - wanted) <= rules.DUST and need <= cash + rules.DUST else _NAN


@compiled
def sprint(run: Run, moment: int, action: int) -> int:
    """Act on changes of conviction while they are plain; return the moment to go on at."""
    s = symbol_at(run, 0)
    if s.booked == 0 or s.position < 0.0 or run.resting or run.since >= 0:
        return moment
    until = run.moments
    if action < run.actions:
        until = min(until, item(run.action_moments_at, action))
    change, mark, lot = run.change, next_mark(run), s.lot
    cash, held, last, gained = run.cash, s.position, s.conviction, s.trade_pnl
    fees, slippage, won, lost, trades, wins = run.fees, run.slippage, run.won, run.lost, run.trades, run.wins
    while change < run.changes:
        now, conviction = item(run.when_at, change), value(run.what_at, change)
        soon = item(run.when_at, min(change + AHEAD, run.changes - 1))
        fetch(run.close_at, soon)
        fetch(run.open_at, soon + 1)
        if now + 1 >= until or not conviction >= 0.0 or conviction == last:
            break
        signed = order(run, conviction, value(run.close_at, now), cash, held, lot)
        if math.isnan(signed):
            break
        if signed != 0.0:
            touched = value(run.open_at, now + 1)
            price, fee, slip = foresee_fill(run, now + 1, signed, touched, False, False, 0.0, cash, held)
            if math.isnan(price):
                break
            if now >= mark:
                run.cash, s.position = cash, held
                run.mark = mark_until(run, run.mark, now + 1)
                mark = next_mark(run)
            held = rules.booked_position(held, signed)
            cash += rules.fill_amount(signed, price, fee)
            fees, slippage, gained = fees + fee, slippage + slip, gained - (signed * price + fee)
            if held == 0.0:
                trades, wins = trades + 1, wins + (1 if gained > 0.0 else 0)
                won, lost, gained = won + max(gained, 0.0), lost + min(gained, 0.0), 0.0
        last, moment = conviction, now + 1
        change += 1
    run.cash, s.position, s.trade_pnl, s.conviction = cash, held, gained, last
    run.fees, run.slippage, run.won, run.lost, run.trades, run.wins = fees, slippage, won, lost, trades, wins
    run.change, s.last = change, value(run.what_at, change - 1)
    return moment
