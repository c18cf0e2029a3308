"""`python -m benchmarks.replication`: how fast a journal is copied, and whether the engine feels it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.postgres.server import Project, Server, make_project

import openbell as ob
from benchmarks import page
from benchmarks.latency import measure_latency
from benchmarks.measure import machine
from openbell.storage.journal import Journal
from openbell.storage.journal import Row as Stored
from openbell.storage.supabase.address import address_of, needed
from openbell.storage.supabase.connection import connect
from openbell.storage.supabase.migrations import migrate
from openbell.trading.copying import copied, copy_journal

RESULTS = Path(__file__).resolve().parent / "replication.json"
EVENTS, MOMENTS, ROUNDS = 50_000, 5_000, 3
_MOVED = 1.5  #: times the p99 alone: so far apart are rounds of a quiet machine
_GAP = 0.001  #: seconds between two moments of five events: 5,000 events a second


class Goal(NamedTuple):
    """A figure to reach."""

    name: str
    what: str
    unit: str
    least: float


GOALS = (
    Goal("quiet", "events a second, of sessions that trade rarely", "/s", 5000.0),
    Goal("busy", "events a second, of a session with an order and a fill in every bar", "/s", 5000.0),
)


class Flip(ob.Strategy):
    """Changes its mind at every bar."""

    def on_bar(self, bar: Any) -> None:
        """Hold one share, or none."""
        self.order(bar.symbol, -1 if self.position(bar.symbol) else 1)


def make_journal(folder: Path, strategy: Any, *, count: int) -> Path:
    """Write a journal of at least so many events, by trading on paper again and again."""
    ob.paper(strategy, "MSFT", state=folder / "once")
    with Journal(folder / "once" / "journal.db", read_only=True) as journal:
        rows = journal.rows(0, count)
    (folder / "many").mkdir()
    with Journal(folder / "many" / "journal.db", account="paper") as journal:
        while journal.last < count:
            for row in rows:
                again(journal, row)
            journal.commit()
    return folder / "many" / "journal.db"


def again(journal: Journal, row: Stored) -> None:
    """Write an event once more."""
    body = json.loads(row.text)
    place = {"strategy": row.strategy, "subject": row.subject, "trace": row.trace}
    journal.append(row.kind, body, time=row.time, wall=row.wall, **place)


def throughput(server: Server, path: Path) -> float:
    """Return the events a second with which a journal is copied into an empty database."""
    project = fresh(server)
    began = time.perf_counter()
    done = copy_journal(path, needed(address_of(project.environ)), lambda _: False, follow=False, attempts=1)
    seconds = time.perf_counter() - began
    project.drop()
    return done.events / seconds


def latencies(server: Server, rows: Sequence[Stored], *, copying: bool) -> list[float]:
    """Return the seconds that each moment's durable write took, at 5,000 events a second.

    The journal is all that the engine and the copier share.
    """
    project, took = fresh(server), []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        journal = stack.enter_context(Journal(Path(folder) / "journal.db", account="paper"))
        stack.enter_context(copied(journal.path, project.environ if copying else {}))
        due = time.perf_counter() + 2.0  # the copier has started by then
        for at in range(0, len(rows), 5):
            due += _GAP
            time.sleep(max(due - time.perf_counter(), 0.0))
            began = time.perf_counter()
            for row in rows[at : at + 5]:
                again(journal, row)
            journal.commit(durable=True)
            took.append(time.perf_counter() - began)
    project.drop()
    return took


def reactions(server: Server, count: int, *, copying: bool) -> dict[str, float]:
    """Return how soon a bar is an order on the wire, in a live session."""
    project = fresh(server)
    with tempfile.TemporaryDirectory() as folder:
        environ = project.environ if copying else {}
        found = asyncio.run(measure_latency(count, Path(folder), environ=environ))
    project.drop()
    return found


def fresh(server: Server) -> Project:
    """Return an empty project with our tables."""
    project = make_project(server)
    with connect(needed(address_of(project.environ))) as connection:
        migrate(connection)
    return project


def measure(*, events: int, moments: int, rounds: int) -> dict[str, Any]:
    """Measure all: the best throughput, and the latencies of rounds that alternate."""
    server, found = Server(fsync=True), {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, strategy in (("quiet", "rsi_reversion"), ("busy", Flip)):
                path = make_journal(Path(folder) / name, strategy, count=events)
                found[name] = max(throughput(server, path) for _ in range(rounds))
            with Journal(path, read_only=True) as journal:
                rows = journal.rows(0, 5 * moments)
        took: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(rounds):
            for copying in took:
                took[copying] += latencies(server, rows, copying=copying)
        orders: dict[bool, list[dict[str, float]]] = {False: [], True: []}
        for _ in range(rounds):
            for copying, found_so in orders.items():
                found_so.append(reactions(server, moments // 10, copying=copying))
        for copying, seconds in took.items():
            ordered, name = sorted(seconds), "copied" if copying else "alone"
            best = min(orders[copying], key=lambda one: one["p99_ms"])
            for share in (50, 99):
                found[f"p{share}_{name}"] = 1000 * ordered[len(ordered) * share // 100]
                found[f"order_p{share}_{name}"] = best[f"p{share}_ms"]
    finally:
        server.close()
    return found


def section(results: dict[str, Any]) -> str:
    """Return the part of BENCHMARKS.md that these figures are."""
    found, about = results["figures"], results["machine"]
    rows = [
        [goal.what, f"**{page.number(found[goal.name])}** {goal.unit}", f"≥ {goal.least:,.0f} {goal.unit}",
         "yes" if found[goal.name] >= goal.least else "**no**"]
        for goal in GOALS
    ]  # fmt: skip
    ways = [
        [
            said,
            *(f"{found[f'{what}p{share}_{name}']:.2f} ms" for what in ("", "order_") for share in (50, 99)),
        ]
        for said, name in (("alone", "alone"), ("while it is copied", "copied"))
    ]
    return (
        f"Measured {results['date']} on {about['processor']}, {about['cores']} cores, with Postgres on the "
        f"same machine and `fsync` on; load average {results['load']:.2f}.\n\n"
        f"{page.table(['', 'reached', 'goal', 'met'], rows)}\n\n"
        f"A moment of five events, written durably, 1,000 moments a second; and a bar's order on the wire, "
        f"the best of {ROUNDS} rounds in turns:\n\n"
        f"{page.table(['', 'moment p50', 'p99', 'order p50', 'p99'], ways)}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all, and put the table into BENCHMARKS.md; with `--quick` small sizes, and nothing is kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replication", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is kept")
    given = parser.parse_args(arguments)
    sizes = (10_000, 500, 1) if given.quick else (EVENTS, MOMENTS, ROUNDS)
    results: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "load": os.getloadavg()[0],
        "figures": measure(events=sizes[0], moments=sizes[1], rounds=sizes[2]),
    }
    text = section(results)
    print(text)
    if not given.quick:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        page.rewrite({"replication": text})
    return int(_is_missed(results["figures"]))


def _is_missed(found: Mapping[str, float]) -> bool:
    """Tell whether a goal is missed, or the copy moves the engine's p99 by more than its rounds differ."""
    slow = any(found[goal.name] < goal.least for goal in GOALS)
    return slow or found["order_p99_copied"] > _MOVED * found["order_p99_alone"]


if __name__ == "__main__":
    sys.exit(main())
