"""The figures of a run, compiled: those of `backtesting.measures`, over the kernel's own curve."""

from __future__ import annotations

import math

from openbell.backtesting.kernel.compiler import compiled, inlined
from openbell.backtesting.kernel.memory import put_value, value
from openbell.backtesting.kernel.records import Run

#: Returns that differ by less than this are equal: see `portfolio.metrics.ROUNDING`.
_ROUNDING = 8 * 2.220446049250313e-16
_NAN = float("nan")
_LARGEST = math.log(1.7976931348623157e308)  #: whose exponential is a float


@compiled
def measure(run: Run, at: int) -> None:
    """Write the figures of a run that ended, from index `at` of the results on, in the order of `MEASURES`.

    Needs the whole curve and the run's counts. A figure that is undefined is NaN.
    """
    count = run.mark_count
    first, last = value(run.curve_at, 0), value(run.curve_at, count - 1)
    growth = last / first - 1.0 if count >= 2 and first > 0.0 else _NAN
    fall, total, below, low, high = survey(run)
    deepest = fall if count >= 2 and first > 0.0 else _NAN
    yearly = compound(growth, run.years)
    spread, sharpe, sortino = ratios(run, total, below, low, high)
    put_value(run.results_at, at, growth)
    put_value(run.results_at, at + 1, yearly)
    put_value(run.results_at, at + 2, spread)
    put_value(run.results_at, at + 3, sharpe)
    put_value(run.results_at, at + 4, sortino)
    put_value(run.results_at, at + 5, finite(yearly / -deepest) if -deepest > _ROUNDING else _NAN)
    put_value(run.results_at, at + 6, deepest)
    put_value(run.results_at, at + 7, float(run.trades))
    put_value(run.results_at, at + 8, run.wins / run.trades if run.trades else _NAN)
    put_value(run.results_at, at + 9, run.won / -run.lost if run.lost < 0.0 else _NAN)
    put_value(run.results_at, at + 10, (run.won + run.lost) / run.trades if run.trades else _NAN)
    put_value(run.results_at, at + 11, run.invested / count)
    put_value(run.results_at, at + 12, run.fees + run.slippage + run.charges)
    put_value(run.results_at, at + 13, last)


@compiled
def compound(growth: float, years: float) -> float:
    """Return a growth as a yearly one."""
    if not 1.0 + growth >= 0.0 or years <= 0.0:
        return _NAN
    if 1.0 + growth == 0.0:
        return -1.0
    yearly = math.log(1.0 + growth) / years
    return math.expm1(yearly) if yearly < _LARGEST else _NAN


@compiled
def finite(figure: float) -> float:
    """Return a figure; NaN where it is too large for a float."""
    return _NAN if math.isinf(figure) else figure


@inlined
def survey(run: Run) -> tuple[float, float, float, float, float]:
    """Walk the curve once, for all that needs no mean.

    Returns the deepest fall from a running peak, which is where the curve is lowest between two peaks: no
    other mark is divided by its peak. Then of the returns their sum, the sum of squares of the losses, the
    least and the greatest one. The squares are NaN where the curve comes down to zero.
    """
    before = value(run.curve_at, 0)
    peak, trough, deepest = before, before, 0.0
    total, below, low, high = 0.0, 0.0, math.inf, -math.inf
    for k in range(1, run.mark_count):
        now, change = value(run.curve_at, k), _NAN
        if now > peak:
            deepest = fallen(deepest, trough, peak)
            peak = trough = now
        elif now < trough:
            trough = now
        if before > 0.0:
            change = now / before - 1.0
            low, high = min(low, change), max(high, change)
            below += change * change if change < 0.0 else 0.0
        else:
            below = _NAN
        total += change
        before = now
    return fallen(deepest, trough, peak), total, below, low, high


@inlined
def fallen(deepest: float, trough: float, peak: float) -> float:
    """Return the deeper one of two falls: the deepest so far, and that from a peak."""
    return min(deepest, trough / peak - 1.0) if peak > 0.0 else deepest


@inlined
def ratios(
    run: Run, total: float, below: float, low: float, high: float
) -> tuple[float, float, float]:  # fmt: skip
    """Return the volatility, the Sharpe and the Sortino ratio, a year, of what `survey` found."""
    returns = run.mark_count - 1
    if returns < 2 or math.isnan(below):
        return _NAN, _NAN, _NAN
    mean, rounding = total / returns, _ROUNDING * (1.0 + max(abs(low), abs(high)))
    root, downside = math.sqrt(run.periods), math.sqrt(below / returns)
    sortino = mean / downside * root if downside > rounding else _NAN
    if high - low <= rounding:
        return 0.0, _NAN, sortino
    squares = 0.0
    before = value(run.curve_at, 0)
    for k in range(1, run.mark_count):
        now = value(run.curve_at, k)
        apart = now / before - 1.0 - mean
        squares += apart * apart
        before = now
    spread = math.sqrt(squares / (returns - 1))
    return spread * root, mean / spread * root, sortino
