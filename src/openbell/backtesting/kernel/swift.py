"""The short way of most changes of conviction: one market order that fills whole at the next open.

It works out the same numbers by the same rules, and books them at once. Whatever might go another way (an
order that works, a limit, a short, a debt, a bar of too little volume, an action) goes the long way. What
exits do with a position that begins so is `bracket`'s.
"""

from __future__ import annotations

import math

from openbell.backtesting.kernel.compiler import compiled, inlined
from openbell.backtesting.kernel.desk import count_note, has_exits, size
from openbell.backtesting.kernel.funds import book_fill, whole_fee
from openbell.backtesting.kernel.memory import item, symbol_at, value
from openbell.backtesting.kernel.power import within
from openbell.backtesting.kernel.records import SHORT_NOT_ALLOWED, SIZE_ZERO, Run
from openbell.core import rules

LONG_WAY, NOTHING, FILLS = range(3)
_NAN = float("nan")


@compiled
def is_swift(run: Run) -> bool:
    """Tell whether a run may take the short way at all: one symbol, of which only the figures are wanted."""
    plain = run.limit == 0.0 and (has_exits(run) or (run.reenter == 0 and run.entries_only == 0))
    return run.figures_only != 0 and run.symbols == 1 and run.dense != 0 and plain


@compiled
def allowed(run: Run, conviction: float) -> float:
    """Return what the account makes of a conviction: zero of a short where there are none."""
    return 0.0 if conviction < 0.0 and not run.short else conviction


@inlined
def foresee(run: Run, moment: int, asked: float, action: int) -> int:
    """Work out what a conviction leads to by the next open, and note the fill for `book`.

    The symbol's bars are known up to `moment`. Nothing is changed but notes, where nothing follows.
    """
    s = symbol_at(run, 0)
    if moment + 1 >= run.moments or run.resting or run.since >= 0:
        return LONG_WAY
    if action < run.actions and item(run.action_moments_at, action) <= moment + 1:
        return LONG_WAY
    conviction, held = allowed(run, asked), s.position
    way, wanted = NOTHING, held
    if conviction != s.conviction or not (held * conviction > 0.0 or (conviction == 0.0 and held == 0.0)):
        wanted = size(run, 0, conviction) if conviction != 0.0 else 0.0
        if wanted < 0.0 or held < 0.0 or (held > 0.0 and has_exits(run)):
            return LONG_WAY
        if wanted > 0.0 and within(run, 0, wanted) != wanted:
            return LONG_WAY
        way = foresee_order(run, moment, held, wanted)
    if way != LONG_WAY and asked < 0.0 and conviction == 0.0:
        count_note(run, SHORT_NOT_ALLOWED)
    if way != LONG_WAY and conviction != 0.0 and wanted == 0.0:
        count_note(run, SIZE_ZERO)
    return way


@inlined
def foresee_order(run: Run, moment: int, held: float, wanted: float) -> int:
    """Work out what bringing a long position to another size leads to."""
    s = symbol_at(run, 0)
    reduces = wanted < held
    part = wanted - held
    if held > 0.0 and wanted > 0.0:
        part = math.copysign(rules.denoised(abs(part), held + wanted, s.lot), part)
    if not reduces and held > 0.0 and rules.whole_lots(held, s.lot) < held - rules.DUST:
        return LONG_WAY  # a split left an odd lot
    if abs(part) < rules.DUST:
        return NOTHING
    side = 1.0 if part > 0.0 else -1.0
    quantity = rules.whole_lots(abs(part), min(s.lot, 1.0) if reduces else s.lot)
    if quantity <= 0.0 or abs(quantity - abs(part)) > rules.DUST or (reduces and quantity > held):
        return LONG_WAY
    if not reduces:
        price = value(run.close_at, moment)
        fee = whole_fee(run, quantity, quantity * price)
        need = rules.required(quantity, 0.0, price, price, side, run.initial, fee)
        if need > run.cash + rules.DUST:
            return LONG_WAY
    touched = value(run.open_at, moment + 1)
    price, fee, slip = foresee_fill(
        run, moment + 1, side * quantity, touched, False, False, 0.0, run.cash, held
    )
    run.foreseen, run.foreseen_price, run.foreseen_fee, run.foreseen_slip = side * quantity, price, fee, slip
    return LONG_WAY if math.isnan(price) else FILLS


@inlined
def foresee_fill(
    run: Run, bar: int, signed: float, touched: float, rests: bool, maker: bool, taken: float,
    cash: float, held: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Return a whole fill's price, fee and slippage in money; a price of NaN where it may go another way.

    `rests` is of a limit order, `maker` where it waited for its price; `taken` is of the bar's volume.
    """
    s = symbol_at(run, 0)
    side, quantity, volume = 1.0 if signed > 0.0 else -1.0, abs(signed), 0.0
    if run.volume_share > 0.0 or run.impact > 0.0:  # else it would be read from far off for nothing
        volume = value(run.volume_at, bar)
    lot = s.lot if side > 0.0 else min(s.lot, 1.0)
    if run.volume_share > 0.0 and rules.volume_left(volume, run.volume_share, taken, lot) < quantity:
        return _NAN, 0.0, 0.0
    price = touched
    if not rests:
        cost = rules.slippage(
            touched, quantity, volume, run.slip_share, run.slip_bps, run.spread_bps, run.impact
        )
        price = rules.slipped(side, touched, cost)
    worth = quantity * price
    raw = 0.0 + rules.charge_raw(quantity, worth, run.per_share, run.maker_bps if maker else run.taker_bps)
    fee = rules.order_fee(raw, 0.0 + worth, run.per_order, run.minimum, run.maximum_share)
    if run.initial != 1.0 or cash + rules.fill_amount(signed, price, fee) < 0.0:
        return _NAN, 0.0, 0.0
    if side > 0.0:
        need = rules.required(quantity, 0.0, price, touched, side, run.initial, fee)
        free = rules.revalued_free(cash, held, value(run.close_at, bar - 1), touched, run.initial)
        if need - free > rules.DUST:
            return _NAN, 0.0, 0.0
    return price, fee, abs(price - touched) * quantity


@inlined
def book(run: Run, signed: float, price: float, fee: float, slip: float) -> None:
    """Book a fill that was foreseen."""
    run.slippage += slip
    book_fill(run, 0, signed, price, fee)
