"""What one of Alpaca's updates says: of its order, of a fill, and of others in the order's family."""

from __future__ import annotations

from openbell.core.errors import BadData
from openbell.execution.brokers import alpaca_wire as wire
from openbell.execution.brokers.alpaca_account import Lookup
from openbell.execution.brokers.alpaca_orders import Orders
from openbell.execution.brokers.alpaca_requests import Requests
from openbell.execution.brokers.alpaca_wire import Row
from openbell.execution.port import Heard, Report
from openbell.utils.logging import get_logger


class Events:
    """Reads updates."""

    def __init__(self, requests: Requests, orders: Orders, lookup: Lookup) -> None:
        self._requests, self._orders, self._lookup = requests, orders, lookup

    async def read(self, update: Row) -> list[Heard]:
        """Return what an event says: of its order, its fill, and what follows for others of its family."""
        order = update.get("order")
        if not isinstance(order, dict):
            raise BadData("alpaca: an update has no order; the stream's format has changed")
        report = await self._lookup.report(order)
        told: list[Heard] = [report]
        event = update.get("event")
        if event in ("fill", "partial_fill"):
            told.append(wire.read_update_fill(update, order, report.client_id))
        if event == "fill":  # a stop works now, though Alpaca goes on holding it
            told += [await self._lookup.report(leg) for leg in self._orders.held_legs(report.broker_id)]
        if event == "replaced" and order.get("replaced_by"):
            made = self._orders.row(str(order["replaced_by"]))
            if made is not None:
                told.append(await self._lookup.report(made))
        for one in told:
            if isinstance(one, Report):
                await self.hold_to_limit(one)
        return told

    async def hold_to_limit(self, report: Report) -> None:
        """Cancel a replacement that would fill more than is wanted, as its old order went on filling."""
        limit = self._orders.limit_of(report.client_id)
        if limit is None or report.quantity <= limit:
            return
        self._orders.limit(report.client_id, None)
        get_logger().warning(
            "{} would fill {} in all, and {} is wanted, as the order before it went on filling; cancelled",
            report.client_id,
            report.quantity,
            limit,
        )
        await self._requests.send(
            f"the cancel of {report.client_id}", "delete", f"/orders/{report.broker_id}"
        )
