"""`python -m benchmarks.replication`: how fast a journal is copied, and whether the engine feels it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from tests.postgres.server import Project, Server, make_project

import openbell as ob
from benchmarks import page
from benchmarks.latency import time_orders
from benchmarks.measure import machine
from openbell.storage.journal import Journal
from openbell.storage.journal import Row as Stored
from openbell.storage.supabase.address import address_of, needed
from openbell.storage.supabase.connection import connect
from openbell.storage.supabase.migrations import migrate
from openbell.trading.copying import copied, copy_journal
from openbell.utils.turns import short_turns

RESULTS = Path(__file__).resolve().parent / "replication.json"
EVENTS, COUNT, ROUNDS = 100_000, 400, 5  #: events of a backlog; orders in a round, and a tenth of its moments
_GAP = 0.001  #: seconds between two moments of five events: 5,000 events a second
_PACE = 0.02  #: seconds between two orders: 15 times what Alpaca lets an account send
_START = 2.0  #: seconds until a copier's process has started

Case = Literal["alone", "again", "copied", "backlog"]
_MOMENT: Sequence[Case] = ("alone", "again", "copied")
_ORDER: Sequence[Case] = ("alone", "again", "copied", "backlog")


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


def moments(server: Server, rows: Sequence[Stored], case: Case) -> np.ndarray:
    """Return the ms that each moment's durable write took, at 5,000 events a second.

    The journal is all that the engine and the copier share.
    """
    project, took = fresh(server), []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        journal = stack.enter_context(Journal(Path(folder) / "journal.db", account="paper"))
        stack.enter_context(copied(journal.path, project.environ if case == "copied" else {}))
        stack.enter_context(short_turns())  # as a session has them
        due = time.perf_counter() + _START
        for at in range(0, len(rows), 5):
            due += _GAP
            time.sleep(max(due - time.perf_counter(), 0.0))
            began = time.perf_counter()
            for row in rows[at : at + 5]:
                again(journal, row)
            journal.commit(durable=True)
            took.append(1e3 * (time.perf_counter() - began))
    project.drop()
    return np.array(took)


def reactions(server: Server, count: int, backlog: Path, case: Case) -> np.ndarray:
    """Return the ms from each bar to its order on the wire, in a live session.

    Its journal is copied as it grows, or meanwhile the copier of another session has a backlog.

    Raises:
        RuntimeError: The backlog did not last.
    """
    project = fresh(server)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if case == "backlog":
            own = Path(shutil.copytree(backlog.parent, Path(folder) / "other"))
            stack.enter_context(copied(own / "journal.db", project.environ))
            time.sleep(_START)
        environ = project.environ if case == "copied" else {}
        made = asyncio.run(time_orders(count, Path(folder), gap=_PACE, environ=environ))
        if case == "backlog" and project.ask("select copied from journals") == [(lasts(own),)]:
            raise RuntimeError("the backlog was copied before the last order; measure fewer, or more events")
    project.drop()
    return made.wall


def lasts(folder: Path) -> int:
    """Return the number of a journal's last event."""
    with Journal(folder / "journal.db", read_only=True) as journal:
        return journal.last


def in_turns(cases: Sequence[Case], rounds: int, take: Callable[[Case], np.ndarray]) -> dict[str, Any]:
    """Return the median round's p50 and p99 of each case, ms, and how many times that alone its p99 is.

    `noise` is how far apart the p99 of rounds alone lie, the upper of their quarters by the lower, and
    `apart` how many times the first rounds alone the others are: as little is no effect of the copy.
    """
    made: dict[Case, list[np.ndarray]] = {case: [] for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 else reversed(cases):  # what a case leaves behind meets each
            os.sync()
            made[case].append(np.percentile(take(case), (50, 99)))
    found: dict[str, Any] = {
        case: dict(zip(("p50", "p99"), np.median(one, axis=0).round(3).tolist(), strict=True))
        for case, one in made.items()
    }
    alone = np.array(made["alone"] + made["again"])[:, 1]
    lower, middle, upper = np.percentile(alone, (25, 50, 75))
    found["noise"] = round(float(upper / lower), 3)
    found["apart"] = round(found["again"]["p99"] / found["alone"]["p99"], 3)
    for case in cases[2:]:
        found[case]["moved"] = round(found[case]["p99"] / float(middle), 3)
    return found


def fresh(server: Server) -> Project:
    """Return an empty project with our tables."""
    project = make_project(server)
    with connect(needed(address_of(project.environ))) as connection:
        migrate(connection)
    return project


def measure(*, events: int, count: int, rounds: int) -> dict[str, Any]:
    """Measure all: the best throughput, and the latencies of rounds that alternate."""
    server, found = Server(fsync=True), dict[str, Any]()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, strategy in (("quiet", "rsi_reversion"), ("busy", Flip)):
                path = make_journal(Path(folder) / name, strategy, count=events)
                found[name] = max(throughput(server, path) for _ in range(rounds))
            with Journal(path, read_only=True) as journal:
                rows = journal.rows(0, 50 * count)
            found["moment"] = in_turns(_MOMENT, rounds, lambda case: moments(server, rows, case))
            found["order"] = in_turns(_ORDER, rounds, lambda case: reactions(server, count, path, case))
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
    words = {"alone": "alone", "again": "alone once more", "copied": "copied as it grows",
             "backlog": "beside a copier with a backlog"}  # fmt: skip
    ways = [
        [f"{title}, {words[case]}", f"{one['p50']:.2f} ms", f"{one['p99']:.2f} ms",
         f"{one['moved']:.2f}" if "moved" in one else ""]
        for title, what, cases in (("a moment", "moment", _MOMENT), ("an order", "order", _ORDER))
        for case in cases
        for one in (found[what][case],)
    ]  # fmt: skip
    apart = f"{found['moment']['noise']:.2f} (moments) and {found['order']['noise']:.2f} (orders)"
    return (
        f"Measured {results['date']} on {about['processor']}, {about['cores']} cores, with Postgres on the "
        f"same machine and `fsync` on; load average {results['load']:.2f}.\n\n"
        f"{page.table(['', 'reached', 'goal', 'met'], rows)}\n\n"
        f"A moment of five events, written durably, {1 / _GAP:,.0f} moments a second; and a bar's order on "
        f"the wire, {1 / _PACE:.0f} orders a second. The median of {results['rounds']} rounds in turns; the "
        f"last column is the p99 in times of that alone. The middle half of the rounds alone differ by "
        f"{apart} times.\n\n"
        f"{page.table(['', 'p50', 'p99', 'moved'], ways)}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all, and put the table into BENCHMARKS.md; with `--quick` small sizes, and nothing is kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replication", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is kept")
    given = parser.parse_args(arguments)
    sizes = (20_000, 50, 1) if given.quick else (EVENTS, COUNT, ROUNDS)
    results: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "load": os.getloadavg()[0],
        "rounds": sizes[2],
        "figures": measure(events=sizes[0], count=sizes[1], rounds=sizes[2]),
    }
    text = section(results)
    print(text)
    if not given.quick:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        page.rewrite({"replication": text})
    return int(_is_missed(results["figures"]))


def _is_missed(found: Mapping[str, Any]) -> bool:
    """Tell whether a goal is missed, or a copy moves a p99 by more than rounds alone differ."""
    slow = any(found[goal.name] < goal.least for goal in GOALS)
    return slow or any(
        found[what][case]["moved"] > found[what]["noise"]
        for what, cases in (("moment", _MOMENT), ("order", _ORDER))
        for case in cases[2:]
    )


if __name__ == "__main__":
    sys.exit(main())
