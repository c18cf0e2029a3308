"""What an account can pay for: the most of one symbol that may be held beside all else it holds and works."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.blotter import Numbers
from openbell.core.market import Track
from openbell.core.orders import Order
from openbell.core.ports import Market
from openbell.core.types import OrderType

_SURE = 1.0 - 1e-9  #: of sums in another order

#: What is said of a size that is less than its sizer meant.
CUT = "cut to what the account can pay for"

_MARKET = OrderType.MARKET
_NONE: Mapping[int, Order] = {}
Working = Mapping[str, Mapping[int, Order]]


def sure(held: float, orders: Iterable[Order]) -> float:
    """Return the signed shares that a position comes to: market orders count as filled, as at the broker."""
    for order in orders:
        if order.type is _MARKET:
            held += order.side * (order.quantity - order.filled)
    return held


def worst(held: float, orders: Collection[Order], price: float) -> float:
    """Return the most that a position is worth, long or short, if what else opens fills as well.

    What waits for a price beyond the last is worth that price, as the broker counts it.
    """
    projected, most, least = sure(held, orders) * price, 0.0, 0.0
    for order in orders:
        if order.type is _MARKET or order.reduce_only:
            continue
        at = order.limit if order.limit == order.limit else order.stop  # NaN is not itself
        value = order.side * (order.quantity - order.filled) * max(price, at)
        if value > 0.0:
            most += value
        else:
            least += value
    return max(abs(projected), abs(projected + most), abs(projected + least))


def tied(account: Account, working: Working, price: Callable[[str], float], *, but: str = "") -> float:
    """Return what all symbols but one are worth at their worst; those without a price count for nothing."""
    total = 0.0
    for symbol, position in account.positions.items():
        orders = working.get(symbol, _NONE)
        if symbol != but and (position.quantity != 0.0 or orders):
            total += _value(position.quantity, orders, price(symbol))
    for symbol, orders in working.items():
        if orders and symbol != but and symbol not in account.positions:
            total += _value(0.0, orders, price(symbol))
    return total


class Power:
    """Holds the sizes of signals to what the account can pay for, at the last closes.

    That is `part` of the equity over the margin, less what else is held and works. Each size is worked out
    anew but where it is sure to fit: what is left is counted down while nothing else happens.
    """

    __slots__ = (
        "_account", "_at", "_initial", "_left", "_market", "_numbers", "_sent", "_working", "part",
    )  # fmt: skip

    def __init__(
        self, account: Account, market: Market, working: Working, numbers: Numbers, *,
        part: float, initial: float,
    ) -> None:  # fmt: skip
        """Take the account and its margin; `part` is what a sizer's own rule leaves nothing of for a gap."""
        self._account, self._market, self._working, self._numbers = account, market, working, numbers
        self.part, self._initial = part, initial
        self._at = (-1, -1)  # the time and the ledger's length that what is left is of
        self._left, self._sent = 0.0, 0

    def cut(self, track: Track, wanted: float, equity: Callable[[], float], limit: float = math.nan) -> float:
        """Return a signed target, made as small as the account asks for. What is held on is paid for.

        An entry that waits for a `limit` beyond the last price is paid for at that.
        """
        market, account, price = self._market, self._account, track.price()
        dear = price
        if limit > price:
            dear = max(rules.on_tick(limit, track.instrument.tick), price)
        value, at = abs(wanted) * dear, (market.time, account.booked)
        if limit != limit and at == self._at and self._sent == self._numbers.last and value < self._left:  # noqa: PLR0124  # none is NaN
            self._left -= value
            return wanted
        power = self.part * equity() / self._initial
        others = tied(account, self._working, market.price, but=track.symbol)
        orders, held = self._working.get(track.symbol, _NONE).values(), account.quantity(track.symbol)
        way = math.copysign(1.0, wanted)
        kept = way * sure(held, orders)
        if dear > price:  # it takes the place of market orders: what they would bring is not kept
            kept = min(kept, way * held)
        allowed = rules.sized_beside(power - others, kept, price, dear, track.instrument.lot)
        own = worst(held, orders, price)
        self._at, self._left = at, (power - others - own - value) * _SURE
        if limit == limit:  # noqa: PLR0124  # it may take an order's place: the next size is worked out anew
            self._left = 0.0
        return (
            wanted if abs(wanted) <= allowed else math.copysign(min(abs(wanted), max(allowed, kept)), wanted)
        )

    def count(self) -> None:
        """Take note that what was asked for last has been sent: what else is sent makes it count anew."""
        self._sent = self._numbers.last


def _value(held: float, orders: Mapping[int, Order], price: float) -> float:
    return 0.0 if math.isnan(price) else worst(held, orders.values(), price)
