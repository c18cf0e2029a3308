"""Orders, fills and the like as the journal's bodies, and back: exact, in JSON's own types, without NaN."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args

from openbell.core.errors import BadData
from openbell.core.orders import Order, OrderUpdate
from openbell.core.types import (
    Action,
    Charge,
    Fill,
    OrderStatus,
    OrderType,
    Phase,
    Reason,
    TimeInForce,
)

Body = Mapping[str, Any]

#: What an order is asked for; its state is a fold over what follows.
_ASKED = (
    "id", "strategy", "symbol", "side", "quantity", "decided", "reduce_only", "aim", "type", "tif", "limit",
    "stop", "trail", "trail_percent", "good_till", "parent", "oco", "tag",
)  # fmt: skip
_KINDS: Mapping[str, type[Any]] = {
    "type": OrderType, "tif": TimeInForce, "status": OrderStatus, "reason": Reason, "phase": Phase,
}  # fmt: skip
_ACTIONS: Mapping[str, type[Any]] = {kind.__name__: kind for kind in get_args(Action)}


def body_of_order(order: Order) -> Body:
    """Return what an order asks for. What is rare is there only where it is asked for."""
    asked = {name: getattr(order, name) for name in _ASKED}
    return _plain(asked | ({"extended": True} if order.extended else {}))


def order_of(body: Body) -> Order:
    """Return a new order that asks for what a body says."""
    return Order(**_typed(body))


def body_of(record: Fill | OrderUpdate | Charge) -> Body:
    """Return a record's fields."""
    return _plain(record._asdict())


def fill_of(body: Body) -> Fill:
    """Return the fill of a body."""
    return Fill(**_typed(body))


def update_of(body: Body) -> OrderUpdate:
    """Return the update of a body."""
    return OrderUpdate(**_typed(body))


def charge_of(body: Body) -> Charge:
    """Return the charge of a body."""
    return Charge(**body)


def body_of_action(action: Action) -> Body:
    """Return a corporate action's kind and fields."""
    return {"action": type(action).__name__, **dataclasses.asdict(action)}


def action_of(body: Body) -> Action:
    """Return the corporate action of a body.

    Raises:
        BadData: Its kind is unknown: a later version wrote it.
    """
    fields = dict(body)
    kind = _ACTIONS.get(fields.pop("action", ""))
    if kind is None:
        raise BadData(f"a journal's corporate action {body.get('action')!r} is unknown; update Openbell")
    made: Action = kind(**fields)
    return made


def _plain(fields: Mapping[str, Any]) -> Body:
    """Return fields as JSON has them: a value that is not there is left out."""
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in fields.items()
        if not (isinstance(value, float) and math.isnan(value))
    }


def _typed(body: Body) -> dict[str, Any]:
    return {name: _KINDS[name](value) if name in _KINDS else value for name, value in body.items()}
