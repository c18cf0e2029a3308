"""What Alpaca says of orders and fills, read into the port's records. Numbers are text on its wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from openbell.core.errors import BadData
from openbell.core.types import NANOS_PER_SECOND, OrderStatus, OrderType, Reason, Side
from openbell.execution.port import STOP_LEG, TARGET_LEG, Execution, Report

_S, _T = OrderStatus, OrderType
ZERO = Decimal(0)

#: Alpaca's statuses. Those on their way in or out count as working: only an event tells how they end.
STATUSES: Mapping[str, OrderStatus] = {
    **dict.fromkeys(
        (
            "new", "accepted", "pending_new", "accepted_for_bidding", "pending_cancel", "pending_replace",
            "pending_review", "stopped", "suspended", "calculated", "done_for_day",
        ),
        _S.ACCEPTED,
    ),
    "held": _S.HELD,
    "partially_filled": _S.PARTIALLY_FILLED,
    "filled": _S.FILLED,
    "canceled": _S.CANCELLED,
    "replaced": _S.CANCELLED,
    "expired": _S.EXPIRED,
    "rejected": _S.REJECTED,
}  # fmt: skip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES = {kind.value: kind for kind in OrderType}

Row = Mapping[str, Any]


class Carried(NamedTuple):
    """What the orders before a replacement had filled, and what was paid for it."""

    filled: Decimal = ZERO
    value: Decimal = ZERO


NOTHING = Carried()


def text(value: Decimal) -> str:
    """Return a number as it goes over the wire: all of its digits, and no exponent."""
    return format(value.normalize(), "f")


def read_decimal(row: Row, name: str, default: Decimal | None = None) -> Decimal:
    """Return a number exactly: text as it stands, a float by its shortest form.

    Raises:
        BadData: There is none, or it is not finite.
    """
    value = row.get(name)
    if value in (None, "") and default is not None:
        return default
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise BadData(f"alpaca: {name} is {value!r}, no number; the answer's format has changed") from error
    if not number.is_finite() or isinstance(value, bool):
        raise BadData(f"alpaca: {name} is {value!r}, no number; the answer's format has changed")
    return number


def read_text(row: Row, name: str) -> str:
    """Return a text.

    Raises:
        BadData: There is none.
    """
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise BadData(f"alpaca: {name} is {value!r}, no text; the answer's format has changed")
    return value


def read_time(value: object) -> int:
    """Return a moment such as `2024-01-02T14:30:00.383129126Z` in ns UTC.

    Raises:
        BadData: It is none, or names no zone.
    """
    try:
        whole = str(value)
        head, point, rest = whole.partition(".")
        digits = len(rest) - len(rest.lstrip("0123456789"))
        moment = datetime.fromisoformat(head + rest[digits:] if point else whole)
        since = moment - _EPOCH
    except (ValueError, TypeError) as error:
        raise BadData(f"alpaca: {value!r} is no moment with a zone") from error
    nanos = int(rest[:digits][:9].ljust(9, "0")) if digits else 0
    return (since.days * 86_400 + since.seconds) * NANOS_PER_SECOND + nanos


def write_time(time: int) -> str:
    """Return a moment in ns UTC as Alpaca takes it."""
    seconds, nanos = divmod(time, NANOS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def read_status(row: Row) -> OrderStatus:
    """Return where an order stands.

    Raises:
        BadData: Alpaca has a new word.
    """
    word = read_text(row, "status")
    if word not in STATUSES:
        raise BadData(f"alpaca: order status {word!r} is unknown; the answer's format has changed")
    status = STATUSES[word]
    partly = status is _S.ACCEPTED and read_decimal(row, "filled_qty", ZERO) > 0
    return _S.PARTIALLY_FILLED if partly else status


def read_side(row: Row) -> Side:
    """Return whether it buys or sells."""
    return 1 if read_text(row, "side").startswith("buy") else -1


def read_type(row: Row) -> OrderType:
    """Return an order's type; what is unknown counts as a market order, which has no price to be wrong."""
    return _TYPES.get(str(row.get("type") or row.get("order_type")), _T.MARKET)


def read_quantity(row: Row) -> Decimal:
    """Return an order's quantity; one for an amount has what has filled."""
    return read_decimal(row, "qty", read_decimal(row, "filled_qty", ZERO))


def read_reason(row: Row, *, asked: bool) -> Reason:
    """Return why an order ended; `asked` tells whether a cancel was asked for here."""
    word, tif = row.get("status"), row.get("time_in_force")
    if word == "replaced":
        return Reason.REPLACED
    if word == "expired":
        return Reason.SESSION_END
    if word != "canceled":
        return Reason.NONE
    if tif in ("ioc", "fok"):
        return Reason.NOT_IMMEDIATE
    if asked:
        return Reason.ASKED
    return Reason.SESSION_END if tif in ("opg", "cls") else Reason.NONE


def read_report(
    row: Row, client_id: str, *, replaces: str = "", carried: Carried = NOTHING, asked: bool = False
) -> Report:
    """Return what an order's record says.

    Args:
        row: The record.
        client_id: By which Openbell knows the order.
        replaces: The client id of the order in whose place it is.
        carried: What the orders before it had filled. Alpaca counts anew in each; the port does not.
        asked: Whether a cancel was asked for here.
    """
    total = add_filled(carried, row)
    status = read_status(row)
    if carried.filled > 0 and status is _S.ACCEPTED:
        status = _S.PARTIALLY_FILLED
    return Report(
        client_id,
        read_text(row, "id"),
        read_text(row, "symbol"),
        read_side(row),
        read_quantity(row) + carried.filled,
        status,
        read_time(row.get("updated_at") or row.get("submitted_at") or row.get("created_at")),
        total.filled,
        total.value / total.filled if total.filled else ZERO,
        read_reason(row, asked=asked),
        str(row.get("reject_reason") or ""),
        replaces,
    )


def add_filled(carried: Carried, row: Row) -> Carried:
    """Return what has filled with an order, and with those before it."""
    filled = read_decimal(row, "filled_qty", ZERO)
    average = read_decimal(row, "filled_avg_price", ZERO)
    return Carried(carried.filled + filled, carried.value + filled * average)


def read_update_fill(update: Row, order: Row, client_id: str) -> Execution:
    """Return the fill of an event.

    Its id is the order's, and how much of it had filled then: both the stream and the account's activities
    say that, and nothing says that their own ids are the same.
    """
    return Execution(
        fill_id(read_text(order, "id"), read_decimal(order, "filled_qty")),
        client_id,
        read_text(order, "id"),
        read_text(order, "symbol"),
        read_side(order),
        read_decimal(update, "qty"),
        read_decimal(update, "price"),
        ZERO,
        read_time(update.get("timestamp")),
    )


def read_activity(row: Row, client_id: str) -> Execution:
    """Return the fill of a row of the account's activities."""
    order_id = read_text(row, "order_id")
    return Execution(
        fill_id(order_id, read_decimal(row, "cum_qty")),
        client_id,
        order_id,
        read_text(row, "symbol"),
        read_side(row),
        read_decimal(row, "qty"),
        read_decimal(row, "price"),
        ZERO,
        read_time(row.get("transaction_time")),
    )


def fill_id(order_id: str, filled: Decimal) -> str:
    """Return the id of the fill that brought an order to so much."""
    return f"{order_id}/{text(filled)}"


def leg_suffix(row: Row) -> str:
    """Return what stands behind an entry's client id in that of one of its exits."""
    return TARGET_LEG if read_type(row) is _T.LIMIT else STOP_LEG
