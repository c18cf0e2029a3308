"""Whether Alpaca lends shares for a short sale, asked before the sale is sent, once a day for each symbol.

Its list of what is easy to borrow is made anew before each session; nothing else is lent. What a loan costs
is not in the protocol.
"""

from __future__ import annotations

from collections.abc import Callable

from openbell.core.errors import Rejected
from openbell.core.types import NANOS_PER_DAY
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers.alpaca_requests import Requests

_NEEDED = ("shortable", "easy_to_borrow")


class Loans:
    """What is known today of shares that can be borrowed."""

    def __init__(self, requests: Requests, clock: Callable[[], int]) -> None:
        """Take the account, and the broker's clock (ns UTC)."""
        self._requests, self._clock = requests, clock
        self._known: dict[str, tuple[int, list[str]]] = {}  #: by symbol: the day, and what is missing

    async def check(self, order: ApprovedOrder) -> None:
        """Ask whether what an order sells short can be borrowed; other orders need no answer.

        Raises:
            Rejected: It cannot.
            Retryable: Nobody knows yet, and nothing was sent.
        """
        if order.short <= 0:
            return
        today = self._clock() // NANOS_PER_DAY
        day, missing = self._known.get(order.symbol, (-1, []))
        if day != today:
            row = await self._requests.get(f"asset {order.symbol}", f"/assets/{order.symbol}")
            missing = [name for name in _NEEDED if row.get(name) is not True]
            self._known[order.symbol] = today, missing
        if missing:
            raise Rejected(
                f"alpaca: order {order.client_id} was not sent: it sells {order.short:f} {order.symbol} "
                f"short, which is not {' or '.join(missing)} today"
            )
