"""The driver of a backtest: history, moment by moment, through broker and engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from openbell.backtesting.blame import Blame
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
    step, account = engine.step, engine.account
    marks = Marks()
    end = len(panel) if until is None else min(until, len(panel))
    schedule = [*panel.schedule(), (end, None)]
    due, next_action = 0, schedule[0][0]
    late: list[Command] = []

    def send(commands: Iterable[Command], time: int) -> None:
        for event in broker.submit(commands, time):
            step(event)

    with Blame(engine):
        send(engine.start(), panel.time)
        for at in range(end):
            if at == next_action:
                while schedule[due][0] == at:
                    action = schedule[due][1]
                    assert action is not None  # only the sentinel at `end` has none
                    if isinstance(action, Split):
                        for event in broker.act(action):
                            step(event)
                    step(action)
                    panel.act(action)
                    due += 1
                next_action = schedule[due][0]
            if broker.busy:
                time = panel.time_at(at)
                for event in broker.match(time):
                    late.extend(step(event))
                bars = panel.advance(at)
                for event in broker.call_margin(time):
                    late.extend(step(event))
                if late:
                    send(late, time)
                    late.clear()
            else:
                bars = panel.advance(at)
            commands = step(bars)
            if commands:
                send(commands, panel.time)
            if len(account.entries) != (marks.entries[-1] if marks.entries else 0):
                marks.moments.append(at)
                marks.entries.append(len(account.entries))
            if progress is not None and at % PROGRESS_EVERY == 0:
                progress(at, end)
        engine.stop()
        for event in broker.finish(panel.time):
            step(event)
    if progress is not None:
        progress(end, end)
    return marks
