"""What is known of IB's orders and fills: frames come in, reports and executions go out.

IB names an order by its client and that one's number, and for ever by its permanent id. Our client order id
is its `orderRef`, which IB does not check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from openbell.core.orders import TERMINAL
from openbell.core.types import NANOS_PER_SECOND, OrderStatus, Reason, Side
from openbell.execution.brokers import ib_orders
from openbell.execution.brokers.ib_wire import Status
from openbell.execution.port import Execution, Heard, Report

_S = OrderStatus
ZERO = Decimal(0)
_BOUGHT = frozenset({"BOT", "BUY"})


@dataclass(slots=True, eq=False)
class Known:
    """An order as IB has it."""

    client: int
    number: int
    ref: str
    symbol: str
    side: Side
    quantity: Decimal
    contract: Any
    order: Any
    perm: int = 0
    status: OrderStatus = _S.SUBMITTED
    filled: Decimal = ZERO
    average: Decimal = ZERO
    reason: Reason = Reason.NONE
    said: str = ""
    replaces: str = ""
    asked: bool = False  #: whether its cancel was asked for here
    sure: bool = False  #: whether TWS has said anything of it
    refused: bool = False  #: whether IB said that it refuses it
    former: dict[str, Report] = field(default_factory=dict)  #: how it ended under the ids it had before
    told: Report | None = None


@dataclass(slots=True)
class Cost:
    """A fill that waits for what it cost."""

    execution: Execution
    told: asyncio.Future[None]
    timer: asyncio.TimerHandle


@dataclass(slots=True)
class Book:
    """All orders and fills that were heard of.

    Args:
        account: Whose orders count.
        tell: Is told what is new.
        stamp: About what IB's clock is.
        patience: Seconds that a fill waits for its fee; then it is told without.
    """

    tell: Callable[[Heard], None]
    stamp: Callable[[], int]
    patience: float
    account: str = ""
    orders: dict[tuple[int, int], Known] = field(default_factory=dict)
    refs: dict[str, Known] = field(default_factory=dict)
    perms: dict[int, Known] = field(default_factory=dict)
    fills: dict[str, Execution] = field(default_factory=dict)  #: those that were told, by our id
    _costs: dict[str, Cost] = field(default_factory=dict)

    # --- orders ------------------------------------------------------------------------------------------

    def take_order(self, contract: Any, order: Any, state: Any) -> Known | None:
        """Take an order's terms; None if it is another account's."""
        if self.account and order.account and order.account != self.account:
            return None
        known = self._find(order)
        if known is None:
            known = Known(
                order.clientId, order.orderId, order.orderRef, ib_orders.name_of(contract),
                1 if order.action == "BUY" else -1, ib_orders.exact(order.totalQuantity), contract, order,
            )  # fmt: skip
            if order.orderId > 0:
                self.orders[order.clientId, order.orderId] = known
        known.sure, known.order = True, order
        if order.permId:
            known.perm = order.permId
            self.perms[order.permId] = known
        if order.orderRef and order.orderRef != known.ref and order.orderRef not in known.former:
            self.rename(known, order.orderRef)
        known.quantity = ib_orders.exact(order.totalQuantity)
        self.refs.setdefault(known.ref, known)
        if state.status != "Filled":  # a status frame follows that says how much, and at what price
            self._become(known, str(state.status))
        return known

    def known(self, order: Any) -> Known | None:
        """Return what is known of one of ib_async's orders."""
        return self._find(order)

    def take_completed(self, contract: Any, order: Any, state: Any) -> Known | None:
        """Take an order that has ended. IB gives no number with it, and what has filled of it."""
        known = self.take_order(contract, order, state)
        if known is not None:
            known.filled = max(known.filled, ib_orders.exact(order.filledQuantity))
            known.said = known.said or str(state.completedStatus)
            self._become(known, str(state.status))
        return known

    def take_status(self, status: Status) -> Known | None:
        """Take an order's status; what has filled never shrinks."""
        known = self.perms.get(status.perm) or self.orders.get((status.client, status.number))
        if known is None:
            return None
        known.sure = True
        if status.perm and not known.perm:
            known.perm = status.perm
            self.perms[status.perm] = known
        filled = ib_orders.exact(status.filled)
        if filled >= known.filled:
            known.filled, known.average = filled, ib_orders.exact(status.average)
        self._become(known, status.status)
        return known

    def put(self, known: Known) -> None:
        """Remember an order that is about to be sent."""
        self.orders[known.client, known.number] = known
        self.refs[known.ref] = known

    def drop(self, known: Known) -> None:
        """Forget an order that IB has refused: it does not exist."""
        self.orders.pop((known.client, known.number), None)
        if self.refs.get(known.ref) is known:
            del self.refs[known.ref]

    def rename(self, known: Known, client_id: str) -> None:
        """Give an order that was changed its new client id; the old one ends as replaced."""
        old = self.report(known)._replace(status=_S.CANCELLED, reason=Reason.REPLACED)
        known.former[known.ref] = old
        known.replaces, known.ref = known.ref, client_id
        self.refs[client_id] = known
        self.tell(old)

    def end(self, known: Known) -> None:
        """Take it that an order has ended, as refused or as cancelled."""
        self._become(known, "Cancelled")
        self.publish(known)

    def publish(self, known: Known) -> None:
        """Tell what an order has become, if that is news and it has an answer already."""
        report = self.report(known)
        told = known.told
        if told is not None and told.client_id == report.client_id and told.status in TERMINAL:
            return
        if report.status is not _S.SUBMITTED and (told is None or told._replace(time=report.time) != report):
            known.told = report
            self.tell(report)

    def report(self, known: Known) -> Report:
        """Return what is known of an order."""
        status, reason = known.status, known.reason
        if status is _S.CANCELLED and reason is Reason.NONE:
            status, reason = self._why(known)
        return Report(
            known.ref, str(known.perm or f"{known.client}.{known.number}"), known.symbol, known.side,
            known.quantity, status, self.stamp(), known.filled, known.average, reason, known.said,
            known.replaces,
        )  # fmt: skip

    def named(self, client_id: str) -> Report | None:
        """Return what TWS has said of a client id, if anything; one that was replaced has ended."""
        known = self.refs.get(client_id)
        if known is None or not known.sure:
            return None
        return known.former.get(client_id) or self.report(known)

    def _find(self, order: Any) -> Known | None:
        if order.permId and order.permId in self.perms:
            return self.perms[order.permId]
        if order.orderId > 0:
            return self.orders.get((order.clientId, order.orderId))
        known = self.refs.get(order.orderRef)  # a completed order has no number
        return known if known is not None and not known.perm else None

    def _become(self, known: Known, said: str) -> None:
        """Step on to a status: an end is never left."""
        status = ib_orders.STATUSES.get(said, known.status)
        if known.status in TERMINAL:
            return
        if status is _S.SUBMITTED and known.status is not _S.SUBMITTED:
            return
        if status is _S.CANCELLED and known.refused:
            status = _S.REJECTED
        if status is _S.ACCEPTED:
            if known.filled > 0:
                status = _S.PARTIALLY_FILLED
            elif said == "PreSubmitted" and self._sleeps(known):
                status = _S.HELD
        known.status = status
        if status is _S.REJECTED:
            known.reason = Reason.BROKER_REFUSED

    def _sleeps(self, known: Known) -> bool:
        parent = self.orders.get((known.client, known.order.parentId)) if known.order.parentId else None
        return bool(known.order.parentId) and (parent is None or parent.status is not _S.FILLED)

    def _why(self, known: Known) -> tuple[OrderStatus, Reason]:
        """Return how an order ended that IB calls cancelled: its word for all that did not fill.

        What nobody here asked for, and no other order led to, is the end of its time. An order for the day
        that somebody cancels by hand in TWS looks the same.
        """
        order = known.order
        group = [one for one in self.orders.values() if one.order.ocaGroup == order.ocaGroup]
        over = {"IOC": (_S.CANCELLED, Reason.NOT_IMMEDIATE), "FOK": (_S.CANCELLED, Reason.NOT_IMMEDIATE)}
        over |= {"GTD": (_S.EXPIRED, Reason.GOOD_TILL), "GTC": (_S.CANCELLED, Reason.BROKER_CANCELLED)}
        if known.asked:
            return _S.CANCELLED, Reason.ASKED
        if order.ocaGroup and any(one.filled for one in group if one is not known):
            return _S.CANCELLED, Reason.OCO
        if order.parentId and self._sleeps(known):
            return _S.CANCELLED, Reason.PARENT_ENDED
        return over.get(order.tif, (_S.EXPIRED, Reason.SESSION_END))

    # --- fills -------------------------------------------------------------------------------------------

    def take_execution(self, contract: Any, execution: Any) -> None:
        """Take a fill; it is told with its fee, or without one when that does not come."""
        name = _id_of(execution.execId)
        if self.account and execution.acctNumber != self.account:
            return
        if name in self.fills or name in self._costs:
            return
        known = self.perms.get(execution.permId) or self.orders.get((execution.clientId, execution.orderId))
        ref = execution.orderRef or (known.ref if known is not None else "")
        fill = Execution(
            name, ref, str(execution.permId), ib_orders.name_of(contract),
            1 if execution.side in _BOUGHT else -1, ib_orders.exact(execution.shares),
            ib_orders.exact(execution.price), ZERO, int(execution.time.timestamp()) * NANOS_PER_SECOND,
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self.patience, self._settle, name, ZERO)
        self._costs[name] = Cost(fill, loop.create_future(), timer)

    def take_fee(self, report: Any) -> None:
        """Take what a fill cost."""
        self._settle(_id_of(report.execId), ib_orders.exact(report.commission))

    def close(self) -> None:
        """Tell what waits for its fee without it."""
        for name in list(self._costs):
            self._settle(name, ZERO)

    async def collect(self, executions: list[str]) -> list[Execution]:
        """Return fills by IB's ids, when what they cost has come or will not."""
        names = list(dict.fromkeys(_id_of(one) for one in executions))
        waits = [self._costs[name].told for name in names if name in self._costs]
        if waits:
            await asyncio.wait(waits)
        return [self.fills[name] for name in names if name in self.fills]

    def _settle(self, name: str, fee: Decimal) -> None:
        cost = self._costs.pop(name, None)
        if cost is None:
            return
        cost.timer.cancel()
        cost.told.set_result(None)
        fill = self.fills[name] = cost.execution._replace(fee=fee)
        self.tell(fill)


def _id_of(execution: str) -> str:
    """Return what a fill is called here: IB's id without its last part, which counts corrections."""
    stem, dot, _ = execution.rpartition(".")
    return stem if dot else execution
