"""The driver of a backtest: history, moment by moment, through broker and engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from openbell.backtesting.blame import blame
from openbell.core.engine import Engine
from openbell.core.ports import Command
from openbell.core.types import Split
from openbell.data.panel import Panel
from openbell.execution.brokers.simulated import SimulatedBroker

#: Moments between two calls of a progress callback.
PROGRESS_EVERY = 20_000


@dataclass(slots=True)
class Marks:
    """How many ledger entries there were after each moment that booked some."""

    moments: list[int] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)


class _Course:
    """The parts of one replay, and what each moment asks of them."""

    def __init__(self, engine: Engine, broker: SimulatedBroker, panel: Panel, end: int) -> None:
        self.marks = Marks()
        self._engine, self._broker, self._panel = engine, broker, panel
        self._schedule = deque(panel.schedule())
        self._end = end

    @property
    def next_action(self) -> int:
        """Return the moment before whose bars the next corporate action happens."""
        return self._schedule[0][0] if self._schedule else self._end

    def _act(self, at: int) -> None:
        """Let the corporate actions of a moment happen: to the orders, the ledger, and the past's prices."""
        while self._schedule and self._schedule[0][0] == at:
            action = self._schedule.popleft()[1]
            if isinstance(action, Split):
                for event in self._broker.act(action):
                    self._engine.step(event)
            self._engine.step(action)
            self._panel.act(action)

    def meet(self, at: int) -> None:
        """Let a moment's actions happen, its bars fill what rests, and only then become known."""
        step, broker, time = self._engine.step, self._broker, self._panel.time_at(at)
        late: list[Command] = []
        self._act(at)
        for event in broker.match(time):
            late.extend(step(event))
        self._panel.advance(at)
        for event in broker.call_margin(time):
            late.extend(step(event))
        if late:
            self.send(late)
        self._mark(at)

    def send(self, commands: Iterable[Command]) -> None:
        """Hand commands to the broker now."""
        for event in self._broker.submit(commands, self._panel.time):
            self._engine.step(event)

    def _mark(self, at: int) -> None:
        """Note how long the ledger is after a moment that booked something."""
        booked = len(self._engine.account.entries)
        if booked != (self.marks.entries[-1] if self.marks.entries else 0):
            self.marks.moments.append(at)
            self.marks.entries.append(booked)

    def finish(self) -> None:
        """End what still works, because the data end."""
        for event in self._broker.finish(self._panel.time):
            self._engine.step(event)


def replay(
    engine: Engine,
    broker: SimulatedBroker,
    panel: Panel,
    *,
    until: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Marks:
    """Run the strategy over the panel's moments, up to `until` (not included).

    At each moment: corporate actions, then fills of what rests, and only then do the bars become known and
    the strategy decides. What it orders is accepted at that moment and can fill from the next bar on.

    Raises:
        StrategyError: The strategy raised; the message names the bar and the line.
    """
    end = len(panel) if until is None else min(until, len(panel))
    course = _Course(engine, broker, panel, end)
    step, advance, common, bars = engine.step, panel.advance, panel.common, panel.slice
    with blame(engine):
        course.send(engine.start())
        busy, next_action = broker.busy, course.next_action
        for at in range(end):
            if at == next_action or busy:
                course.meet(at)
                busy, next_action = broker.busy, course.next_action
            elif common is not None:
                common.at = at  # all symbols have a bar now: this alone is to advance
            else:
                advance(at)
            commands = step(bars)
            if commands:
                course.send(commands)
                busy = broker.busy
            if progress is not None and at % PROGRESS_EVERY == 0:
                progress(at, end)
        engine.stop()
        course.finish()
    if progress is not None:
        progress(end, end)
    return course.marks
