"""`python -m benchmarks.stopping`: how soon a stop is the end of all orders at the broker.

`openbell live` trades at a loopback server of Alpaca's protocol and leaves orders below the market. Then
`openbell stop --cancel` is run as a process of its own, while the session runs, while its strategy does not
return from `on_bar`, and while its process is paused. Where somebody else's order works in the account, each
is cancelled by a request of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange, Placed

from benchmarks import page
from benchmarks.measure import machine
from openbell.core.types import Instrument, OrderType, TimeInForce
from openbell.data.bars import parse_date

RESULTS = Path(__file__).resolve().parent / "stopping.json"
State = Literal["runs", "blocked", "paused"]

_STRATEGY = """
import os
import time
from pathlib import Path

import openbell as ob

class Resting(ob.Strategy):
    def on_start(self):
        self.placed = False

    def on_bar(self, bar):
        if not self.placed:
            self.placed = True
            for number in range(int(os.environ["RESTING"])):
                self.order(bar.symbol, 1, limit=50.0 + number / 100)
        while Path("hang").exists():
            Path("hangs").touch()
            time.sleep(0.02)
"""
_BEGIN = parse_date("2024-07-01T13:30:00+00:00") or 0
_PATIENCE = 60.0  #: seconds
_GOAL = 1_000.0  #: ms from the command's start to the end of all orders


async def measure_stop(
    state: State, folder: Path, *, orders: int = 20, beside_others: bool = False
) -> dict[str, float]:
    """Return ms until the last order has ended, from the command and from its request.

    Args:
        state: What the session does when it is asked.
        folder: Where it lives; empty.
        orders: How many it has at the broker.
        beside_others: Whether an order placed by hand works as well, which stays.
    """
    exchange = Exchange([Instrument("AAPL")], time=_BEGIN, speed=600.0)
    exchange.trade("AAPL", "165")
    async with AlpacaBrokerServer(exchange) as server:
        _configure(folder, server)
        session = await _run(folder, "live", "resting.py", *_LIVE, RESTING=str(orders))
        ready = folder / "state" / "live-mine" / "standby"
        await _until(lambda: len(exchange.working()) == orders and ready.exists(), session)
        if beside_others:
            by_hand = Placed(
                "by hand", "AAPL", 1, OrderType.LIMIT, TimeInForce.GTC, Decimal(1), limit=Decimal(40)
            )
            exchange.place(by_hand)
            await asyncio.sleep(1.0)  # for the stream to tell of it
        if state == "blocked":
            (folder / "hang").touch()
            await _until((folder / "hangs").exists, session)
        elif state == "paused":
            session.send_signal(signal.SIGSTOP)
        ended: list[float] = []
        exchange.listeners.append(lambda one: ended.append(time.time()) if one.kind == "cancelled" else None)
        typed = time.time()
        command = await _run(folder, "stop", "--cancel")
        await _until(lambda: len(ended) == orders, session)
        await command.communicate()
        asked = (ready.parent / "stop.json").stat().st_mtime
        (folder / "hang").unlink(missing_ok=True)
        session.send_signal(signal.SIGCONT)
        await session.communicate()
    since = {"typed_ms": typed, "asked_ms": asked}
    return {name: round(1e3 * (ended[-1] - begin), 1) for name, begin in since.items()}


async def measure_stops(folder: Path, *, rounds: int, orders: int = 20) -> list[dict[str, Any]]:
    """Return for each state of a session, alone and beside others' orders, the best of several rounds."""
    cases: dict[tuple[State, bool], list[dict[str, float]]] = {}
    for number in range(rounds):
        for state in get_args(State):
            for others in (False, True):
                own = folder / f"{number}-{state}-{others}"
                made = await measure_stop(state, own, orders=orders, beside_others=others)
                cases.setdefault((state, others), []).append(made)
    return [
        {
            "state": state, "beside_others": others, "orders": orders,
            "asked_ms": min(one["asked_ms"] for one in made),
            "typed_ms": min(one["typed_ms"] for one in made),
            "asked_of_each_round_ms": [one["asked_ms"] for one in made],
            "typed_of_each_round_ms": [one["typed_ms"] for one in made],
        }
        for (state, others), made in cases.items()
    ]  # fmt: skip


_LIVE = (
    "--symbols", "AAPL", "--broker", "mine", "--feed", "synthetic", "--history", "0", "--cash", "20000",
    "--config-set", "providers.synthetic.speed=600",
)  # fmt: skip


def _configure(folder: Path, server: AlpacaBrokerServer) -> None:
    brokers = {"brokers": {"mine": {"kind": "alpaca", "options": server.options}}}
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "brokers.yaml").write_text(
        json.dumps(brokers), encoding="utf-8"
    )  # which is YAML too
    (folder / "resting.py").write_text(_STRATEGY, encoding="utf-8")


async def _run(folder: Path, *words: str, **environ: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "openbell.cli", *words, cwd=folder, env={**os.environ, **ENVIRON, **environ},
        stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip


async def _until(told: Callable[[], bool], session: Process) -> None:
    """Wait for what another process does.

    Raises:
        RuntimeError: The session ended instead.
        TimeoutError: Nothing of it happens.
    """
    async with asyncio.timeout(_PATIENCE):
        while not told():
            if session.returncode is not None:
                _, err = await session.communicate()
                raise RuntimeError(err.decode())
            await asyncio.sleep(0.005)


def _page(found: Mapping[str, Any]) -> str:
    """Return the figures as BENCHMARKS.md has them."""
    words = {"runs": "runs", "blocked": "has a strategy that does not return", "paused": "is paused"}
    rows = []
    for one in found["stops"]:
        beside = ", somebody else's order in the account" if one["beside_others"] else ""
        met = "yes" if one["typed_ms"] < _GOAL else "**no**"
        title = f"the session {words[one['state']]}{beside}"
        rows.append([title, f"**{one['typed_ms']:.0f}**", f"< {_GOAL:g}", met, f"{one['asked_ms']:.0f}"])
    head = ["ms to the end of the last order", "from the command as typed", "goal", "met", "from its request"]
    about, orders = found["machine"], found["stops"][0]["orders"]
    return (
        f"Measured {found['date']} on {about['processor']}, {about['cores']} cores; {orders} orders; of each "
        f"row the best of {found['rounds']}; load average {found['load']}.\n\n{page.table(head, rows)}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the figures; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stopping", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=20)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        stops = asyncio.run(measure_stops(Path(name), rounds=given.rounds, orders=given.orders))
    date, load = datetime.now(UTC).strftime("%Y-%m-%d"), round(os.getloadavg()[0], 1)
    found = {"date": date, "machine": machine(), "load": load, "rounds": given.rounds, "stops": stops}
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    page.rewrite({"stopping": _page(found)})
    return int(any(one["typed_ms"] >= _GOAL for one in stops))


if __name__ == "__main__":
    sys.exit(main())
