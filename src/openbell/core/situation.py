"""What a sizer may know at a decision: what is known of the market then, and nothing of what follows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from openbell.core.account import Account
from openbell.core.market import Track
from openbell.core.orders import Order
from openbell.core.ports import Market
from openbell.core.requests import Exits
from openbell.core.types import Instrument


class Size(NamedTuple):
    """A target position in signed shares, whole lots, and why it is of that size."""

    shares: float
    why: str


@dataclass(frozen=True, slots=True)
class Situation:
    """One decision. Prices are a share, in today's units; money is in the account's currency.

    `entry` is the limit that the entry waits for, else the price. `stop` is where the position's own stop
    would cut the loss; NaN where it has none.
    """

    instrument: Instrument
    price: float  #: the last close
    equity: float
    entry: float
    stop: float
    market: Market
    account: Account
    working: Mapping[str, Mapping[int, Order]]

    @property
    def symbol(self) -> str:
        """The symbol that is decided on."""
        return self.instrument.symbol

    @property
    def symbols(self) -> list[str]:
        """The symbols that may be bought now: the universe's members, else all of the run."""
        members = self.market.members
        if members is None:
            return list(self.market.symbols)
        now = members.at(self.market.time)
        return [symbol for symbol in self.market.symbols if symbol in now]

    def history(self, column: str, count: int, symbol: str = "") -> Any:
        """Return the last `count` values of a column, oldest first, adjusted as of now; fewer at first."""
        return self.market.history(symbol or self.symbol, column, count)

    def others(self) -> float:
        """Return what the other positions are worth, long and short added up.

        Orders that work count as filled already, where they open or add.
        """
        held = {symbol: one.quantity for symbol, one in self.account.positions.items()}
        total = 0.0
        for symbol in held.keys() | {symbol for symbol, orders in self.working.items() if orders}:
            price = self.market.price(symbol)
            if symbol != self.symbol and not math.isnan(price):
                total += _largest(held.get(symbol, 0.0), self.working.get(symbol, {}).values()) * price
        return total


def situate(
    track: Track,
    *,
    conviction: float,
    limit: float | None,
    exits: Exits,
    equity: float,
    market: Market,
    account: Account,
    working: Mapping[str, Mapping[int, Order]],
) -> Situation:
    """Return the situation of a signal: its stop is the nearer of a stop loss and a trailing stop."""
    price = track.price()
    entry = price if limit is None else limit
    stops = [] if exits.stop_loss is None else [exits.stop_loss]
    if exits.trailing_stop is not None:
        stops.append(entry * (1.0 - math.copysign(exits.trailing_stop, conviction)))
    stop = min(stops, key=lambda level: abs(entry - level), default=math.nan)
    return Situation(track.instrument, price, equity, entry, stop, market, account, working)


def _largest(held: float, orders: Iterable[Order]) -> float:
    """Return the most shares, long or short, that a position can come to."""
    opening = [order for order in orders if not order.reduce_only]
    most = held + sum(order.remaining for order in opening if order.side > 0)
    least = held - sum(order.remaining for order in opening if order.side < 0)
    return max(abs(held), abs(most), abs(least))
