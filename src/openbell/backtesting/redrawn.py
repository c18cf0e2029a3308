"""Thousands of other courses that a run could have taken: blocks of returns, trades in other orders."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from openbell.backtesting.scattered import Run, Spread, Threads
from openbell.backtesting.splitmix import STEP, begin, kept, share_of, shared
from openbell.data.bars import Floats

#: What is measured of each draw, in the order of the columns.
FIGURES = ("total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown", "calmar")
#: The columns after them: the least that the curve came to, as a share of its beginning.
LOWEST = len(FIGURES)
_WIDTH = LOWEST + 1
#: What is measured of trades that are drawn by themselves.
OF_TRADES = ("win_rate", "profit_factor", "expectancy")
_MOST_POINTS = 120


class Draws(NamedTuple):
    """What came of the draws."""

    figures: Floats  #: (draws, figures and the lowest value)
    curves: Floats  #: (draws, points) growth of 1 at the points
    points: Floats  #: (points,) how many periods have passed at each


def redraw_returns(  # all named
    returns: Floats,
    *,
    draws: int,
    length: float,
    years: float,
    periods_per_year: float,
    seed: int = 0,
    spread: Spread | None = None,
) -> Draws:
    """Draw returns, (n,), anew in blocks by the stationary bootstrap, and measure each course.

    Politis and Romano (1994): a block begins anywhere, goes round the end, and has a geometric length of the
    mean `length`; 1 draws each return by itself. The figures are defined as in `openbell.portfolio`. `spread`
    says who makes the draws, which are the same whoever does.
    """
    points = _points(len(returns))
    run = partial(_of_returns, returns, 1.0 / length, np.uint64(seed), points, years, periods_per_year)
    return _shared(run, draws, points, spread)


def reorder_trades(
    gains: Floats, *, draws: int, drop: float = 0.0, seed: int = 0, spread: Spread | None = None
) -> Draws:
    """Let trades follow each other in other orders, each left out with the probability `drop`.

    Args:
        gains: (n,) what each trade did to the account, as a share of what it was worth before.
        draws: How many orders.
        drop: The probability.
        seed: Of the orders.
        spread: Who makes the draws; None is the threads of this process.

    Returns:
        Figures that need a calendar are NaN; fall and lowest value are of the account after each trade.
    """
    points = _points(len(gains))
    return _shared(partial(_of_trades, gains, drop, np.uint64(seed), points), draws, points, spread)


def _of_returns(  # noqa: PLR0913  # what a worker elsewhere is sent, and compiled code takes
    returns: Floats, ends: float, seed: np.uint64, points: Floats, years: float, periods: float,
    first: int, last: int, figures: Floats, curves: Floats,
) -> None:  # fmt: skip
    _redraw(returns, first, last, ends, seed, points, years, periods, figures, curves)


def _of_trades(  # the same
    gains: Floats, drop: float, seed: np.uint64, points: Floats, first: int, last: int, figures: Floats,
    curves: Floats,
) -> None:  # fmt: skip
    _reorder(gains, first, last, drop, seed, points, figures, curves)


def redraw_trades(profits: Floats, *, draws: int, seed: int = 0) -> Floats:
    """(draws, figures of trades) as many trades, (n,) in money, drawn anew one by one."""
    found = np.empty((max(draws, 0), len(OF_TRADES)))
    shared(lambda first, last: _resample(profits, first, last, np.uint64(seed), found), draws)
    return found


def leave_each_trade_out(profits: Floats) -> Floats:
    """(n, figures of trades) the figures without each trade in turn."""
    rest = len(profits) - 1
    won, lost = np.maximum(profits, 0.0), np.maximum(-profits, 0.0)
    loss = lost.sum() - np.where((profits < 0.0) & ((profits < 0.0).sum() == 1), lost.sum(), lost)
    factor = np.divide(won.sum() - won, loss, out=np.full(len(profits), np.nan), where=loss > 0.0)
    wins = (profits > 0.0).sum() - (profits > 0.0)
    return np.column_stack([wins / rest, factor, (profits.sum() - profits) / rest])


def leave_each_out(returns: Floats, *, years: float, periods_per_year: float) -> Floats:
    """(n, figures) the figures without each return in turn: what the jackknife is made of."""
    count = len(returns)
    found = np.empty((count, _WIDTH))
    _leave_out(returns, years * (count - 1) / count, periods_per_year, found)
    return found[:, :LOWEST]


def measure(returns: Floats, *, years: float, periods_per_year: float) -> Floats:
    """(figures,) of the returns in their own order."""
    found = np.empty(_WIDTH)
    _measure(returns, len(returns), -1, years, periods_per_year, found)
    return found[:LOWEST]


def _points(count: int) -> Floats:
    """Return after how many periods curves are looked at: at the beginning, at the end, and in between."""
    return np.unique(np.linspace(0, count, min(count, _MOST_POINTS) + 1).round())


def _shared(run: Run, draws: int, points: Floats, spread: Spread | None) -> Draws:
    """Have draws made."""
    figures, curves = (spread or Threads())(run, draws, (_WIDTH, len(points)))
    return Draws(figures, curves, points)


@kept
def _judge(  # noqa: PLR0913  # compiled code takes plain values
    value: float, total: float, squares: float, below: float, fall: float, count: int, years: float,
    periods: float, found: Floats,
) -> None:  # fmt: skip
    """Write the figures of sums: of returns less their mean, of their squares, of squares below zero."""
    mean = total / count
    spread = (squares - total * total / count) / (count - 1) if count > 1 else np.nan
    deviation = np.sqrt(max(spread, 0.0))
    root = np.sqrt(periods)
    found[0] = value - 1.0
    found[1] = (
        value ** (1.0 / years) - 1.0 if value > 0.0 and years > 0.0 else (-1.0 if value <= 0.0 else np.nan)
    )
    found[2] = deviation * root
    found[3] = mean / deviation * root if deviation > 0.0 else np.nan
    downside = np.sqrt(below / count)
    found[4] = mean / downside * root if downside > 0.0 else np.nan
    found[5] = fall
    found[6] = found[1] / -fall if fall < 0.0 else np.nan


@kept
def _measure(returns: Floats, count: int, without: int, years: float, periods: float, found: Floats) -> None:
    value = peak = lowest = 1.0
    fall = total = squares = below = 0.0
    used = 0
    for at in range(count):
        if at == without:
            continue
        r = returns[at]
        used += 1
        value *= 1.0 + r
        peak = max(peak, value)
        fall = min(fall, value / peak - 1.0)
        lowest = min(lowest, value)
        total += r
        squares += r * r
        if r < 0.0:
            below += r * r
    _judge(value, total, squares, below, fall, used, years, periods, found)
    found[LOWEST] = lowest


@kept
def _leave_out(returns: Floats, years: float, periods: float, found: Floats) -> None:
    for without in range(len(returns)):
        _measure(returns, len(returns), without, years, periods, found[without])


@kept
def _redraw(  # noqa: PLR0913  # compiled code takes plain values
    returns: Floats, first: int, last: int, ends: float, seed: np.uint64, points: Floats, years: float,
    periods: float, figures: Floats, curves: Floats,
) -> None:  # fmt: skip
    count = len(returns)
    for draw in range(first, last):
        state = begin(seed, draw)
        value = peak = lowest = 1.0
        fall = total = squares = below = 0.0
        at = -1
        mark = 0
        for passed in range(count):
            if passed == points[mark]:
                curves[draw - first, mark] = value
                mark += 1
            state += STEP
            if at < 0 or share_of(state) < ends:
                state += STEP
                at = int(share_of(state) * count)
            else:
                at = at + 1 if at + 1 < count else 0
            r = returns[at]
            value *= 1.0 + r
            peak = max(peak, value)
            fall = min(fall, value / peak - 1.0)
            lowest = min(lowest, value)
            total += r
            squares += r * r
            if r < 0.0:
                below += r * r
        curves[draw - first, mark] = value
        _judge(value, total, squares, below, fall, count, years, periods, figures[draw - first])
        figures[draw - first, LOWEST] = lowest


@kept
def _reorder(
    gains: Floats, first: int, last: int, drop: float, seed: np.uint64, points: Floats, figures: Floats,
    curves: Floats,
) -> None:  # fmt: skip
    count = len(gains)
    order = np.empty(count, np.int64)
    for draw in range(first, last):
        state = begin(seed, draw)
        for at in range(count):
            order[at] = at
        value = peak = lowest = 1.0
        fall = 0.0
        mark = 0
        for passed in range(count):
            if passed == points[mark]:
                curves[draw - first, mark] = value
                mark += 1
            state += STEP
            other = passed + int(share_of(state) * (count - passed))
            order[passed], order[other] = order[other], order[passed]
            state += STEP
            if drop > 0.0 and share_of(state) < drop:
                continue
            value *= 1.0 + gains[order[passed]]
            peak = max(peak, value)
            fall = min(fall, value / peak - 1.0)
            lowest = min(lowest, value)
        curves[draw - first, mark] = value
        figures[draw - first, :] = np.nan
        figures[draw - first, 0] = value - 1.0
        figures[draw - first, 5] = fall
        figures[draw - first, LOWEST] = lowest


@kept
def _resample(profits: Floats, first: int, last: int, seed: np.uint64, found: Floats) -> None:
    count = len(profits)
    for draw in range(first, last):
        state = begin(seed, draw)
        wins = won = lost = 0.0
        for _ in range(count):
            state += STEP
            profit = profits[int(share_of(state) * count)]
            if profit > 0.0:
                wins += 1.0
                won += profit
            else:
                lost -= profit
        found[draw, 0] = wins / count
        found[draw, 1] = won / lost if lost > 0.0 else np.nan
        found[draw, 2] = (won - lost) / count
