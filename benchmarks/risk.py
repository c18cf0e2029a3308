"""`python -m benchmarks.risk`: what the full default set of limits adds to an order.

A desk holds a position in each symbol, and half as many orders rest. At each moment one order is sent, with
the gate and without: the difference of the medians is what the limits cost. What a moment's bars cost the
gate is measured apart, as it is paid once however many orders there are.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import machine
from openbell.core.clock import Sessions
from openbell.core.engine import Engine
from openbell.core.market import Bar, Cursor, Slice, Track
from openbell.core.orders import Order, OrderUpdate
from openbell.core.requests import NO_EXITS, Ticket
from openbell.core.types import BUY, NANOS_PER_DAY, Fill, Instrument, OrderStatus, Phase, Reason
from openbell.execution.risk.gate import RiskGate
from openbell.execution.risk.limits import STANDARD_RISK, OrderLimits, Risk
from openbell.portfolio.sizing import ShareOfEquity

RESULTS = Path(__file__).resolve().parent / "risk.json"
SIZES = {50: 50.0, 500: 1_000.0}  #: positions, and the most µs that an order may take
MOMENTS, WARM = 400, 300
ROUNDS = 5


class Hold:
    """A strategy that does nothing by itself."""

    name = "hold"

    def on_start(self) -> None:
        """Do nothing."""

    def on_bar(self, bar: Bar) -> None:
        """Do nothing."""

    def on_bars(self, bars: Any) -> None:
        """Do nothing."""

    def on_fill(self, fill: Fill) -> None:
        """Do nothing."""

    def on_stop(self) -> None:
        """Do nothing."""


class Stage:
    """A market of random walks, all of whose bars are there from the beginning."""

    def __init__(self, symbols: int, moments: int) -> None:
        returns = np.random.default_rng(0).normal(scale=0.01, size=(moments, symbols))
        closes = 100.0 * np.exp(np.cumsum(returns - 5e-5, axis=0))
        self.symbols: Sequence[str] = [f"S{at:03}" for at in range(symbols)]
        self.members = None
        self._known = [NANOS_PER_DAY * (at + 1) for at in range(moments)]
        start, volume = [time - NANOS_PER_DAY for time in self._known], [1e7] * moments
        self._cursor = Cursor()
        self.tracks = {}
        for at, symbol in enumerate(self.symbols):
            close = closes[:, at].tolist()
            columns: list[Any] = [start, self._known, close, close, close, close, volume]
            self.tracks[symbol] = Track(Instrument(symbol, sector=f"{at % 11}"), self._cursor, columns)
        self._slice = Slice()
        self.sessions = Sessions("24/7", start, self._known)

    @property
    def time(self) -> int:
        """Return the moment's time, ns."""
        return self._known[self._cursor.at] if self._cursor.at >= 0 else 0

    def focus(self, symbol: str) -> None:
        """Do nothing: there are no indicators."""

    def price(self, symbol: str) -> float:
        """Return the last close."""
        return self.tracks[symbol].price()

    def indicator(self, recipe: Any, symbol: str) -> Any:
        """Return nothing: there are none."""

    def history(self, symbol: str, column: str, count: int) -> Any:
        """Return the last values of a column."""
        return getattr(self.tracks[symbol], column)[-count:]

    def advance(self) -> Slice:
        """Make the next moment known."""
        self._cursor.at += 1
        return self._slice


def wide(risk: Risk) -> Risk:
    """Return limits with bounds that no order here reaches: all of them are measured for each."""
    order = replace(risk.order, max_per_minute=10**9, max_per_session=10**9)
    order = replace(order, max_quantity=1e9, max_notional=1e12, times_average_order=1e9)
    order = replace(order, restricted=("NONE",), duplicate_seconds=60.0)
    position = replace(risk.position, max_quantity=1e9, max_notional=1e12, max_short_notional=1e12)
    portfolio = replace(
        risk.portfolio, max_gross=1e13, max_leverage=1e3, max_daily_loss=1.0, max_correlation=1.0
    )
    portfolio = replace(portfolio, max_var=1e3, max_cvar=1e3, max_beta=1e3, max_turnover=1e9)
    portfolio = replace(portfolio, drawdown_warn=1.0, drawdown_reduce=1.0, drawdown_halt=1.0)
    return replace(risk, order=order, position=position, portfolio=portfolio)


def measure(symbols: int, risk: Risk | None, moments: int = MOMENTS) -> tuple[float, float]:
    """Return the median µs of a moment's bars, and of one order's way out."""
    stage = Stage(symbols, WARM + moments)
    gate = None if risk is None else RiskGate(risk, stage.sessions)
    engine = Engine(
        Hold(),
        market=stage,
        cash=1e8,
        sizer=ShareOfEquity(1.0),
        short=True,
        gate=gate,
    )
    for _ in range(WARM):
        engine.step(stage.advance())
    for at, symbol in enumerate(stage.symbols):
        fill = Fill(
            0, "hold", symbol, BUY, 1_000.0 + at, stage.price(symbol), 0.0, 0.0, stage.time, Phase.OPEN
        )
        engine.account.book_fill(fill)
        if at % 2:
            _accept(
                engine, engine.desk.order(symbol, 10.0, NO_EXITS, Ticket(limit=0.9 * stage.price(symbol)))
            )
    bars, orders = [], []
    gc.disable()
    for at in range(moments):
        event = stage.advance()
        before = time.perf_counter()
        engine.step(event)
        bars.append(time.perf_counter() - before)
        order = engine.desk.order(stage.symbols[at % symbols], 5.0, NO_EXITS, Ticket())
        before = time.perf_counter()
        passed = engine.flush()
        orders.append(time.perf_counter() - before)
        if not passed:
            raise RuntimeError(f"an order was refused: {engine.refusals[-1].text}")
        order.accept(stage.time)
        engine.step(OrderUpdate(order.id, OrderStatus.CANCELLED, Reason.ASKED, stage.time))
    gc.enable()
    return 1e6 * statistics.median(bars), 1e6 * statistics.median(orders)


def _accept(engine: Engine, order: Order) -> None:
    engine.flush()
    order.accept(engine.market.time)


def run(moments: int = MOMENTS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure all sizes, in several rounds by turns; of each median the lowest counts."""
    found: dict[str, Any] = {"machine": machine(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    sets = {"default": wide(STANDARD_RISK), "sizes_alone": Risk(order=OrderLimits(max_quantity=1e9))}
    for symbols, most in SIZES.items():
        turns = [
            {name: measure(symbols, risk, moments) for name, risk in {"bare": None, **sets}.items()}
            for _ in range(rounds)
        ]
        best = {name: [min(turn[name][at] for turn in turns) for at in (0, 1)] for name in turns[0]}
        bare = best.pop("bare")[1]
        rows: dict[str, Any] = {"most": most, "rounds": rounds}
        for name, (bars, order) in best.items():
            rows[name] = {"order": round(order - bare, 2), "bars": round(bars, 2)}
        found[str(symbols)] = rows
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep; 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.risk", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few moments, nothing is kept")
    quick = parser.parse_args(arguments).quick
    found = run(20, 1) if quick else run()
    held = True
    for symbols, most in SIZES.items():
        row = found[str(symbols)]
        order, bars = row["default"]["order"], row["default"]["bars"]
        held = held and order <= most
        print(
            f"{symbols} positions: {order:.1f} µs an order (at most {most:g}), {bars:.1f} µs a moment's bars"
        )
    if not quick:
        RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0 if held or quick else 1


if __name__ == "__main__":
    raise SystemExit(main())
