"""A strategy's desk: turns its signals and orders into `Order`s, and knows which of them still work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.errors import StrategyError, nearest
from openbell.core.inputs import real, shown
from openbell.core.orders import Cancel, Order, Replace, change_fault, fault, on_lots
from openbell.core.ports import Command, Market, Sizer
from openbell.core.requests import NO_EXITS, Exits, Ticket, order_type
from openbell.core.types import BUY, SELL, OrderStatus, OrderType, Reason, Side

#: More commands than this at one moment is a loop, not a decision.
MOST_ORDERS_AT_ONCE = 10_000


class Desk:
    """Where a strategy acts: two ways, a signal that the sizer turns into shares, or an explicit order.

    It is handed symbols of the run and finite numbers: `Strategy` checks what is typed in a call.
    """

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
        self._valued = (-1, -1)  # the time and the ledger's length that the equity is of
        self._equity = 0.0

    # --- signals ---------------------------------------------------------------------------------------

    def holds(self, symbol: str, conviction: float) -> bool:
        """Tell whether a signal repeats the last one while its position or its order stands."""
        if conviction != self._conviction.get(symbol):
            return False
        held = self.account.quantity(symbol)
        working = self.working.get(symbol)
        if conviction == 0.0:
            return self._aim_at(symbol, -held) is not None if working else held == 0.0
        if held * conviction > 0.0 or not working:
            return held * conviction > 0.0
        return any(not order.reduce_only and order.side * conviction > 0.0 for order in working.values())

    def signal(self, symbol: str, conviction: float, exits: Exits, ticket: Ticket) -> Order | None:
        """Bring the position to what the sizer makes of `conviction` in [-1, 1].

        A signal that repeats the last one while its position or order stands is a hold: nothing is ordered.
        """
        if conviction < 0.0 and not self.short:
            self.note(Reason.SHORT_NOT_ALLOWED)
            conviction = 0.0
        if self.holds(symbol, conviction):
            return None
        self._conviction[symbol] = conviction
        if conviction == 0.0:
            return self.target(symbol, 0.0, NO_EXITS, ticket)
        price = self._price(symbol)
        if price is None:
            return None
        instrument = self.market.tracks[symbol].instrument
        answer = self.sizer.size(conviction, instrument=instrument, price=price, equity=self.equity())
        wanted = real(answer)
        if not math.isfinite(wanted):
            raise StrategyError(
                f"the sizer {type(self.sizer).__name__} made {shown(answer)} of conviction {conviction:g} "
                f"for {symbol}; size() must return shares, a number, negative for short"
            )
        if wanted == 0.0:
            self.note(Reason.SIZE_ZERO)
        return self.target(symbol, wanted, exits, ticket)

    def target(self, symbol: str, quantity: float, exits: Exits, ticket: Ticket) -> Order | None:
        """Bring the position to `quantity` signed shares; return the order that opens or changes it.

        Orders that still work towards another target are cancelled. Exits stay when the position keeps its
        direction and no new exits are given. A target beyond zero closes with one order, opens with another.
        """
        if quantity < 0.0 and not self.short:
            self.note(Reason.SHORT_NOT_ALLOWED)
            quantity = 0.0
        held = self.account.quantity(symbol)
        if self.working.get(symbol):
            aim = None if exits or "limit" in ticket else self._aim_at(symbol, quantity - held)
            keeps = not exits and (held * quantity > 0.0 or (aim is not None and quantity != 0.0))
            for order in list(self.working[symbol].values()):
                exit_ = order.reduce_only and order.side * quantity < 0.0
                stays = aim is not None if order.aim else keeps and exit_
                if not stays:
                    self.cancel(order, Reason.REPLACED)
            if aim is not None:
                return aim
        return self._change(symbol, held, quantity, exits, ticket)

    def weigh(self, weights: Mapping[str, float], *, only: bool) -> list[Order]:
        """Bring positions to shares of equity, sales first; with `only`, everything unnamed is closed."""
        equity = self.equity()
        targets: dict[str, float] = {}
        for symbol, weight in weights.items():
            price = self._price(symbol)
            if price is not None:
                lot = self.market.tracks[symbol].instrument.lot
                size = rules.sized_by_value(abs(weight) * equity, price, lot)
                targets[symbol] = math.copysign(size, weight)
        if only:
            targets |= {symbol: 0.0 for symbol in self.active() if symbol not in weights}
        made = [
            self.target(symbol, quantity, NO_EXITS, Ticket())
            for symbol, quantity in sorted(targets.items(), key=self._sales_first)
        ]
        return [order for order in made if order is not None]

    # --- explicit orders -------------------------------------------------------------------------------

    def order(self, symbol: str, quantity: float, exits: Exits, ticket: Ticket) -> Order:
        """Send one order for `quantity` signed shares, with exits that live from its fill on."""
        parent = self.orders.get(ticket.get("parent", 0))
        if parent is not None:
            _check_pair(symbol, parent, "after")
            if parent.status is OrderStatus.FILLED:  # nothing to wait for
                ticket = {**ticket, "parent": 0}
        order = self._send(symbol, quantity, ticket)
        if exits:
            self._protect(symbol, quantity, exits, parent=order.id)
        return order

    def cancel(self, order: Order, reason: Reason = Reason.ASKED) -> None:
        """Ask for an order's end, once; one that has ended already is left alone."""
        if self.working.get(order.symbol, {}).pop(order.id, None) is not None:
            self._ask(Cancel(order.id, reason))

    def replace(self, order: Order, change: Replace) -> None:
        """Ask for a change of a working order; it must leave the order valid.

        Raises:
            StrategyError: The order has ended, has no such price, or the new value is no valid one.
        """
        instrument = self.market.tracks[order.symbol].instrument
        tick, lot = instrument.tick, instrument.lot
        wrong = change_fault(order, change, instrument)
        if wrong is not None:
            raise StrategyError(f"order {order.id} ({order.describe()}) {wrong}")
        changed = change._replace(
            limit=rules.on_tick(change.limit, tick), stop=rules.on_tick(change.stop, tick)
        )
        quantity = on_lots(change.quantity, lot, order.reduce_only)
        if any(not math.isnan(value) for value in changed[1:]):
            self._ask(changed._replace(quantity=quantity))

    def pair(self, first: Order, second: Order) -> None:
        """Make two orders cancel each other: what fills of one is taken off the other (OCO).

        Raises:
            StrategyError: They are of two symbols, or one of them has ended.
        """
        for one in (first, second):
            _check_pair(first.symbol, one, "oco")
            if not one.open:
                raise StrategyError(f"order {one.id} ({one.describe()}) is {one.status}: it cannot be paired")
        group = first.oco or second.oco or self._next_id()
        joined = {first.oco, second.oco} - {0}
        for order in self.working.get(first.symbol, {}).values():
            if order.oco in joined:
                order.oco = group
        first.oco = second.oco = group

    # --- questions -------------------------------------------------------------------------------------

    def equity(self) -> float:
        """Return cash plus positions at the last known closes."""
        state = self.market.time, len(self.account.entries)
        if state != self._valued:  # nothing else changes it
            self._valued, self._equity = state, self.account.equity(self.market.price)
        return self._equity

    def active(self) -> list[str]:
        """Return the symbols with a position or a working order."""
        held = [symbol for symbol, position in self.account.positions.items() if position.quantity != 0.0]
        return held + [symbol for symbol, orders in self.working.items() if orders and symbol not in held]

    def check(self, call: str, symbol: object) -> None:
        """Make sure that what a call names is a symbol of the run.

        Raises:
            StrategyError: It is not; the nearest is offered.
        """
        try:
            known = symbol in self.market.tracks
        except TypeError:  # what cannot be a key, such as a list
            known = False
        if known:
            return
        if isinstance(symbol, str):
            near = nearest(symbol, self.market.symbols)
            raise StrategyError(f"{call}: symbol {symbol!r} is not in this run{near}")
        example = next(iter(self.market.symbols))
        raise StrategyError(
            f"{call}: symbol={shown(symbol)} must be text: bar.symbol, or one such as {example!r}"
        )

    def own(self, call: str, name: str, order: object) -> Order:
        """Return what a call names if it is an order of this desk.

        Raises:
            StrategyError: It is none.
        """
        if isinstance(order, Order) and self.orders.get(order.id) is order:
            return order
        raise StrategyError(
            f"{call}: {name}={shown(order)} must be an order of this run, as buy, order and the like "
            "return it (None where they order nothing)"
        )

    def note(self, reason: Reason) -> None:
        """Count a decision that led to no order, so that "0 trades" can say why."""
        self.notes[reason] = self.notes.get(reason, 0) + 1

    def forget(self, order: Order) -> None:
        """Drop an order that has ended from those that work."""
        self.working[order.symbol].pop(order.id, None)

    # --- the parts of a target -------------------------------------------------------------------------

    def _aim_at(self, symbol: str, change: float) -> Order | None:
        """Return the last of the market orders that work towards a target if they add up to `change`."""
        aims = [order for order in self.working.get(symbol, {}).values() if order.aim]
        if not aims or any(order.type is not OrderType.MARKET for order in aims):
            return None
        coming = sum(order.side * order.remaining for order in aims)
        return aims[-1] if abs(coming - change) < rules.DUST else None

    def _change(
        self, symbol: str, held: float, quantity: float, exits: Exits, ticket: Ticket
    ) -> Order | None:
        """Send what leads from `held` to `quantity` shares, and exits for what is held then."""
        if held * quantity < 0.0:
            self._send(symbol, -held, Ticket(tag=ticket.get("tag", "")), aim=True, reduce_only=True)
            held = 0.0
        reduces = abs(quantity) < abs(held)
        change = quantity - held
        if held != 0.0 and not reduces:
            lot = self.market.tracks[symbol].instrument.lot
            if rules.whole_lots(abs(held), lot) < abs(held) - rules.DUST:
                change = math.copysign(rules.whole_lots(abs(change), lot), change)  # a split left an odd lot
        protected = exits is not NO_EXITS and bool(exits)
        if protected and held * quantity > 0.0:
            self._protect(symbol, quantity if reduces else held, exits, parent=0)
        if abs(change) < rules.DUST:
            return None
        order = self._send(symbol, change, ticket, aim=True, reduce_only=reduces)
        if protected and not reduces:
            self._protect(symbol, change, exits, parent=order.id)
        return order

    def _sales_first(self, target: tuple[str, float]) -> int:
        """Rank a target: what frees money first, what turns a position over next, what takes money last."""
        symbol, quantity = target
        held = self.account.quantity(symbol)
        if held * quantity < 0.0:
            return 1
        return 0 if abs(quantity) < abs(held) else 2

    # --- the parts of an order -------------------------------------------------------------------------

    def _send(
        self, symbol: str, quantity: float, ticket: Ticket, *, aim: bool = False, reduce_only: bool = False
    ) -> Order:
        side: Side = SELL if quantity < 0 else BUY
        instrument = self.market.tracks[symbol].instrument
        if ticket:
            fields: dict[str, Any] = {**ticket, "aim": aim}
            fields["reduce_only"] = reduce_only or ticket.get("reduce_only", False)
            for name in ("limit", "stop"):
                if name in fields:
                    fields[name] = _on_tick(symbol, name, ticket, fields[name], instrument.tick)
            order = Order(
                self._next_id(), self.name, symbol, side, abs(quantity),
                decided=self.market.time, type=order_type(ticket), **fields,
            )  # fmt: skip
        else:
            order = Order(
                self._next_id(), self.name, symbol, side, abs(quantity),
                decided=self.market.time, reduce_only=reduce_only, aim=aim,
            )  # fmt: skip
        lots = on_lots(order.quantity, instrument.lot, order.reduce_only)
        if ticket or lots <= 0.0 or not abs(lots - order.quantity) <= rules.DUST:
            wrong = fault(order, instrument)
            if wrong is not None:
                raise StrategyError(f"order {order.describe()}: {wrong[1]}")
        order.quantity = lots
        self.orders[order.id] = order
        working = self.working.get(symbol)
        if working is None:
            self.working[symbol] = {order.id: order}
        else:
            working[order.id] = order
        self._ask(order)
        return order

    def _protect(self, symbol: str, held: float, exits: Exits, *, parent: int) -> None:
        """Send the exits of a position: they reduce only, and the first to fill cancels the others."""
        group = self._next_id() if len(exits) > 1 else 0
        for ticket in exits.tickets():
            self._send(symbol, -held, {**ticket, "parent": parent, "oco": group}, reduce_only=True)

    def _ask(self, command: Command) -> None:
        self.outbox.append(command)
        if len(self.outbox) > MOST_ORDERS_AT_ONCE:
            raise StrategyError(
                f"{len(self.outbox)} orders at one moment (the most is {MOST_ORDERS_AT_ONCE}): a loop?"
            )

    def _price(self, symbol: str) -> float | None:
        price = self.market.price(symbol)
        if math.isnan(price):
            self.note(Reason.NO_PRICE)
            return None
        return price


def _on_tick(symbol: str, name: str, ticket: Ticket, price: float, tick: float) -> float:
    """Return an order's price in whole ticks.

    Raises:
        StrategyError: That leaves nothing; the price is named as it was asked for.
    """
    level = rules.on_tick(price, tick)
    if level > 0.0:
        return level
    asked = ticket["tag"] if "oco" in ticket else name  # an exit's tag is the name that it was asked by
    raise StrategyError(
        f"order for {symbol}: {asked}={price:.10g} is less than half a tick of {tick:g}; "
        f"give {tick:g} or more"
    )


def _check_pair(symbol: str, other: Order, name: str) -> None:
    if other.symbol != symbol:
        raise StrategyError(
            f"{name}=order {other.id} ({other.describe()}): it must be of the same symbol, {symbol}"
        )
