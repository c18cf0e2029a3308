"""What the workloads are meant to reach, and how a run's figures compare with it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """A figure to reach."""

    workload: str
    what: str
    job: str
    kind: str  #: `ratio` of speeds, `rate` in millions of bars a second, `seconds`, `memory` in MB, `peer`
    wanted: float
    against: str = ""

    @property
    def more(self) -> bool:
        """Tell whether more is better."""
        return self.kind in ("ratio", "rate", "peer")


class Reached(NamedTuple):
    """A figure that was reached: its median over the rounds, the lowest and the highest."""

    goal: Goal
    value: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        """Tell whether the goal is met."""
        return self.value >= self.goal.wanted if self.goal.more else self.value <= self.goal.wanted


GOALS = (
    Goal("W1", "event engine ÷ loop of Python with the same `on_bar`", "W1.event", "ratio", 0.6, "W1.loop"),
    Goal("W1", "the same, the loop's averages by TA-Lib", "W1.event", "ratio", 0.6, "W1.loop_talib"),
    Goal("W1", "compiled, all figures ÷ the faster vectorbt", "W1.figures", "peer", 10.0, "W1 vectorbt"),
    Goal("W1", "event engine ÷ backtesting.py", "W1.event", "peer", 6.0, "W1 backtesting.py"),
    Goal("W1", "event engine ÷ nautilus_trader v2", "W1.event", "peer", 9.0, "W1 nautilus v2"),
    Goal("W2", "event engine, seconds", "W2.event", "seconds", 0.150),
    Goal("W2", "event engine ÷ the faster vectorbt", "W2.event", "peer", 4.0, "W2 vectorbt"),
    Goal("W2", "event engine ÷ PyBroker", "W2.event", "peer", 30.0, "W2 pybroker"),
    Goal("W2", "event engine ÷ zipline", "W2.event", "peer", 200.0, "W2 zipline"),
    Goal("W3", "sweep, all figures ÷ one pass marked each bar", "W3.sweep", "ratio", 0.6, "W3.marked"),
    Goal("W3", "the same, every bar a session", "W3.marks", "ratio", 0.6, "W3.marked"),
    Goal("W3", "the same with ten times the combinations", "W3.many", "ratio", 0.6, "W3.many_marked"),
    Goal("W3", "final equity and trades alone ÷ SIMD decisions", "W3.trades", "ratio", 0.5, "W3.simd"),
    Goal("W3", "sweep ÷ the faster vectorbt", "W3.sweep", "peer", 100.0, "W3 vectorbt"),
    Goal("W3", "10,000 combinations, MB above the data", "W3.many", "memory", 300.0),
    Goal("W4", "event engine ÷ loop of Python with the same `on_bar`", "W4.event", "ratio", 0.5, "W4.loop"),
    Goal("W4", "event engine ÷ backtesting.py", "W4.event", "peer", 3.0, "W4 backtesting.py"),
    Goal("W4", "compiled, all figures ÷ the faster vectorbt", "W4.figures", "peer", 10.0, "W4 vectorbt"),
    Goal("W5", "`import openbell`, warm, seconds", "import openbell", "seconds", 0.3),
    Goal("W5", "process that runs 1,000 bars, warm, seconds", "1,000 bars", "seconds", 0.8),
    Goal("W6", "event engine, seconds", "W6.event", "seconds", 2.0),
    Goal("W6", "event engine, MB with the data", "W6.event", "memory", 1500.0),
    Goal("W7", "sweep, all figures, million bars × combinations a second", "W7.sweep", "rate", 150.0),
)  # fmt: skip


def rates(job: Mapping[str, Any]) -> list[float]:
    """Return bars (times combinations) a second, one number a round."""
    return [job["work"] / seconds for seconds in job["seconds"]]


def reach(results: Mapping[str, Any], peers: Mapping[str, float]) -> list[Reached]:
    """Return the goals whose figures there are."""
    found = []
    for goal in GOALS:
        values = _values(goal, results, peers)
        if values:
            found.append(Reached(goal, statistics.median(values), min(values), max(values)))
    return found


def _values(goal: Goal, results: Mapping[str, Any], peers: Mapping[str, float]) -> list[float]:
    jobs = results.get("jobs", {})
    if goal.workload == "W5":
        start = results.get("start", {}).get(goal.job)
        return list(start["warm"]) if start else []
    if goal.job not in jobs:
        return []
    job = jobs[goal.job]
    whole = job["peak_mb"] + (job["data_mb"] if goal.workload == "W6" else 0.0)
    alone = {"seconds": job["seconds"], "memory": [whole], "rate": [rate / 1e6 for rate in rates(job)]}
    if goal.kind in alone:
        return list(alone[goal.kind])
    if goal.kind == "ratio":
        pairs = zip(rates(job), rates(jobs[goal.against]) if goal.against in jobs else [], strict=False)
        return [ours / theirs for ours, theirs in pairs]
    theirs = peers.get(goal.against)
    return [rate / theirs for rate in rates(job)] if theirs else []
