"""A strategy's desk: turns its signals and orders into `Order`s, and knows which of them still work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.blotter import Blotter, Numbers, check_pair
from openbell.core.errors import StrategyError, nearest
from openbell.core.inputs import real, shown
from openbell.core.market import Track
from openbell.core.orders import Order
from openbell.core.ports import InformedSizer, Market, Sizer
from openbell.core.power import CUT, Power
from openbell.core.requests import NO_EXITS, NO_TICKET, Amount, Exits, Ticket
from openbell.core.situation import situate
from openbell.core.types import OrderStatus, OrderType, Reason


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
        numbers: Numbers,
        initial: float = 1.0,
    ) -> None:
        self.name = name
        self.account = account
        self.market = market
        self.sizer: Any = sizer
        self._informed = sizer if isinstance(sizer, InformedSizer) else None
        self._valued = getattr(sizer, "needs_equity", True)  # to sum up the positions for nobody costs time
        self.short = short  #: whether the account may hold shorts
        self.notes: dict[Reason, int] = {}  #: decisions that led to no order, counted by reason
        self.blotter = blotter = Blotter(name, market=market, numbers=numbers)
        self.orders, self.working, self.outbox = blotter.orders, blotter.working, blotter.outbox
        self.cancel, self.replace, self.pair = blotter.cancel, blotter.replace, blotter.pair
        self._send, self._protect = blotter.send, blotter.protect
        self._positions = account.positions
        self.tracks = market.tracks
        self._conviction: dict[str, float] = {}
        self._amounts: dict[str, Amount] = {}  # of signals that said their size themselves
        self.tell_signal: Callable[[str, float], object] | None = None  #: hears of signals that are no holds
        self._valued_at = self._valued_of = -1  # the time and the ledger's length that the equity is of
        self._equity = 0.0
        self._part = part = getattr(sizer, "part", 1.0)
        self._power = Power(account, market, self.working, numbers, part=part, initial=initial)
        self._alone = len(market.symbols) == 1 and not short  # cash then pays for what is bought

    # --- signals ---------------------------------------------------------------------------------------

    def holds(self, symbol: str, conviction: float, amount: Amount | None = None) -> bool:
        """Tell whether a signal repeats the last one while its position or its order stands."""
        if conviction != self._conviction.get(symbol) or self._amounts.get(symbol) != amount:
            return False
        position = self._positions.get(symbol)
        held = position.quantity if position is not None else 0.0
        working = self.working.get(symbol)
        if conviction == 0.0:
            return self._aim_at(symbol, -held) is not None if working else held == 0.0
        if held * conviction > 0.0 or not working:
            return held * conviction > 0.0
        return any(not order.reduce_only and order.side * conviction > 0.0 for order in working.values())

    def signal(
        self, symbol: str, conviction: float, exits: Exits, ticket: Ticket, amount: Amount | None = None
    ) -> Order | None:
        """Bring the position to what the sizer makes of `conviction` in [-1, 1], or to an amount.

        A signal that repeats the last one while its position or order stands is a hold: nothing is ordered.
        """
        if conviction < 0.0 and not self.short:
            self.note(Reason.SHORT_NOT_ALLOWED)
            conviction = 0.0
        if conviction == 0.0:
            amount = None
        if self.holds(symbol, conviction, amount):
            return None
        if conviction != 0.0:
            return self.follow(symbol, conviction, exits, ticket, amount)
        self._conviction[symbol] = conviction
        if self._amounts or self.tell_signal is not None:
            self._remember(symbol, conviction, None)
        return self.target(symbol, 0.0, NO_EXITS, ticket)

    def follow(
        self, symbol: str, conviction: float, exits: Exits, ticket: Ticket, amount: Amount | None = None
    ) -> Order | None:
        """Do the same for a conviction that is no hold, is not zero, and that the account may follow."""
        self._conviction[symbol] = conviction
        if amount is not None or self._amounts or self.tell_signal is not None:
            self._remember(symbol, conviction, amount)
        track = self.tracks[symbol]
        price = track.price()
        if math.isnan(price):
            self.note(Reason.NO_PRICE)
            return None
        if amount is not None:
            wanted = conviction * amount.shares(ticket.get("limit", price), track.instrument.lot)
            return self._aim_for(symbol, wanted, exits, ticket)
        if self._informed is not None:
            return self._signal_in(self._informed, track, conviction, exits, ticket)
        equity = self.equity() if self._valued else math.nan
        answer = self.sizer.size(conviction, instrument=track.instrument, price=price, equity=equity)
        wanted = answer if answer.__class__ is float else real(answer)
        if not math.isfinite(wanted):
            raise StrategyError(
                f"the sizer {type(self.sizer).__name__} made {shown(answer)} of conviction {conviction:g} "
                f"for {symbol}; size() must return shares, a number, negative for short"
            )
        near = "limit" not in ticket or ticket["limit"] <= price
        if self._alone and near and 0.0 < wanted * price <= self._part * self.account.cash:
            return self._aim_for(symbol, wanted, exits, ticket)
        return self._aim_within(track, wanted, exits, ticket)

    def _remember(self, symbol: str, conviction: float, amount: Amount | None) -> None:
        """Keep the amount that a signal asked for, or forget the one before; tell who wants to hear of it."""
        if amount is not None:
            self._amounts[symbol] = amount
        else:
            self._amounts.pop(symbol, None)
        if self.tell_signal is not None:
            self.tell_signal(symbol, conviction)

    def _aim_for(self, symbol: str, wanted: float, exits: Exits, ticket: Ticket) -> Order | None:
        """Bring the position to a signal's shares, and say so where they are none."""
        if wanted == 0.0:
            self.note(Reason.SIZE_ZERO)
        return self.target(symbol, wanted, exits, ticket)

    def _signal_in(
        self, sizer: InformedSizer, track: Track, conviction: float, exits: Exits, ticket: Ticket
    ) -> Order | None:
        """Do the same with a sizer that looks at more: why it is of this size becomes the order's tag."""
        symbol = track.symbol
        situation = situate(
            track, conviction=conviction, limit=ticket.get("limit"), exits=exits, equity=self.equity(),
            market=self.market, account=self.account, working=self.working,
        )  # fmt: skip
        answer = sizer.size_in(conviction, situation)
        wanted = real(getattr(answer, "shares", None))
        if not math.isfinite(wanted):
            raise StrategyError(
                f"the sizer {type(sizer).__name__} made {shown(answer)} of conviction {conviction:g} for "
                f"{symbol}; size_in() must return ob.Size(shares, why)"
            )
        told = ticket if ticket.get("tag") else Ticket(**{**ticket, "tag": answer.why})
        return self._aim_within(track, wanted, exits, told)

    def _aim_within(self, track: Track, wanted: float, exits: Exits, ticket: Ticket) -> Order | None:
        """Bring the position to a signal's shares, or to as many as the account can pay for."""
        limit = ticket["limit"] if "limit" in ticket else math.nan  # noqa: SIM401  # `get` is a call
        size = self._power.cut(track, wanted, self.equity, limit)
        if size == 0.0:
            self.note(Reason.SIZE_ZERO if wanted == 0.0 else Reason.NO_BUYING_POWER)
            exits, ticket = NO_EXITS, Ticket(tag=ticket.get("tag", ""))  # they are an entry's
        if size != wanted:
            held = math.copysign(1.0, wanted) * self.account.quantity(track.symbol)
            if held > abs(size) or held == size == 0.0:
                return None  # what is held is not sold because no more can be bought
            tag = ticket.get("tag")
            ticket = Ticket(**{**ticket, "tag": f"{tag}; {CUT}" if tag else CUT})
        order = self.target(track.symbol, size, exits, ticket)
        self._power.count()
        return order

    def target(self, symbol: str, quantity: float, exits: Exits, ticket: Ticket) -> Order | None:
        """Bring the position to `quantity` signed shares; return the order that opens or changes it.

        Orders that still work towards another target are cancelled. Exits stay when the position keeps its
        direction and no new exits are given. A target beyond zero closes with one order, opens with another.
        """
        if quantity < 0.0 and not self.short:
            self.note(Reason.SHORT_NOT_ALLOWED)
            quantity = 0.0
        position = self._positions.get(symbol)
        held = position.quantity if position is not None else 0.0
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
        if exits is NO_EXITS and (held == 0.0 or quantity == 0.0):  # from nothing, or to nothing: as most go
            change = quantity - held
            if abs(change) < rules.DUST:
                return None
            return self._send(symbol, change, ticket, True, quantity == 0.0)
        return self._change(symbol, held, quantity, exits, ticket)

    def weigh(self, weights: Mapping[str, float], *, only: bool) -> list[Order]:
        """Bring positions to shares of equity, sales first; with `only`, everything unnamed is closed."""
        equity = self.equity()
        targets: dict[str, float] = {}
        for symbol, weight in weights.items():
            track = self.tracks[symbol]
            price = track.price()
            if math.isnan(price):
                self.note(Reason.NO_PRICE)
                continue
            size = rules.sized_by_value(abs(weight) * equity, price, track.instrument.lot)
            targets[symbol] = math.copysign(size, weight)
        if only:
            targets |= {symbol: 0.0 for symbol in self.active() if symbol not in weights}
        return self.aim(targets)

    def aim(self, targets: Mapping[str, float]) -> list[Order]:
        """Bring positions to signed shares, sales first; return the orders that open or change them."""
        made = [
            self.target(symbol, quantity, NO_EXITS, NO_TICKET)
            for symbol, quantity in sorted(targets.items(), key=self._sales_first)
        ]
        return [order for order in made if order is not None]

    # --- explicit orders -------------------------------------------------------------------------------

    def order(self, symbol: str, quantity: float, exits: Exits, ticket: Ticket) -> Order:
        """Send one order for `quantity` signed shares, with exits that live from its fill on."""
        parent = self.orders.get(ticket.get("parent", 0))
        if parent is not None:
            check_pair(symbol, parent, "after")
            if parent.status is OrderStatus.FILLED:  # nothing to wait for
                ticket = {**ticket, "parent": 0}
        order = self._send(symbol, quantity, ticket)
        if exits:
            self._protect(symbol, quantity, exits, parent=order.id)
        return order

    # --- questions -------------------------------------------------------------------------------------

    def equity(self) -> float:
        """Return cash plus positions at the last known closes."""
        time, booked = self.market.time, self.account.booked
        if time != self._valued_at or booked != self._valued_of:  # nothing else changes it
            self._valued_at, self._valued_of = time, booked
            self._equity = self.account.equity(self.market.price)
        return self._equity

    def forget_signals(self) -> None:
        """Take the next signal of each symbol for a new one: who gave the last ones has left."""
        self._conviction.clear()
        self._amounts.clear()

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
            known = symbol in self.tracks
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
        if isinstance(order, Order):
            known = self.orders.get(order.id)
            if known is order or (known is None and self.blotter.has_retired(order)):
                return order
        raise StrategyError(
            f"{call}: {name}={shown(order)} must be an order of this run, as buy, order and the like "
            "return it (None where they order nothing)"
        )

    def note(self, reason: Reason) -> None:
        """Count a decision that led to no order, so that "0 trades" can say why."""
        self.notes[reason] = self.notes.get(reason, 0) + 1

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
            self._send(symbol, -held, Ticket(tag=ticket.get("tag", "")), True, True)
            held = 0.0
        reduces = abs(quantity) < abs(held)
        change = quantity - held
        if held != 0.0:
            lot = self.tracks[symbol].instrument.lot
            size = rules.denoised(abs(change), abs(held) + abs(quantity), lot)
            if not reduces and rules.whole_lots(abs(held), lot) < abs(held) - rules.DUST:
                size = rules.whole_lots(size, lot)  # a split left an odd lot
            change = math.copysign(size, change)
        protected = exits is not NO_EXITS and bool(exits)
        if protected and held * quantity > 0.0:
            self._protect(symbol, quantity if reduces else held, exits, parent=0)
        if abs(change) < rules.DUST:
            return None
        order = self._send(symbol, change, ticket, True, reduces)
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
