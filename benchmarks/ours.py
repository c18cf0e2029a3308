"""The workloads run by Openbell. What is timed begins with ready bars and ends with what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import openbell as ob
from benchmarks import strategies
from benchmarks.data import (
    CASH,
    MINUTE,
    RECIPES,
    SIZE,
    Bars,
    Market,
    bars_of,
    exits_of,
    grid_of,
    market_of,
    span_of,
)
from benchmarks.measure import Answer, Ready
from openbell.data.bars import Series, Source
from openbell.run import panel_of, prepare, simulate

THREADS = 2
_WALK = Source("synthetic", "walk", calendar="24/7")
_DAILY = Source("synthetic", "walk")


def series_of(bars: Bars, minutes: int) -> Series:
    """Return one symbol's bars as Openbell takes them."""
    known = bars.start + minutes * MINUTE
    for column in (known, *bars):
        column.setflags(write=False)  # else they would be copied
    prices = bars.open, bars.high, bars.low, bars.close
    return Series("X", f"{minutes}m", bars.start, known, *prices, bars.volume, source=_WALK)


def many_series(market: Market) -> list[Series]:
    """Return many symbols' daily bars."""
    rows = [np.ascontiguousarray(column.T) for column in market.bars[1:]]
    for column in (*rows, market.bars.start, market.known):
        column.setflags(write=False)
    start, known = market.bars.start, market.known
    open_, high, low, close, volume = rows
    return [
        Series(f"S{j:04d}", "1d", start, known, open_[j], high[j], low[j], close[j], volume[j], source=_DAILY)
        for j in range(len(open_))
    ]


def _settings() -> dict[str, Any]:
    return {"cash": CASH, "costs": strategies.costs(), "sizer": ob.FixedQuantity(SIZE)}


def _trades(fills: Any) -> int:
    return sum(fill.side < 0 for fill in fills)


def event(workload: str, strategy: Any, count: int) -> Ready:
    """Run a class strategy through the event engine, from ready bars to the final equity."""
    plan, found, series = prepare(
        strategy, series_of(bars_of(workload, count), RECIPES[workload].minutes), **_settings()
    )

    def run() -> Answer:
        outcome = simulate(plan, found, series)
        return Answer([_trades(outcome.fills)], [float(outcome.equity[-1])], outcome)

    return Ready(run, len(series[0]))


def told(workload: str, signal: Any, count: int) -> Ready:
    """Run a signal compiled and tell the run in full: orders, fills and ledger as Python's objects."""
    series = series_of(bars_of(workload, count), RECIPES[workload].minutes)

    def run() -> Answer:
        result = ob.backtest(signal, series, engine="compiled", **_settings())
        return Answer([_trades(result.outcome.fills)], [float(result.outcome.equity[-1])], result)

    return Ready(run, len(series))


def figures(workload: str, signal: Any, count: int) -> Ready:
    """Run a signal compiled for its figures: a sweep of one, its indicators and all metrics included."""
    from openbell.backtesting.kernel.batch import Batch

    plan, _, series = prepare(
        signal, series_of(bars_of(workload, count), RECIPES[workload].minutes), **_settings()
    )

    def run() -> Answer:
        batch = Batch(panel_of(plan, series), plan, signal, threads=1)
        row = dict(zip(batch.measures, batch.examine([{}])[0][0].tolist(), strict=True))
        return Answer([int(row["trades"])], [row["equity"]])

    return Ready(run, len(series[0]))


def rotate(symbols: int, days: int) -> Ready:
    """Run the rotation through the event engine, once a moment over all symbols."""
    market = market_of(symbols, days)
    form = strategies.rotation(frozenset(market.known[market.month_end].tolist()))
    top = min(strategies.Rotation(top=1).top * 50, max(symbols // 10, 1))
    series = many_series(market)
    del market
    plan, found, series = prepare(form, series, cash=CASH, costs=strategies.costs(), parameters={"top": top})

    def run() -> Answer:
        outcome = simulate(plan, found, series)
        return Answer([len(outcome.fills)], [float(outcome.equity[-1])], outcome)

    return Ready(run, symbols * days)


def sweep(
    signal: Any, workload: str, grid: Mapping[str, Any], *, count: int, threads: int, figures: str = "all"
) -> Ready:
    """Sweep a grid compiled, all figures of each combination included, or those of its trades."""
    series = series_of(bars_of(workload, count), RECIPES[workload].minutes)
    combinations = int(np.prod([len(values) for values in grid.values()]))

    def run() -> Answer:
        found = ob.sweep(
            signal, series, engine="compiled", workers=threads, figures=figures, **_settings(), **grid
        )
        return Answer(found.table["trades"].astype(int).tolist(), found.table["equity"].tolist())

    return Ready(run, len(series) * combinations)


def sweep_cross(combinations: int, *, count: int = 0, threads: int = THREADS, figures: str = "all") -> Ready:
    """W3: the cross over a grid of windows."""
    fast, slow = grid_of(combinations)
    grid = {"fast": fast, "slow": slow}
    return sweep(strategies.cross, "W3", grid, count=count, threads=threads, figures=figures)


def sweep_span(combinations: int, count: int) -> Ready:
    """The cross over a grid whose windows span the same, however many there are."""
    fast, slow = span_of(combinations)
    return sweep(strategies.cross, "W3", {"fast": fast, "slow": slow}, count=count, threads=THREADS)


def sweep_protected(combinations: int, *, count: int = 0, threads: int = THREADS) -> Ready:
    """W7: the cross over a grid of three exits."""
    loss, gain, trail = exits_of(combinations)
    grid = {"stop_loss": loss, "take_profit": gain, "trailing_stop": trail}
    return sweep(strategies.protected, "W3", grid, count=count, threads=threads)


def marked_each_bar(prepare_sweep: Callable[[], Ready]) -> Ready:
    """Return a sweep whose statistics look at every bar's close, as if each bar were a session.

    Openbell's own look at one value a session. This replaces what finds a session's last bar.
    """
    from openbell.backtesting.kernel import prepared

    vars(prepared)["last_of_sessions"] = lambda times, _panel: np.arange(len(times))
    return prepare_sweep()
