"""The screen before a broker: each order passes the gate here, or ends here with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, cast

from openbell.core.desk import Desk
from openbell.core.orders import Cancel, Order, Refusal, Replace
from openbell.core.ports import Command, Gate, Reviewed
from openbell.core.types import OrderStatus, Reason

#: Hears what was refused: the order, what was asked of it, and why.
Told = Callable[[Order, Order | Replace, Refusal], object]


class Screen:
    """A gate's answers, taken into effect: what is refused ends at once, and its children with it."""

    def __init__(self, gate: Gate, desk: Desk) -> None:
        self.gate = gate
        self.refusals: list[Refusal] = []
        self.told: Told | None = None  #: hears of what is held back, such as a journal
        self._desk = desk
        self._outbox = desk.outbox
        self._unsent: set[int] = set()  # orders that ended here: no broker knows them
        gate.bind(desk)

    def take(self) -> Sequence[Reviewed]:
        """Return what passes of the desk's outbox, and of what the gate asks for meanwhile; empty it."""
        passed: list[Any] = []
        while self._outbox:
            commands: list[Command] = self._outbox.copy()
            self._outbox.clear()
            self.gate.begin(commands)
            passed += [command for command in commands if self._passes(command)]
        return cast("list[Reviewed]", passed)

    def retire(self, gone: Collection[int]) -> None:
        """Let go of orders that ended long ago, by id, and of what was said of them."""
        self.refusals = [one for one in self.refusals if one.order_id not in gone and one.order_id]
        self._unsent.difference_update(gone)
        self.gate.retire(gone)

    def watch(self) -> None:
        """Let the gate see a moment's bars, and keep what it warns of."""
        self.refusals += self.gate.watch()

    def review_again(self, command: Order | Replace) -> Refusal | None:
        """Return why what passed, and has not left, may not leave any more; None where it may."""
        refusal = self.gate.review_again(command)
        if refusal is None:
            return None
        self.refusals.append(refusal)
        return refusal if self.gate.enforces else None

    def _passes(self, command: Command) -> bool:
        if isinstance(command, Order):
            return self._order_passes(command)
        if command.order_id in self._unsent:
            return False
        return isinstance(command, Cancel) or self._change_passes(command)

    def _order_passes(self, order: Order) -> bool:
        if order.parent in self._unsent:
            self._end(order, Reason.PARENT_ENDED)
            return False
        refusal = self.gate.review(order)
        if refusal is None:
            return True
        self._refuse(order, order, refusal)
        if self.gate.enforces:
            self._end(order, refusal.limit)
        return not self.gate.enforces

    def _change_passes(self, change: Replace) -> bool:
        refusal = self.gate.review(change)
        if refusal is None:
            return True
        order = self._desk.orders[change.order_id]
        self._refuse(order, change, refusal)
        if self.gate.enforces:
            order.note(refusal.time, refusal.limit)
        return not self.gate.enforces

    def _refuse(self, order: Order, command: Order | Replace, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        if self.told is not None and self.gate.enforces:
            self.told(order, command, refusal)

    def _end(self, order: Order, reason: Reason) -> None:
        """End an order that no broker has seen; journal readers hear of it as of the refused one."""
        time = self._desk.market.time
        if reason is Reason.PARENT_ENDED and self.told is not None:
            self.told(order, order, Refusal(order.id, reason, 0.0, 0.0, "its parent was refused", time))
        order.move(OrderStatus.REJECTED, time, reason)
        self._unsent.add(order.id)
        self._desk.blotter.forget(order)
