"""The driver of a backtest: history, moment by moment, through broker and engine."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple

from openbell.backtesting.agenda import Agenda
from openbell.core.engine import Engine
from openbell.core.market import Bar
from openbell.core.orders import Order, ReviewedOrder
from openbell.core.ports import Event, Reviewed
from openbell.core.types import OrderType
from openbell.data.panel import Panel
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.strategies.blame import blame

#: Moments between two calls of a progress callback.
PROGRESS_EVERY = 20_000
#: Moments after which it is asked again whether indicators are ready, and the replay has less to do.
WARM_UP = 32
_MARKET = OrderType.MARKET


@dataclass(slots=True)
class Marks:
    """How many ledger entries there were after each moment that booked some."""

    moments: array[int] = field(default_factory=lambda: array("q"))
    entries: array[int] = field(default_factory=lambda: array("q"))


class Turn(NamedTuple):
    """Something that happens between two moments: another strategy takes the desk, for one."""

    at: int  #: the moment before whose bars it happens
    take: Callable[[Engine], Iterable[Reviewed]]  #: does it, and returns what is to be sent


class _Course:
    """The parts of one replay, and what each moment asks of them."""

    def __init__(self, engine: Engine, broker: SimulatedBroker, panel: Panel, first: int) -> None:
        self.marks = Marks()
        self._moments, self._counts = self.marks.moments, self.marks.entries
        self._due = 0  # the next moment at which bars meet the broker
        self._engine, self._broker, self._panel = engine, broker, panel
        self._agenda = Agenda(broker, panel)
        self._schedule = deque(panel.schedule())
        self._clock: Sequence[int] = panel.times.data
        self._entries, self._open = engine.account.entries, broker.book.open
        self._booked = 0
        self._late: list[Reviewed] = []
        self._kept: Sequence[ReviewedOrder] = ()  # orders that wait for the bars that they meet
        self._sent = 0  # when they were sent
        self._skip(first)
        broker.connect(engine.ear(self._tell))
        self._send(engine.start(), first - 1)

    def turn(self, turn: Turn) -> None:
        """Let a turn happen: what it sends meets the bars of its moment."""
        commands = list(turn.take(self._engine))
        self._broker.connect(self._engine.ear(self._tell))
        self._send(commands, turn.at - 1)

    def go(self, first: int, stop: int) -> int:
        """Let the moments from `first` up to `stop` pass, or fewer; return the one after the last of them."""
        on_bar = self._engine.lone_hook()
        if on_bar is not None:
            stop = self._ride(first, min(stop, self._next_action(first)), on_bar)
        else:
            if self._engine.waiting:
                stop = min(stop, first + WARM_UP)
            self._walk(first, stop)
        if self._kept:  # somebody may look now
            orders, self._kept = self._kept, ()
            self._broker.submit(orders, self._sent)
        return stop

    def close(self) -> None:
        """Let happen what is due after the last bars: a delisting. It counts to the last moment."""
        last = len(self._panel) - 1
        self._act(last + 1)
        if len(self._entries) != self._booked:
            if self._moments and self._moments[-1] == last:
                self._counts[-1] = len(self._entries)
            else:
                self._moments.append(last)
                self._counts.append(len(self._entries))

    def finish(self) -> None:
        """End what still works, because the data end."""
        self._broker.finish(self._panel.time)
        del self._broker, self._agenda  # which know the course: each would keep the other

    def _skip(self, first: int) -> None:
        """Let all before moment `first` be past: its bars are known, and nobody has decided on them."""
        while self._schedule and self._schedule[0][0] < first:
            at = self._schedule[0][0]
            self._panel.leap(at - 1)
            self._act(at)
        self._agenda.action = self._next_action(first - 1)
        if first:
            self._panel.leap(first - 1)

    def _walk(self, first: int, stop: int) -> None:
        """Take moments one after the other."""
        panel = self._panel
        panel.conceal()  # what a ride before has shown
        step, advance, common, bars = self._engine.step, panel.advance, panel.common, panel.slice
        due = self._due
        for at in range(first, stop):
            if at >= due:
                due = self._meet(at)
            elif common is not None:
                common.at = at  # all symbols have a bar now: this alone is to advance
            else:
                advance(at)
            commands = step(bars)
            if commands:
                due = self._send(commands, at)

    def _ride(self, first: int, stop: int, on_bar: Callable[[Bar], None]) -> int:
        """Take moments that ask for nothing but `on_bar`, of one symbol's bar."""
        panel, cursor, outbox = self._panel, self._panel.moment, self._engine.outbox
        (bar,) = panel.slice.bars
        if first >= self._due:
            self._meet(first)
        steps, following = panel.reveal(first, stop), first
        while following < stop:
            for cursor.at in compress(range(following, min(self._due, stop)), steps):  # each step is true
                on_bar(bar)
                if outbox:
                    self._send(self._engine.flush(), cursor.at)
                    break
            following = cursor.at + 1
            if self._due <= following < stop:  # before the indicators show their next values
                self._meet(following)
        return stop

    def _meet(self, at: int) -> int:
        """Let a moment's actions happen, its bars fill what rests, and only then become known.

        Returns:
            The next such moment.
        """
        broker, kept, time, crossed = self._broker, self._kept, self._clock[at], False
        if self._schedule:
            self._act(at)
        if kept:
            self._kept = ()
            crossed = broker.take(kept, self._sent, time)
        else:
            broker.match(time)
        self._panel.advance(at)
        if broker.holding.since:
            broker.call_margin(time)
            crossed = False
        if self._late:
            late, self._late = self._late, []
            broker.submit(late, time)
            crossed = False
        booked = len(self._entries)
        if booked != self._booked:
            self._booked = booked
            self._moments.append(at)
            self._counts.append(booked)
        self._due = due = self._agenda.action if crossed else self._agenda.next_after(at)
        return due

    def _send(self, commands: Sequence[Reviewed], at: int) -> int:
        """Hand commands to the broker after the bars of moment `at`; return the next moment to meet it.

        Market orders that nothing rests beside wait for the next bars, which they meet whatever those are;
        orders that wait for one of them wait with it.
        """
        if commands and not self._open and at + 1 < self._agenda.action:
            for one in commands:
                if not isinstance(one, Order) or not (one.type is _MARKET or one.parent):
                    break
            else:
                self._kept = commands  # type: ignore[assignment]  # all are orders
                self._sent = self._clock[at] if at >= 0 else self._panel.time
                self._due = at + 1
                return at + 1
        self._broker.submit(commands, self._panel.time)
        self._due = due = self._agenda.next_after(at)
        return due

    def _next_action(self, after: int) -> int:
        """Return the first moment after `after` that has a corporate action; the end if none has."""
        return next((at for at, _ in self._schedule if at > after), len(self._panel))

    def _act(self, at: int) -> None:
        """Let the corporate actions of a moment happen: to the orders, the ledger, and the past's prices."""
        while self._schedule and self._schedule[0][0] == at:
            action = self._schedule.popleft()[1]
            self._broker.act(action)
            self._engine.step(action)
            self._panel.act(action)
        self._agenda.action = self._next_action(at)

    def _tell(self, event: Event) -> None:
        """Tell the engine what may be answered with orders; they are sent once the bars are known."""
        self._late.extend(self._engine.step(event))


def replay(
    engine: Engine,
    broker: SimulatedBroker,
    panel: Panel,
    *,
    first: int = 0,
    until: int | None = None,
    turns: Sequence[Turn] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Marks:
    """Run the strategy over the panel's moments from `first` up to `until` (not included).

    The bars before `first` are known from the beginning: indicators have their values, and nothing is traded.

    At each moment: corporate actions, then fills of what rests, and only then do the bars become known and
    the strategy decides. What it orders is accepted at that moment and can fill from the next bar on.

    Raises:
        StrategyError: The strategy raised; the message names the bar and the line.
    """
    end = len(panel) if until is None else min(until, len(panel))
    with blame(engine):
        course = _Course(engine, broker, panel, first)
        waiting = deque(sorted((turn for turn in turns if first < turn.at < end), key=lambda turn: turn.at))
        at = first
        while at < end:
            if progress is not None and at % PROGRESS_EVERY == 0:
                progress(at, end)
            while waiting and waiting[0].at == at:
                course.turn(waiting.popleft())
            stop = waiting[0].at if waiting else end
            at = course.go(at, min(stop, at - at % PROGRESS_EVERY + PROGRESS_EVERY))
        if until is None:
            course.close()
        engine.stop()
        course.finish()
    if progress is not None:
        progress(end, end)
    return course.marks
