"""The course of paper trading: what each moment of a feed asks of a strategy and the simulated broker.

It is the replay of a backtest, moment by moment, without knowing what comes: the same bars give the same
orders and fills, byte for byte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openbell.core.engine import Engine
from openbell.core.errors import StrategyError
from openbell.core.messages import BarMessage
from openbell.core.ports import Event, Reviewed
from openbell.core.requests import NO_EXITS, Ticket
from openbell.core.types import Action, Delisting, Reason, SymbolChange
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.execution.risk.gate import gate_of
from openbell.execution.risk.limits import Risk
from openbell.strategies.blame import blame
from openbell.trading.asks import carry_out
from openbell.trading.retirement import Retirement
from openbell.trading.scribe import Scribe
from openbell.trading.tuning import Make, Tuning


class Course:
    """One strategy on its own tape and at its own simulated broker: its orders, its share of the capital."""

    def __init__(
        self,
        engine: Engine,
        broker: SimulatedBroker,
        scribe: Scribe,
        *,
        tape: Tape,
        origin: str = "",
        parameters: Mapping[str, Any] | None = None,
        make: Make | None = None,
    ) -> None:
        """Take the parts.

        `origin` and `parameters` say for the journal which strategy it is. `make` makes one with other
        parameters; without it they cannot be changed while it runs.
        """
        self.engine, self.broker, self.scribe, self.tape = engine, broker, scribe, tape
        self.failure: StrategyError | None = None  #: what the strategy raised; it is not called any more then
        self.leaving = False  #: whether positions are being closed, because the session is to stop flat
        self._origin, self._parameters = origin, dict(parameters or {})
        self.tuning = None if make is None else Tuning(engine, scribe, self._parameters, make)
        self._actions: deque[Action] = deque()
        self._late: list[Reviewed] = []
        self._retirement = Retirement(engine, tape.calendar)
        engine.tell_refusals(scribe.refuse)
        engine.desk.tell_signal = self._note_signal
        broker.connect(scribe.listen(engine.ear(self._tell), engine.desk.orders))

    @property
    def name(self) -> str:
        """The strategy's name in the session."""
        return self.scribe.strategy

    def begin(self) -> None:
        """Write down with what the strategy begins."""
        cash = self.engine.account.initial_cash
        self.scribe.begin(cash=cash, origin=self._origin, parameters=self._parameters, time=self.tape.time)

    def expect(self, actions: Iterable[Action]) -> None:
        """Take note of corporate actions that will happen; those of other symbols are passed over."""
        own = [
            action
            for action in actions
            if action.symbol in self.tape.lanes and not isinstance(action, SymbolChange)
        ]
        self._actions = deque(sorted([*self._actions, *own], key=lambda action: action.ex))

    def start(self) -> None:
        """Let the strategy prepare, and send what it orders before the first bar."""
        with blame(self.engine):
            self._send(self.engine.start(), self.tape.time)

    def moment(self, bars: Sequence[BarMessage]) -> None:
        """Let a moment's bars happen, and the strategy decide on them."""
        event = self.receive(bars)
        if event is not None:
            self.decide(event)

    def receive(self, bars: Sequence[BarMessage]) -> Event | None:
        """Let a moment's bars happen; return what the strategy is to decide on, if anything.

        Bars of other symbols are passed over.
        """
        own = [bar for bar in bars if bar.symbol in self.tape.lanes]
        if not own:
            return None
        tape = self.tape
        time = tape.receive(own)
        self._act(time, {bar.symbol: bar.start for bar in own})
        with blame(self.engine):
            self.broker.match(time)
        event = tape.advance()
        return event if self.failure is None and not self.leaving else None

    def decide(self, event: Event) -> None:
        """Let the strategy decide on what has become known."""
        time = self.tape.time
        self._decide(time, event)
        if self._retirement.pass_moment(time):
            self.broker.ambiguities.clear()

    def wake(self) -> None:
        """Go on in another process, from state that was kept.

        Raises:
            Halt: Older bars are missing on the disk.
        """
        self.tape.wake()
        ear = self.engine.ear(self._tell)
        self.broker.connect(self.scribe.listen(ear, self.engine.desk.orders))

    @property
    def brake_asked(self) -> bool:
        """Tell whether somebody pulls the emergency stop: whether the file that its limits name is there."""
        gate = gate_of(self.engine)
        return gate is not None and gate.stop_file_is_there

    @property
    def braked(self) -> bool:
        """Tell whether the emergency stop is pulled, and nothing adds risk."""
        gate = gate_of(self.engine)
        return gate is not None and gate.conditions.stop

    def brake(self, *, stop: bool) -> None:
        """Pull the emergency stop, or let it go."""
        gate = gate_of(self.engine)
        if gate is not None:
            gate.conditions.stop = stop

    def note_condition(self, body: Mapping[str, Any], time: int) -> None:
        """Let its gate know what a session has written down of the surroundings."""
        gate = gate_of(self.engine)
        if gate is not None:
            gate.conditions.take(body, time)

    def limit(self, risk: Risk) -> None:
        """Hold its orders against other limits from now on."""
        gate = gate_of(self.engine)
        assert gate is not None  # noqa: S101  # who asks has looked
        gate.limit(risk)

    @property
    def is_flat(self) -> bool:
        """Tell whether nothing is held and nothing works."""
        return not self.engine.desk.active() and not any(self.engine.desk.working.values())

    def leave(self, how: str) -> None:
        """Cancel what works, and with `flatten` close what is held: from the next bars on, unasked."""
        desk = self.engine.desk
        for orders in desk.working.values():
            for order in list(orders.values()):
                desk.cancel(order, Reason.STOPPED)
        if how == "flatten":
            self.leaving = True
            for symbol in desk.active():
                desk.target(symbol, 0.0, NO_EXITS, Ticket(tag=Reason.STOPPED.value))
        self._send(self.engine.flush(), self.tape.time)

    def do(self, asked: Mapping[str, Any]) -> None:
        """Do what somebody asks from outside; what cannot be done is written down."""
        try:
            commands = carry_out(self.engine, asked)
        except StrategyError as error:
            self.scribe.write("declined", {"said": str(error)}, time=self.tape.time, subject=asked["id"])
        else:
            self._send(commands, self.tape.time)

    def stop(self) -> None:
        """Let happen what is due after the last bars, let the strategy clean up, and end what still works."""
        for action in self._actions:
            if isinstance(action, Delisting):
                self._happen(action)
        if self.failure is None:
            with blame(self.engine):
                self.engine.stop()
        self.broker.finish(self.tape.time)

    def _decide(self, time: int, event: Event) -> None:
        """Let the strategy decide on the bars that have become known, and send what it orders.

        A strategy that raises is not called again; what rests at the broker, its stops too, goes on working.
        """
        try:
            with blame(self.engine):
                self.broker.call_margin(time)
                if self._late:
                    late, self._late = self._late, []
                    self._send(late, time)
                self._send(self.engine.step(event), time)
        except StrategyError as error:
            if self.tuning is None or not self.tuning.roll_back(error, time):
                self.failure = error
                self.scribe.write("failed", {"said": str(error)}, time=time)
        else:
            if self.tuning is not None:
                self.tuning.pass_bar()

    def _act(self, time: int, starts: Mapping[str, int]) -> None:
        """Let the actions happen that are due before the bars of a moment.

        One that lies inside of a bar happens after it: its prices are of before.
        """
        later = []
        while self._actions and self._actions[0].ex < time:
            action = self._actions.popleft()
            if starts.get(action.symbol, time) < action.ex:
                later.append(action)
            else:
                self._happen(action)
        self._actions.extendleft(reversed(later))

    def _happen(self, action: Action) -> None:
        """Let a corporate action happen: to the orders, the ledger, and the past's prices."""
        if self.tape.lanes[action.symbol].cursor.at < 0:
            return  # nobody holds what never had a price
        self.scribe.act(action, self.tape.tracks)
        self.broker.act(action)
        with blame(self.engine):
            self.engine.step(action)
        self.tape.act(action)

    def _note_signal(self, symbol: str, conviction: float) -> None:
        self.scribe.signal(symbol, conviction, self.tape.time)

    def _tell(self, event: Event) -> None:
        self._late.extend(self.engine.step(event))

    def _send(self, commands: Iterable[Reviewed], time: int) -> None:
        asked = list(commands)
        if asked:
            self.scribe.intend(asked, time)
            self.broker.submit(asked, time)
