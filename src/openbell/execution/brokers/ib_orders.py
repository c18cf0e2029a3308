"""IB's words for orders: what is sent for each kind, and what its statuses, codes and numbers mean.

https://ibkrcampus.com/campus/ibkr-api-page/order-types/ and .../twsapi-doc/. Numbers leave as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from openbell.core.errors import Rejected
from openbell.core.types import NANOS_PER_SECOND, OrderStatus, OrderType, Side, TimeInForce
from openbell.execution.approval import ApprovedOrder
from openbell.execution.port import STOP_LEG, TARGET_LEG, Capabilities

_S, _T, _F = OrderStatus, OrderType, TimeInForce

CAPABILITIES = Capabilities(
    frozenset(OrderType),
    frozenset(TimeInForce),
    bracket=True,
    oco=True,
    replace=True,
    short=True,
    extended_hours=True,
    id_length=40,
    unique_ids=False,
)

#: Codes that come with an order's number and leave the order as it is.
WARNINGS = frozenset({399, 404, 2109, 10349, *range(2100, 2200)})
#: Codes that say for sure that an order, or a change of one, is not taken. After others TWS is asked.
REFUSALS = frozenset(
    {103, 104, 105, 107, 109, 110, 111, 113, 135, 136, 161, 200, 201, 203, 321, 329, 382, 383, 387, 388, 391}
    | {434, 436, 439, 441, 460, 461, 463, 481, 10005, 10006, 10020, 10147, 10148, 10243, 10244, 10289, 10318}
)
#: The order is refused, or rejected after it was accepted; it was cancelled.
REFUSED, CANCELLED = 201, 202

_TYPES = {
    _T.MARKET: "MKT",
    _T.LIMIT: "LMT",
    _T.STOP: "STP",
    _T.STOP_LIMIT: "STP LMT",
    _T.TRAILING_STOP: "TRAIL",
}
_AT_CLOSE = {_T.MARKET: "MOC", _T.LIMIT: "LOC"}
_REDUCE = 2  #: OCA type: what fills of one is taken off the others, and only one is at an exchange at a time
_UNSET = 1e300  #: above it, IB's numbers mean none

STATUSES: Mapping[str, OrderStatus] = {
    "PendingSubmit": _S.SUBMITTED,
    "ApiPending": _S.SUBMITTED,
    "PreSubmitted": _S.ACCEPTED,
    "Submitted": _S.ACCEPTED,
    "PendingCancel": _S.ACCEPTED,
    "Filled": _S.FILLED,
    "Cancelled": _S.CANCELLED,
    "ApiCancelled": _S.CANCELLED,
    "Inactive": _S.REJECTED,
}
#: Statuses that do not tell yet whether IB takes an order.
ON_THE_WAY = frozenset({"PendingSubmit", "ApiPending"})
#: Statuses that answer a cancel.
ENDING = frozenset({"PendingCancel", "Cancelled", "ApiCancelled", "Filled", "Inactive"})


def find_fault(order: ApprovedOrder) -> str:
    """Return why IB would refuse an order, as far as the order alone tells; empty if it would not."""
    quantity, tif = order.quantity, order.tif.value
    at_once = order.tif in {_F.IOC, _F.FOK, _F.OPG, _F.CLS}
    faults = {
        f"the client order id has {len(order.client_id)} characters, and 40 is the most": not (
            0 < len(order.client_id) <= CAPABILITIES.id_length
        ),
        "TWS takes quantities of stocks, no amounts of money": order.notional is not None,
        f"quantity {quantity} is no whole number of shares, and its API takes no others": (
            order.notional is None and (quantity <= 0 or bool(quantity % 1))
        ),
        f"IB takes market and limit orders {tif}, and this is a {order.type.value}": (
            order.tif in {_F.OPG, _F.CLS} and order.type not in _AT_CLOSE
        ),
        f"an order with exits cannot be {tif}": at_once and has_exits(order),
        "a market order cannot work outside of regular hours": (
            order.extended_hours and order.type is _T.MARKET
        ),
        "it is good till no date": order.tif is _F.GTD and not order.good_till,
    }
    return next((said for said, is_one in faults.items() if is_one), "")


def has_exits(order: ApprovedOrder) -> bool:
    """Tell whether an order comes with others."""
    return order.take_profit is not None or order.stop_loss is not None


def is_pair(order: ApprovedOrder) -> bool:
    """Tell whether an order is a target with its stop, for what is held."""
    return order.reduce_only and order.type is _T.LIMIT and order.stop_loss is not None


def write_orders(order: ApprovedOrder, account: str) -> list[Any]:
    """Return IB's orders for one of ours, the one itself last if it is a pair, else first.

    A bracket's parts are named by the parent's number when they are sent, and only the last is transmitted
    at once: TWS holds the others until then. Of a pair the stop goes first, so that a target never works
    without it.

    Raises:
        Rejected: IB has no such order.
    """
    fault = find_fault(order)
    if fault:
        raise Rejected(f"ib: order {order.client_id} was not sent: {fault}")
    main = write_order(order, account)
    if not has_exits(order):
        return [main]
    group = f"{order.client_id}-oca"
    if is_pair(order):
        stop = _leg(order, account, order.side, STOP_LEG, orderType="STP", auxPrice=_text(order.stop_loss))
        for one in (stop, main):
            one.ocaGroup, one.ocaType = group, _REDUCE
        return [stop, main]
    legs = []
    away: Side = -1 if order.side > 0 else 1
    if order.take_profit is not None:
        prices = {"orderType": "LMT", "lmtPrice": _text(order.take_profit)}
        legs.append(_leg(order, account, away, TARGET_LEG, **prices))
    if order.stop_loss is not None:
        prices = {"orderType": "STP", "auxPrice": _text(order.stop_loss)}
        legs.append(_leg(order, account, away, STOP_LEG, **prices))
    for leg in legs if len(legs) == 2 else ():
        leg.ocaGroup, leg.ocaType = group, _REDUCE
    for one in (main, *legs[:-1]):
        one.transmit = False
    return [main, *legs]


def write_order(order: ApprovedOrder, account: str) -> Any:
    """Return IB's order for one of ours, without its exits."""
    from ib_async import Order

    kind, tif = _TYPES[order.type], order.tif.value.upper()
    if order.tif is _F.CLS:
        kind, tif = _AT_CLOSE[order.type], "DAY"
    made = Order(
        action="BUY" if order.side > 0 else "SELL",
        totalQuantity=_text(order.quantity),
        orderType=kind,
        tif=tif,
        orderRef=order.client_id,
        account=account,
        outsideRth=order.extended_hours,
    )
    if order.limit is not None:
        made.lmtPrice = _text(order.limit)
    if order.stop is not None:
        made.auxPrice = _text(order.stop)
    if order.trail is not None and order.trail_percent:
        made.trailingPercent = _text(order.trail * 100)
    elif order.trail is not None:
        made.auxPrice = _text(order.trail)
    if order.tif is _F.GTD:
        until = datetime.fromtimestamp(order.good_till // NANOS_PER_SECOND, UTC)
        made.goodTillDate = f"{until:%Y%m%d-%H:%M:%S}"  # with a dash it is UTC
    return made


def _leg(order: ApprovedOrder, account: str, side: Side, ending: str, **terms: Any) -> Any:
    from ib_async import Order

    return Order(
        action="BUY" if side > 0 else "SELL",
        totalQuantity=_text(order.quantity),
        tif="GTC",
        orderRef=order.client_id + ending,
        account=account,
        **terms,
    )


def is_same(echo: Any, sent: Any) -> bool:
    """Tell whether what TWS says of an order (None if it is but its status) is what it was changed to."""
    if echo is None:
        return False
    names = ("totalQuantity", "lmtPrice", "auxPrice", "trailingPercent")
    same = all(exact(getattr(echo, name)) == exact(getattr(sent, name)) for name in names)
    return same or bool(echo.orderRef == sent.orderRef)


def find_contract(symbol: str, terms: Mapping[str, str]) -> Any:
    """Return the contract of a stock; IB writes shares' classes with a space, as in `BRK B`."""
    from ib_async import Stock

    return Stock(symbol.replace(".", " "), **terms)


def name_of(contract: Any) -> str:
    """Return the symbol of a contract, with a dot before a class of shares."""
    return str(contract.symbol).replace(" ", ".")


def exact(value: Any) -> Decimal:
    """Return a number that ib_async read from text as the decimal that it was; 0 for one that is unset."""
    number = Decimal(str(value or 0))
    if abs(number) > _UNSET:
        return Decimal(0)
    return Decimal(int(number)) if number == int(number) else number


def _text(value: Decimal | None) -> Any:
    """Return a decimal as text without an exponent; ib_async passes text as it is."""
    return "" if value is None else format(value.normalize(), "f")
