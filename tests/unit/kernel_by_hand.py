"""One run by both engines, told in the same words, and the kernel as plain Python.

The kernel's functions stay plain functions: called from Python they run interpreted. So its lines can be
counted, and a test can put a wrong one in the place of any of them.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from openbell import run
from openbell.backtesting import kernel
from openbell.backtesting.kernel import batch, loop
from openbell.backtesting.kernel import prepared as preparing
from openbell.backtesting.kernel.batch import Batch
from openbell.backtesting.kernel.convictions import WAITING
from openbell.backtesting.kernel.decider import Decider
from openbell.backtesting.kernel.records import REASONS
from openbell.backtesting.kernel.telling import Telling
from openbell.backtesting.ledger import ledger_text
from openbell.backtesting.measures import MEASURES, measure
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.core.engine import Engine
from openbell.core.errors import StrategyError
from openbell.data.bars import Floats, Series
from openbell.strategies.registry import Found

#: What is compiled into the kernel.
NAMES = sorted(
    path.stem for path in Path(str(kernel.__file__)).parent.glob("*.py") if not path.stem.startswith("_")
)
MODULES: list[ModuleType] = [import_module(f"openbell.backtesting.kernel.{name}") for name in NAMES]

Prepared = tuple[Plan, Found, list[Series]]


class Quick(Batch):
    """A batch that compiles each decision once a process."""

    def _compile(self, inputs: Any) -> Decider:
        given = (preparing._constant(inputs[name]) for name in self._names or ())
        return _decider(self._signal.decide, tuple(type(value) for value in given))


@functools.cache
def _decider(decide: Any, kinds: tuple[type, ...]) -> Decider:
    return Decider(decide, [kind() for kind in kinds])


def prepared(strategy: Any, data: Any, **settings: Any) -> Prepared:
    """Return what both engines take."""
    return run.prepare(strategy, data, **settings)


def by_events(given: Prepared) -> Outcome:
    """Run in the event engine."""
    return run.simulate(*given)


class Figures(NamedTuple):
    """What a sweep keeps of a run, its curve and its notes; `why` there is none."""

    figures: Floats
    curve: Floats
    notes: dict[Any, int]
    why: str


def by_kernel(given: Prepared) -> tuple[Outcome, Figures]:
    """Run in the kernel twice: told as an outcome, and for the figures of a sweep."""
    plan, found, series = given
    panel = run.panel_of(plan, series)
    strategy = found.make(plan.parameters)
    engine = Engine(strategy, market=panel, cash=plan.cash, sizer=plan.sizer, short=plan.costs.margin.short)
    of = Quick(panel, plan, found.form, threads=1)  # type: ignore[arg-type]  # the form of a signal
    memory = of.trace()
    telling = Telling(engine, panel)
    telling.tell(memory)
    orders = list(engine.desk.orders.values())
    told = Outcome(
        panel, engine.account, orders, engine.fills, telling.marks, telling.ambiguities, _notes(memory),
        of.waiting(),
    )  # fmt: skip
    return told, _figures(of)


def _figures(of: Batch) -> Figures:
    results, curve = np.full((1, len(MEASURES)), np.nan), np.zeros(of.marks)
    runner = batch._Runner(of, results)
    runner._memory.point("curve", curve)
    why = runner.one(of._wanted({}), 0)
    return Figures(results[0], curve, _notes(runner._memory), why)


def _notes(memory: Any) -> dict[Any, int]:
    return {REASONS[at]: int(memory.notes[at]) for at in np.flatnonzero(memory.notes)}


def differences(given: Prepared) -> list[str]:
    """Return in what the two engines differ: nothing."""
    try:
        expected = by_events(given)
    except StrategyError:
        try:
            by_kernel(given)
        except StrategyError:
            return []
        return ["only the event engine refuses"]
    told, figures = by_kernel(given)
    aspects = zip(_ASPECTS, _described(expected), _described(told), strict=True)
    found = [name for name, one, other in aspects if one != other]
    if figures.why:
        nothing = figures.why == WAITING and expected.waiting == frozenset(expected.panel.symbols)
        return found if nothing else [*found, figures.why]
    marks = np.unique(np.append(0, expected.daily))
    if expected.equity[marks].tolist() != figures.curve.tolist():
        found.append("curve of a sweep")
    if {reason: count for reason, count in expected.notes.items() if count} != figures.notes:
        found.append("notes of a sweep")
    same = np.isclose(measure(expected), figures.figures, rtol=1e-9, atol=1e-12, equal_nan=True)
    return found + [name for name, is_same in zip(MEASURES, same, strict=True) if not is_same]


_ASPECTS = ("ledger", "orders", "fills", "marks", "ambiguities", "notes", "waiting", "curve")


def _described(outcome: Outcome) -> tuple[Any, ...]:
    orders = [
        (o.id, o.describe(), tuple(o.life), o.tag, o.filled, o.average, o.fees, o.parent, o.oco, o.decided)
        for o in outcome.orders
    ]
    return (
        ledger_text(outcome.entries), orders, list(outcome.fills),
        (outcome.marks.moments, outcome.marks.entries), list(outcome.ambiguities),
        {reason: count for reason, count in outcome.notes.items() if count}, outcome.waiting,
        outcome.equity.tolist(),
    )  # fmt: skip


def asserting(fast, level, many):
    """Decide, and fail in several ways. (It is here because pytest writes a test module's asserts anew.)"""
    assert level != 2.0
    return min(fast / level, 1.0) * many if level != 1.0 else fast


# --- the kernel as plain Python --------------------------------------------------------------------------


@contextmanager
def interpreted() -> Iterator[None]:
    """Let the kernel run as plain Python."""
    homes: tuple[Any, ...] = (batch, preparing)  #: those that run it
    compiled: Any = loop.replay
    for home in homes:
        home.replay = compiled.py_func
    try:
        yield
    finally:
        for home in homes:
            home.replay = compiled


@contextmanager
def mutated(name: str, old: str, new: str) -> Iterator[None]:
    """Let the kernel run as plain Python with another text in one of its functions."""
    loop.prepare()  # it is compiled once in a process: as it is, and not with this text in it
    module_name, _, function_name = name.partition(".")
    module = import_module(f"openbell.backtesting.kernel.{module_name}")
    function = getattr(module, function_name)
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(old) == 1, f"{name}: {old!r} is there {text.count(old)} times"
    made: dict[str, Any] = {}
    exec(text.replace("@compiled\n", "", 1).replace(old, new), vars(module), made)  # noqa: S102  # a mutant
    homes = [home for home in MODULES if vars(home).get(function_name) is function]
    try:
        for home in homes:
            setattr(home, function_name, made[function_name])
        with interpreted():
            yield
    finally:
        for home in homes:
            setattr(home, function_name, function)


def tally(outcome: Outcome, counts: dict[str, int]) -> dict[str, int]:
    """Count what happened in a run, by name."""
    for word in _happenings(outcome):
        counts[word] = counts.get(word, 0) + 1
    return counts


def _happenings(outcome: Outcome) -> Iterator[str]:
    for order in outcome.orders:
        for step in order.life:
            yield f"{step.status.value} {step.reason.value}".strip()
        fills = sum(fill.order_id == order.id for fill in outcome.fills)
        if fills > 1:
            yield f"several fills, {order.type.value}"
        if order.parent and fills:
            yield "child filled"
    for entry in outcome.entries:
        yield entry.kind.value
        if entry.kind.value == "dividend" and entry.position < 0:
            yield "dividend paid by a short"
        if entry.kind.value == "split":
            yield f"split {'up' if entry.ratio > 1 else 'down'}{' with a fraction' if entry.amount else ''}"
        if entry.position < 0:
            yield "short"
    yield from ("ambiguity" for _ in outcome.ambiguities)
    for reason, count in outcome.notes.items():
        yield from (f"note {reason.value}" for _ in range(count))
