"""Fills at the simulated exchange: how many shares, at what price, for which fee."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.costs import Costs
from openbell.core.ports import Event
from openbell.core.types import Fill, OrderStatus, Phase, Reason, TimeInForce
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.funds import Funds
from openbell.execution.brokers.working import Working


class _Trade(NamedTuple):
    """What a fill would be: `raw` is the order's fee with it, before the floor and the cap."""

    quantity: float
    price: float
    fee: float
    raw: float


class Fills:
    """Fills orders as far as the bar's volume and the account's money reach."""

    def __init__(self, book: Book, account: Account, *, funds: Funds, costs: Costs) -> None:
        self._book = book
        self._account = account
        self._funds = funds
        self._costs = costs
        self._taken: dict[str, float] = {}

    def begin(self) -> None:
        """Begin with a new moment's bars, of which nothing is taken yet."""
        self._taken.clear()

    def fill(
        self, working: Working, at: int, price: float, *, phase: Phase, stopped: bool = False
    ) -> Iterator[Event]:
        """Fill what can be filled of an order at `price`; `stopped` when its stop was reached just now."""
        order, track = working.order, working.track
        symbol, side = order.symbol, order.side
        moment = track.start[at] if phase is Phase.OPEN else track.known[at]
        held = self._account.quantity(symbol)
        quantity = self._quantity(working, at, held)
        if order.reduce_only and held * side >= 0.0 and not self._book.waits_for_parent(working):
            yield from self._book.end(working, OrderStatus.CANCELLED, moment, Reason.NOTHING_TO_REDUCE)
            return
        if quantity == 0.0:
            return
        if side < 0 and held - quantity < -rules.DUST and not self._funds.may_short(track):
            yield from self._book.end(working, OrderStatus.REJECTED, moment, Reason.SHORT_NOT_ALLOWED)
            return
        trade = self._trade(working, quantity, price, at=at, phase=phase, stopped=stopped)
        self._funds.release(order.id, quantity)
        missing = self._funds.shortfall(working, quantity, trade.price, market=price, fee=trade.fee)
        if missing > rules.DUST:
            quantity = self._affordable(working, trade, price)
            if quantity == 0.0:
                yield from self._book.end(working, OrderStatus.REJECTED, moment, Reason.GAP_UNAFFORDABLE)
                return
            yield from self._book.cut(working, quantity, moment)
            trade = self._trade(working, quantity, price, at=at, phase=phase, stopped=stopped)
        self._book_on(working, trade)
        yield Fill(
            order.id, order.strategy, symbol, side, trade.quantity, trade.price, trade.fee,
            abs(trade.price - price), moment, phase,
        )  # fmt: skip
        yield from self._book.after_fill(
            working, trade.quantity, held=held, market=price, moment=moment, phase=phase
        )

    def _quantity(self, working: Working, at: int, held: float) -> float:
        """Return how many shares the order, the position and the bar's volume allow."""
        order, track = working.order, working.track
        quantity = wanted = working.remaining
        if order.reduce_only:
            quantity = min(quantity, abs(held)) if held * order.side < 0.0 else 0.0
        taken = self._taken.get(order.symbol, 0.0)
        left = rules.volume_left(track.volume[at], self._costs.volume_share, taken, working.lot)
        quantity = min(quantity, left)
        return 0.0 if order.tif is TimeInForce.FOK and quantity < wanted else quantity

    def _affordable(self, working: Working, trade: _Trade, market: float) -> float:
        if self._costs.unaffordable == "reject" or working.order.tif is TimeInForce.FOK:
            return 0.0
        return self._funds.affordable(working, trade.quantity, trade.price, market=market, fee=trade.fee)

    def _trade(
        self, working: Working, quantity: float, price: float, *, at: int, phase: Phase, stopped: bool
    ) -> _Trade:
        rests = working.limited and not stopped
        maker = rests and phase is Phase.INTRABAR and price == working.limit
        filled = price if rests else self._slipped(working, quantity, price, at)
        value = quantity * filled
        c = self._costs.commission
        rate = c.maker_bps if maker else c.taker_bps
        raw = working.raw + rules.charge_raw(quantity, value, c.per_share, rate)
        fee = rules.order_fee(raw, working.value + value, c.per_order, c.minimum, c.maximum_share)
        return _Trade(quantity, filled, fee - working.paid, raw)

    def _slipped(self, working: Working, quantity: float, price: float, at: int) -> float:
        s, volume = self._costs.slippage, working.track.volume[at]
        cost = rules.slippage(price, quantity, volume, s.per_share, s.bps, s.spread_bps, s.impact)
        return working.no_worse(rules.slipped(working.order.side, price, cost))

    def _book_on(self, working: Working, trade: _Trade) -> None:
        """Book a fill on the exchange's side, before anybody hears of it."""
        working.filled += trade.quantity
        working.value += trade.quantity * trade.price
        working.raw = trade.raw
        working.paid += trade.fee
        symbol = working.order.symbol
        self._taken[symbol] = self._taken.get(symbol, 0.0) + trade.quantity
