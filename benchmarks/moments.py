"""The top of the minute: a thousand symbols' bars through a paper session, journal and all.

`python -m benchmarks.moments` prints the time from a moment's bars to the last order it led to, in
milliseconds, and the memory of the process before and after.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import openbell as ob
from openbell.core.engine import Engine
from openbell.core.messages import BarMessage
from openbell.core.types import Instrument
from openbell.data.bars import parse_date
from openbell.data.calendar import sessions
from openbell.data.synthetic import MINUTE
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.storage.journal import Journal
from openbell.trading.course import Course
from openbell.trading.scribe import Scribe
from openbell.trading.session import Session

WARM = 40  #: moments in which indicators have no value yet, and are not counted


class Cross(ob.Strategy):
    """Hold a symbol while its fast average is above its slow one."""

    def on_start(self) -> None:
        """Declare the averages."""
        self.fast, self.slow = self.indicator(ob.SMA(10)), self.indicator(ob.SMA(30))

    def on_bar(self, bar: ob.Bar) -> None:
        """Decide."""
        if self.fast[-1] > self.slow[-1]:
            self.buy(bar.symbol)
        else:
            self.close(bar.symbol)


class Found(NamedTuple):
    """Milliseconds of each moment, the orders that it led to, and MB resident before and after."""

    times: np.ndarray
    orders: np.ndarray
    before: float
    after: float


def measure(*, symbols: int, moments: int) -> Found:
    """Run moments of random bars through a session whose journal is on the disk."""
    begin = parse_date("2024-01-02T14:30:00+00:00") or 0
    calendar = sessions("XNYS", begin, begin + moments * MINUTE + 86_400 * 10**9)
    names = [f"S{number:04d}" for number in range(symbols)]
    tape = Tape([Instrument(name) for name in names], timeframe="1m", sessions=calendar, begin=begin - 1)
    strategy = Cross()
    engine = Engine(strategy, market=tape, cash=1e9, sizer=ob.FixedQuantity(100), short=False)
    strategy.bind(engine.desk, seed=0)
    broker = SimulatedBroker(
        strategy="cross", account=engine.account, market=tape, sessions=tape.calendar, costs=ob.Costs()
    )
    random, prices = np.random.default_rng(0), np.full(symbols, 100.0)
    times, orders = [], []
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal.db") as journal:
        session = Session([Course(engine, broker, Scribe(journal, "cross"), tape=tape)], journal)
        session.begin({})
        before = _resident()
        for moment in range(moments):
            start = begin + moment * MINUTE
            after = np.round(prices * np.exp(random.standard_normal(symbols) * 1e-3), 2)
            bars = [
                BarMessage(name, start, start + MINUTE, a, max(a, b), min(a, b), b, 1e5)
                for name, a, b in zip(names, prices.tolist(), after.tolist(), strict=True)
            ]
            prices, known = after, len(engine.desk.orders)
            began = time.perf_counter()
            session.take(bars)
            times.append((time.perf_counter() - began) * 1e3)
            orders.append(len(engine.desk.orders) - known)
        return Found(np.array(times[WARM:]), np.array(orders[WARM:]), before, _resident())


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=1_000)
    parser.add_argument("--moments", type=int, default=240)
    given = parser.parse_args()
    found = measure(symbols=given.symbols, moments=given.moments)
    median, high, worst = np.quantile(found.times, [0.5, 0.99, 1.0])
    print(f"{given.symbols:,} symbols, {len(found.times)} moments, {found.orders.sum():,} orders")
    print(f"a moment: median {median:.1f} ms, 99 % {high:.1f} ms, worst {worst:.1f} ms (goal 250 ms)")
    print(f"memory: {found.before:.0f} MB at the beginning, {found.after:.0f} MB at the end")


if __name__ == "__main__":
    main()
