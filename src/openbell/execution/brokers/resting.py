"""The orders that work now at the simulated exchange, by symbol and by age."""

from __future__ import annotations

import math

from openbell.core.types import OrderType
from openbell.execution.brokers.working import Working

_NEVER = math.inf


class Resting:
    """Where an order rests from its acceptance to its end, and which bars may matter to it."""

    def __init__(self) -> None:
        self.changed: set[str] = set()  #: symbols of which `reach` may answer otherwise; who asks clears it
        self.pressing = 0  #: how many fill at the next open, whatever its price
        self.expiring = 0  #: how many run out
        self._by_symbol: dict[str, list[Working]] = {}  # never an empty list
        self._by_age: list[Working] | None = None

    def __bool__(self) -> bool:
        return bool(self._by_symbol)

    def add(self, working: Working) -> None:
        """Let an order rest."""
        working.active = True
        if working.expires != _NEVER:
            self.expiring += 1
        symbol = working.order.symbol
        if working.plain:  # no bar passes it by, so nobody need know which it waits for
            self.pressing += 1
        else:
            self.changed.add(symbol)
        if symbol in self._by_symbol:
            self._by_symbol[symbol].append(working)
        else:
            self._by_symbol[symbol] = [working]
        self._by_age = None

    def remove(self, working: Working) -> None:
        """Take an order out that rests."""
        working.active = False
        if working.expires != _NEVER:
            self.expiring -= 1
        symbol = working.order.symbol
        if working.plain:
            self.pressing -= 1
        else:
            self.changed.add(symbol)
        works = self._by_symbol[symbol]
        if len(works) == 1:
            del self._by_symbol[symbol]
        else:
            works.remove(working)
        self._by_age = None

    def clear(self) -> None:
        """Take all orders out, none of which fills at any price or runs out."""
        for symbol, works in self._by_symbol.items():
            self.changed.add(symbol)
            for working in works:
                working.active = False
        self._by_symbol.clear()
        self._by_age = None

    def by_age(self) -> list[Working]:
        """Return the orders, oldest first. What changes later is not seen in the list."""
        if self._by_age is None:
            found = [working for works in self._by_symbol.values() for working in works]
            self._by_age = sorted(found, key=_age) if len(found) > 1 else found
        return self._by_age

    def of(self, symbol: str) -> list[Working]:
        """Return the orders of one symbol. What changes later is not seen in the list."""
        return list(self._by_symbol.get(symbol, ()))

    def is_closing(self, symbol: str) -> bool:
        """Tell whether an order to close the symbol's position at the next open works."""
        return any(w.order.reduce_only and w.order.type is OrderType.MARKET for w in self.of(symbol))

    def reach(self, symbol: str) -> tuple[float, float, float]:
        """Return which bars of a symbol may change something: its lowest and highest price, and a time.

        A bar that stays above the first and below the second, and ends before the third, passes all of the
        symbol's orders by.
        """
        falls, rises, expires = -_NEVER, _NEVER, _NEVER
        for working in self._by_symbol.get(symbol, ()):
            low, high = working.band
            falls, rises = max(falls, low), min(rises, high)
            expires = min(expires, working.expires)
        return falls, rises, expires


def _age(working: Working) -> int:
    return working.order.id
