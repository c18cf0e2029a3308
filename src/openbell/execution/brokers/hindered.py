"""The simulated broker on a bad day: entries work some bars late, and some of them never fill."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.errors import ConfigError
from openbell.core.orders import Order, Replace, ReviewedOrder
from openbell.core.ports import Reviewed
from openbell.execution.brokers.book import NO_TIME
from openbell.execution.brokers.simulated import SimulatedBroker

_MOST_BARS = 1_000


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What happens to entries: orders that the strategy sends by themselves and that open a position.

    What closes a position comes in time, and so do the exits of an entry, from its own fill on.
    """

    delay: int = 0  #: bars of its symbol that an entry lies at the broker before one can fill it
    drop: float = 0.0  #: the probability that it never fills, as if nobody had been there to send it
    seed: int = 0  #: of which are dropped

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: A value is out of its range.
        """
        if (
            isinstance(self.delay, bool)
            or not isinstance(self.delay, int)
            or not 0 <= self.delay <= _MOST_BARS
        ):
            raise ConfigError(f"delay={self.delay!r} must be a whole number of bars, 0 to {_MOST_BARS:,}")
        if not 0.0 <= self.drop <= 1.0:
            raise ConfigError(f"drop={self.drop!r} must be a share from 0 to 1, such as 0.1")


class HinderedBroker(SimulatedBroker):
    """A simulated broker whose entries are hindered; all else is as ever.

    An entry is judged, and its money reserved, when it is sent; one that is dropped ties up no money and
    rests until the strategy takes it back, or its time is up. So a signal that stands is missed as a whole,
    and not a bar later.
    """

    def __init__(self, hindrance: Hindrance, *, account: Account, **parts: Any) -> None:
        super().__init__(account=account, **parts)
        self._hindrance, self._account = hindrance, account
        self._random = random.Random(hindrance.seed)
        self._hindered: dict[int, bool] = {}  # entries, and whether they are dropped for good

    def submit(self, commands: Iterable[Reviewed], time: int) -> None:
        """Take commands as the broker does, and hinder the entries among them."""
        for command in commands:
            order_id = 0
            if isinstance(command, Replace):
                order_id = command.order_id
            elif isinstance(command, Order) and self._is_entry(command):
                order_id = command.id
                self._judge(order_id)
            super().submit((command,), time)
            if order_id in self._hindered:
                self._put_off(order_id)

    def take(self, orders: Sequence[ReviewedOrder], sent: int, time: int) -> bool:
        """Take orders and let bars meet them, the one after the other."""
        self.submit(orders, sent)
        self.match(time)
        return False

    def _is_entry(self, order: Order) -> bool:
        if order.reduce_only or order.parent:
            return False
        return rules.opening_part(self._account.quantity(order.symbol), order.side * order.quantity) > 0.0

    def _judge(self, order_id: int) -> None:
        drop = self._hindrance.drop
        dropped = drop > 0.0 and self._random.random() < drop
        if dropped or self._hindrance.delay:
            self._hindered[order_id] = dropped

    def _put_off(self, order_id: int) -> None:
        working = self.book.open.get(order_id)
        if working is None:
            return
        known = working.track.known
        at = working.track.cursor.at + self._hindrance.delay
        never = self._hindered[order_id] or at >= len(known)  # the data end before it would have come
        self.book.put_off(working, NO_TIME if never else int(known[at]))
