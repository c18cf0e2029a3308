"""`python -m benchmarks.trading`: how soon a bar is an order on the wire, memory, a week of faults.

Latency: see `benchmarks.latency`; once for a bar, once while a thousand orders work, once for the bars of a
thousand symbols. Of several rounds the best counts.

Memory: days of minute bars through a paper session, as fast as they go, and 26 hours of a live one (see
`benchmarks.hours`). Faults: see `benchmarks.faultweek` and `benchmarks.faultday`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.faultday import DAY, run_day
from benchmarks.faultweek import run_week
from benchmarks.hours import measure_hours
from benchmarks.latency import measure_latency
from benchmarks.longrun import measure_days, measure_resume
from benchmarks.measure import machine
from benchmarks.weekscript import WEEK

RESULTS = Path(__file__).resolve().parent / "trading.json"
_SOON, _TOP = 10.0, 250.0  #: ms: of a bar, and of those of all symbols
_MANY = 1_000  #: symbols
_MONTH = 21  #: sessions
_FLAT = 10.0  #: kB an hour: a MB in four days
_AVAILABLE = 99.9  #: per cent of the time
_PARTS = ("latency", "memory", "hours", "resume", "week", "day")


async def _best(rounds: int, folder: Path, count: int, **more: int) -> dict[str, Any]:
    """Return the round with the least p99: it says least of what else the machine does."""
    found = []
    for number in range(rounds):
        (folder / str(number)).mkdir(parents=True)
        found.append(await measure_latency(count, folder / str(number), **more))
    best: dict[str, Any] = min(found, key=lambda one: one["p99_ms"])
    return best | {"p99_of_each_round_ms": [one["p99_ms"] for one in found]}


def _is_missed(found: Mapping[str, Any]) -> bool:
    """Tell whether a goal is missed."""
    late = any(found[one]["p99_ms"] >= _SOON for one in ("latency", "latency_with_working_orders"))
    week, hours = found["week"], found["hours"]
    slow = found["latency_of_a_thousand_symbols"]["p99_ms"] >= _TOP
    wrong = any(found[one].get("wrong") or found[one]["tasks_left"] for one in ("week", "day", "hours"))
    grows = hours["slope_kb_an_hour"] >= _FLAT
    return late or slow or wrong or grows or week["outside_outages_percent"] < _AVAILABLE


def _page(found: Mapping[str, Any]) -> str:
    """Return the figures as BENCHMARKS.md has them."""
    rows = []
    for name, title, goal in (
        ("latency", "a bar", _SOON),
        ("latency_with_working_orders", "a bar, while 1,000 orders work", _SOON),
        ("latency_of_a_thousand_symbols", "the bars of 1,000 symbols", _TOP),
    ):
        one = found[name]
        met = "yes" if one["p99_ms"] < goal else "**no**"
        shares = (
            f"{one[f'{part}_p50_ms']} / {one[f'{part}_p99_ms']}" for part in ("own", "disk", "processor")
        )
        rows.append([title, f"{one['p50_ms']} / **{one['p99_ms']}**", f"p99 < {goal:g}", met, *shares])
    head = [
        "ms, p50 / p99",
        "to the order on the wire",
        "goal",
        "met",
        "without the disk",
        "the disk",
        "processor",
    ]
    return (
        f"{_measured(found, 'latency')}\n\n{page.table(head, rows)}\n\n"
        f"{_measured(found, 'hours')}\n\n{_lasting(found)}"
    )


def _measured(found: Mapping[str, Any], part: str) -> str:
    about, when = found["machine"], found["when"][part]
    where = f"{about['processor']}, {about['cores']} cores"
    return f"Measured {when['date']} on {where}; load average {when['load']}."


def _lasting(found: Mapping[str, Any]) -> str:
    """Return what lasts as BENCHMARKS.md has it."""
    hours, week = found["hours"], found["week"]
    slope, share = hours["slope_kb_an_hour"], week["outside_outages_percent"]
    rows = [
        [f"{hours['hours']:g} hours of a live session, an order a minute: memory from close to close",
         f"**{slope}** kB an hour", f"< {_FLAT:g}", "yes" if slope < _FLAT else "**no**"],
        ["the same: tasks at each hour, and left in the end",
         f"{hours['tasks'][0]} to {hours['tasks'][1]}, **{hours['tasks_left']}**", "0",
         "yes" if not hours["tasks_left"] else "**no**"],
        ["a week of faults: time in which a signal is acted on within 1 s, outside the broker's outages",
         f"**{share}** %", f"≥ {_AVAILABLE:g} %", "yes" if share >= _AVAILABLE else "**no**"],
    ]  # fmt: skip
    gone = sorted(week["seconds_gone"].items(), key=lambda one: -one[1])
    told = "; ".join(f"{name} {seconds:g} s" for name, seconds in gone)
    return (
        f"{page.table(['', 'reached', 'goal', 'met'], rows)}\n\n"
        f"Time without, in the week: {told}. Of {week['minutes'] - week['outage_minutes']:,} signals outside "
        f"the outages {len(week['missed_outside'])} were not acted on within 1 s."
    )


def _latencies(given: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Return how soon a bar is an order, in three circumstances."""
    resting, rounds = (20, 1) if given.quick else (1_000, given.rounds)
    return {
        which: asyncio.run(_best(rounds, root / which, count, **more))
        for which, count, more in (
            ("latency", given.orders, {}),
            ("latency_with_working_orders", given.orders, {"resting": resting}),
            ("latency_of_a_thousand_symbols", max(given.orders // 5, 20), {"symbols": _MANY}),
        )
    }


def _measure(part: str, given: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Return the figures of one part."""
    if part == "latency":
        return _latencies(given, root)
    if part == "memory":
        return {
            "memory_without_orders": measure_days(given.days, _made(root / "quiet"), trades=False),
            "memory": measure_days(given.days, _made(root / "memory")),
            "memory_with_many_orders": measure_days(given.days, _made(root / "many"), every=2),
        }
    if part == "resume":
        return {part: measure_resume(min(given.days, _MONTH), _made(root / part))}
    if part == "hours":
        short = {"sessions": 2, "filling": 0} if given.quick else {}
        return {part: asyncio.run(measure_hours(_made(root / part), **short))}
    if part == "week":
        return {part: asyncio.run(run_week(_made(root / part), replace(WEEK, minutes=given.minutes)))}
    return {part: asyncio.run(run_day(_made(root / part), minutes=min(given.minutes, DAY)))}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the figures; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trading", description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3, help="of the latency; the best counts")
    parser.add_argument("--days", type=int, default=60, help="sessions of 390 minutes for the memory")
    parser.add_argument("--minutes", type=int, default=WEEK.minutes, help="of the week of faults")
    parser.add_argument("--quick", action="store_true", help="short, and nothing is kept")
    parser.add_argument(
        "--only",
        default=",".join(_PARTS),
        help=f"some of {','.join(_PARTS)}; the other figures stay",
    )
    given = parser.parse_args(arguments)
    if given.quick:
        given.orders, given.days, given.minutes = 20, 4, 30
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    with tempfile.TemporaryDirectory() as name:
        for part in given.only.split(","):
            if part not in _PARTS:
                parser.error(f"--only {part}: choose from {', '.join(_PARTS)}")
            found |= _measure(part, given, Path(name))
            found["when"][part] = {"date": date, "load": round(os.getloadavg()[0], 1)}
    print(json.dumps(found, indent=1))
    if not given.quick:
        kept = found | {"machine": machine()}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        page.rewrite({"trading": _page(kept)})
    return int(_is_missed(found))


if __name__ == "__main__":
    sys.exit(main())
