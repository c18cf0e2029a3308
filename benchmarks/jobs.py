"""Every job by name: `W1.event` is Openbell's event engine on W1, `W1.loop` a loop written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.data import DAYS, SYMBOLS
from benchmarks.measure import Ready


class Size(NamedTuple):
    """How much work the workloads are."""

    bars: int = 0  #: 0 is each workload's own
    symbols: int = SYMBOLS
    many: int = 5_000  #: symbols of W6
    days: int = DAYS
    combinations: int = 1_000
    combinations_many: int = 10_000
    exits: int = 1_000


FULL = Size()
QUICK = Size(bars=20_000, symbols=50, many=100, days=600, combinations=100, combinations_many=1_000, exits=8)


class Job(NamedTuple):
    """A measurement: what it is called in the tables, and what makes its data."""

    title: str
    prepare: Callable[[Size], Ready]
    agrees: str = ""  #: whose trades and equity it must have: a group's name


def _event(workload: str, strategy: str) -> Callable[[Size], Ready]:
    def prepare(size: Size) -> Ready:
        from benchmarks import ours, strategies

        return ours.event(workload, getattr(strategies, strategy), size.bars)

    return prepare


def _compiled(workload: str, signal: str, way: str) -> Callable[[Size], Ready]:
    def prepare(size: Size) -> Ready:
        from benchmarks import ours, strategies

        made: Ready = getattr(ours, way)(workload, getattr(strategies, signal), size.bars)
        return made

    return prepare


def _ours(make: Callable[..., Ready]) -> Callable[[Size], Ready]:
    def prepare(size: Size) -> Ready:
        from benchmarks import ours

        return make(ours, size)

    return prepare


def _limit(make: Callable[..., Ready]) -> Callable[[Size], Ready]:
    def prepare(size: Size) -> Ready:
        from benchmarks import limits

        return make(limits, size)

    return prepare


def _loop(workload: str, loop: str) -> Callable[[Size], Ready]:
    def prepare(size: Size) -> Ready:
        from benchmarks import limits, limits_python

        return limits.python_loop(workload, getattr(limits_python, loop), size.bars)

    return prepare


JOBS: dict[str, Job] = {
    "W1.event": Job("Openbell, event engine, class with `on_bar`", _event("W1", "Cross"), "W1"),
    "W1.loop": Job("limit: loop of Python, the same `on_bar`", _loop("W1", "cross_running"), "W1"),
    "W1.loop_talib": Job("limit: the same, averages by TA-Lib", _loop("W1", "cross_by_hand"), "W1"),
    "W1.inlined": Job("limit: loop of Python, all inlined", _loop("W1", "cross_inlined"), "W1"),
    "W1.figures": Job("Openbell, compiled, all figures", _compiled("W1", "cross", "figures"), "W1 flat"),
    "W1.told": Job("Openbell, compiled, the run told in full", _compiled("W1", "cross", "told"), "W1 flat"),
    "W1.marked": Job("limit: one compiled pass, marked each bar", _limit(lambda m, s: m.cross(s.bars)), "W1"),
    "W1.simd": Job(
        "limit: SIMD decisions, ledger at trades", _limit(lambda m, s: m.cross_events(s.bars)), "W1 flat"
    ),
    "W2.event": Job(
        "Openbell, event engine, class with `on_bars`", _ours(lambda m, s: m.rotate(s.symbols, s.days)), "W2"
    ),
    "W2.limit": Job(
        "limit: one compiled pass, marked each bar", _limit(lambda m, s: m.rotate(s.symbols, s.days)), "W2"
    ),
    "W3.sweep": Job(
        "Openbell, all figures, 2 threads",
        _ours(lambda m, s: m.sweep_cross(s.combinations, count=s.bars)),
        "W3",
    ),
    "W3.sweep_1": Job(
        "Openbell, all figures, 1 thread",
        _ours(lambda m, s: m.sweep_cross(s.combinations, count=s.bars, threads=1)),
        "W3",
    ),
    "W3.trades": Job(
        "Openbell, final equity and trades alone, 2 threads",
        _ours(lambda m, s: m.sweep_cross(s.combinations, count=s.bars, figures="trades")),
        "W3",
    ),
    "W3.marks": Job(
        "Openbell, all figures, every bar a session, 2 threads",
        _ours(lambda m, s: m.marked_each_bar(lambda: m.sweep_cross(s.combinations, count=s.bars))),
        "W3",
    ),
    "W3.marked": Job(
        "limit: one compiled pass, marked each bar, 2 threads",
        _limit(lambda m, s: m.sweep_cross(s.combinations, threads=2, events=False, count=s.bars)),
        "W3",
    ),
    "W3.marked_1": Job(
        "limit: the same, 1 thread",
        _limit(lambda m, s: m.sweep_cross(s.combinations, threads=1, events=False, count=s.bars)),
        "W3",
    ),
    "W3.simd": Job(
        "limit: SIMD decisions, ledger at trades, 2 threads",
        _limit(lambda m, s: m.sweep_cross(s.combinations, threads=2, events=True, count=s.bars)),
        "W3",
    ),
    "W3.simd_1": Job(
        "limit: the same, 1 thread",
        _limit(lambda m, s: m.sweep_cross(s.combinations, threads=1, events=True, count=s.bars)),
        "W3",
    ),
    "W3.many": Job(
        "Openbell, all figures, 2 threads, ten times the combinations",
        _ours(lambda m, s: m.sweep_cross(s.combinations_many, count=s.bars)),
        "W3 many",
    ),
    "W3.many_marked": Job(
        "limit: marked each bar, 2 threads, ten times the combinations",
        _limit(lambda m, s: m.sweep_cross(s.combinations_many, threads=2, events=False, count=s.bars)),
        "W3 many",
    ),
    "W3.span": Job(
        "Openbell, all figures, windows up to 1,110",
        _ours(lambda m, s: m.sweep_span(s.combinations, s.bars)),
        "W3 span",
    ),
    "W4.event": Job("Openbell, event engine, class with `on_bar`", _event("W4", "Bracket"), "W4"),
    "W4.loop": Job("limit: loop of Python, the same `on_bar`", _loop("W4", "brackets_by_hand"), "W4"),
    "W4.figures": Job("Openbell, compiled, all figures", _compiled("W4", "bracket", "figures"), "W4"),
    "W4.told": Job("Openbell, compiled, the run told in full", _compiled("W4", "bracket", "told"), "W4"),
    "W4.marked": Job(
        "limit: one compiled pass, marked each bar", _limit(lambda m, s: m.brackets(s.bars)), "W4"
    ),
    "W6.event": Job(
        "Openbell, event engine, class with `on_bars`", _ours(lambda m, s: m.rotate(s.many, s.days)), "W6"
    ),
    "W6.limit": Job(
        "limit: one compiled pass, marked each bar", _limit(lambda m, s: m.rotate(s.many, s.days)), "W6"
    ),
    "W7.sweep": Job(
        "Openbell, all figures, 2 threads",
        _ours(lambda m, s: m.sweep_protected(s.exits, count=s.bars)),
        "W7",
    ),
    "W7.marked": Job(
        "limit: one compiled pass, marked each bar, 2 threads",
        _limit(lambda m, s: m.sweep_protected(s.exits, threads=2, count=s.bars)),
        "W7",
    ),
}  # fmt: skip
