"""What strategies do in the router's stories."""

from __future__ import annotations

from typing import Any

from openbell.core.types import OrderType, TimeInForce
from openbell.execution.port import Capabilities
from openbell.trading.route import Send
from tests.unit.trading_by_hand import Acts, Scripted

#: Every type, and nothing that spares the router work.
PLAIN = Capabilities(frozenset(OrderType), frozenset(TimeInForce), short=True)
REPLACING = Capabilities(frozenset(OrderType), frozenset(TimeInForce), replace=True, short=True)


def calls(sends: list[Send]) -> list[str]:
    return [send.call for send in sends]


def only(sends: list[Send]) -> Send:
    (send,) = sends
    return send


def buy(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", 10)


def limit(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", 10, limit=99)


def bracket(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", 10, limit=99, stop_loss=95, take_profit=105)


def entry(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", 10, limit=99, stop_loss=95)


def cancel(s: Scripted, _: int) -> None:
    s.cancel(s.made["a"])


def both(*acts: Acts) -> Acts:
    def act(s: Scripted, n: int) -> None:
        for one in acts:
            one(s, n)

    return act


def change(**terms: float) -> Any:
    return lambda s, _: s.replace(s.made["a"], **terms)
