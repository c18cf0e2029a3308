"""A market order that is alone: accepted, and filled by the next bar's open, in one step.

It has no rival for the money or for the bar: nothing rests, nothing is reserved, and there is nothing to
choose between. It is asked what `book`, `funds` and `fills` ask of every order, by the same rules; whatever
is not as simple as that goes their way.
"""

from __future__ import annotations

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.costs import Costs
from openbell.core.orders import Order, whole_lots
from openbell.core.ports import Ear, Market
from openbell.core.types import Fill, OrderType, Phase, TimeInForce
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.funds import Funds

_MARKET, _GTC, _OPEN = OrderType.MARKET, TimeInForce.GTC, Phase.OPEN
_new = tuple.__new__  # a named tuple's own constructor is a call of Python more


class Crossing:
    """Lets an order that is alone cross with the next open, where nothing speaks against it."""

    def __init__(self, book: Book, account: Account, *, market: Market, funds: Funds, costs: Costs) -> None:
        self.ear: Ear
        self._book = book
        self._positions = account.positions
        self._tracks = market.tracks
        self._funds = funds
        self._commission, self._slippage = costs.commission, costs.slippage
        self._initial = costs.margin.initial
        self._slips = costs.slippage.any
        self._simple, self._share = funds.counts_money_alone, costs.volume_share

    # Numbers are handed on by position here: a call by name costs Python twice as much.

    def cross(self, order: Order, sent: int, time: int) -> bool:
        """Accept an order at `sent` and fill it at the open of the bar that becomes known at `time`.

        Returns:
            Whether it did. If not, nothing has happened.
        """
        symbol, side, quantity, reduces = order.symbol, order.side, order.quantity, order.reduce_only
        track = self._tracks[symbol]
        at, known, lot = track.cursor.at + 1, track.known, track.instrument.lot
        if reduces and lot > 1.0:
            lot = 1.0
        simple = self._simple and order.type is _MARKET and order.tif is _GTC and not track.around
        if not simple or order.parent or order.oco or at >= len(known) or known[at] != time:
            return False
        start, open_, mark = track.start[at], track.open[at], track.price()
        if not (sent <= start and open_ > 0.0 and mark == mark and whole_lots(quantity, lot) == quantity):  # noqa: PLR0124  # NaN, without a call
            return False
        share, volume = self._share, track.volume[at]
        if share > 0.0 and rules.volume_left(volume, share, 0.0, lot) < quantity:
            return False
        position = self._positions.get(symbol)
        held = position.quantity if position is not None else 0.0
        opening = rules.opening_part(held, side * quantity)
        taken, c, s = open_, self._commission, self._slippage
        if self._slips:
            cost = rules.slippage(open_, quantity, volume, s.per_share, s.bps, s.spread_bps, s.impact)
            taken = rules.slipped(side, open_, cost)
        value = quantity * taken
        raw = rules.charge_raw(quantity, value, c.per_share, c.taker_bps)
        fee = rules.order_fee(raw, value, c.per_order, c.minimum, c.maximum_share)
        if opening > 0.0:
            if reduces or (side < 0 and not self._funds.may_short(track)):
                return False
            if not self._pays(order, opening, mark, open_, taken, held, fee):
                return False
        self.ear.accepted(order, sent)
        slipped = abs(taken - open_)
        told = (order.id, order.strategy, symbol, side, quantity, taken, fee, slipped, start, _OPEN)
        self.ear.fill(_new(Fill, told))
        self._book.filled.add(order.id)
        return True

    def _pays(
        self, order: Order, opening: float, mark: float, open_: float, taken: float, held: float, fee: float
    ) -> bool:
        """Tell whether an order that opens is paid for, as it is accepted and as it fills."""
        funds, side, initial = self._funds, order.side, self._initial
        free, closing = funds.unreserved, order.quantity - opening
        if funds.estimate(side, mark, opening, closing) > free + rules.DUST:
            return False
        need = rules.required(opening, closing, taken, open_, side, initial, fee)
        return need - rules.revalued_free(free, held, mark, open_, initial) <= rules.DUST
