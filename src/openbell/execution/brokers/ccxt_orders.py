"""ccxt's words for orders: what an exchange can do, what is sent, and what is read. Spot markets only.

https://docs.ccxt.com/#/?id=orders. ccxt takes numbers as floats and writes them on the market's grid; a
number that would change on the way is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from openbell.core.errors import ConfigError, Rejected
from openbell.core.types import OrderStatus, OrderType, Reason, Side, TimeInForce
from openbell.execution.approval import ApprovedOrder
from openbell.execution.port import Capabilities, Execution, Report
from openbell.remote.ccxt import MILLI

_S, _T, _F = OrderStatus, OrderType, TimeInForce
ZERO = Decimal(0)

#: The longest client order id of exchanges whose ids can be any text of letters, digits and dashes.
ID_LENGTHS: Mapping[str, int] = {"binance": 36, "binanceus": 36, "bybit": 36, "mexc": 32}
#: Exchanges that are asked for an order by its client id, and whose stops are orders like others.
_DIRECT = frozenset({"binance", "binanceus"})

_STATUSES: Mapping[str, OrderStatus] = {
    "open": _S.ACCEPTED,
    "canceling": _S.ACCEPTED,
    "closed": _S.FILLED,
    "canceled": _S.CANCELLED,
    "expired": _S.EXPIRED,
    "expired_in_match": _S.EXPIRED,
    "rejected": _S.REJECTED,
}


def is_direct(exchange: Any) -> bool:
    """Tell whether an exchange can be asked for one order by its client id."""
    return exchange.id in _DIRECT


def read_capabilities(exchange: Any, id_length: int | None) -> Capabilities:
    """Return what an exchange can do, by what ccxt knows of it.

    Raises:
        ConfigError: It takes no orders, or its client order ids are not known to carry ours.
    """
    wanting = [
        name for name in ("createOrder", "cancelOrder", "fetchOpenOrders") if not exchange.has.get(name)
    ]
    if wanting:
        raise ConfigError(f"ccxt: {exchange.id} has no {' or '.join(wanting)}; choose another exchange")
    length = id_length or ID_LENGTHS.get(exchange.id)
    if length is None:
        raise ConfigError(
            f"ccxt: it is not known that {exchange.id} takes client order ids of Openbell's form; "
            f"give id_length if it does, or choose one of {', '.join(sorted(ID_LENGTHS))}"
        )
    features = _features(exchange)
    tifs = features.get("timeInForce") or {}
    also = {_F.IOC: "IOC", _F.FOK: "FOK"}
    stops = {_T.STOP, _T.STOP_LIMIT} if is_direct(exchange) else set()
    return Capabilities(
        frozenset({_T.MARKET, _T.LIMIT} | stops),
        frozenset({_F.GTC} | {tif for tif, name in also.items() if tifs.get(name)}),
        fractional=True,
        notional=bool(exchange.has.get("createMarketBuyOrderWithCost")),
        id_length=length,
        reserves=True,
    )


def find_fault(order: ApprovedOrder, market: Mapping[str, Any], capabilities: Capabilities) -> str:
    """Return why an exchange would refuse an order, as far as its market's limits tell; else nothing."""
    exits = order.take_profit is not None or order.stop_loss is not None
    length, most = len(order.client_id), capabilities.id_length
    faults = {
        f"{order.symbol} is no spot market": not market.get("spot"),
        f"{order.symbol} does not trade now": market.get("active") is False,
        f"the exchange has no {order.type.value} orders that are {order.tif.value}": (
            order.type not in capabilities.types or order.tif not in capabilities.tifs
        ),
        "orders with exits or for extended hours are not sent by ccxt": exits or order.extended_hours,
        f"the client order id has {length} characters, and {most} is the most": not 0 < length <= most,
        "an order for an amount of money must be a market buy, and the exchange must have it": (
            order.notional is not None and not (capabilities.notional and order.side > 0)
        ),
    }
    fault = next((said for said, is_one in faults.items() if is_one), "")
    return fault or _find_fault_of_limits(order, market.get("limits") or {})


def _find_fault_of_limits(order: ApprovedOrder, limits: Mapping[str, Any]) -> str:
    price = order.limit or order.stop
    cost = order.notional or (order.quantity * price if price is not None else None)
    amount = None if order.notional is not None else order.quantity
    for name, value in (("amount", amount), ("price", price), ("cost", cost)):
        least, most = ((limits.get(name) or {}).get(end) for end in ("min", "max"))
        if value is not None and least is not None and value < exact(least):
            return f"its {name} of {value} is less than the market's least, {exact(least)}"
        if value is not None and most is not None and value > exact(most):
            return f"its {name} of {value} is more than the market's most, {exact(most)}"
    return ""


def write_number(exchange: Any, of: str, symbol: str, value: Decimal) -> float:
    """Return a price or an amount as ccxt takes it.

    Raises:
        Rejected: It is not on the market's grid.
    """
    write = exchange.price_to_precision if of == "price" else exchange.amount_to_precision
    number = float(value)
    if Decimal(write(symbol, number)) != value:
        raise Rejected(
            f"ccxt: {of} {value} of {symbol} is not on the market's grid; it would be sent changed"
        )
    return number


def write_params(order: ApprovedOrder) -> dict[str, Any]:
    """Return what is sent beside ccxt's own arguments."""
    params: dict[str, Any] = {"clientOrderId": order.client_id}
    if order.tif is not _F.GTC:
        params["timeInForce"] = order.tif.value.upper()
    if order.stop is not None:
        params["stopLossPrice"] = float(order.stop)
    return params


def needs_price(exchange: Any) -> bool:
    """Tell whether a market buy is sent as what it may cost, at a price that is given with it."""
    return bool(_features(exchange).get("marketBuyRequiresPrice"))


def read_report(row: Mapping[str, Any], *, now: int, order: ApprovedOrder | None = None) -> Report:
    """Return one of ccxt's orders; what an answer leaves out is as it was sent."""
    filled = exact(row.get("filled"))
    quantity = exact(row.get("amount")) or (order.quantity if order is not None else filled)
    status = _STATUSES.get(str(row.get("status")), _S.ACCEPTED)
    reason = Reason.NONE
    tif = str(row.get("timeInForce") or (order.tif.value if order is not None else "")).upper()
    if status is _S.FILLED and row.get("filled") is None:
        filled = quantity
    if status is _S.FILLED and filled < quantity:  # closed by its amount of money, or by the exchange
        status, reason = _S.CANCELLED, Reason.BROKER_CANCELLED
    elif status is _S.EXPIRED and tif in {"IOC", "FOK"}:
        status, reason = _S.CANCELLED, Reason.NOT_IMMEDIATE
    elif status is _S.CANCELLED:
        reason = Reason.NOT_IMMEDIATE if tif in {"IOC", "FOK"} else Reason.ASKED
    elif status is _S.REJECTED:
        reason = Reason.BROKER_REFUSED
    elif status is _S.ACCEPTED and filled:
        status = _S.PARTIALLY_FILLED
    side: Side = order.side if order is not None else side_of(row)
    return Report(
        str(row.get("clientOrderId") or (order.client_id if order is not None else "")),
        str(row["id"]), str(row.get("symbol") or (order.symbol if order is not None else "")), side,
        quantity, status, time_of(row, now), filled, exact(row.get("average")), reason,
    )  # fmt: skip


def read_execution(row: Mapping[str, Any], client_id: str, *, now: int) -> Execution:
    """Return one of ccxt's trades. A fee in the coin counts at the trade's price, in a third one as none."""
    symbol, price = str(row["symbol"]), exact(row["price"])
    base, _, quote = symbol.partition("/")
    fee = row.get("fee") or {}
    cost = exact(fee.get("cost"))
    worth = {quote: Decimal(1), base: price}.get(str(fee.get("currency") or quote), ZERO)
    return Execution(
        str(row["id"]), client_id, str(row.get("order") or ""), symbol, side_of(row), exact(row["amount"]),
        price, cost * worth, time_of(row, now),
    )  # fmt: skip


def side_of(row: Mapping[str, Any]) -> Side:
    """Return the side of an order or a trade."""
    return 1 if row.get("side") == "buy" else -1


def time_of(row: Mapping[str, Any], now: int) -> int:
    """Return when an order changed last, or a trade was made; `now` where the exchange does not say."""
    names = ("lastUpdateTimestamp", "lastTradeTimestamp", "timestamp")
    return next((int(row[name]) * MILLI for name in names if row.get(name)), now)


def exact(value: Any) -> Decimal:
    """Return a number of ccxt's as the decimal that the exchange wrote; 0 for none."""
    return ZERO if value is None else Decimal(str(value))


def _features(exchange: Any) -> Mapping[str, Any]:
    spot = (exchange.features or {}).get("spot") or {}
    found: Mapping[str, Any] = spot.get("createOrder") or {}
    return found
