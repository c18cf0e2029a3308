"""`python -m benchmarks.live`: how long a message takes to `Engine.step`, and whether memory grows.

Latency: another process sends bars and quotes over a WebSocket on loopback; each carries the time at which
it was sent. A session on paper takes them as `openbell paper --feed` does: a feed that records what it
receives, moments gathered, the journal on the disk, an engine with a strategy of two averages, a simulated
broker. The clock runs from the sending of the last bar of a moment to the call of `Engine.step`, and on to
its answer. Once each bar is a moment of its own, once it waits for those of a hundred symbols. Sender and
session share the machine with all that runs there; what the session alone would take is reckoned from the
processor time of its work.

Memory: ten million messages, a bar to nine quotes, go through such a session in this process, without a
socket, which would take over an hour at 2,000 a second. Resident memory is read at each hundredth of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import openbell as ob
from benchmarks import page
from benchmarks.measure import machine
from benchmarks.queueing import Work, wait_alone
from benchmarks.wire import CLOCK, MINUTE, FloodClock, FloodOrigin, SocketOrigin, plan_of, send
from openbell.core.engine import Engine
from openbell.core.messages import Quote
from openbell.core.types import Instrument
from openbell.data.calendar import sessions
from openbell.data.live.feed import Feed
from openbell.data.live.items import Counters
from openbell.data.live.line import Origin, ProviderLine
from openbell.data.live.recorder import Recorder
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.storage.journal import Journal
from openbell.trading.course import Course
from openbell.trading.gathering import Gathering
from openbell.trading.scribe import Scribe
from openbell.trading.session import Session
from openbell.utils.heap import settled_heap

RESULTS = Path(__file__).resolve().parent / "live.json"
MANY = 100  #: symbols of a cross-section
_GOAL = 10.0  #: ms at the 99th percentile, and MB of growth


class Averages(ob.Strategy):
    """Hold while the fast average is above the slow one."""

    def on_start(self) -> None:
        """Declare the averages."""
        self.fast = {symbol: self.indicator(ob.SMA(10), symbol=symbol) for symbol in self.symbols}
        self.slow = {symbol: self.indicator(ob.SMA(30), symbol=symbol) for symbol in self.symbols}

    def on_bar(self, bar: ob.Bar) -> None:
        """Decide."""
        if self.fast[bar.symbol][-1] > self.slow[bar.symbol][-1]:
            self.buy(bar.symbol)
        else:
            self.close(bar.symbol)


@dataclass(slots=True)
class Stepped:
    """What an engine was told: how often and when, and when it had answered."""

    steps: int = 0
    called: int = 0  #: when it was, the last time
    answered: int = 0
    bars: int = 0
    waits: list[tuple[int, int]] = field(default_factory=list)  #: ns from a moment's last sending to both
    worked: float = 0.0  #: seconds of the processor when it was called, the last time
    spent: float = 0.0  #: and in all while listening
    works: list[Work] = field(default_factory=list)
    quotes: list[int] = field(default_factory=list)  #: ns from a quote's sending to the session


@contextmanager
def session_of(symbols: Sequence[str], stepped: Stepped, folder: Path) -> Iterator[Session]:
    """Give a session on paper whose engine notes when it is called and has answered."""
    calendar = sessions("24/7", CLOCK.time, CLOCK.time + 120_000 * MINUTE)
    instruments = [Instrument(symbol) for symbol in symbols]
    tape = Tape(instruments, timeframe="1m", sessions=calendar, begin=CLOCK.time, folder=folder / "tape")
    strategy: Any = Averages()
    engine = Engine(strategy, market=tape, cash=1e9, sizer=ob.FixedQuantity(10), short=False)
    strategy.bind(engine.desk, seed=0)
    broker = SimulatedBroker(
        strategy="s", account=engine.account, market=tape, sessions=tape.calendar, costs=ob.Costs()
    )
    step = engine.step

    def noted(event: Any) -> Any:
        stepped.steps += 1
        stepped.called, stepped.worked = time.time_ns(), time.process_time()
        answer = step(event)
        stepped.answered = time.time_ns()
        return answer

    engine.step = noted  # type: ignore[method-assign]  # to see when
    with Journal(folder / "journal.db") as journal:
        session = Session([Course(engine, broker, Scribe(journal, "s"), tape=tape)], journal)
        session.begin({})
        yield session


async def listen(origin: Origin, symbols: int, stepped: Stepped, *, keep: bool) -> Counters:
    """Let a session take a stream until it ends; `keep` records what is received."""
    plan = plan_of(symbols)
    CLOCK.time = FloodClock.time
    with tempfile.TemporaryDirectory() as name, session_of(plan.symbols, stepped, Path(name)) as session:
        gathering = Gathering(plan.symbols)
        with settled_heap(), Recorder(Path(name) / "feed", plan) as recorder:
            began = time.process_time()
            log = recorder if keep else None
            async with Feed(ProviderLine(origin, plan, clock=CLOCK), plan, log=log) as feed:
                async for item in feed:
                    for moment in gathering.take(item):
                        begun = time.process_time()
                        session.take(moment)
                        stepped.bars += len(moment)
                        if keep:
                            sent = int(max(bar.volume for bar in moment))
                            stepped.waits.append((stepped.called - sent, stepped.answered - sent))
                            stepped.works.append(Work(stepped.worked - begun, time.process_time() - begun))
                    session.hear(item)
                    if keep and isinstance(item, Quote):
                        stepped.quotes.append(time.time_ns() - item.time)
                    if feed.counters.lost:
                        break
            stepped.spent = time.process_time() - began
    return feed.counters


async def measure_latency(rate: int, seconds: float, symbols: int) -> dict[str, float]:
    """Return ms from the sending to the step's call: p50, p99 and the worst, and what was measured."""
    command = [sys.executable, "-m", "benchmarks.live", "--send", str(rate), "--seconds", str(seconds),
               "--symbols", str(symbols)]  # fmt: skip
    sender = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    if sender.stdout is None:
        raise RuntimeError("the sender has no output")
    stepped = Stepped()
    counters = await listen(SocketOrigin(int(await sender.stdout.readline())), symbols, stepped, keep=True)
    await sender.wait()
    late = 1 - 1 / max(seconds, 2.0)  # the first second warms up
    waits = np.array(stepped.waits[-int(late * len(stepped.waits)) :]) / 1e6
    quotes = np.array(stepped.quotes[-int(late * len(stepped.quotes)) :]) / 1e6
    each = (stepped.spent - sum(work.whole for work in stepped.works)) / counters.messages
    alone = 1e3 * np.array(wait_alone(stepped.works, each=each, rate=rate, symbols=symbols)[-len(waits) :])
    (p50, answered_p50), (p99, answered_p99) = np.percentile(waits, [50, 99], axis=0)
    return {
        "symbols": symbols,
        "rate": rate,
        "messages": counters.messages,
        "bars": stepped.bars,
        "steps": stepped.steps,
        "measured": len(waits),
        "conflated": counters.conflated,
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "worst_ms": round(float(waits[:, 0].max()), 3),
        "answered_p50_ms": round(float(answered_p50), 3),
        "answered_p99_ms": round(float(answered_p99), 3),
        "quotes_p99_ms": round(float(np.percentile(quotes, 99)), 3),
        "processor_p50_ms": round(float(np.percentile(alone, 50)), 3),
        "processor_p99_ms": round(float(np.percentile(alone, 99)), 3),
        "processor_worst_ms": round(float(alone.max()), 3),
        "busy": round(stepped.spent * rate / counters.messages, 3),
    }


def best_of(rounds: int, rate: int, seconds: float) -> list[dict[str, Any]]:
    """Return for one symbol and for many the round with the best p99, and every round's p99."""
    kinds = (1, MANY)
    found: dict[int, list[dict[str, float]]] = {symbols: [] for symbols in kinds}
    for _ in range(rounds):
        for symbols in kinds:
            found[symbols].append(asyncio.run(measure_latency(rate, seconds, symbols)))
    return [
        {**min(some, key=lambda one: one["p99_ms"]), "p99_of_each_round_ms": [one["p99_ms"] for one in some]}
        for some in found.values()
    ]


async def measure_memory(count: int) -> dict[str, float]:
    """Return MB of this process after a tenth of the messages and after all, and messages a second."""
    readings: list[float] = []
    stepped = Stepped()
    began = time.perf_counter()
    counters = await listen(FloodOrigin(count, MANY, readings), MANY, stepped, keep=False)
    seconds = time.perf_counter() - began
    rest = np.array(readings[len(readings) // 10 :])
    slope = float(np.polyfit(np.linspace(0.1, 1.0, len(rest)), rest, 1)[0])
    return {
        "messages": counters.messages,
        "bars": stepped.bars,
        "steps": stepped.steps,
        "after_tenth_mb": round(float(rest[0]), 1),
        "after_all_mb": round(float(rest[-1]), 1),
        "slope_mb": round(slope, 2),
        "per_second": round(counters.messages / seconds),
    }


def section(results: dict[str, Any]) -> str:
    """Return the part of BENCHMARKS.md that these figures are."""
    one, many = results["latency"]
    grown = results["memory"]["after_all_mb"] - results["memory"]["after_tenth_mb"]
    told = (
        ("a bar that is a moment of its own to `Engine.step`, p99", one["p99_ms"], "ms"),
        (f"the last bar of a moment of {MANY} symbols to `Engine.step`, p99", many["p99_ms"], "ms"),
        ("memory after ten million messages, less that after one million", round(grown, 1), "MB"),
    )
    rows = [
        [what, f"**{figure:g}** {unit}", f"< {_GOAL:g} {unit}", "yes" if figure < _GOAL else "**no**"]
        for what, figure, unit in told
    ]
    alone = ", ".join(f"{one['processor_p99_ms']:g} ms" for one in results["latency"])
    worst = ", ".join(f"{one['processor_worst_ms']:g} ms" for one in results["latency"])
    busy = ", ".join(f"{one['busy']:.0%}" for one in results["latency"])
    p50 = ", ".join(f"{one['p50_ms']:g} ms" for one in results["latency"])
    answered = ", ".join(f"{one['answered_p99_ms']:g} ms" for one in results["latency"])
    rounds = "; ".join(
        " ".join(f"{p99:g}" for p99 in one["p99_of_each_round_ms"]) for one in results["latency"]
    )
    about = results["machine"]
    return (
        f"Measured {results['date']} on {about['processor']}, {about['cores']} cores; load average "
        f"{results['load']:.1f}.\n\n{page.table(['', 'reached', 'goal', 'met'], rows)}\n\n"
        f"With a processor of its own, reckoned from the processor time of its work, p99: {alone}, the worst "
        f"{worst}; it is busy for {busy} of the time.\n\n"
        f"Medians: {p50}. Until `Engine.step` has answered, p99: {answered}. The p99 of each round in ms, of "
        f"which the best counts: {rounds}. The session took {results['memory']['per_second']:,} messages a "
        "second."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the figures; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--rate", type=int, default=2000, help="messages a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="of a round of the latency")
    parser.add_argument("--rounds", type=int, default=4, help="of which the best counts; all are kept")
    parser.add_argument("--count", type=int, default=10_000_000, help="messages for the memory")
    parser.add_argument("--quick", action="store_true", help="short, and nothing is kept")
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--symbols", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.send:
        asyncio.run(send(given.send, given.seconds, given.symbols))
        return 0
    seconds, count, rounds = (3.0, 100_000, 1) if given.quick else (given.seconds, given.count, given.rounds)
    latency = best_of(rounds, given.rate, seconds)
    print(json.dumps({"latency": latency}), flush=True)
    memory = asyncio.run(measure_memory(count))
    print(json.dumps({"memory": memory}))
    if not given.quick:
        date = datetime.now(UTC).strftime("%Y-%m-%d")
        load = round(os.getloadavg()[0], 1)  # what else the machine does
        kept = {"date": date, "machine": machine(), "load": load, "latency": latency, "memory": memory}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        page.rewrite({"live": section(kept)})
    return int(any(one["p99_ms"] >= _GOAL for one in latency) or memory["slope_mb"] >= _GOAL)


if __name__ == "__main__":
    sys.exit(main())
