"""Market orders that nothing rests beside: accepted, and filled by the next bars' opens, in one step.

They have no rival for a bar, and where they are several, none for the money but each other. Nothing rests,
nothing is reserved and given back. They are asked what `book`, `funds` and `fills` ask of every order, by
the same rules and in the same turn; whatever is not as simple as that goes their way, all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.costs import Costs
from openbell.core.orders import Order, whole_lots
from openbell.core.ports import Ear, Market
from openbell.core.types import Fill, OrderStatus, Phase, TimeInForce
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.funds import Funds
from openbell.execution.brokers.working import Working

_GTC, _OPEN = TimeInForce.GTC, Phase.OPEN
_SUBMITTED, _HELD = OrderStatus.SUBMITTED, OrderStatus.HELD
_new = tuple.__new__  # a named tuple's own constructor is a call of Python more

#: What an order would come to: its fill, the shares of it that open a position, what is held before it, and
#: the price before and at the open, without slippage.
_Offer = tuple[Fill, float, float, float, float]


class Crossing:
    """Lets market orders cross with the next opens, where nothing speaks against it."""

    def __init__(self, book: Book, account: Account, *, market: Market, funds: Funds, costs: Costs) -> None:
        self.ear: Ear
        self._book = book
        self._account = account
        self._positions = account.positions
        self._tracks = market.tracks
        self._funds = funds
        self._commission, self._slippage = costs.commission, costs.slippage
        self._initial = costs.margin.initial
        self._slips = costs.slippage.any
        self._simple, self._share = funds.counts_money_alone, costs.volume_share

    # Numbers are handed on by position here: a call by name costs Python twice as much.

    def cross(self, orders: Sequence[Order], sent: int, time: int, exits: Sequence[Working] = ()) -> bool:
        """Accept market orders at `sent` and fill them at the opens of the bars that become known at `time`.

        Of `exits` it is said that they wait for the order, and not yet that it has filled.

        Returns:
            Whether it did. If not, nothing has happened.
        """
        if not self._simple:
            return False
        accept, fill, filled = self.ear.accepted, self.ear.fill, self._book.filled.add
        if len(orders) == 1:
            (order,) = orders
            offer = self._offer(order, sent, time)
            if offer is None or (offer[1] > rules.DUST and not self._opens(order, offer)):
                return False
            accept(order, sent)
            for working in exits:
                self.ear.moved(working.order, _SUBMITTED, sent)
                self.ear.moved(working.order, _HELD, sent)
            fill(offer[0])
            filled(order.id)
            return True
        offers = self._several(orders, sent, time)
        for order in orders if offers else ():
            accept(order, sent)
        for offer in offers:
            fill(offer[0])
            filled(offer[0][0])
        return bool(offers)

    def _offer(self, order: Order, sent: int, time: int) -> _Offer | None:
        """Return what an order comes to at the next open; None where that takes more than a look."""
        symbol, side, quantity, reduces = order.symbol, order.side, order.quantity, order.reduce_only
        track = self._tracks[symbol]
        at, known, lot = track.cursor.at + 1, track.known, track.instrument.lot
        if reduces and lot > 1.0:
            lot = 1.0
        if order.tif is not _GTC or order.parent or order.oco or track.around:
            return None
        if at >= len(known) or known[at] != time:
            return None
        start, open_, mark = track.start[at], track.open[at], track.price()
        if not (sent <= start and open_ > 0.0 and mark == mark and whole_lots(quantity, lot) == quantity):  # noqa: PLR0124  # NaN, without a call
            return None
        share = self._share
        if share > 0.0 and rules.volume_left(track.volume[at], share, 0.0, lot) < quantity:
            return None
        position = self._positions.get(symbol)
        held = position.quantity if position is not None else 0.0
        opening = rules.opening_part(held, side * quantity)
        if reduces and opening > 0.0:
            return None
        taken, slipped, c = open_, 0.0, self._commission
        if self._slips:
            s, volume = self._slippage, track.volume[at]
            cost = rules.slippage(open_, quantity, volume, s.per_share, s.bps, s.spread_bps, s.impact)
            taken = rules.slipped(side, open_, cost)
            slipped = abs(taken - open_)
        value = quantity * taken
        raw = rules.charge_raw(quantity, value, c.per_share, c.taker_bps)
        fee = rules.order_fee(raw, value, c.per_order, c.minimum, c.maximum_share)
        told = (order.id, order.strategy, symbol, side, quantity, taken, fee, slipped, start, _OPEN)
        return _new(Fill, told), opening, held, mark, open_

    def _opens(self, order: Order, offer: _Offer) -> bool:
        """Tell whether an order that opens a position, and is alone, may do so and is paid for."""
        funds, side = self._funds, order.side
        if side < 0 and not funds.may_short(self._tracks[order.symbol]):
            return False
        _, opening, _, mark, _ = offer
        free = funds.unreserved
        need = funds.estimate(side, mark, opening, order.quantity - opening)
        return need <= free + rules.DUST and self._pays(offer, free)

    def _pays(self, offer: _Offer, free: float) -> bool:
        """Tell whether a fill that opens a position is paid for by the free equity before it."""
        (_, _, _, side, quantity, taken, fee, _, _, _), opening, held, mark, open_ = offer
        need = rules.required(opening, quantity - opening, taken, open_, side, self._initial, fee)
        return need - rules.revalued_free(free, held, mark, open_, self._initial) <= rules.DUST

    def _several(self, orders: Sequence[Order], sent: int, time: int) -> list[_Offer]:
        """Return what several orders come to, in the turn in which they fill; nothing if one cannot.

        Each is of another symbol. All of it is cash: with margin, or a short, what is free between two of
        them would hang on every position.
        """
        if self._account.shorts or self._initial != 1.0 or len({one.symbol for one in orders}) < len(orders):
            return []
        estimate = self._funds.estimate
        cash, promised = self._account.cash, 0.0
        reducing: list[_Offer] = []
        opens: list[_Offer] = []
        for order in orders:
            offer = self._offer(order, sent, time)
            if offer is None:
                return []
            _, opening, _, mark, _ = offer
            need = estimate(order.side, mark, opening, order.quantity - opening)
            if opening > rules.DUST and (order.side < 0 or need > cash - promised + rules.DUST):
                return []
            promised += need
            (opens if opening > rules.DUST else reducing).append(offer)
        for offer in reducing:
            cash += _amount(offer[0])
        for offer in opens:
            if not self._pays(offer, cash):
                return []
            cash += _amount(offer[0])
        return reducing + opens


def _amount(fill: Fill) -> float:
    """Return what a fill changes cash by."""
    _, _, _, side, quantity, price, fee, _, _, _ = fill
    return rules.fill_amount(side * quantity, price, fee)
