"""The orders that work now at the simulated exchange, by symbol and by age."""

from __future__ import annotations

import math

from openbell.core.types import OrderType
from openbell.execution.brokers.working import Working

_NEVER = math.inf


class Resting:
    """Where an order rests from its acceptance to its end, and which bars may matter to it."""

    def __init__(self) -> None:
        self.by_symbol: dict[str, list[Working]] = {}  #: never an empty list
        self.changed: set[str] = set()  #: symbols of which `reach` may answer otherwise; who asks clears it
        self.pressing = 0  #: how many fill at the next open, whatever its price
        self.expiring = 0  #: how many run out
        self._by_age: list[Working] | None = None

    def add(self, working: Working) -> None:
        """Let an order rest."""
        working.active = True
        symbol = working.order.symbol
        works = self.by_symbol.get(symbol)
        if works is None:
            self.by_symbol[symbol] = [working]
        else:
            works.append(working)
        self._by_age = None
        self.changed.add(symbol)
        if working.plain:
            self.pressing += 1
        if working.expires < _NEVER:
            self.expiring += 1

    def remove(self, working: Working) -> None:
        """Take an order out that rests."""
        working.active = False
        symbol = working.order.symbol
        works = self.by_symbol[symbol]
        if len(works) == 1:
            del self.by_symbol[symbol]
        else:
            works.remove(working)
        self._by_age = None
        self.changed.add(symbol)
        if working.plain:
            self.pressing -= 1
        if working.expires < _NEVER:
            self.expiring -= 1

    def by_age(self) -> list[Working]:
        """Return the orders, oldest first. What changes later is not seen in the list."""
        if self._by_age is None:
            found = [working for works in self.by_symbol.values() for working in works]
            self._by_age = sorted(found, key=_age) if len(found) > 1 else found
        return self._by_age

    def of(self, symbol: str) -> list[Working]:
        """Return the orders of one symbol. What changes later is not seen in the list."""
        return list(self.by_symbol.get(symbol, ()))

    def only(self) -> Working | None:
        """Return the order if there is one alone and it fills at the next open, whatever its price."""
        if self.pressing == 1 and len(self.by_symbol) == 1:
            (works,) = self.by_symbol.values()
            if len(works) == 1:
                return works[0]
        return None

    def is_closing(self, symbol: str) -> bool:
        """Tell whether an order to close the symbol's position at the next open works."""
        return any(
            w.order.reduce_only and w.order.type is OrderType.MARKET for w in self.by_symbol.get(symbol, ())
        )

    def reach(self, symbol: str) -> tuple[float, float, float]:
        """Return which bars of a symbol may change something: its lowest and highest price, and a time.

        A bar that stays above the first and below the second, and ends before the third, passes all of the
        symbol's orders by.
        """
        falls, rises, expires = -_NEVER, _NEVER, _NEVER
        for working in self.by_symbol.get(symbol, ()):
            low, high = working.band
            falls, rises = max(falls, low), min(rises, high)
            expires = min(expires, working.expires)
        return falls, rises, expires


def _age(working: Working) -> int:
    return working.order.id
