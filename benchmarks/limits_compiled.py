"""What the machine allows compiled code: the workloads written out by hand, with nothing general in them.

Each kernel is one loop over one strategy, without orders, events or settings. They are yardsticks, and the
judges of everybody's trades and money. Types are left to numba, which infers them.
"""

# mypy: allow-untyped-defs, allow-untyped-decorators

from __future__ import annotations

import numba as nb
import numpy as np

from benchmarks.data import CASH, FEE, SIZE, STOP, TARGET, TIE

BLOCK = 4096  #: bars whose decisions are made before any of them is acted on
_FLAT, _LONG = np.uint64(0), np.uint64(0x0101010101010101)


@nb.njit(cache=True)
def cross_marked(opens, closes, fast, slow, leave):
    """Trade the cross in one pass, the account marked at every bar.

    A gap of the averages above TIE buys; one of at most `leave` sells: -TIE lets a tie be, TIE sells at it.
    Returns entries, final equity, the shares held at last, maximum drawdown, and the sums of returns, their
    squares and the squares of the losses.
    """
    cash, shares, order, entries = CASH, 0.0, 0, 0
    fast_sum = slow_sum = 0.0
    peak = before = CASH
    drawdown = total = squares = losses = 0.0
    for i in range(closes.size):
        if order != 0:
            value = SIZE * opens[i]
            if order > 0:
                cash -= value + value * FEE
                shares = SIZE
                entries += 1
            else:
                cash += value - value * FEE
                shares = 0.0
            order = 0
        price = closes[i]
        fast_sum += price
        slow_sum += price
        if i >= fast:
            fast_sum -= closes[i - fast]
        if i >= slow:
            slow_sum -= closes[i - slow]
        if i >= slow - 1:
            gap = fast_sum / fast - slow_sum / slow
            if gap > TIE:
                if shares == 0.0:
                    order = 1
            elif gap <= leave and shares > 0.0:
                order = -1
        equity = cash + shares * price
        change = equity / before - 1.0
        total += change
        squares += change * change
        if change < 0.0:
            losses += change * change
        before = equity
        if equity > peak:
            peak = equity
        elif peak - equity > drawdown * peak:
            drawdown = (peak - equity) / peak
    return entries, before, shares, drawdown, total, squares, losses


@nb.njit(parallel=True, cache=True)
def sweep_marked(opens, closes, fasts, slows, leave, trades, equity):
    """Trade the cross with all pairs of windows, each one pass that marks the account at every bar."""
    for j in nb.prange(fasts.size * slows.size):
        found = cross_marked(opens, closes, fasts[j // slows.size], slows[j % slows.size], leave)
        trades[j] = found[0] - (found[2] > 0.0)
        equity[j] = found[1]


@nb.njit(inline="always")
def _cross_events(opens, closes, sums, fast, slow, flags):
    """Decide for a block of bars in a loop that becomes SIMD, then visit only the bars that change something.

    `sums` are running sums of cents, whole numbers in float64: differences of them are exact, and a tie is
    zero. A byte says whether a bar's averages are apart; eight of them are passed at a time.
    """
    words = flags.view(np.uint64)
    cash, entries, held = CASH, 0, False
    last = closes.size - 1  # what is decided at the last close has no open to fill at
    first = slow - 1
    while first < last:
        count = min(BLOCK, last - first)
        now = sums[first + 1 : first + 1 + count]
        fast_ago = sums[first + 1 - fast : first + 1 - fast + count]
        slow_ago = sums[first + 1 - slow : first + 1 - slow + count]
        for k in range(count):
            flags[k] = (now[k] - fast_ago[k]) * slow > (now[k] - slow_ago[k]) * fast
        k = 0
        while k < count:
            if k % 8 == 0 and k + 8 <= count and words[k >> 3] == (_LONG if held else _FLAT):
                k += 8
                continue
            if (flags[k] != 0) != held:
                value = SIZE * opens[first + k + 1]
                if held:
                    cash += value - value * FEE
                else:
                    cash -= value + value * FEE
                    entries += 1
                held = not held
            k += 1
        first += count
    shares = SIZE if held else 0.0
    return entries, cash + shares * closes[-1], shares


@nb.njit(parallel=True, cache=True)
def sweep_events(opens, closes, sums, fasts, slows, trades, equity):
    """Trade the cross with all pairs of windows, the ledger touched at trades alone; a tie is flat."""
    for j in nb.prange(fasts.size * slows.size):
        flags = np.empty(BLOCK, np.uint8)
        fast, slow = np.float64(fasts[j // slows.size]), np.float64(slows[j % slows.size])
        found = _cross_events(opens, closes, sums, int(fast), int(slow), flags)
        trades[j] = found[0] - (found[2] > 0.0)
        equity[j] = found[1]


@nb.njit(cache=True)
def cross_events(opens, closes, fast, slow):
    """Trade the cross once by the same means, the running sums included."""
    sums = np.empty(closes.size + 1)
    total = 0.0
    sums[0] = 0.0
    for i in range(closes.size):
        total += np.rint(closes[i] * 100.0)
        sums[i + 1] = total
    return _cross_events(opens, closes, sums, fast, slow, np.empty(BLOCK, np.uint8))


@nb.njit(cache=True)
def rotate(opens, closes, month_end, top, lookback, invest):
    """Hold the `top` symbols by return over `lookback` days in equal parts, ordered at month ends.

    Returns fills, final equity and maximum drawdown.
    """
    days, symbols = closes.shape
    shares, wanted = np.zeros(symbols), np.zeros(symbols)
    cash, peak, equity, drawdown, fills, due = CASH, CASH, CASH, 0.0, 0, False
    for i in range(days):
        if due:
            for j in range(symbols):
                change = wanted[j] - shares[j]
                if change != 0.0:
                    value = change * opens[i, j]
                    cash -= value + abs(value) * FEE
                    shares[j] = wanted[j]
                    fills += 1
            due = False
        equity = cash
        for j in range(symbols):
            equity += shares[j] * closes[i, j]
        peak = max(peak, equity)
        drawdown = max(drawdown, (peak - equity) / peak)
        if month_end[i] and i >= lookback:
            best = np.argsort(1.0 - closes[i] / closes[i - lookback])
            wanted[:] = 0.0
            for k in range(top):
                wanted[best[k]] = np.floor(equity * invest / top / closes[i, best[k]])
            due = True
    return fills, equity, drawdown


@nb.njit(inline="always")
def _cent(price):
    """Return the nearest cent; halves go up."""
    return np.floor(price * 100.0 + 0.5) / 100.0


@nb.njit(cache=True)
def protected(opens, highs, lows, closes, fast, slow, loss, gain, trail, again, leaves):
    """Trade the cross with a stop, a target and a trailing stop on each position; 0 is none.

    `again` enters anew while the averages are apart, `leaves` sells when they no longer are. The exits work
    from the entry on. A gap fills at the open; stop and target in one bar is the stop.
    Returns entries, final equity, the shares held at last and maximum drawdown.
    """
    cash, shares, order, entries, tried = CASH, 0.0, 0, 0, False
    fast_sum = slow_sum = 0.0
    peak, equity, drawdown = CASH, CASH, 0.0
    asked = stop = best = mark = 0.0
    for i in range(closes.size):
        open_ = opens[i]
        if order != 0:
            value = SIZE * open_
            if order > 0:
                cash -= value + value * FEE
                shares, mark = SIZE, open_
                entries += 1
                stop = _cent(asked * (1.0 - loss)) if loss > 0.0 else 0.0
                best = _cent(asked * (1.0 + gain)) if gain > 0.0 else np.inf
            else:
                cash += value - value * FEE
                shares = 0.0
            order = 0
        if shares > 0.0:
            level = stop
            if trail > 0.0:
                level = max(level, _cent(mark - mark * trail))
            price = 0.0
            if lows[i] <= level:
                price = min(open_, level)
            elif highs[i] >= best:
                price = max(open_, best)
            if price > 0.0:
                value = SIZE * price
                cash += value - value * FEE
                shares = 0.0
            mark = max(mark, highs[i])
        price = closes[i]
        fast_sum += price
        slow_sum += price
        if i >= fast:
            fast_sum -= closes[i - fast]
        if i >= slow:
            slow_sum -= closes[i - slow]
        if i >= slow - 1:
            apart = fast_sum / fast - slow_sum / slow > TIE
            if apart:
                if shares == 0.0 and (again or not tried):
                    order, asked = 1, price
            elif leaves and shares > 0.0:
                order = -1
            tried = apart
        equity = cash + shares * price
        if equity > peak:
            peak = equity
        elif peak - equity > drawdown * peak:
            drawdown = (peak - equity) / peak
    return entries, equity, shares, drawdown


@nb.njit(cache=True)
def brackets(opens, highs, lows, closes, fast, slow):
    """Trade W4: every entry a bracket, entered again while the averages are apart."""
    return protected(opens, highs, lows, closes, fast, slow, STOP, TARGET, 0.0, True, False)


@nb.njit(parallel=True, cache=True)
def sweep_protected(opens, highs, lows, closes, fast, slow, exits, trades, equity):
    """Trade W7: the cross with the exits in each row of `exits`, (combinations, 3), once an upturn."""
    for j in nb.prange(exits.shape[0]):
        found = protected(
            opens, highs, lows, closes, fast, slow, exits[j, 0], exits[j, 1], exits[j, 2], False, True
        )
        trades[j] = found[0] - (found[2] > 0.0)
        equity[j] = found[1]
