"""A strategy's desk: turns its signals and orders into `Order`s, and knows which of them still work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.errors import StrategyError, nearest
from openbell.core.orders import Cancel, Order, Replace, fault
from openbell.core.ports import Command, Market, Sizer
from openbell.core.requests import Exits, Ticket, order_type
from openbell.core.types import BUY, SELL, Reason, Side

#: More orders than this at one moment is a loop, not a decision.
MOST_ORDERS_AT_ONCE = 10_000


class Desk:
    """Where a strategy acts: two ways, a signal that the sizer turns into shares, or an explicit order."""

    def __init__(
        self,
        name: str,
        *,
        account: Account,
        market: Market,
        sizer: Sizer,
        short: bool,
        next_id: Callable[[], int],
    ) -> None:
        self.name = name
        self.account = account
        self.market = market
        self.sizer = sizer
        self.short = short  #: whether the account may hold shorts
        self.orders: dict[int, Order] = {}
        self.working: dict[str, dict[int, Order]] = {}
        self.notes: dict[Reason, int] = {}  #: decisions that led to no order, counted by reason
        self.outbox: list[Command] = []
        self._next_id = next_id
        self._conviction: dict[str, float] = {}

    # --- signals ---------------------------------------------------------------------------------------

    def signal(self, symbol: str, conviction: float, exits: Exits, ticket: Ticket) -> Order | None:
        """Bring the position to what the sizer makes of `conviction` in [-1, 1].

        A signal that repeats the last one while its position or order stands is a hold: nothing is ordered.
        """
        if not -1.0 <= conviction <= 1.0:
            raise StrategyError(f"conviction {conviction} for {symbol} must be a number from -1 to 1")
        if conviction < 0.0 and not self.short:
            self.note(Reason.SHORT_NOT_ALLOWED)
            conviction = 0.0
        if conviction == self._conviction.get(symbol, 0.0) and self._committed(symbol, conviction):
            return None
        self._conviction[symbol] = conviction
        if conviction == 0.0:
            return self.target(symbol, 0.0, Exits(), ticket)
        price = self._price(symbol)
        if price is None:
            return None
        instrument = self.market.tracks[symbol].instrument
        wanted = self.sizer.size(conviction, instrument=instrument, price=price, equity=self.equity())
        if wanted == 0.0:
            self.note(Reason.SIZE_ZERO)
        return self.target(symbol, wanted, exits, ticket)

    def target(self, symbol: str, quantity: float, exits: Exits, ticket: Ticket) -> Order | None:
        """Bring the position to `quantity` signed shares; return the order that opens or changes it.

        Orders that still work towards an older target are cancelled. Exits stay when the position keeps its
        direction and no new exits are given. A target beyond zero closes with one order and opens with another.
        """
        self._known(symbol)
        if quantity < 0.0 and not self.short:
            self.note(Reason.SHORT_NOT_ALLOWED)
            quantity = 0.0
        held = self.account.quantity(symbol)
        keeps = held * quantity > 0.0 and not exits
        for order in list(self.working.get(symbol, {}).values()):
            if not (keeps and order.reduce_only):
                self.cancel(order, Reason.REPLACED)
        if held * quantity < 0.0:
            self._send(symbol, -held, Ticket(reduce_only=True))
            held = 0.0
        change = quantity - held
        if abs(change) < rules.DUST:
            if exits and held != 0.0:
                self._protect(symbol, held, exits, parent=0)
            return None
        if held != 0.0 and abs(quantity) < abs(held):
            ticket = {**ticket, "reduce_only": True}
        order = self._send(symbol, change, ticket)
        if exits and quantity != 0.0:
            self._protect(symbol, quantity, exits, parent=order.id)
        return order

    def weigh(self, weights: Mapping[str, float], *, only: bool) -> list[Order]:
        """Bring positions to shares of equity, sales first; with `only`, everything unnamed is closed."""
        equity = self.equity()
        targets: list[tuple[str, float]] = []
        for symbol, weight in weights.items():
            self._known(symbol)
            if not math.isfinite(weight):
                raise StrategyError(f"weight {weight} for {symbol} must be a number")
            price = self._price(symbol)
            if price is not None:
                lots = rules.sized_by_value(
                    abs(weight) * equity, price, self.market.tracks[symbol].instrument.lot
                )
                targets.append((symbol, lots if weight > 0.0 else -lots))
        if only:
            targets += [
                (s, 0.0) for s, p in self.account.positions.items() if p.quantity != 0.0 and s not in weights
            ]
            targets += [
                (s, 0.0)
                for s in self.working
                if self.working[s] and s not in weights and not self.account.quantity(s)
            ]
        account = self.account
        targets.sort(key=lambda t: abs(t[1]) >= abs(account.quantity(t[0])))
        made = [self.target(symbol, quantity, Exits(), Ticket()) for symbol, quantity in targets]
        return [order for order in made if order is not None]

    # --- explicit orders -------------------------------------------------------------------------------

    def order(self, symbol: str, quantity: float, exits: Exits, ticket: Ticket) -> Order:
        """Send one order for `quantity` signed shares, with exits that live from its fill on."""
        self._known(symbol)
        order = self._send(symbol, quantity, ticket)
        if exits:
            self._protect(symbol, quantity, exits, parent=order.id)
        return order

    def cancel(self, order: Order, reason: Reason = Reason.ASKED) -> None:
        """Ask for an order's end; one that has ended already is left alone."""
        if order.open:
            self.working[order.symbol].pop(order.id, None)
            self.outbox.append(Cancel(order.id, reason))

    def replace(self, order: Order, change: Replace) -> None:
        """Ask for a change of a working order; it must leave the order valid."""
        if not order.open:
            raise StrategyError(
                f"order {order.id} ({order.describe()}) is {order.status}: it cannot be replaced"
            )
        tick = self.market.tracks[order.symbol].instrument.tick
        changed = change._replace(
            limit=rules.on_tick(change.limit, tick), stop=rules.on_tick(change.stop, tick)
        )
        for name in ("quantity", "limit", "stop"):
            value = getattr(changed, name)
            if not math.isnan(value) and not (value > 0 and math.isfinite(value)):
                raise StrategyError(f"order {order.id}: {name}={value} must be a positive number")
        self.outbox.append(changed)

    def pair(self, first: Order, second: Order) -> None:
        """Make two orders cancel each other: what fills of one is taken off the other (OCO)."""
        first.oco = second.oco = first.oco or second.oco or self._next_id()

    # --- questions -------------------------------------------------------------------------------------

    def equity(self) -> float:
        """Return cash plus positions at the last known closes."""
        return self.account.equity(self.market.price)

    def note(self, reason: Reason) -> None:
        """Count a decision that led to no order, so that "0 trades" can say why."""
        self.notes[reason] = self.notes.get(reason, 0) + 1

    def forget(self, order: Order) -> None:
        """Drop an order that has ended from those that work."""
        self.working[order.symbol].pop(order.id, None)

    # --- the parts of an order -------------------------------------------------------------------------

    def _send(self, symbol: str, quantity: float, ticket: Ticket) -> Order:
        side: Side = SELL if quantity < 0 else BUY
        instrument = self.market.tracks[symbol].instrument
        fields: dict[str, Any] = dict(ticket)
        for name in ("limit", "stop"):
            if name in fields:
                fields[name] = rules.on_tick(fields[name], instrument.tick)
        order = Order(
            self._next_id(), self.name, symbol, side, abs(quantity),
            decided=self.market.time, type=order_type(ticket), **fields,
        )  # fmt: skip
        wrong = fault(order, instrument)
        if wrong is not None:
            raise StrategyError(f"order {order.describe()}: {wrong[1]}")
        self.orders[order.id] = order
        self.working.setdefault(symbol, {})[order.id] = order
        self.outbox.append(order)
        if len(self.outbox) > MOST_ORDERS_AT_ONCE:
            raise StrategyError(
                f"{len(self.outbox)} orders at one moment (the most is {MOST_ORDERS_AT_ONCE}): a loop?"
            )
        return order

    def _protect(self, symbol: str, held: float, exits: Exits, *, parent: int) -> None:
        """Send the exits of a position: they reduce only, and the first to fill cancels the others."""
        group = self._next_id() if len(exits) > 1 else 0
        for ticket in exits.tickets():
            self._send(symbol, -held, {**ticket, "reduce_only": True, "parent": parent, "oco": group})

    def _committed(self, symbol: str, conviction: float) -> bool:
        """Tell whether a position or a working entry in the conviction's direction stands."""
        held = self.account.quantity(symbol)
        entries = [o for o in self.working.get(symbol, {}).values() if not o.reduce_only]
        if conviction == 0.0:
            return held == 0.0 and not entries
        return held * conviction > 0.0 or any(o.side * conviction > 0.0 for o in entries)

    def _price(self, symbol: str) -> float | None:
        self._known(symbol)
        price = self.market.price(symbol)
        if math.isnan(price):
            self.note(Reason.NO_PRICE)
            return None
        return price

    def _known(self, symbol: str) -> None:
        if symbol not in self.market.tracks:
            raise StrategyError(f"symbol {symbol!r} is not in this run{nearest(symbol, self.market.symbols)}")
