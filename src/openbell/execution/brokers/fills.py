"""Fills at the simulated exchange: how many shares, at what price, for which fee."""

from __future__ import annotations

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.costs import Costs
from openbell.core.ports import Ear
from openbell.core.types import Fill, OrderStatus, Phase, Reason, TimeInForce
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.funds import Funds
from openbell.execution.brokers.working import Working

_OPEN, _FOK = Phase.OPEN, TimeInForce.FOK
_new = tuple.__new__  # a named tuple's own constructor is a call of Python more


class Fills:
    """Fills orders as far as the bar's volume and the account's money reach."""

    def __init__(self, book: Book, account: Account, *, funds: Funds, costs: Costs) -> None:
        self.ear: Ear
        self._book = book
        self._positions = account.positions
        self._funds = funds
        self._costs = costs
        self._commission, self._slippage = costs.commission, costs.slippage
        self._slips = costs.slippage.any
        self._share = costs.volume_share
        self._taken: dict[str, float] = {}

    def begin(self) -> None:
        """Begin with a new moment's bars, of which nothing is taken yet."""
        if self._taken:
            self._taken.clear()

    # Numbers are handed on by position here: a call by name costs Python twice as much.

    def fill(
        self,
        working: Working,
        at: int,
        price: float,
        phase: Phase,
        stopped: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Fill what can be filled of an order at `price`; `stopped` when its stop was reached just now."""
        order, track, funds = working.order, working.track, self._funds
        symbol, side, reduces = order.symbol, order.side, order.reduce_only
        moment = track.start[at] if phase is _OPEN else track.known[at]
        position = self._positions.get(symbol)
        held = position.quantity if position is not None else 0.0
        if reduces and held * side >= 0.0:
            if not self._book.waits_for_parent(working):
                self._book.end(working, OrderStatus.CANCELLED, moment, Reason.NOTHING_TO_REDUCE)
            return
        quantity = working.remaining()
        if reduces or self._share > 0.0:
            quantity = self._limited(working, quantity, at, held)
        if quantity == 0.0:
            return
        if side < 0 and held - quantity < -rules.DUST and not funds.may_short(track):
            self._book.end(working, OrderStatus.REJECTED, moment, Reason.SHORT_NOT_ALLOWED)
            return
        taken, fee, raw = self.trade(working, quantity, price, at, phase, stopped)
        funds.release(working, quantity)
        if not reduces and funds.shortfall(working, quantity, taken, held, price, fee) > rules.DUST:
            quantity = self._affordable(working, quantity, taken, held, price, fee)
            if quantity == 0.0:
                self._book.end(working, OrderStatus.REJECTED, moment, Reason.GAP_UNAFFORDABLE)
                return
            self._book.cut(working, quantity, moment)
            taken, fee, raw = self.trade(working, quantity, price, at, phase, stopped)
        working.filled += quantity  # on the exchange's side, before anybody hears of it
        working.value += quantity * taken
        working.raw = raw
        working.paid += fee
        if self._share > 0.0:
            self._taken[symbol] = self._taken.get(symbol, 0.0) + quantity
        slipped = abs(taken - price)
        told = (order.id, order.strategy, symbol, side, quantity, taken, fee, slipped, moment, phase)
        self.ear.fill(_new(Fill, told))
        self._book.after_fill(working, quantity, held, price, moment, phase)

    def has_volume(self, working: Working, quantity: float, at: int) -> bool:
        """Tell whether a bar of which nothing is taken yet has the volume for so many shares."""
        share = self._share
        if share <= 0.0:
            return True
        return quantity <= rules.volume_left(working.track.volume[at], share, 0.0, working.lot)

    def _limited(self, working: Working, wanted: float, at: int, held: float) -> float:
        """Return how many of the shares that an order wants its position and the bar's volume allow."""
        order, quantity = working.order, wanted
        if order.reduce_only:
            quantity = min(quantity, abs(held))
        if self._share > 0.0:
            taken = self._taken.get(order.symbol, 0.0)
            left = rules.volume_left(working.track.volume[at], self._share, taken, working.lot)
            quantity = min(quantity, left)
        return 0.0 if order.tif is _FOK and quantity < wanted else quantity

    def _affordable(
        self, working: Working, quantity: float, price: float, held: float, market: float, fee: float
    ) -> float:
        if self._costs.unaffordable == "reject" or working.order.tif is _FOK:
            return 0.0
        return self._funds.affordable(working, quantity, price, held=held, market=market, fee=fee)

    def trade(
        self,
        working: Working,
        quantity: float,
        price: float,
        at: int,
        phase: Phase,
        stopped: bool,  # noqa: FBT001
    ) -> tuple[float, float, float]:
        """Return a fill's price, its fee, and its order's fee with it before the floor and the cap."""
        rests = working.limited and not stopped
        filled = price
        if not rests and (self._slips or price <= 0.0):
            filled = self._slipped(working, quantity, price, at)
        value = quantity * filled
        c = self._commission
        maker = rests and phase is Phase.INTRABAR and price == working.limit
        raw = working.raw + rules.charge_raw(
            quantity, value, c.per_share, c.maker_bps if maker else c.taker_bps
        )
        fee = rules.order_fee(raw, working.value + value, c.per_order, c.minimum, c.maximum_share)
        return filled, fee - working.paid, raw

    def _slipped(self, working: Working, quantity: float, price: float, at: int) -> float:
        s, volume = self._slippage, working.track.volume[at]
        cost = rules.slippage(price, quantity, volume, s.per_share, s.bps, s.spread_bps, s.impact)
        slipped = rules.slipped(working.order.side, price, cost)
        return working.no_worse(slipped) if working.limited else slipped
