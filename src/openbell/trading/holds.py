"""Holds: the equity that orders on their way tie up, until they have filled or ended."""

from __future__ import annotations

from openbell.core import rules
from openbell.core.types import OrderType
from openbell.trading.gate import Standing, price_of_need
from openbell.trading.route import Route


class Holds:
    """Sums by strategy, so that a thousand orders at once do not ask for each other."""

    def __init__(self) -> None:
        self.total: dict[str, float] = {}  #: equity tied up, by strategy
        self.coming: dict[tuple[str, str], float] = {}  #: what market orders make of a position, by symbol
        self._held: dict[tuple[str, int], tuple[float, float, float]] = {}

    def take(self, route: Route, quantity: float, standing: Standing) -> float:
        """Hold what an order needs; return the value of the part that opens a position.

        An order ties up what it would pay, a limit order at its limit. A market order that closes gives back
        at once: a rebalance may spend what its sales will bring.
        """
        self.release(route)
        signed = route.order.side * quantity
        opening = 0.0 if route.order.reduce_only else rules.opening_part(standing.held, signed)
        value = opening * price_of_need(route.terms, standing.price)
        need, coming = value * standing.initial, 0.0
        if route.terms.type is OrderType.MARKET:
            need -= min(quantity - opening, abs(standing.held)) * standing.price * standing.initial
            coming = signed
        self._held[route.key] = need, coming, quantity
        self._add(route, need, coming)
        return value

    def need(self, route: Route) -> float:
        """Return the equity that an order ties up."""
        return max(self._held.get(route.key, (0.0, 0.0, 0.0))[0], 0.0)

    def beside(self, route: Route) -> float:
        """Return what the market orders beside one make of its position."""
        _, own, _ = self._held.get(route.key, (0.0, 0.0, 0.0))
        return self.coming.get((route.course.name, route.order.symbol), 0.0) - own

    def release(self, route: Route, quantity: float = 0.0) -> None:
        """Give back what `quantity` shares of an order hold, as they fill; with zero, all of it."""
        need, coming, rest = self._held.pop(route.key, (0.0, 0.0, 0.0))
        if not rest:
            return
        share = min(quantity / rest, 1.0) if quantity else 1.0
        self._add(route, -need * share, -coming * share)
        if share < 1.0:
            self._held[route.key] = need * (1.0 - share), coming * (1.0 - share), rest - quantity
        elif not any(key[0] == route.course.name for key in self._held):
            self.total.pop(route.course.name, None)  # begin again without the sums' float dust
            for key in [one for one in self.coming if one[0] == route.course.name]:
                del self.coming[key]

    def _add(self, route: Route, need: float, coming: float) -> None:
        name, symbol = route.course.name, route.order.symbol
        self.total[name] = self.total.get(name, 0.0) + need
        if coming:
            self.coming[name, symbol] = self.coming.get((name, symbol), 0.0) + coming
