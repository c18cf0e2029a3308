"""`python -m benchmarks.watched`: what ten open dashboards cost the engine that they show.

A session on paper takes a moment of fifty symbols twenty times a second, journal and pulse on the disk. The
clock runs from when a moment is due to when the session has taken it, so that a processor which is busy
elsewhere counts. Rounds in which nobody looks alternate with rounds in which `openbell dashboard` runs and
ten pages are held open (`benchmarks.onlookers`: what browsers elsewhere do of it, without the drawing).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np

import openbell as ob
from benchmarks.measure import machine
from benchmarks.moments import Cross
from benchmarks.onlookers import Onlooker
from openbell.core.engine import Engine
from openbell.core.messages import BarMessage
from openbell.core.types import Instrument
from openbell.data.bars import parse_date
from openbell.data.calendar import sessions
from openbell.data.synthetic import MINUTE
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.storage.journal import JOURNAL, Journal
from openbell.storage.lock import FolderLock
from openbell.trading.course import Course
from openbell.trading.inbox import Inbox
from openbell.trading.pulse import beating
from openbell.trading.scribe import Scribe
from openbell.trading.session import Session

RESULTS = Path(__file__).resolve().parent / "watched.json"
SYMBOLS, RATE, PAGES = 50, 20.0, 10
_OPEN = 120.0  #: seconds that the pages may take to open
_WARM = 2.0  #: seconds of a round that are not counted


@contextmanager
def session_in(folder: Path) -> Iterator[Session]:
    """Give a session on paper of fifty symbols, whose folder is this process's."""
    begin = parse_date("2024-01-02T14:30:00+00:00") or 0
    calendar = sessions("24/7", begin, begin + 100_000 * MINUTE)
    instruments = [Instrument(f"S{number:03d}") for number in range(SYMBOLS)]
    tape = Tape(instruments, timeframe="1m", sessions=calendar, begin=begin - 1)
    strategy = Cross()
    engine = Engine(strategy, market=tape, cash=1e9, sizer=ob.FixedQuantity(100), short=False)
    strategy.bind(engine.desk, seed=0)
    broker = SimulatedBroker(
        strategy="cross", account=engine.account, market=tape, sessions=tape.calendar, costs=ob.Costs()
    )
    with FolderLock(folder), Journal(folder / JOURNAL) as journal:
        course = Course(engine, broker, Scribe(journal, "cross"), tape=tape)
        session = Session([course], journal, requests=Inbox(folder))
        session.begin({"strategies": []})
        yield session


async def trade(folder: Path) -> dict[str, list[float]]:
    """Take moments until this is ended; return when each was due, and how many ms later it was taken."""
    random, prices = np.random.default_rng(0), np.full(SYMBOLS, 100.0)
    names = [f"S{number:03d}" for number in range(SYMBOLS)]
    start, ended = parse_date("2024-01-02T14:30:00+00:00") or 0, asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    found: dict[str, list[float]] = {"due": [], "took": []}
    with session_in(folder) as session:
        async with beating(folder):
            due = time.time()
            while not ended.is_set():
                due += 1.0 / RATE
                await asyncio.sleep(max(due - time.time(), 0.0))
                after = np.round(prices * np.exp(random.standard_normal(SYMBOLS) * 1e-3), 2)
                session.take([
                    BarMessage(name, start, start + MINUTE, a, max(a, b), min(a, b), b, 1e5)
                    for name, a, b in zip(names, prices.tolist(), after.tolist(), strict=True)
                ])  # fmt: skip
                prices, start = after, start + MINUTE
                found["due"].append(due)
                found["took"].append((time.time() - due) * 1e3)
    return found


def look(address: str, pages: int) -> None:
    """Hold pages open until standard input ends; say for each second how many updates they have drawn."""

    async def hold() -> None:
        onlookers = [Onlooker(address) for _ in range(pages)]
        tasks = [asyncio.ensure_future(one.watch()) for one in onlookers]
        over = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
        while not over.done():
            await asyncio.wait({over, *tasks}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # what ended one early is what is to be known
            drawn = [one.drawn for one in onlookers]
            print(json.dumps([time.time(), sum(drawn), min(drawn)]), flush=True)
        for task in tasks:
            task.cancel()

    asyncio.run(hold())


@contextmanager
def serving(root: Path) -> Iterator[tuple[str, int]]:
    """Give the address and the process of `openbell dashboard` over a folder."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [
        "dashboard", "--port", str(port), "--state", str(root / "state"),
        "--reports", str(root / "reports"),
    ]  # fmt: skip
    server = subprocess.Popen([sys.executable, "-m", "openbell.cli", *words], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60.0
        while time.monotonic() < until:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health/live")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30.0)


@contextmanager
def looking(address: str, pages: int) -> Iterator[list[tuple[float, int]]]:
    """Hold pages open, all of which show something; give how many updates they had drawn by when."""
    seen: list[tuple[float, int]] = []
    browser = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.watched", "--look", address, "--pages", str(pages)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    ready = threading.Event()

    def read() -> None:
        for line in browser.stdout or ():
            at, drawn, fewest = json.loads(line)
            seen.append((at, drawn))
            if fewest > 1:
                ready.set()

    reading = threading.Thread(target=read)
    reading.start()
    try:
        if not ready.wait(_OPEN):
            raise TimeoutError(f"{pages} pages were not open after {_OPEN:g} s")
        yield seen
    finally:
        if browser.stdin is not None:
            browser.stdin.close()
        browser.wait(_OPEN)
        reading.join()


def worked(process: int) -> float:
    """Return the seconds that a process has had of a processor."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_round(root: Path, pages: int, seconds: float) -> dict[str, float]:
    """Trade with so many pages open (none: no dashboard either); return what moments took and pages cost."""
    folder = root / "state" / "watched"
    shutil.rmtree(root / "state", ignore_errors=True)
    engine = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.watched", "--trade", str(folder)], stdout=subprocess.PIPE
    )
    cost: dict[str, float] = {}
    try:
        while not (folder / "pulse.json").exists():
            time.sleep(0.05)
        with ExitStack() as shown:
            if pages:
                address, process = shown.enter_context(serving(root))
                seen = shown.enter_context(looking(f"{address}/session/watched", pages))
            time.sleep(_WARM)
            before = worked(process) if pages else 0.0
            began = time.time()
            time.sleep(seconds)
            ended = time.time()
            if pages:
                drawn = [count for at, count in seen if began <= at < ended]
                updates = (drawn[-1] - drawn[0]) / max(len(drawn) - 1, 1) if drawn else 0.0
                share = (worked(process) - before) / (ended - began)
                cost = {"dashboard_cores": round(share, 3), "updates_a_second": round(updates, 1)}
    finally:
        engine.terminate()
        said, _ = engine.communicate(timeout=60.0)
    found = json.loads(said)
    took = [ms for due, ms in zip(found["due"], found["took"], strict=True) if began <= due < ended]
    p50, p99 = np.percentile(took, [50, 99])
    return {
        "pages": pages, "moments": len(took), "p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2),
        "worst_ms": round(max(took), 2), **cost, "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watched", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--quick", action="store_true", help="short, and nothing is kept")
    parser.add_argument("--trade", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--look", metavar="ADDRESS", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.trade:
        print(json.dumps(asyncio.run(trade(Path(given.trade)))))
        return 0
    if given.look:
        look(given.look, given.pages)
        return 0
    if given.quick:
        given.rounds, given.seconds, given.pages = 1, 3.0, 2
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(given.rounds):
            for pages in (0, given.pages):
                rounds.append(run_round(Path(name), pages, given.seconds))
                print(json.dumps(rounds[-1]), flush=True)
    if not given.quick:
        kept = {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": machine(), "rounds": rounds}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
