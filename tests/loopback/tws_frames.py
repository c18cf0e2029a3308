"""The frames in which a TWS of version 178 tells of orders and fills, and those in which it is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from openbell.core.types import NANOS_PER_SECOND, OrderType, TimeInForce
from tests.loopback.book import Executed, Placed
from tests.loopback.tws import ACCOUNT, Fields

_T, _F = OrderType, TimeInForce
#: Places in a request for an order.
NUMBER, SYMBOL, ACTION, QUANTITY, TYPE, LIMIT, AUX, TIF, OCA = 1, 3, 16, 17, 18, 19, 20, 21, 22
REF, TRANSMIT, PARENT, OUTSIDE, GOOD_TILL, OCA_TYPE, TRAIL_PERCENT = 26, 27, 28, 33, 38, 46, 69

_TYPES = {
    "MKT": _T.MARKET, "LMT": _T.LIMIT, "STP": _T.STOP, "STP LMT": _T.STOP_LIMIT, "TRAIL": _T.TRAILING_STOP,
    "MOC": _T.MARKET, "LOC": _T.LIMIT,
}  # fmt: skip


def symbol_of(name: str) -> str:
    """Return our word for IB's symbol."""
    return name.replace(" ", ".")


def read_placed(fields: Fields) -> Placed:
    """Return the order that a request asks for."""
    kind = fields[TYPE]
    order_type = _TYPES[kind]
    limit, aux, percent = (
        Decimal(fields[place]) if fields[place] else None for place in (LIMIT, AUX, TRAIL_PERCENT)
    )
    trailing = order_type is _T.TRAILING_STOP
    until = 0
    if fields[GOOD_TILL]:
        moment = datetime.strptime(fields[GOOD_TILL], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
        until = int(moment.timestamp()) * NANOS_PER_SECOND
    return Placed(
        fields[REF], symbol_of(fields[SYMBOL]), 1 if fields[ACTION] == "BUY" else -1, order_type,
        _F.CLS if kind in {"MOC", "LOC"} else _F(fields[TIF].lower()), Decimal(fields[QUANTITY]),
        limit=limit, stop=None if trailing else aux,
        trail=(percent / 100 if percent else aux) if trailing else None, trail_percent=bool(percent),
        good_till=until, extended=fields[OUTSIDE] == "1", oco=fields[OCA],
    )  # fmt: skip


def contract(symbol: str) -> list[object]:
    """Return a stock's fields as they stand in what TWS tells."""
    return [265598, symbol.replace(".", " "), "STK", "", 0.0, "", "", "SMART", "USD", symbol, "NMS"]


def open_order(asked: Fields, client: int, perm: int, status: str) -> list[object]:
    """Return the frame of an order that works."""
    head = [
        5, asked[NUMBER], *contract(symbol_of(asked[SYMBOL])), asked[ACTION], asked[QUANTITY], asked[TYPE],
        asked[LIMIT], asked[AUX], asked[TIF], asked[OCA], ACCOUNT, "O", 0, asked[REF], client, perm,
        asked[OUTSIDE], 0, 0, "", "", "", "", "",
    ]  # fmt: skip
    body = [
        "", asked[GOOD_TILL], "", "", "", 0, "", -1, 0, "", "", "", "", "", 0, 0, 0, 0, "",
        asked[OCA_TYPE], 0, 0, "", asked[PARENT], 0, "", 0, "", "",
    ]  # fmt: skip
    scale = [0, 0, "", asked[TRAIL_PERCENT], "", "", "", 0, 0, 0, "", "", "", "", 0, "", "", 0, 0, ""]
    state = [0, 0, status, *[""] * 14, 0, 0, 0]
    tail = ["", "", "", "", "", "", "", 0, "", "", "", "", 0, 0, 0, 0, "", "", "", *[""] * 5]
    return [*head, *body, *scale, *state, *tail]


def completed_order(asked: Fields, perm: int, status: str, filled: Decimal) -> list[object]:
    """Return the frame of an order that has ended."""
    head = [
        101, *contract(symbol_of(asked[SYMBOL])), asked[ACTION], asked[QUANTITY], asked[TYPE], asked[LIMIT],
        asked[AUX], asked[TIF], asked[OCA], ACCOUNT, "O", 0, asked[REF], perm, asked[OUTSIDE], 0, 0,
        "", "", "", "",
    ]  # fmt: skip
    body = [
        "", asked[GOOD_TILL], "", "", "", 0, "", -1, "", "", "", "", "", 0, 0, 0, "", asked[OCA_TYPE], 0, "",
        0, "", "",
    ]  # fmt: skip
    scale = [
        0,
        0,
        "",
        asked[TRAIL_PERCENT],
        "",
        0,
        0,
        0,
        "",
        "",
        "",
        "",
        "",
        "",
        0,
        0,
        "",
        0,
        status,
        0,
        0,
        0,
    ]
    said = f"{status} by the exchange"
    tail = ["", "", "", 0, 0, "", filled, "", 0, "", 0, 0, "", "", said, *[""] * 5]
    return [*head, *body, *scale, *tail]


def order_status(
    order: Placed, number: int, client: int, perm: int, status: str, parent: Any
) -> list[object]:
    """Return the frame of an order's status."""
    last = order.average
    return [
        3, number, status, order.filled, order.remaining, order.average, perm, parent, last, client, "", 0,
    ]  # fmt: skip


def execution(fill: Executed, request: object, number: int, client: int, perm: int) -> list[object]:
    """Return the frame of a fill."""
    moment = f"{datetime.fromtimestamp(fill.time // NANOS_PER_SECOND, UTC):%Y%m%d %H:%M:%S} UTC"
    side = "BOT" if fill.side > 0 else "SLD"
    return [
        11, request, number, *contract(fill.symbol), name_of(fill), moment, ACCOUNT, "NASDAQ", side,
        fill.quantity, fill.price, perm, client, 0, fill.quantity, fill.price, fill.client_id,
        "", "", "", 1, 0,
    ]  # fmt: skip


def name_of(fill: Executed) -> str:
    """Return IB's id of a fill, with the number of its corrections behind it."""
    return f"0000e0d5.{fill.id}.01.01"


def fee(fill: Executed) -> list[object]:
    """Return the frame of what a fill cost."""
    return [59, 1, name_of(fill), fill.fee, "USD", "", "", ""]
