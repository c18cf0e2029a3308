"""What has happened so far: equity's peak, the session's beginning, what was sent, since when is held."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.orders import Order
from openbell.core.types import NANOS_PER_SECOND, OrderType

_MINUTE = 60 * NANOS_PER_SECOND
_LAST_ORDERS = 20  #: of which the average value is taken
_ENOUGH_ORDERS = 5


#: What makes two orders the same: symbol, side, quantity, type, limit, stop, parent.
Sent = tuple[str, int, float, OrderType, float, float, int]


class Pulse:
    """The memory of a gate. Everything in it follows from the moments, the ledger and the orders."""

    def __init__(self, sessions: Sessions, cash: float) -> None:
        self._sessions = sessions
        self.time = -1  #: of the last moment, ns
        self.session = -1  #: the index of the session that the last moment was in
        self.equity = self.peak = self.morning = cash  #: now, the highest so far, and when the session began
        self.opened: dict[str, int] = {}  #: since when a position is held, ns
        self.halted = False  #: whether a drawdown ended all trading
        self.traded = 0.0  #: value of what was sent in this session
        self.sent_in_session = 0
        self._times: deque[int] = deque()
        self._values: deque[float] = deque(maxlen=_LAST_ORDERS)
        self._recent: deque[tuple[int, Sent]] = deque()
        self._latest: dict[Sent, int] = {}  # when each of them was sent last
        self._length = (-1, 0)  # a time, and how long its session is
        self._booked = 0

    def beat(self, time: int, equity: float, account: Account) -> None:
        """Take in a moment: what the account is worth, and what was booked since the last."""
        self.mark(time, equity)
        for entry in account.since(self._booked):
            before = entry.position - entry.quantity
            if entry.position == 0.0:
                self.opened.pop(entry.symbol, None)
            elif before * entry.position <= 0.0:
                self.opened[entry.symbol] = entry.time
        self._booked = account.booked

    def mark(self, time: int, equity: float) -> None:
        """Take in what is owned at a moment."""
        self.time = time
        session = bisect_left(self._sessions.closes, time)
        if session != self.session:
            self.session, self.morning = session, self.equity
            self.traded, self.sent_in_session = 0.0, 0
        self.equity = equity
        self.peak = max(self.peak, equity)

    def drawdown(self, equity: float) -> float:
        """Return the fall from the highest equity, as a share of it."""
        return 1.0 - equity / self.peak if self.peak > 0.0 else 0.0

    def daily_loss(self, equity: float) -> float:
        """Return what was lost since the session before ended, as a share of the equity then."""
        return 1.0 - equity / self.morning if self.morning > 0.0 else 0.0

    def minutes(self, time: int) -> tuple[float, float] | None:
        """Return the minutes since the session's open and those to its close; None outside of a session."""
        at = bisect_left(self._sessions.closes, time)
        if at >= len(self._sessions.closes) or time < self._sessions.opens[at]:
            return None
        return (time - self._sessions.opens[at]) / _MINUTE, (self._sessions.closes[at] - time) / _MINUTE

    def session_length(self, time: int) -> int:
        """Return how long the session of a time is, ns; the last one's after it."""
        if time != self._length[0]:
            at = min(bisect_left(self._sessions.closes, time), len(self._sessions.closes) - 1)
            self._length = time, self._sessions.closes[at] - self._sessions.opens[at]
        return self._length[1]

    def sent_in_minute(self, time: int) -> int:
        """Return how many orders were sent in the minute before a time."""
        while self._times and self._times[0] <= time - _MINUTE:
            self._times.popleft()
        return len(self._times)

    def average_value(self) -> float:
        """Return the average value of the last orders; 0 while there are too few."""
        if len(self._values) < _ENOUGH_ORDERS:
            return 0.0
        return sum(self._values) / len(self._values)

    def is_repeated(self, order: Order, time: int, nanos: int) -> bool:
        """Tell whether the same order was sent within so long before a time."""
        recent, latest = self._recent, self._latest
        while recent and recent[0][0] < time - nanos:
            sent, order_like = recent.popleft()
            if latest[order_like] == sent:
                del latest[order_like]
        return identity(order) in latest

    def note(self, order: Order, value: float, time: int, *, remember: bool) -> None:
        """Count an order that is being sent."""
        self.sent_in_session += 1
        while self._times and self._times[0] <= time - _MINUTE:
            self._times.popleft()  # nobody may ever ask
        self._times.append(time)
        self.traded += value
        if value > 0.0:
            self._values.append(value)
        if remember:
            sent = identity(order)
            self._recent.append((time, sent))
            self._latest[sent] = time


def identity(order: Order) -> Sent:
    """Return what makes an order the same as another; prices that it has not are 0."""
    limit = 0.0 if order.limit != order.limit else order.limit  # NaN
    stop = 0.0 if order.stop != order.stop else order.stop  # NaN
    return order.symbol, order.side, order.quantity, order.type, limit, stop, order.parent
