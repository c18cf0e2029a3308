"""Buying power at the simulated broker: what an order ties up, and what is left for it."""

from __future__ import annotations

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.costs import Costs
from openbell.core.market import Track
from openbell.core.orders import Order
from openbell.core.ports import Market
from openbell.core.types import OrderType, Reason, Side


class Funds:
    """The account behind the orders, with what accepted orders have reserved."""

    def __init__(self, account: Account, market: Market, costs: Costs) -> None:
        self.account = account
        self._market = market
        self._margin = costs.margin
        self._commission = costs.commission
        self._reserved: dict[int, float] = {}
        self._total = 0.0
        self._projected: dict[str, float] = {}
        self._moves: dict[int, tuple[str, float]] = {}

    @property
    def free(self) -> float:
        """Return the equity that neither a position nor an accepted order ties up."""
        return self.unreserved - self._total

    @property
    def unreserved(self) -> float:
        """Return the equity that no position ties up."""
        account, initial = self.account, self._margin.initial
        if initial == 1.0 and account.shorts == 0:
            return account.cash  # equity less the positions' value, without summing them
        price = self._market.price
        return rules.free_equity(account.equity(price), account.gross(price), initial)

    def refusal(self, order: Order, track: Track) -> Reason | None:
        """Return why an order cannot be accepted with the free equity it would take, or reserve it.

        Reduce-only orders need nothing. A market order counts as filled for those that come after it, so
        that a rebalance may spend what its sales will bring.
        """
        if order.reduce_only and order.type is not OrderType.MARKET:
            return None
        signed = order.side * order.quantity
        projected = self.account.quantity(order.symbol) + self._projected.get(order.symbol, 0.0)
        opening = 0.0 if order.reduce_only else rules.opening_part(projected, signed)
        if opening > 0.0 and projected + signed < 0.0 and not self.may_short(track):
            return Reason.SHORT_NOT_ALLOWED
        price = self._estimate(order, track)
        need = rules.required(
            opening, order.quantity - opening, price, price, order.side, self._margin.initial,
            self.fee(order.quantity, order.quantity * price, maker=False),
        )  # fmt: skip
        if opening > 0.0 and need > self.free:
            return Reason.NO_BUYING_POWER
        if order.type is OrderType.MARKET:
            self._moves[order.id] = (order.symbol, signed)
            self._projected[order.symbol] = self._projected.get(order.symbol, 0.0) + signed
        elif need < 0.0:
            return None  # a resting order that might reduce promises nothing
        self._reserved[order.id] = need
        self._total += need
        return None

    def release(self, order_id: int, share: float = 1.0) -> None:
        """Give back a share of what an order reserved: that part of it has filled or has ended."""
        need = self._reserved.get(order_id)
        if need is not None:
            self._reserved[order_id] = need * (1.0 - share)
            self._total -= need * share
        move = self._moves.get(order_id)
        if move is not None:
            symbol, signed = move
            self._moves[order_id] = (symbol, signed * (1.0 - share))
            self._projected[symbol] -= signed * share
        if share == 1.0:
            self._reserved.pop(order_id, None)
            self._moves.pop(order_id, None)
            if not self._reserved:  # nothing is promised: start again without the sums' float dust
                self._total = 0.0
                self._projected.clear()

    def may_short(self, track: Track) -> bool:
        """Tell whether the account and the instrument allow a short position."""
        return self._margin.short and track.instrument.shortable

    def fee(self, quantity: float, value: float, *, maker: bool) -> float:
        """Return the fee of an order that fills at once."""
        c = self._commission
        raw = rules.charge_raw(quantity, value, c.per_share, c.maker_bps if maker else c.taker_bps)
        return rules.order_fee(raw, value, c.per_order, c.minimum, c.maximum_share)

    def needed(
        self, symbol: str, side: Side, quantity: float, price: float, fee: float, mark: float
    ) -> float:
        """Return the free equity that a fill takes; zero or less when it only reduces."""
        position = self.account.quantity(symbol)
        opening = rules.opening_part(position, side * quantity)
        if opening == 0.0:
            return 0.0
        return rules.required(opening, quantity - opening, price, mark, side, self._margin.initial, fee)

    def _estimate(self, order: Order, track: Track) -> float:
        if order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
            return order.limit
        if order.type is OrderType.STOP:
            return order.stop
        return track.price()
