"""Orders at TWS: sent, changed, cancelled and found, and what TWS says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from openbell.core.errors import Disconnected, Rejected, Retryable
from openbell.core.orders import TERMINAL
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers import ib_orders
from openbell.execution.brokers.ib_answers import Answers
from openbell.execution.brokers.ib_book import Book, Known
from openbell.execution.brokers.ib_link import Keeper
from openbell.execution.brokers.ib_loans import check_loan
from openbell.execution.brokers.ib_wire import Status, Wire
from openbell.execution.port import Report
from openbell.remote.http import quote


class Desk:
    """Where one client's orders are sent from; it hears all that TWS says.

    Before `keeper` has connected, nothing may be asked.
    """

    def __init__(self, book: Book, client_id: int, *, timeout: float, contract: Callable[[str], Any]) -> None:
        """Take the book of orders, our number at TWS, and how a symbol's contract is found."""
        self._book, self._client_id, self._contract = book, client_id, contract
        self._answers = Answers(timeout)
        self.wire: Wire
        self.keeper: Keeper

    def check_link(self, asked: str) -> None:
        """Raise `Disconnected` while TWS has no connection to IB: orders would be lost, answers old."""
        if self.keeper.down:
            raise Disconnected(f"ib: {asked}: {self.keeper.down}")

    async def working(self) -> Sequence[Report]:
        """Return all orders that have not ended, of every client and those placed by hand."""
        self.check_link("working orders")
        rows = await self.wire.ask_kind("working orders", "orders", lambda client: client.reqAllOpenOrders())
        listed = dict.fromkeys(self._book.known(order) for order in rows)  # one may be told twice
        return [
            self._book.report(known) for known in listed if known is not None and known.status not in TERMINAL
        ]

    async def find(self, client_id: str) -> Report | None:
        """Return an order by its client id; of those that have ended TWS knows the ones of today."""
        self.check_link(f"order {client_id}")
        listed = {one.client_id for one in await self.working()}
        found = self._book.named(client_id)
        if client_id in listed or (found is not None and found.status in TERMINAL):
            return found
        rows = await self.wire.ask_kind(
            "completed orders", "completed", lambda client: client.reqCompletedOrders(False)
        )
        for row in rows:
            self._book.take_completed(*row)
        return self._book.named(client_id)

    async def place(self, order: ApprovedOrder) -> Report:
        """Send an order, and its exits with it; return when TWS has said what it makes of it."""
        parts = ib_orders.write_orders(order, self._book.account)
        self.check_link(f"order {order.client_id} was not sent")
        contract, client = self._contract(order.symbol), self.wire.client
        await check_loan(self.wire, contract, order)
        for part in parts:
            part.orderId, part.clientId = client.getReqId(), self._client_id
            if part is not parts[0] and not ib_orders.is_pair(order):
                part.parentId = parts[0].orderId
        made = {part.orderRef: self._put(order, part, contract) for part in parts}
        main = made.pop(order.client_id)
        numbers = [main.number, *(leg.number for leg in made.values())]
        with self._answers.expecting(
            numbers, lambda _, status: status not in ib_orders.ON_THE_WAY
        ) as answers:
            for part in parts:
                client.placeOrder(part.orderId, contract, part)
            try:
                await self._answers.wait(f"order {order.client_id}", answers[0])
            except Rejected:
                self._undo([main, *made.values()])
                raise
            for leg, answer in zip(made.values(), answers[1:], strict=True):
                try:
                    await self._answers.wait(f"order {leg.ref}", answer)
                except Rejected:  # the entry is there: that its exit is not is told as that one's end
                    leg.refused = True
                    self._book.end(leg)
        return self._book.report(main)

    async def replace(self, client_id: str, order: ApprovedOrder) -> Report:
        """Change a working order in place: it keeps its number, and takes the new client id."""
        known = await self._locate(client_id, "change")
        fault = ib_orders.find_fault(order)
        if fault:
            raise Rejected(f"ib: order {order.client_id} was not sent: {fault}")
        if order.quantity <= known.filled:
            raise Rejected(f"ib: order {client_id} has filled {known.filled}, and {order.quantity} is asked")
        if order.quantity > known.quantity:
            await check_loan(self.wire, known.contract, order)
        old = known.order
        part = ib_orders.write_order(order, self._book.account)
        part.orderId, part.clientId, part.permId = known.number, known.client, known.perm
        part.parentId, part.ocaGroup, part.ocaType = old.parentId, old.ocaGroup, old.ocaType
        with self._answers.expecting(
            [known.number], lambda echo, _: ib_orders.is_same(echo, part)
        ) as answers:
            self.wire.client.placeOrder(known.number, known.contract, part)
            await self._answers.wait(f"change of order {client_id}", answers[0])
        if known.ref != order.client_id:  # TWS kept the old name
            self._book.rename(known, order.client_id)
        self._book.publish(known)
        return self._book.report(known)

    async def cancel(self, client_id: str) -> None:
        """Ask to cancel an order."""
        known = await self._locate(client_id, "cancel")
        known.asked = True
        with self._answers.expecting([known.number], lambda _, status: status in ib_orders.ENDING) as answers:
            self.wire.client.cancelOrder(known.number)
            await self._answers.wait(f"cancel of order {client_id}", answers[0])

    def cancel_all(self) -> None:
        """Ask to cancel every order of the login, by one request."""
        self.check_link("cancel of all orders")
        for known in self._book.orders.values():
            known.asked = known.status not in TERMINAL or known.asked
        self.wire.client.reqGlobalCancel()

    # --- what arrives ------------------------------------------------------------------------------------

    def on_order(self, contract: Any, order: Any, state: Any) -> None:
        """Take an order's terms."""
        known = self._book.take_order(contract, order, state)
        if known is not None:
            self._settle(known, order, str(state.status))

    def on_status(self, status: Status) -> None:
        """Take an order's status."""
        known = self._book.take_status(status)
        if known is not None:
            self._settle(known, None, status.status)

    def on_execution(self, contract: Any, execution: Any) -> None:
        """Take a fill."""
        self._book.take_execution(contract, execution)

    def on_fee(self, report: Any) -> None:
        """Take what a fill cost."""
        self._book.take_fee(report)

    def on_error(self, number: int, code: int, message: str) -> None:
        """Take an error: of the connection, of an order, or of what was asked about one."""
        if number < 0:
            self.keeper.hear(code, message)
            return
        known = self._book.orders.get((self._client_id, number))
        if known is None:
            return
        known.said = f"{code}: {message}"
        if code in ib_orders.WARNINGS:
            return
        ends = code in {ib_orders.REFUSED, ib_orders.CANCELLED}
        known.refused = known.refused or code == ib_orders.REFUSED
        if ends and known.sure:
            self._book.end(known)
        asked = f"order {known.ref}: error {code} ({quote(message)})"
        form = Rejected if code in ib_orders.REFUSALS or ends else Retryable
        self._answers.fail(number, form(f"ib: {asked}"))

    def on_lost(self, why: str) -> None:
        """Tell those who wait that the connection is gone."""
        self._answers.fail(None, Disconnected(f"ib: the connection is gone ({why})"))

    # --- inside ------------------------------------------------------------------------------------------

    def _put(self, order: ApprovedOrder, part: Any, contract: Any) -> Known:
        known = Known(
            self._client_id, part.orderId, part.orderRef, order.symbol, 1 if part.action == "BUY" else -1,
            order.quantity, contract, part,
        )  # fmt: skip
        self._book.put(known)
        return known

    async def _locate(self, client_id: str, what: str) -> Known:
        """Return an order that this client may change."""
        self.check_link(f"{what} of order {client_id}")
        known = self._book.refs.get(client_id)
        if known is None or known.ref != client_id:
            await self.working()
            known = self._book.refs.get(client_id)
        if known is None or known.ref != client_id:
            raise Rejected(f"ib: {what}: order {client_id} does not work, as far as TWS knows")
        if known.status in TERMINAL:
            raise Rejected(f"ib: {what}: order {client_id} is {known.status.value}")
        if known.client != self._client_id or known.number <= 0:
            raise Rejected(f"ib: {what}: order {client_id} belongs to client {known.client} of TWS")
        return known

    def _undo(self, parts: Sequence[Known]) -> None:
        """Forget an order that is refused; what TWS took with it is cancelled."""
        for one in parts:
            if one.sure and one.status not in TERMINAL:
                one.asked = True
                self.wire.client.cancelOrder(one.number)
            elif not one.sure:
                self._book.drop(one)

    def _settle(self, known: Known, order: Any, status: str) -> None:
        """Tell who waits for an order, and who listens, what it has become."""
        if known.client == self._client_id:
            self._answers.hear(known.number, order, status)
            if known.status in TERMINAL:  # whoever still waits wanted to change it
                self._answers.fail(known.number, Rejected(f"ib: order {known.ref} is {known.status.value}"))
        self._book.publish(known)
