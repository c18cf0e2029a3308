"""What corporate actions do to orders that are kept here, and to positions that are somebody else's.

The rules are the simulated broker's (`execution.brokers.corporate`): a split adjusts an order, more shares at
a lower price; a reverse split, a spin-off and a delisting end it. What the broker has, it adjusts or ends.
"""

from __future__ import annotations

from decimal import Decimal

from openbell.core import rules
from openbell.core.types import Action, Delisting, Instrument, Reason, SpinOff, Split
from openbell.trading.board import Board
from openbell.trading.route import Route, Stage
from openbell.trading.steering import Steering


def restate_orders(board: Board, steering: Steering, strategy: str, action: Action) -> None:
    """Do to a strategy's orders what an action does, where they are kept here or on their way back."""
    ending = _ending(action)
    split = action if isinstance(action, Split) and ending is Reason.NONE else None
    if ending is Reason.NONE and split is None:
        return
    for route in board.open(strategy):
        if route.order.symbol != action.symbol or not (route.stage is Stage.KEPT or route.again):
            continue
        if split is not None:
            _restate(route, split)
            board.change(route, Reason.SPLIT)
        else:
            board.ask_end(route, ending)
            steering.steer(route)


def _ending(action: Action) -> Reason:
    """Return why an action ends orders; nothing if it does not."""
    if isinstance(action, Split) and action.ratio < 1.0:
        return Reason.SPLIT
    if isinstance(action, SpinOff):
        return Reason.SPIN_OFF
    return Reason.DELISTED if isinstance(action, Delisting) else Reason.NONE


def _restate(route: Route, split: Split) -> None:
    """Turn an order's quantity and prices into the shares after a split."""
    terms, tick, new, old = route.terms, route.instrument.tick, split.new, split.old
    done = float(route.booked + route.taken)
    rest = rules.split_shares(terms.quantity - done, new, old)
    amount = terms.trail if route.order.trail_percent else rules.split_price(terms.trail, new, old)
    route.terms = terms._replace(
        quantity=done + rules.whole_lots(rest, min(route.instrument.lot, 1.0)),
        limit=rules.on_tick(rules.split_price(terms.limit, new, old), tick),
        stop=rules.on_tick(rules.split_price(terms.stop, new, old), tick),
        trail=amount,
    )
    route.mark = rules.split_price(route.mark, new, old)


def split_others(held: Decimal, split: Split, instrument: Instrument) -> Decimal:
    """Return somebody else's position after a split: whole lots, as the fraction of one is paid in cash."""
    lot = Decimal(repr(min(instrument.lot, 1.0)))
    return held * Decimal(repr(split.new)) / Decimal(repr(split.old)) // lot * lot
