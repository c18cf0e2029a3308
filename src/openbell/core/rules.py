"""Every formula of the simulation, once, as plain scalar functions.

The event engine calls them as Python; a compiled kernel compiles the same functions. For that, they use
only `+ - * / // %`, comparisons, `abs`, `min`, `max`, `math.isnan` and `math.sqrt` on floats: these give
the same bits in both worlds. `round`, `log`, `sum` and the like do not, and stay out.

`side` is +1 for a buy and -1 for a sale throughout; prices are in the instrument's currency a share.
A NaN price means "none", and no comparison with it is true.
"""

from __future__ import annotations

import math

DUST = 1e-9  #: a quantity below this is float noise, and counts as nothing
GRAIN = 4e-16  #: of a number of lots, what a float and one product of it may lack
NOISE = 1e-13  #: of quantities that are added up, what their sum may be off by
_FAINT = NOISE * NOISE
WHOLE = 1.0 - NOISE  #: of an order's quantity, what has filled all of it but for what a sum is off by
SPECK = 1e-3  #: of a lot, what sums before may have left


# --- grids ---------------------------------------------------------------------------------------------


def per_unit(step: float) -> float:
    """Return how many steps of a grid make 1.0 when they do so exactly, else zero.

    A price times 100, rounded and divided by 100 is the float that `99.95` is written as; 9,995 times 0.01
    is not.
    """
    count = (1.0 / step + 0.5) // 1.0
    return count if abs(count * step - 1.0) < DUST else 0.0


def on_tick(price: float, tick: float) -> float:
    """Return the whole tick nearest to `price`; halves go up."""
    count = per_unit(tick)
    if count > 0.0:
        return ((price * count + 0.5) // 1.0) / count
    return ((price / tick + 0.5) // 1.0) * tick


def whole_lots(quantity: float, lot: float) -> float:
    """Return the most whole lots that `quantity` (zero or more) holds.

    129.169414 shares are 129,169,413.99999999 millionths to a float, and yet whole. Beyond 1e15 lots a
    float does not tell one from the next: the quantity is taken as it is.
    """
    count = per_unit(lot)
    lots = quantity * count if count > 0.0 else quantity / lot
    if lots > 1e15:
        return quantity
    whole = (lots + (DUST + GRAIN * lots)) // 1.0
    return whole / count if count > 0.0 else whole * lot


def denoised(quantity: float, scale: float, lot: float) -> float:
    """Return a difference (zero or more) of quantities as large as `scale`, as whole lots if it is meant so.

    101.630865 - 100.1 is 1.530865000000006: what a float of 100 is off by is more than nothing in lots of a
    millionth. A quantity that is off whole lots by more than that stays as it is.
    """
    noise = min(SPECK * lot + NOISE * scale, 0.5 * lot)
    lots = whole_lots(quantity + noise, lot)
    return lots if abs(lots - quantity) <= noise else quantity


def away(price: float, direction: float, share: float) -> float:
    """Return the price that lies a `share` of it above (direction +1) or below (-1)."""
    return price * (1.0 + direction * share)


# --- when an order fills, and at what price ------------------------------------------------------------


def limit_at_open(side: float, limit: float, open_: float) -> bool:
    """Tell whether the open is already at the limit or better: the fill is at the open."""
    return side * (limit - open_) >= 0.0


def limit_touched(side: float, limit: float, high: float, low: float) -> bool:
    """Tell whether the bar reaches the limit: the fill is at the limit."""
    return low <= limit if side > 0.0 else high >= limit


def stop_at_open(side: float, stop: float, open_: float) -> bool:
    """Tell whether the open is at the stop or beyond: the fill is at the open."""
    return side * (open_ - stop) >= 0.0


def stop_touched(side: float, stop: float, high: float, low: float) -> bool:
    """Tell whether the bar reaches the stop: the fill is at the stop."""
    return high >= stop if side > 0.0 else low <= stop


def trailing_stop(side: float, mark: float, trail: float, percent: bool) -> float:  # noqa: FBT001  # compiled code takes no keyword-only arguments
    """Return a trailing stop's level below (sale) or above (buy) the best price known before the bar.

    `trail` is an amount a share, or a share of the mark when `percent`.
    """
    distance = mark * trail if percent else trail
    return mark + side * distance


def trailing_mark(side: float, mark: float, high: float, low: float) -> float:
    """Return the mark after the bar: its extreme moves the stop for the next bar, not for this one."""
    return min(mark, low) if side > 0.0 else max(mark, high)


# --- what a fill costs ---------------------------------------------------------------------------------


def slippage(  # one scalar for each term of the formula
    price: float,
    quantity: float,
    volume: float,
    per_share: float,
    bps: float,
    spread_bps: float,
    impact: float,
) -> float:
    """Return the slippage in money a share, zero or more.

    `per_share + price * (bps + spread_bps / 2) / 10,000 + price * impact * sqrt(quantity / volume)`; the
    last term is the square-root law of market impact (Almgren, Thum, Hauptmann, Li 2005; Barra 1997).
    """
    cost = per_share + price * (bps + 0.5 * spread_bps) / 10000.0
    if impact > 0.0 and volume > 0.0:
        cost = cost + price * impact * math.sqrt(quantity / volume)
    return cost


def slipped(side: float, price: float, cost: float) -> float:
    """Return the fill price: worse by `cost`, and never below zero."""
    return max(price + side * cost, 0.0)


def charge_raw(quantity: float, value: float, per_share: float, rate_bps: float) -> float:
    """Return what one fill adds to its order's fee, before the floor and the cap."""
    return quantity * per_share + value * rate_bps / 10000.0


def order_fee(raw: float, value: float, per_order: float, minimum: float, maximum_share: float) -> float:
    """Return the whole fee of an order so far.

    `raw` and `value` are sums over all its fills, so the floor and `per_order` count once an order,
    however many fills it took. The cap goes last: a tiny order may pay less than the floor.
    """
    fee = raw + per_order
    if minimum > fee:  # noqa: PLR1730  # Python's `max` is a call, and costs more than all of this
        fee = minimum
    if maximum_share > 0.0:
        fee = min(fee, maximum_share * value)
    return fee


def volume_left(volume: float, share: float, taken: float, lot: float) -> float:
    """Return the whole lots that may still fill in a bar; a share of zero means no cap."""
    if share <= 0.0:
        return math.inf
    return whole_lots(max(volume * share - taken, 0.0), lot)


# --- booking -------------------------------------------------------------------------------------------


def booked_position(position: float, signed: float) -> float:
    """Return the position after a fill of `signed` shares; float dust counts as flat."""
    after = position + signed
    if -DUST < after < DUST or after * after < _FAINT * signed * signed:  # without a call
        return 0.0
    return after


def fill_amount(signed: float, price: float, fee: float) -> float:
    """Return what a fill of `signed` shares changes cash by: one sum, so that amounts add up to cash."""
    return -signed * price - fee


def booked(position: float, average: float, signed: float, price: float) -> tuple[float, float, float]:
    """Return the position after a fill, its average entry price, and the profit before fees that it realises.

    A reduction leaves the average, a flip sets it anew.
    """
    after = position + signed
    if -DUST < after < DUST or after * after < _FAINT * signed * signed:
        after = 0.0
    held = position if position > 0.0 else -position
    size = signed if signed > 0.0 else -signed
    if position * signed >= 0.0:
        return after, 0.0 if after == 0.0 else (held * average + size * price) / (held + size), 0.0
    closed = min(held, size)
    gain = closed * (price - average) * (1.0 if position > 0.0 else -1.0)
    if after == 0.0:
        return after, 0.0, gain
    return after, price if after * position < 0.0 else average, gain


# --- buying power --------------------------------------------------------------------------------------


def opening_part(position: float, signed: float) -> float:
    """Return how many of an order's shares open or add to a position, rather than reduce it."""
    if position * signed >= 0.0:
        return abs(signed)
    rest = abs(signed) - abs(position)
    return rest if rest > 0.0 else 0.0  # noqa: FURB136  # Python's `max` is a call, and costs five times as much


def free_equity(equity: float, gross: float, initial: float) -> float:
    """Return the equity that no position ties up; `gross` is the sum of |position| times price."""
    return equity - gross * initial


def revalued_free(free: float, position: float, mark: float, price: float, initial: float) -> float:
    """Return the free equity with one position at `price`, of what it was with the position at `mark`."""
    return free + (price - mark) * (position - abs(position) * initial)


def required(
    opening: float, closing: float, price: float, mark: float, side: float, initial: float, fee: float
) -> float:  # one scalar for each term
    """Return how much free equity an order takes (negative: gives back).

    The opening part ties up `initial` of its value, the closing part frees as much, and the difference
    between the fill price and the mark is a loss at once, as the fee is.
    """
    tied = (opening - closing) * mark * initial
    loss = side * (opening + closing) * (price - mark)
    return tied + loss + fee


def affordable(free: float, each: float, fee: float, lot: float) -> float:
    """Return the most whole lots whose needs and fee fit into `free`; `each` is what one share requires.

    `fee` is that of the larger order, so it is an upper bound and the answer always fits.
    """
    return whole_lots(max(free - fee, 0.0) / each, lot)


def carry(value: float, rate: float, days: float) -> float:
    """Return borrow or interest on `value` at a yearly `rate` for `days` calendar days (actual/365)."""
    return value * rate * days / 365.0


# --- sizing --------------------------------------------------------------------------------------------


def sized_by_value(value: float, price: float, lot: float) -> float:
    """Return the whole lots worth at most `value`."""
    if price <= 0.0 or value <= 0.0:
        return 0.0
    return whole_lots(value / price, lot)


def sized_beside(value: float, kept: float, price: float, dear: float, lot: float) -> float:
    """Return the most shares worth at most `value`: what is kept at a price, the others at a dearer one."""
    if dear > price and kept > 0.0:
        return kept + sized_by_value(value - kept * price, dear, lot)
    return sized_by_value(value, dear, lot)


# --- corporate actions ---------------------------------------------------------------------------------


def split_shares(position: float, new: float, old: float) -> float:
    """Return the shares after a split, fraction included: the exact ratio, multiplied before divided."""
    return position * new / old


def split_price(price: float, new: float, old: float) -> float:
    """Return a price in the shares after a split."""
    return price * old / new
