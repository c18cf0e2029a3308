"""Looks orders up at Alpaca, by the names that the port has for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from openbell.core.types import NANOS_PER_SECOND, OrderStatus
from openbell.execution.brokers import alpaca_wire as wire
from openbell.execution.brokers.alpaca_orders import Orders
from openbell.execution.brokers.alpaca_requests import Missing, Requests
from openbell.execution.brokers.alpaca_wire import NOTHING, Carried, Row, add_filled
from openbell.execution.port import STOP_LEG, TARGET_LEG, Execution, Report

_MOST = 500  #: orders in an answer
_PAGE = 100  #: fills in an answer, the most that Alpaca gives
_OVERLAP = 10  #: fills that a page repeats of the one before: rows between pages were reported missing
_BEFORE = NANOS_PER_SECOND  #: fills of one millisecond come in any order


class Lookup:
    """What is known of the account's orders, and where it is not, what Alpaca says."""

    def __init__(self, requests: Requests, orders: Orders) -> None:
        self._requests, self._orders = requests, orders

    async def report(self, row: Row) -> Report:
        """Return a record as a report, by the client id of whoever it belongs to."""
        orders = self._orders
        order_id = wire.read_text(row, "id")
        client_id = await self._name(row)
        row = orders.row(order_id) or row  # what is older than what was heard says nothing
        before = row.get("replaces")
        replaces = await self.name_of(str(before)) if before else ""
        made = wire.read_report(
            row,
            client_id,
            replaces=replaces,
            carried=await self._carried(row),
            asked=orders.is_asked(client_id),
        )
        if made.status is OrderStatus.HELD and orders.is_awake(row):
            return made._replace(status=OrderStatus.ACCEPTED)
        return made

    async def find(self, client_id: str) -> Row | None:
        """Return the record of an order, or of an exit by its entry's id; None if there is none."""
        for suffix in (TARGET_LEG, STOP_LEG):
            if client_id.endswith(suffix):
                leg = await self._find_leg(client_id, client_id.removesuffix(suffix))
                if leg is not None:
                    return leg
        path = "/orders:by_client_order_id"
        try:
            row: Row = await self._requests.get(f"order {client_id}", path, {"client_order_id": client_id})
        except Missing:
            return None
        return row

    async def id(self, client_id: str) -> str:
        """Return Alpaca's id of an order.

        Raises:
            Rejected: It never got one.
        """
        known = self._orders.id(client_id)
        if known is not None:
            return known
        row = await self.find(client_id)
        if row is None:
            raise Missing(f"alpaca: there is no order {client_id}")
        self._orders.learn(row)
        return wire.read_text(row, "id")

    async def name_of(self, order_id: str) -> str:
        """Return the client id of an order that Alpaca names by its own."""
        known = self._orders.name(order_id)
        if known is not None:
            return known
        row = await self.row(order_id)
        return await self._name(row)

    async def row(self, order_id: str) -> Row:
        """Return the newest record of an order, with its legs."""
        row: Row = await self._requests.get(f"order {order_id}", f"/orders/{order_id}", {"nested": "true"})
        return row

    async def list(self, query: Mapping[str, Any], asked: str) -> Sequence[Row]:
        """Return the orders that a query finds, oldest first, page by page."""
        found: dict[str, Row] = {}
        fields = {**query, "limit": _MOST, "direction": "asc"}
        while True:
            rows = await self._requests.get(asked, "/orders", fields)
            fresh = [row for row in rows if wire.read_text(row, "id") not in found]
            found |= {wire.read_text(row, "id"): row for row in fresh}
            if len(rows) < _MOST or not fresh:
                return list(found.values())
            last = wire.read_time(rows[-1]["submitted_at"])
            fields["after"] = wire.write_time(last - 1)  # those of the same moment are asked for again

    async def executions(self, since: int) -> Sequence[Execution]:
        """Return the fills from a time on, oldest first; some of the second before it may be among them."""
        found: dict[str, tuple[Decimal, Execution]] = {}
        fields: dict[str, Any] = {
            "after": wire.write_time(max(since - _BEFORE, 0)), "direction": "asc", "page_size": _PAGE,
        }  # fmt: skip
        while True:
            rows = await self._requests.get("the fills", "/account/activities/FILL", fields)
            for row in rows:
                client_id = await self.name_of(wire.read_text(row, "order_id"))
                one = wire.read_activity(row, client_id)
                found[one.id] = wire.read_decimal(row, "cum_qty"), one
            if len(rows) < _PAGE:
                break
            fields["page_token"] = wire.read_text(rows[-1 - _OVERLAP], "id")
        in_turn = sorted(found.values(), key=lambda item: (item[1].time, item[1].broker_id, item[0]))
        return [one for _, one in in_turn]

    async def _name(self, row: Row) -> str:
        """Return an order's client id; a leg's is its entry's, which Alpaca does not say."""
        orders = self._orders
        if not orders.is_known(row):
            family = {"status": "all", "symbols": wire.read_text(row, "symbol"), "nested": "true"}
            for one in await self.list(family, "the brackets"):
                orders.learn(one)
        orders.learn(row)
        return orders.name(wire.read_text(row, "id")) or ""

    async def _find_leg(self, client_id: str, parent: str) -> Row | None:
        if self._orders.id(client_id) is None:
            entry = await self.find(parent)
            if entry is None:
                return None
            self._orders.send(parent)
            self._orders.learn(await self.row(wire.read_text(entry, "id")))
        leg_id = self._orders.id(client_id)
        return None if leg_id is None else await self.row(leg_id)

    async def _carried(self, row: Row) -> Carried:
        """Return what the orders before a replacement had filled, asking for those that are not known."""
        before = row.get("replaces")
        if not before:
            return NOTHING
        old = self._orders.row(str(before))
        if old is None:
            old = await self.row(str(before))
            self._orders.learn(old)
        return add_filled(await self._carried(old), old)
