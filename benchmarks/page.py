"""BENCHMARKS.md: its words are written by hand, its tables between marks come from the results."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gate import CHECKS
from benchmarks.goals import Reached, rates, reach
from benchmarks.growth import ALLOWED, rise, spread
from benchmarks.jobs import JOBS
from benchmarks.rounds import ROOT

PAGE = ROOT / "BENCHMARKS.md"
QUIET = 1.3  #: load average up to which a machine does little beside the benchmarks


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are numbers."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Write a number with three digits that count."""
    if abs(value) >= 1e9:
        return f"{value / 1e9:.3g} G"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:.3g} k"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def ratios(reached: Iterable[Reached]) -> str:
    """Return the goals, what was reached of them, and how far the rounds lie apart."""
    unit = {"ratio": "×", "peer": "×", "rate": "M/s", "seconds": "s", "memory": "MB"}
    rows = []
    for one in reached:
        goal = one.goal
        wanted = f"{'≥' if goal.more else '≤'} {goal.wanted:g} {unit[goal.kind]}"
        apart = "" if one.low == one.high else f"{number(one.low)} – {number(one.high)}"
        rows.append(
            [
                f"{goal.workload}: {goal.what}", f"**{number(one.value)}** {unit[goal.kind]}", apart, wanted,
                "yes" if one.met else "**no**",
            ]
        )  # fmt: skip
    return table(["", "reached", "rounds", "goal", "met"], rows)


def times(jobs: Mapping[str, Any]) -> str:
    """Return what each job took, and in how much memory."""
    rows = []
    for name, job in jobs.items():
        seconds, rate = statistics.median(job["seconds"]), statistics.median(rates(job))
        apart = (max(job["seconds"]) - min(job["seconds"])) / seconds
        rows.append(
            [
                f"{name.split('.')[0]} · {JOBS[name].title}", f"{number(seconds)} s",
                f"{apart:.0%}", number(rate),
                f"{number(job['first'])} s", f"{job['data_mb']:.0f}", f"{job['peak_mb']:.0f}",
            ]
        )  # fmt: skip
    head = ["", "median", "apart", "bars (× combinations)/s", "first run", "MB with data", "MB above"]
    return table(head, rows)


def agreement(jobs: Mapping[str, Any]) -> str:
    """Return what each group of jobs came to: all of a group's came to it."""
    groups: dict[str, list[str]] = {}
    for name in jobs:
        groups.setdefault(JOBS[name].agrees, []).append(name)
    rows = []
    for group, names in groups.items():
        job = jobs[names[0]]
        what = "fills" if group in ("W2", "W6") else "closed trades"
        mean = "" if job["runs"] == 1 else f" (mean of {job['runs']:,})"
        rows.append(
            [
                ", ".join(f"`{name}`" for name in names), f"{job['trades']:,} {what}",
                f"{job['equity']:,.2f}{mean}",
            ]
        )  # fmt: skip
    return table(["all of these", "have", "and end with"], rows)


def starts(start: Mapping[str, Any]) -> str:
    """Return W5: seconds of whole processes."""
    rows = [
        [name, *(_seconds(states.get(state)) for state in ("warm", "cold", "new"))]
        for name, states in start.items()
    ]
    return table(["whole process", "warm", "no compiled Python", "nor a calendar"], rows)


def _seconds(found: Sequence[float] | None) -> str:
    return "" if not found else f"{found[0]:.2f} s ({found[1]:.2f} – {found[2]:.2f})"


def growth(curves: Collection[Mapping[str, Any]]) -> str:
    """Return time a unit of work and memory at each size."""
    rows = [
        [
            f"{curve['title']}: {point['count']:,} {curve['axis']}", number(point["nanos"]),
            f"{number(point['seconds'])} s", f"{point['data_mb']:.0f}", f"{point['peak_mb']:.0f}",
        ]
        for curve in curves
        for point in curve["points"]
    ]  # fmt: skip
    names = {curve["title"]: dict(curve) for curve in curves}
    spreads = "; ".join(f"{title} {spread(curve):.2f}" for title, curve in names.items())
    rises = "; ".join(f"{title} {rise(curve):.2f}" for title, curve in names.items())
    head = ["", "ns a unit", "time", "MB with data", "MB above"]
    return (
        f"{table(head, rows)}\n\n"
        f"The largest size's unit over the cheapest (goal: at most {ALLOWED}): {rises}. "
        f"The dearest over the cheapest: {spreads}."
    )


def machine(results: Mapping[str, Any]) -> str:
    """Return on what, when and how quietly it was measured."""
    about = results["machine"]
    loads = [load for job in results.get("jobs", {}).values() for load in job["load"]]
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    busy = f"Load average when jobs ended: {min(loads):.2f} to {max(loads):.2f}. " if loads else ""
    if loads and statistics.median(loads) > QUIET:
        busy += "**The machine was busy with other work: read the ratios with their rounds.** "
    return (
        f"Measured {results['date']} on {about['processor']}, {about['cores']} cores, {about['system']}; "
        f"Python {about['python']}, {packages}. {busy}"
    )


def peers(found: Mapping[str, Any]) -> str:
    """Return the peers' figures: bars (times combinations) a second and what their trades came to."""
    rows = [
        [
            f"{name} · {one['version']}",
            number(one["rate"]),
            _took(one["seconds"]),
            one["agrees"],
            one.get("date", found["date"]),
        ]
        for name, one in found["jobs"].items()
    ]
    head = ["", "bars (× combinations)/s", "time", "trades and equity", "measured"]
    return f"Measured {found['date']} on {found['machine']}.\n\n{table(head, rows)}"


def gates(kept: Mapping[str, Any]) -> str:
    """Return the gate's bounds beside what repeated runs came to."""
    rows = []
    for check in CHECKS:
        found = kept[check.name]
        apart = (found["high"] - found["low"]) / found["middle"]
        bound = f"{'at most' if check.most else 'at least'} {check.bound:g}"
        rows.append([check.name, number(found["middle"]), f"{apart:.1%}", bound])
    runs = kept[CHECKS[0].name]["runs"]
    return table([f"{runs} runs", "median", "highest less lowest", "bound"], rows)


def _took(seconds: float | None) -> str:
    return "" if seconds is None else f"{number(seconds)} s"


def sections(
    results: Mapping[str, Any], others: Mapping[str, Any], kept: Mapping[str, Any]
) -> dict[str, str]:
    """Return the text between each pair of marks."""
    known: dict[str, float] = {}
    for name, one in others.get("jobs", {}).items():
        peer = name.removesuffix("[rust]")  # of vectorbt's two engines the faster one counts
        known[peer] = max(known.get(peer, 0.0), float(one["rate"]))
    made = {"machine": machine(results), "ratios": ratios(reach(results, known))}
    if results.get("jobs"):
        made |= {"agreement": agreement(results["jobs"]), "times": times(results["jobs"])}
    if results.get("start"):
        made["start"] = starts(results["start"])
    if results.get("growth"):
        made["growth"] = growth(results["growth"])
    if kept:
        made["gate"] = gates(kept)
    if others.get("jobs"):
        made["peers"] = peers(others)
    return made


def rewrite(made: Mapping[str, str], page: Path = PAGE) -> None:
    """Put tables between their marks; what has no table stays."""
    text = page.read_text(encoding="utf-8")
    for name, body in made.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, rest = text.split(begin, 1)
        text = f"{head}{begin}\n\n{body}\n\n{end}{rest.split(end, 1)[1]}"
    page.write_text(text, encoding="utf-8")
