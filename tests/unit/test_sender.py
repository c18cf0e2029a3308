"""The sender by itself: what it does while a broker answers questions and takes no orders."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any, cast

from openbell.core.errors import Retryable
from openbell.core.types import OrderStatus, OrderType, TimeInForce
from openbell.execution.approval import ApprovedOrder, approve
from openbell.execution.port import LiveBroker, Report
from openbell.trading.route import Answer, Outcome, Send
from openbell.trading.sender import Sender, Timing
from openbell.utils.ratelimit import Budget
from tests.loopback.direct import EVERYTHING


class Closed:
    """A broker that has no order, and takes one after so many failures."""

    name, capabilities = "closed", EVERYTHING

    def __init__(self, failures: int) -> None:
        self.failures, self.asked = failures, 0

    async def place(self, order: ApprovedOrder) -> Report:
        self.asked += 1
        if self.asked <= self.failures:
            raise Retryable("closed: 503", after=0.0)
        return Report(order.client_id, "1", "A", -1, order.quantity, OrderStatus.ACCEPTED, 0)

    async def find(self, _client_id: str) -> None:
        return None


async def test_an_exit_is_sent_again_however_often_it_is_lost() -> None:
    broker, told = Closed(600), list[Any]()
    order = approve(client_id="x", symbol="A", side=-1, type=OrderType.MARKET, tif=TimeInForce.GTC,
                    quantity=Decimal(5), reduce_only=True)  # fmt: skip
    sender = Sender(
        cast("LiveBroker", broker), Budget(1e9, 1.0), told.append, timing=Timing(look=0.0, looks=2),
        clock=lambda: 0, taken_back=lambda _: False,
    )  # fmt: skip
    sender.put([Send("place", "x", order)])
    work = asyncio.ensure_future(sender.run())
    done = asyncio.ensure_future(sender.settle())
    await asyncio.wait([work, done], timeout=60, return_when=asyncio.FIRST_COMPLETED)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    assert broker.asked == 601
    assert [one.outcome for one in told if isinstance(one, Answer)] == [Outcome.DONE]
