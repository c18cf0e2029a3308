"""The course of paper trading: what each moment of a feed asks of strategies and the simulated broker.

It is the replay of a backtest, moment by moment, without knowing what comes: the same bars give the same
orders and fills, byte for byte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openbell.core.engine import Engine
from openbell.core.messages import BarMessage
from openbell.core.ports import Command, Event
from openbell.core.types import Action, Split
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.strategies.blame import blame
from openbell.trading.scribe import Scribe


class Seat:
    """One strategy at its own simulated broker: its orders, its ledger, its share of the capital."""

    def __init__(
        self,
        engine: Engine,
        broker: SimulatedBroker,
        scribe: Scribe,
        *,
        origin: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the parts; `origin` and `parameters` say for the journal which strategy it is."""
        self.engine, self.broker, self.scribe = engine, broker, scribe
        self._origin, self._parameters = origin, dict(parameters or {})
        self._late: list[Command] = []
        broker.connect(scribe.listen(engine.ear(self._tell)))

    def begin(self, time: int) -> None:
        """Write down with what the strategy begins."""
        cash = self.engine.account.initial_cash
        self.scribe.begin(cash=cash, origin=self._origin, parameters=self._parameters, time=time)

    def start(self, time: int) -> None:
        """Let the strategy prepare, and send what it orders before the first bar."""
        with blame(self.engine):
            self._send(self.engine.start(), time)

    def act(self, action: Action) -> None:
        """Let a corporate action happen to the orders and the ledger."""
        self.scribe.act(action, self.engine.market.tracks[action.symbol])
        if isinstance(action, Split):
            self.broker.act(action)
        with blame(self.engine):
            self.engine.step(action)

    def match(self, time: int) -> None:
        """Let the bars that become known at `time` fill what rests. Nobody knows them yet."""
        with blame(self.engine):
            self.broker.match(time)

    def decide(self, time: int, event: Event) -> None:
        """Let the strategy decide on the bars that have become known, and send what it orders."""
        with blame(self.engine):
            self.broker.call_margin(time)
            if self._late:
                late, self._late = self._late, []
                self._send(late, time)
            self._send(self.engine.step(event), time)

    def stop(self, time: int) -> None:
        """Let the strategy clean up, and end what still works."""
        with blame(self.engine):
            self.engine.stop()
        self.broker.finish(time)

    def _tell(self, event: Event) -> None:
        self._late.extend(self.engine.step(event))

    def _send(self, commands: Iterable[Command], time: int) -> None:
        asked = list(commands)
        if asked:
            self.scribe.intend(asked, time)
            self.broker.submit(asked, time)


class Course:
    """Several seats over one tape."""

    def __init__(self, tape: Tape, seats: Sequence[Seat]) -> None:
        self.tape, self.seats = tape, list(seats)
        self._actions: deque[Action] = deque()

    def start(self) -> None:
        """Let the strategies prepare."""
        for seat in self.seats:
            seat.start(self.tape.time)

    def expect(self, actions: Iterable[Action]) -> None:
        """Take note of corporate actions that will happen."""
        self._actions = deque(sorted([*self._actions, *actions], key=lambda action: action.ex))

    def moment(self, bars: Sequence[BarMessage]) -> int:
        """Let a moment's bars happen; return its time in ns."""
        tape = self.tape
        time = tape.receive(bars)
        self._act(time, {bar.symbol: bar.start for bar in bars})
        for seat in self.seats:
            seat.match(time)
        event = tape.advance()
        for seat in self.seats:
            seat.decide(time, event)
        return time

    def stop(self) -> None:
        """Let the strategies clean up, and end what still works."""
        for seat in self.seats:
            seat.stop(self.tape.time)

    def _act(self, time: int, starts: dict[str, int]) -> None:
        """Let the actions happen that are due before the bars of a moment.

        One that lies inside of a bar happens after it: its prices are of before.
        """
        later = []
        while self._actions and self._actions[0].ex < time:
            action = self._actions.popleft()
            if starts.get(action.symbol, time) < action.ex:
                later.append(action)
            elif self.tape.lanes[action.symbol].cursor.at >= 0:  # nobody holds what never had a price
                for seat in self.seats:
                    seat.act(action)
                self.tape.act(action)
        self._actions.extendleft(reversed(later))
