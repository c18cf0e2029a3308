"""Buying power at the simulated broker: what an order ties up, and what is left for it."""

from __future__ import annotations

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.costs import Costs
from openbell.core.market import Track
from openbell.core.orders import Order
from openbell.core.ports import Market
from openbell.core.types import OrderType, Reason
from openbell.execution.brokers.working import Working
from openbell.portfolio.conduct import Conduct

_MARKET = OrderType.MARKET


class Funds:
    """The account behind the orders, with what accepted orders have reserved."""

    def __init__(self, account: Account, market: Market, costs: Costs, sessions: Sessions) -> None:
        self.account = account
        self._market = market
        self._members = market.members
        self._margin = costs.margin
        self._conduct = None if costs.margin.is_plain else Conduct(costs.margin, sessions)
        self._commission = costs.commission
        self._positions = account.positions
        self._holds: dict[int, Working] = {}  # the orders that have reserved something
        self._total = 0.0
        self._projected: dict[str, float] = {}

    @property
    def counts_money_alone(self) -> bool:
        """Tell whether nothing but money and margin decides: no rules of the account, and no universe."""
        return self._conduct is None and self._members is None

    @property
    def unreserved(self) -> float:
        """Return the equity that no position ties up."""
        account, initial = self.account, self._margin.initial
        if initial == 1.0 and account.shorts == 0:
            if self._conduct is not None:
                return account.cash - self._conduct.unsettled(account, self._market.time)
            return account.cash  # equity less the positions' value, without summing them
        price = self._market.price
        return rules.free_equity(account.equity(price), account.gross(price), initial)

    def may_short(self, track: Track) -> bool:
        """Tell whether the account and the instrument allow a short position."""
        return self._margin.short and track.instrument.shortable

    # --- at acceptance ---------------------------------------------------------------------------------

    def refusal(self, working: Working, order: Order) -> Reason | None:
        """Return why an order cannot be accepted, or reserve the free equity that it would take.

        Resting orders that only reduce need nothing. A market order counts as filled for those that come
        after it, so that a rebalance may spend what its sales will bring. Of orders that cancel each other
        only the dearest is reserved.
        """
        market = order.type is _MARKET
        if order.reduce_only and not market:
            return None
        symbol, quantity = order.symbol, working.remaining()
        position = self._positions.get(symbol)
        projected = position.quantity if position is not None else 0.0
        if self._holds:
            projected += self._projected.get(symbol, 0.0)
        opening = rules.opening_part(projected, order.side * quantity)
        closing = quantity - opening
        if order.reduce_only:
            quantity, opening = closing, 0.0
        barred = self._barred(working.track, order, quantity, opening)
        if barred is not None:
            return barred
        if working.limited:
            price = working.limit
        else:
            price = working.stop if order.type is OrderType.STOP else working.track.price()
        need = self.estimate(order.side, price, opening, closing)
        if order.oco:
            need = max(need - sum(h.need for h in self._holds.values() if h.group == order.oco), 0.0)
        if opening > rules.DUST and need > (free := self.unreserved - self._total) + rules.DUST:
            return self._short_of(need, free)
        if quantity > rules.DUST and (market or need > 0.0):  # a resting order that reduces promises nothing
            working.need, working.reserved, working.group = need, quantity, order.oco
            self._hold(working)
        return None

    def estimate(self, side: float, price: float, opening: float, closing: float) -> float:
        """Return the free equity that an order takes at a price, by its shares that open and that close."""
        quantity = opening + closing
        c, value = self._commission, quantity * price
        raw = rules.charge_raw(quantity, value, c.per_share, c.taker_bps)
        fee = rules.order_fee(raw, value, c.per_order, c.minimum, c.maximum_share)
        need = rules.required(opening, closing, price, price, side, self._margin.initial, fee)
        if self._conduct is not None and self._conduct.settles:
            return max(need, 0.0)  # a sale pays for nothing before it has settled
        return need

    def release(self, working: Working, quantity: float = 0.0) -> None:
        """Give back what `quantity` shares of an order reserved, as they fill; with zero, all of it."""
        holds, order_id = self._holds, working.order.id
        if order_id not in holds:
            return
        need = working.need
        if 0.0 < quantity < working.reserved - rules.DUST:
            need = need * quantity / working.reserved
            working.need -= need
            working.reserved -= quantity
        else:
            quantity = working.reserved
            del holds[order_id]
        if not holds:  # nothing is promised: start again without the sums' float dust
            self._total = 0.0
            self._projected.clear()
            return
        self._total -= need
        self._project(working, -quantity)

    def split(self, order_id: int, quantity: float) -> None:
        """Restate a reservation in the shares after a split; the money in it stays."""
        working = self._holds.get(order_id)
        if working is not None:
            self._project(working, quantity - working.reserved)
            working.reserved = quantity

    # --- at a fill -------------------------------------------------------------------------------------

    def shortfall(
        self, working: Working, quantity: float, price: float, held: float, market: float, fee: float
    ) -> float:
        """Return the free equity that is missing for a fill at `price`; zero or less when there is enough.

        `held` is the position before it. `market` is the price that was touched: the symbol is worth that
        now. What only reduces a position is always affordable.
        """
        side = working.order.side
        opening = rules.opening_part(held, side * quantity)
        if opening <= rules.DUST:
            return 0.0
        initial = self._margin.initial
        need = rules.required(opening, quantity - opening, price, market, side, initial, fee)
        return need - self._free_at(working, held, market)

    def affordable(
        self, working: Working, quantity: float, price: float, *, held: float, market: float, fee: float
    ) -> float:
        """Return how many of the shares that a fill is short of money for are affordable, in whole lots."""
        side, initial = working.order.side, self._margin.initial
        closing = quantity - rules.opening_part(held, side * quantity)
        freed = -rules.required(0.0, closing, price, market, side, initial, 0.0)
        each = rules.required(1.0, 0.0, price, market, side, initial, 0.0)
        free = self._free_at(working, held, market) + freed
        return closing + rules.affordable(free, each, fee, working.lot)

    def _misconduct(self, conduct: Conduct, order: Order, quantity: float) -> Reason | None:
        """Return which rule of the account an order that opens would break."""
        holds = self._holds.values()
        sales = (h.reserved for h in holds if h.order.symbol == order.symbol and h.order.side < 0)
        return conduct.barred(
            order.symbol, order.side * quantity, self.account,
            equity=self.account.equity(self._market.price), time=self._market.time,
            waiting={one.order.symbol for one in holds if one.need > 0.0}, selling=sum(sales),
        )  # fmt: skip

    def _short_of(self, need: float, free: float) -> Reason:
        """Return why money is missing: there is none, or it has not settled."""
        if self._conduct is not None:
            free += self._conduct.unsettled(self.account, self._market.time)
        return Reason.NO_BUYING_POWER if need > free + rules.DUST else Reason.UNSETTLED

    # --- the parts -------------------------------------------------------------------------------------

    def _barred(self, track: Track, order: Order, quantity: float, opening: float) -> Reason | None:
        """Return why that much of a position may not be opened, whatever money there is."""
        if opening <= rules.DUST:
            return None
        if self._members is not None and track.symbol not in self._members.at(self._market.time):
            return Reason.NOT_A_MEMBER
        if order.side < 0 and not self.may_short(track):
            return Reason.SHORT_NOT_ALLOWED
        return None if self._conduct is None else self._misconduct(self._conduct, order, quantity)

    def _free_at(self, working: Working, held: float, market: float) -> float:
        return rules.revalued_free(self.unreserved, held, working.track.price(), market, self._margin.initial)

    def _hold(self, working: Working) -> None:
        """Count in what an order has reserved."""
        self._holds[working.order.id] = working
        self._total += working.need
        self._project(working, working.reserved)

    def _project(self, working: Working, quantity: float) -> None:
        """Count a market order as filled already, or take that back."""
        order = working.order
        if order.type is _MARKET:
            before = self._projected.get(order.symbol, 0.0)
            self._projected[order.symbol] = rules.booked_position(before, order.side * quantity)
