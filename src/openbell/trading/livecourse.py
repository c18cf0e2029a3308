"""One strategy in a live session: its engine, its tape and its ledger; what it asks for is handed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from openbell.core.engine import Engine
from openbell.core.errors import StrategyError
from openbell.core.messages import BarMessage
from openbell.core.orders import Order, OrderUpdate, Refusal, Replace
from openbell.core.ports import Event, Reviewed
from openbell.core.requests import NO_EXITS, Ticket
from openbell.core.types import Action, Fill, Phase, Reason
from openbell.data.tape import Tape
from openbell.execution.risk.gate import RiskGate, gate_of
from openbell.execution.risk.limits import Risk
from openbell.portfolio.conduct import Conduct
from openbell.strategies.blame import blame
from openbell.trading.asks import carry_out
from openbell.trading.records import body_of
from openbell.trading.retirement import Retirement
from openbell.trading.scribe import Scribe
from openbell.trading.tuning import Make, Tuning


class LiveCourse:
    """A strategy with its share of the capital. Whatever it is told is written down before it is booked."""

    def __init__(
        self,
        engine: Engine,
        scribe: Scribe,
        *,
        tape: Tape,
        initial: float = 1.0,
        conduct: Conduct | None = None,
        origin: str = "",
        parameters: Mapping[str, Any] | None = None,
        make: Make | None = None,
    ) -> None:
        """Take the parts.

        Args:
            engine: The strategy's engine; its account begins with the strategy's share of the capital.
            scribe: The strategy's hand in the journal.
            tape: Its market.
            initial: The share of a position's value that must be covered by its equity; 1 is no leverage.
            conduct: The rules of its account beside money, if there are any.
            origin: Which strategy it is, for the journal.
            parameters: Its parameters, for the journal.
            make: Makes one with other parameters; without it they cannot be changed while it runs.
        """
        self.engine, self.scribe, self.tape, self.initial = engine, scribe, tape, initial
        self.conduct = conduct
        engine.tell_refusals(scribe.refuse)
        engine.desk.tell_signal = self._note_signal
        self.failure: StrategyError | None = None  #: what the strategy raised; it is not called any more then
        self.leaving = False  #: whether no decision is asked for any more
        self._origin, self._parameters = origin, dict(parameters or {})
        self.tuning = None if make is None else Tuning(engine, scribe, self._parameters, make)
        self._actions: deque[Action] = deque()
        self._retirement = Retirement(engine, tape.calendar)

    @property
    def gate(self) -> RiskGate | None:
        """The gate of the strategy's limits, if it has any."""
        return gate_of(self.engine)

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
        own = [action for action in actions if action.symbol in self.tape.lanes]
        self._actions = deque(sorted([*self._actions, *own], key=lambda action: action.ex))

    def start(self) -> Sequence[Reviewed]:
        """Let the strategy prepare; return what it asks for before the first bar."""
        return self._ask(self.engine.start)

    def awaits(self, bar: BarMessage) -> bool:
        """Tell whether a bar is of this tape and comes after its symbol's last."""
        lane = self.tape.lanes.get(bar.symbol)
        return lane is not None and (not len(lane) or bar.start > lane.start[-1])

    def receive(self, bars: Sequence[BarMessage]) -> Event | None:
        """Let a moment's bars become known; return what the strategy is to decide on, if anything.

        What was due before them has happened by then.
        """
        own = [bar for bar in bars if self.awaits(bar)]
        if not own:
            return None
        self.tape.receive(own)
        event = self.tape.advance()
        return event if self.failure is None and not self.leaving else None

    def decide(self, event: Event) -> Sequence[Reviewed]:
        """Let the strategy decide on what has become known; return what it asks for."""
        asked = self._ask(lambda: self.engine.step(event))
        if self.tuning is not None:
            self.tuning.pass_bar()
        return asked

    def limit(self, risk: Risk) -> None:
        """Hold its orders against other limits from now on."""
        gate = gate_of(self.engine)
        assert gate is not None  # noqa: S101  # who asks has looked
        gate.limit(risk)

    def wake(self) -> None:
        """Go on in another process, from state that was kept.

        Raises:
            Halt: Older bars are missing on the disk.
        """
        self.tape.wake()

    def retire(self) -> int:
        """Let go of what ended long ago; return before when, ns, 0 for nothing."""
        asked = self.failure is None and not self.leaving  # else the gate has not seen what was booked
        if self.conduct is not None:
            self.conduct.violations(self.engine.account)  # counted while the bookings are there
        return self._retirement.pass_moment(self.tape.time) if asked else 0

    def review_again(self, command: Order | Replace) -> Refusal | None:
        """Return why its limits do not let pass what has waited; None where they do, or there are none."""
        screen = self.engine.screen
        return None if screen is None else screen.review_again(command)

    def act(self, before: int) -> Iterator[Action]:
        """Let the actions happen that are due before a time, which the account has then; yield each."""
        while self._actions and self._actions[0].ex < before:
            action = self._actions.popleft()
            if self.tape.lanes[action.symbol].cursor.at >= 0:  # nobody holds what never had a price
                self.scribe.act(action, self.tape.tracks)
                with blame(self.engine):
                    self.engine.step(action)
                self.tape.act(action)
            yield action

    def is_due(self, time: int) -> bool:
        """Tell whether an action has happened by a time that is not booked yet."""
        return bool(self._actions) and self._actions[0].ex <= time

    def tell(self, event: Fill | OrderUpdate) -> Sequence[Reviewed]:
        """Write down what happened to an order, book it, and return what the strategy asks for then."""
        kind = "fill" if isinstance(event, Fill) else "update"
        self.scribe.write(kind, body_of(event), time=event.time, subject=str(event.order_id))
        self.scribe.tell(self.engine.desk.orders[event.order_id], event)
        return self._ask(lambda: self.engine.step(event))

    def adopt(self, symbol: str, quantity: Decimal, tag: Reason, time: int) -> Order:
        """Take in an order that this strategy never sent; what it filled is told next."""
        order = self.engine.desk.blotter.adopt(symbol, float(quantity), tag.value)
        self.scribe.intend([order], time)
        return order

    def book(self, fill: Fill) -> None:
        """Write a fill down and book it, without a word to the strategy, which may not have started yet."""
        self.scribe.write("fill", body_of(fill), time=fill.time, subject=str(fill.order_id))
        self.engine.book(fill)

    def leave(self, how: str) -> Sequence[Reviewed]:
        """Return what ends the strategy's trading: cancels, and with `flatten` orders that close all.

        With `keep` only its decisions end.
        """
        desk = self.engine.desk
        self.leaving = True
        if how == "keep":
            return ()
        for orders in desk.working.values():
            for order in list(orders.values()):
                desk.cancel(order, Reason.STOPPED)
        if how == "flatten":
            for symbol in desk.active():
                desk.target(symbol, 0.0, NO_EXITS, Ticket(tag=Reason.STOPPED.value))
        asked = list(self.engine.flush())
        if asked:
            self.scribe.intend(asked, self.tape.time)
        return asked

    def do(self, asked: Mapping[str, Any]) -> Sequence[Reviewed]:
        """Return what is to be sent because of what somebody asks; what cannot be done is written down."""
        try:
            commands = list(carry_out(self.engine, asked))
        except StrategyError as error:
            self.scribe.write("declined", {"said": str(error)}, time=self.tape.time, subject=asked["id"])
            return ()
        if commands:
            self.scribe.intend(commands, self.tape.time)
        return commands

    def quantity(self, symbol: str) -> Decimal:
        """Return what the strategy's ledger says is held, on the grid of lots."""
        held = self.engine.account.quantity(symbol)
        lot = Decimal(repr(min(self.tape.tracks[symbol].instrument.lot, 1.0)))
        return round(Decimal(repr(held)) / lot) * lot

    def stop(self) -> None:
        """Let the strategy clean up. What it orders now is not sent any more."""
        if self.failure is None:
            self._ask(self._clean_up)
        self.engine.desk.blotter.take_back()

    def _note_signal(self, symbol: str, conviction: float) -> None:
        self.scribe.signal(symbol, conviction, self.tape.time)

    def _clean_up(self) -> Sequence[Reviewed]:
        self.engine.strategy.on_stop()
        return ()

    def _ask(self, step: Callable[[], Sequence[Reviewed]]) -> Sequence[Reviewed]:
        """Call the strategy; one that raises is called no more, and what it holds is left to its stops."""
        try:
            with blame(self.engine):
                asked: Sequence[Reviewed] = list(step())
        except StrategyError as error:
            if self.tuning is not None and self.tuning.roll_back(error, self.tape.time):
                return ()
            self.failure = error
            self.engine.silence()
            self.scribe.write("failed", {"said": str(error)}, time=self.tape.time)
            return ()
        if asked:
            self.scribe.intend(asked, self.tape.time)
        return asked


def fill_of_execution(
    order: Order, strategy: str, *, quantity: Decimal, price: Decimal, fee: Decimal, time: int
) -> Fill:
    """Return an execution as the fill that an engine is told; its slippage is not known."""
    return Fill(
        order.id, strategy, order.symbol, order.side, float(quantity), float(price), float(fee), 0.0, time,
        Phase.INTRABAR,
    )  # fmt: skip
