"""A TWS that trades: orders by its protocol, on the loopback exchange, with faults between the two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from openbell.core.orders import TERMINAL
from openbell.core.types import NANOS_PER_SECOND, OrderStatus
from tests.loopback import tws_frames as frames
from tests.loopback.book import Placed, Refusal, check
from tests.loopback.exchange import Event, Exchange
from tests.loopback.tws import (
    ACCOUNT,
    COMPLETED,
    EXECUTIONS,
    OPEN_ORDERS,
    POSITIONS,
    Answer,
    Client,
    Fields,
    Tws,
)

MARKET, PLACE, CANCEL, TIME, GLOBAL_CANCEL, SUMMARY, ALL_ORDERS = 1, 3, 4, 49, 58, 62, 16
_TO_CANCEL = "OrderId {} that needs to be cancelled"
_S = OrderStatus
Frame = Sequence[object]

#: What becomes of the next order: it never arrives; it does, and no word of it comes; the connection breaks
#: before it arrives, or after.
Mishap = Literal["lost", "silent", "cut before", "cut after"]


@dataclass(slots=True, eq=False)
class Ticket:
    """An order as TWS holds it: whose it is, what was asked, and its id at the exchange."""

    client: int
    number: int
    perm: int
    asked: Fields
    exchange: str = ""
    known: bool = False


class TwsBroker(Tws):
    """Trades on an exchange for whoever connects. `mishaps` happen to the next orders, one each.

    Args:
        exchange: Whose client ids may come twice: TWS does not check them.
        muddle: What becomes of the frames of one event: doubled, turned round, lost.
    """

    def __init__(self, exchange: Exchange, *, muddle: Callable[[list[Frame]], list[Frame]] = list) -> None:
        super().__init__()
        self.exchange, self.muddle = exchange, muddle
        self.mishaps: list[Mishap] = []
        self.mute = False  #: whether nothing is answered, and nothing told
        self.holds_fees = False  #: whether fees wait for `tell_fees`
        self.foreign: dict[str, tuple[Decimal, Decimal]] = {}  #: cash in other currencies, and its rate
        self.lent: dict[str, Decimal | None] = {}  #: shares to borrow, of others a million; None says nothing
        self.renames = True  #: whether a change takes the new `orderRef`
        self.tickets: list[Ticket] = []
        self._fees: list[tuple[Client | None, Frame]] = []
        self._silent = False
        exchange.listeners.append(self._hear)
        answers: dict[int, Answer] = {
            MARKET: self._market, PLACE: self._place, CANCEL: self._cancel, TIME: self._time,
            GLOBAL_CANCEL: self._cancel_all,
            SUMMARY: self._summary, ALL_ORDERS: self._orders, OPEN_ORDERS: self._orders,
            COMPLETED: self._completed, EXECUTIONS: self._executions, POSITIONS: self._positions,
        }  # fmt: skip
        self.answers.update(answers)

    def drop(self) -> None:
        """Hang up on all clients."""
        for client in list(self.clients.values()):
            client.hang_up()

    def say(self, code: int, text: str) -> None:
        """Tell all clients of a state of the connection."""
        for client in self.clients.values():
            client.put(4, 2, -1, code, text, "")

    def tell_fees(self) -> None:
        """Tell the fees that were held back."""
        waiting, self._fees, self.holds_fees = self._fees, [], False
        for client, fee in waiting:
            if client is not None:
                client.put(*fee)

    async def _answer(self, client: Client, fields: Fields) -> None:
        if self.mute and int(fields[0]) != 71:
            self.received.append(fields)
            return
        await super()._answer(client, fields)

    # --- requests ----------------------------------------------------------------------------------------

    async def _place(self, client: Client, fields: Fields) -> None:
        mishap = self.mishaps.pop(0) if self.mishaps and fields[frames.TRANSMIT] == "1" else None
        if mishap == "cut before":
            client.hang_up()
        if mishap in {"lost", "cut before"}:
            return
        if mishap == "cut after":
            client.hang_up()
        self._silent = mishap == "silent"
        try:
            self._take(client, fields)
        except Refusal as refusal:
            code, said = 201, f"Order rejected - reason:{refusal.said}"
            if refusal.code == "price":
                code, said = (
                    110,
                    "The price does not conform to the minimum price variation for this contract.",
                )
            client.put(4, 2, fields[1], code, said, "")
        self._silent = False

    def _take(self, client: Client, fields: Fields) -> None:
        number = int(fields[frames.NUMBER])
        old = self._ticket(client.number, number)
        if old is not None and old.exchange:
            self._change(old, fields)
            return
        self.next_id = max(self.next_id, number + 1)
        ticket = Ticket(client.number, number, 9000 + len(self.tickets), fields)
        self.tickets.append(ticket)
        if fields[frames.TRANSMIT] != "1":
            return
        family = [one for one in self.tickets if not one.exchange and one.client == client.number]
        try:
            self._send(family)
        except Refusal:
            for one in family:
                self.tickets.remove(one)
            raise

    def _send(self, family: list[Ticket]) -> None:
        main = frames.read_placed(family[0].asked)
        legs = [frames.read_placed(one.asked) for one in family[1:]]
        target = next((leg for leg in legs if leg.limit is not None), None)
        stop = next((leg for leg in legs if leg.stop is not None), None)
        self.exchange.place(
            main,
            take_profit=target.limit if target else None,
            stop_loss=stop.stop if stop else None,
            leg_ids=(target.client_id if target else "", stop.client_id if stop else ""),
        )

    def _change(self, ticket: Ticket, fields: Fields) -> None:
        wanted = frames.read_placed(fields)
        check(wanted, self.exchange.lines[wanted.symbol].instrument)
        if not self.renames:
            fields[frames.REF] = ticket.asked[frames.REF]
        before, ticket.asked = ticket.asked, fields
        try:
            self.exchange.replace(
                ticket.exchange, wanted.client_id, quantity=wanted.quantity, limit=wanted.limit,
                stop=wanted.stop, trail=wanted.trail,
            )  # fmt: skip
        except Refusal:
            ticket.asked = before
            raise

    async def _cancel(self, client: Client, fields: Fields) -> None:
        number = int(fields[2])
        ticket = self._ticket(client.number, number)
        if ticket is None:
            await client.fail(number, 10147, f"{_TO_CANCEL.format(number)} is not found.")
            return
        order = self.exchange.orders[ticket.exchange]
        if order.status in TERMINAL:
            await client.fail(
                number, 10148, f"{_TO_CANCEL.format(number)} cannot be cancelled, state: {_word(order)}."
            )
            return
        if self.exchange.slow_cancels:
            self._put(ticket, [self._status(ticket, order, "PendingCancel")])
        self.exchange.cancel(ticket.exchange)

    async def _cancel_all(self, client: Client, fields: Fields) -> None:
        self.exchange.cancel_all()

    async def _time(self, client: Client, fields: Fields) -> None:
        await client.send(49, 1, self.exchange.time // NANOS_PER_SECOND)

    async def _market(self, client: Client, fields: Fields) -> None:
        number, symbol, asked = fields[2], fields[4], fields[16].split(",")
        lent = self.lent.get(symbol, Decimal(1_000_000))
        if "236" in asked and lent is not None:
            said = "Requested market data is not subscribed. Displaying delayed market data."
            await client.fail(number, 10167, said)
            await client.send(1, 6, number, 66, "99.5", 100, 0)  # a delayed bid comes beside what was asked
            await client.send(2, 6, number, 74, 12_345)
            await client.send(2, 6, number, 89, lent)

    async def _orders(self, client: Client, fields: Fields) -> None:
        for order in self.exchange.working():
            ticket = self._of(order)
            await client.send(*frames.open_order(ticket.asked, ticket.client, ticket.perm, _word(order)))
            await client.send(*self._status(ticket, order, _word(order)))
        await client.send(53, 1)

    async def _completed(self, client: Client, fields: Fields) -> None:
        for order in self.exchange.orders.values():
            if order.status in TERMINAL and not order.replaced_by:
                ticket = self._of(order)
                await client.send(
                    *frames.completed_order(ticket.asked, ticket.perm, _word(order), order.filled)
                )
        await client.send(102)

    async def _executions(self, client: Client, fields: Fields) -> None:
        for fill in self.exchange.fills:
            ticket = self._of(self.exchange.orders[fill.order_id])
            await client.send(*frames.execution(fill, fields[2], ticket.number, ticket.client, ticket.perm))
            if not self.holds_fees:
                await client.send(*frames.fee(fill))
        await client.send(55, 1, fields[2])

    async def _positions(self, client: Client, fields: Fields) -> None:
        for symbol, quantity in self.exchange.positions.items():
            average = self.exchange.averages[symbol]
            await client.send(61, 3, ACCOUNT, *frames.contract(symbol), quantity, average)
        await client.send(62, 1)

    async def _summary(self, client: Client, fields: Fields) -> None:
        x = self.exchange
        values = {"TotalCashValue": x.cash, "NetLiquidation": x.equity, "BuyingPower": x.buying_power}
        values["DayTradesRemaining"] = Decimal(3 - x.day_trades)
        rows = [(tag, value, "USD") for tag, value in values.items()]
        if fields[4].endswith(",$LEDGER:ALL"):
            rows += [("TotalCashBalance", x.cash, "BASE"), ("ExchangeRate", Decimal("1.00"), "BASE")]
            for currency, (amount, rate) in {"USD": (x.cash, Decimal(1)), **self.foreign}.items():
                rows += [("TotalCashBalance", amount, currency), ("ExchangeRate", rate, currency)]
        abroad = sum((amount * rate for amount, rate in self.foreign.values()), Decimal(0))
        for tag, value, currency in rows:
            total = tag in {"TotalCashValue", "NetLiquidation"} or (currency, tag) == (
                "BASE",
                "TotalCashBalance",
            )
            await client.send(63, 1, fields[2], ACCOUNT, tag, value + abroad if total else value, currency)
        await client.send(64, 1, fields[2])

    # --- what is told ------------------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        order = event.order
        ticket = self._of(order)
        if event.kind == "replaced" or self._silent:
            return
        status = self._status(ticket, order, _word(order))
        opened = frames.open_order(ticket.asked, ticket.client, ticket.perm, _word(order))
        told: list[Frame] = [status]
        if event.kind in {"new", "held"}:
            told = [opened, status]
        elif event.kind in {"cancelled", "expired"}:
            told = [status, [4, 2, ticket.number, 202, "Order Canceled - reason:", ""]]
        elif event.kind == "rejected":
            told = [[4, 2, ticket.number, 201, f"Order rejected - reason:{order.said}", ""], status]
        elif event.fill is not None:
            told = [frames.execution(event.fill, -1, ticket.number, ticket.client, ticket.perm), status]
            fee = frames.fee(event.fill)
            if self.holds_fees:
                self._fees.append((self.clients.get(ticket.client), fee))
            else:
                told.append(fee)
        self._put(ticket, told)

    def _put(self, ticket: Ticket, told: list[Frame]) -> None:
        client = self.clients.get(ticket.client)
        if client is not None and not self.mute:
            for one in self.muddle(told):
                client.put(*one)

    def _status(self, ticket: Ticket, order: Placed, word: str) -> list[object]:
        parent = ticket.asked[frames.PARENT]
        return frames.order_status(order, ticket.number, ticket.client, ticket.perm, word, parent)

    def _ticket(self, client: int, number: int) -> Ticket | None:
        found = (one for one in self.tickets if one.client == client and one.number == number)
        return next(found, None)

    def _of(self, order: Placed) -> Ticket:
        """Return the ticket of an order; one that was placed at the exchange itself is one by hand."""
        for ticket in self.tickets:
            if ticket.exchange == order.id or (order.replaces and ticket.exchange == order.replaces):
                ticket.exchange = order.id
                return ticket
        for ticket in self.tickets:
            if not ticket.exchange and ticket.asked[frames.REF] == order.client_id:
                ticket.exchange = order.id
                return ticket
        made = Ticket(0, 0, 9000 + len(self.tickets), by_hand(order), order.id)
        self.tickets.append(made)
        return made


def by_hand(order: Placed) -> Fields:
    """Return the request that would have led to an order."""
    fields = [""] * 80
    fields[frames.NUMBER], fields[frames.SYMBOL] = "0", order.symbol
    fields[frames.ACTION] = "BUY" if order.side > 0 else "SELL"
    fields[frames.QUANTITY], fields[frames.TYPE], fields[frames.TIF] = str(order.quantity), "LMT", "DAY"
    fields[frames.LIMIT] = str(order.limit or Decimal(0))
    fields[frames.REF], fields[frames.PARENT], fields[frames.OCA_TYPE] = order.client_id, "0", "0"
    return fields


def _word(order: Placed) -> str:
    if order.status in {_S.CANCELLED, _S.EXPIRED}:
        return "Cancelled"
    words = {_S.FILLED: "Filled", _S.REJECTED: "Inactive", _S.HELD: "PreSubmitted"}
    waits = order.stop is not None and order.status is _S.ACCEPTED
    return words.get(order.status, "PreSubmitted" if waits else "Submitted")
