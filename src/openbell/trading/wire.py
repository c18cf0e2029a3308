"""What a broker says, as the journal's bodies, and back: decimals as text, exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

from openbell.core.types import OrderStatus, Reason
from openbell.execution.port import Balance, Execution, Report
from openbell.trading.route import Answer, Outcome

_READ: Mapping[str, Callable[[Any], Any]] = {
    "quantity": Decimal, "filled": Decimal, "average": Decimal, "price": Decimal, "fee": Decimal,
    "status": OrderStatus, "reason": Reason, "outcome": Outcome,
}  # fmt: skip


def body_of_heard(heard: Report | Execution | Answer) -> dict[str, Any]:
    """Return the fields of what was heard, as JSON has them."""
    return {name: _plain(value) for name, value in heard._asdict().items()}


def body_of_power(balance: Balance, since: int) -> dict[str, Any]:
    """Return what an account says that it has and may spend; `since` is until when all is booked."""
    told = {"power": str(balance.buying_power), "equity": str(balance.equity), "currency": balance.currency}
    cash = {balance.currency: balance.cash, **{one.currency: one.cash for one in balance.foreign}}
    return {
        **told, "day_trades": balance.day_trades, "since": since, "time": balance.time,
        "cash": {currency: str(amount) for currency, amount in cash.items()},
        "rates": {one.currency: str(one.rate) for one in balance.foreign},
    }  # fmt: skip


def report_of(body: Mapping[str, Any]) -> Report:
    """Return the report of a body."""
    return Report(**_typed(body))


def execution_of(body: Mapping[str, Any]) -> Execution:
    """Return the execution of a body."""
    return Execution(**_typed(body))


def answer_of(body: Mapping[str, Any]) -> Answer:
    """Return the answer of a body."""
    return Answer(**_typed(body))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.value if isinstance(value, Enum) else value


def _typed(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _READ[name](value) if name in _READ else value for name, value in body.items()}
