"""The limits as workloads: the same data, measured in the same way as Openbell's own runs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numba
import numpy as np

from benchmarks import limits_compiled, limits_python
from benchmarks.data import FAST, INVEST, LOOKBACK, SLOW, TIE, TOP, bars_of, exits_of, grid_of, market_of
from benchmarks.measure import Answer, Ready


def _answer(entries: int, equity: float, shares: float, *_: float) -> Answer:
    return Answer([int(entries) - int(shares > 0)], [float(equity)])


def python_loop(workload: str, loop: Callable[..., limits_python.Traded], count: int) -> Ready:
    """Run a hand-written loop of Python."""
    bars = bars_of(workload, count)
    return Ready(lambda: _answer(*loop(bars)), len(bars.close))


def cross(count: int, *, leave: float = -TIE) -> Ready:
    """W1 in one compiled pass, the account marked at each bar."""
    bars = bars_of("W1", count)
    return Ready(
        lambda: _answer(*limits_compiled.cross_marked(bars.open, bars.close, FAST, SLOW, leave)),
        len(bars.close),
    )


def cross_events(count: int) -> Ready:
    """W1 with the decisions in SIMD and the ledger at trades alone."""
    bars = bars_of("W1", count)
    return Ready(
        lambda: _answer(*limits_compiled.cross_events(bars.open, bars.close, FAST, SLOW)), len(bars.close)
    )


def brackets(count: int) -> Ready:
    """W4 in one compiled pass."""
    bars = bars_of("W4", count)
    prices = bars[1:5]
    return Ready(
        lambda: _answer(*limits_compiled.brackets(*prices, FAST, SLOW)),
        len(bars.close),
    )


def rotate(symbols: int, days: int) -> Ready:
    """W2 and W6 in one compiled pass."""
    market = market_of(symbols, days)
    top = min(TOP, max(symbols // 10, 1))

    def run() -> Answer:
        fills, equity, _ = limits_compiled.rotate(
            market.bars.open, market.bars.close, market.month_end, top, LOOKBACK, INVEST
        )
        return Answer([int(fills)], [float(equity)])

    return Ready(run, symbols * days)


def sweep_cross(combinations: int, *, threads: int, events: bool, count: int = 0) -> Ready:
    """W3: `events` visits only the bars that change something; else the account is marked at each."""
    bars = bars_of("W3", count)
    fast, slow = (np.array(windows) for windows in grid_of(combinations))
    sums = np.concatenate(([0.0], np.cumsum(np.round(bars.close * 100.0))))
    trades, equity = np.zeros(combinations, np.int64), np.zeros(combinations)
    kernel: Any = limits_compiled.sweep_events if events else limits_compiled.sweep_marked
    given = (bars.open, bars.close, sums if events else None, fast, slow, None if events else TIE)
    arguments = [one for one in given if one is not None]

    def run() -> Answer:
        numba.set_num_threads(threads)
        kernel(*arguments, trades, equity)
        return Answer(trades.tolist(), equity.tolist())

    return Ready(run, len(bars.close) * combinations)


def sweep_protected(combinations: int, *, threads: int, count: int = 0) -> Ready:
    """W7: stops, targets and trailing stops."""
    bars = bars_of("W3", count)
    exits = np.array(list(product(*exits_of(combinations))))
    trades, equity = np.zeros(combinations, np.int64), np.zeros(combinations)

    def run() -> Answer:
        numba.set_num_threads(threads)
        limits_compiled.sweep_protected(*bars[1:5], FAST, SLOW, exits, trades, equity)
        return Answer(trades.tolist(), equity.tolist())

    return Ready(run, len(bars.close) * combinations)
