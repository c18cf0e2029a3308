"""Writes what happens to a strategy into the journal, in the order in which it is booked."""

from __future__ import annotations

import math
import time as wall
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from openbell.core.market import Track
from openbell.core.orders import TERMINAL, Cancel, Order, OrderUpdate, Refusal, Replace
from openbell.core.ports import Command, Ear
from openbell.core.types import (
    Action,
    Charge,
    Delisting,
    Fill,
    MarginCall,
    OrderStatus,
    Reason,
    SpinOff,
    Split,
)
from openbell.trading.records import body_of, body_of_action, body_of_order
from openbell.utils.logging import correlate, get_logger

#: Of what a simulated broker does: years of it may be played in a second, and loguru shows DEBUG unasked.
_QUIET = "TRACE"


class Log(Protocol):
    """Takes events in their order: the journal, or what stands in for it."""

    def append(  # an event has many fields
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        time: int,
        wall: int,
        strategy: str = "",
        subject: str = "",
        trace: str = "",
    ) -> object:
        """Take an event."""


class Scribe:
    """One strategy's hand in the journal."""

    def __init__(self, journal: Log, strategy: str, clock: Callable[[], int] = wall.time_ns) -> None:
        """Take the journal, the strategy's name and the computer's clock (ns UTC)."""
        self.journal = self._log = journal
        self.strategy, self.clock = strategy, clock
        self.trace = ""  #: joins what one bar led to

    def rehearse(self, log: Log | None) -> None:
        """Write to a stand-in from now on; None goes back to the journal."""
        self._log = self.journal if log is None else log

    def write(self, kind: str, body: Mapping[str, Any], *, time: int, subject: str = "") -> None:
        """Write one event."""
        self._log.append(
            kind,
            body,
            time=time,
            wall=self.clock(),
            strategy=self.strategy,
            subject=subject,
            trace=self.trace,
        )

    def say(self, message: str, *, level: str = "INFO", **ids: object) -> None:
        """Log what has happened, with what it belongs to; what is gone through again is not told twice."""
        if self._log is self.journal:
            with correlate(strategy=self.strategy, trace=self.trace, **ids):
                get_logger().log(level, message)

    def begin(self, *, cash: float, origin: str, parameters: Mapping[str, Any], time: int) -> None:
        """Write down with what the strategy begins."""
        self.write("strategy", {"cash": cash, "origin": origin, "parameters": dict(parameters)}, time=time)

    def intend(self, commands: Iterable[Command], time: int) -> None:
        """Write down what is going to be asked of the broker."""
        for command in commands:
            if isinstance(command, Order):
                self.write("order", body_of_order(command), time=time, subject=str(command.id))
            else:
                kind = "cancel" if isinstance(command, Cancel) else "replace"
                self.write(kind, _fields(command), time=time, subject=str(command.order_id))

    def signal(self, symbol: str, conviction: float, time: int) -> None:
        """Write down a signal, which is only to be known: what it leads to are orders."""
        self.write("signal", {"conviction": conviction}, time=time, subject=symbol)

    def refuse(self, order: Order, asked: Order | Replace, refusal: Refusal) -> None:
        """Write down an order, or a change of one, that the gate held back."""
        body: dict[str, Any] = {"limit": refusal.limit.value, "said": refusal.text, "bound": refusal.bound}
        if not math.isnan(refusal.value):
            body["value"] = refusal.value
        if isinstance(asked, Order):
            body["order"] = dict(body_of_order(asked))
        else:
            body["replace"] = dict(_fields(asked))
        self.write("refused", body, time=refusal.time, subject=str(order.id))

    def act(self, action: Action, tracks: Mapping[str, Track]) -> None:
        """Write down a corporate action, with what its booking takes from the market."""
        body, track = dict(body_of_action(action)), tracks[action.symbol]
        if isinstance(action, Split):
            body |= {"previous_close": track.price(), "lot": track.instrument.lot}
        elif isinstance(action, Delisting):
            body |= {"previous_close": track.price()}
        elif isinstance(action, SpinOff) and action.child in tracks:
            body |= {"lot": tracks[action.child].instrument.lot}
        self.write("action", body, time=action.ex, subject=action.symbol)

    def tell(self, order: Order, event: Fill | OrderUpdate, *, level: str = "INFO") -> None:
        """Log a fill, and an end without one."""
        if isinstance(event, Fill):
            said = f"{event.quantity:.10g} filled at {event.price:.10g}"
        elif event.status in TERMINAL and event.status is not order.status:
            said = f"{event.status.value} {event.reason.value}".rstrip()
        else:
            return
        self.say(f"order {order.id} ({order.describe()}): {said}", level=level)

    def listen(self, ear: Ear, orders: Mapping[int, Order]) -> Ear:
        """Return an ear that writes what it hears of orders, and then lets it be heard.

        That has the trace of the bar that an order was decided on, however much later it comes.
        """

        def fill(heard: Fill) -> object:
            order = orders[heard.order_id]
            with self._tracing(order):
                self.write("fill", body_of(heard), time=heard.time, subject=str(order.id))
                self.tell(order, heard, level=_QUIET)
            return ear.fill(heard)

        def accepted(order: Order, time: int) -> object:
            with self._tracing(order):
                self.write("accepted", {"order_id": order.id}, time=time, subject=str(order.id))
                self.say(f"order {order.id} ({order.describe()}): accepted", level=_QUIET)
            return ear.accepted(order, time)

        def update(heard: OrderUpdate) -> object:
            order = orders[heard.order_id]
            with self._tracing(order):
                self.write("update", body_of(heard), time=heard.time, subject=str(order.id))
                self.tell(order, heard, level=_QUIET)
            return ear.update(heard)

        def other(heard: Charge | MarginCall) -> object:
            if isinstance(heard, Charge):
                self.write("charge", body_of(heard), time=heard.time, subject=heard.symbol)
            else:
                self.write("margin_call", {"equity": heard.equity, "needed": heard.needed}, time=heard.time)
            return ear.other(heard)

        def moved(order: Order, status: OrderStatus, time: int) -> object:
            return update(OrderUpdate(order.id, status, Reason.NONE, time))

        return Ear(fill, accepted, moved, update, other)

    @contextmanager
    def _tracing(self, order: Order) -> Iterator[None]:
        """Let what is written have the trace of the bar that an order was decided on."""
        before, self.trace = self.trace, trace_of(order.decided)
        try:
            yield
        finally:
            self.trace = before


def trace_of(moment: int) -> str:
    """Return what joins all that the bars of a moment led to, in the journal and in the logs."""
    return str(moment)


def _fields(command: Cancel | Replace) -> Mapping[str, Any]:
    fields = command._asdict()
    return {name: value for name, value in fields.items() if value == value}  # noqa: PLR0124  # without NaN
