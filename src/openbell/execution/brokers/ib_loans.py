"""Shares that IB lends for a short sale now, asked before the sale is sent.

TWS says how many there are with a symbol's market data (generic tick 236, then tick 89). It does not say what
the loan costs. Where it says nothing, as without a subscription of the market's data, the order is sent: IB
holds it back by itself until the shares are located.
"""

from __future__ import annotations

from typing import Any

from openbell.core.errors import Rejected, Retryable
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers.ib_orders import exact
from openbell.execution.brokers.ib_wire import Wire
from openbell.utils.logging import get_logger

_SHORTABLE = "236"
_DELAYED = 3  #: without a subscription of the market's data, TWS tells of delayed data, and loans with it
_PATIENCE = 2.0  #: seconds


async def check_loan(wire: Wire, contract: Any, order: ApprovedOrder) -> None:
    """Ask whether the shares that an order sells short can be borrowed; other orders need no answer.

    Raises:
        Rejected: IB lends fewer.
        Disconnected: There is no connection.
    """
    if order.short <= 0:
        return
    wire.client.reqMarketDataType(_DELAYED)
    try:
        rows = await wire.ask(
            f"shares to borrow of {order.symbol}",
            lambda client, number: client.reqMktData(number, contract, _SHORTABLE, False, False, ""),
            cancel=lambda client, number: client.cancelMktData(number),
            patience=_PATIENCE,
        )
    except (Rejected, Retryable) as error:
        get_logger().warning(f"order {order.client_id} sells {order.short} {order.symbol} short: {error}")
        return
    lent = exact(rows[0])
    if lent < order.short:
        raise Rejected(
            f"ib: order {order.client_id} was not sent: it sells {order.short:f} {order.symbol} short, and "
            f"IB lends {lent:f} now"
        )
