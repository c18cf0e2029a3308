"""What corporate actions do to orders, and to positions that are somebody else's.

The rules are the simulated broker's (`execution.brokers.corporate`): a split adjusts an order, more shares at
a lower price; a reverse split, a spin-off and a delisting end it. What the broker has, it adjusts or ends;
where it does neither at a split, that is done from here, as an order in the shares of before would trigger
at a price that means nothing now.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from openbell.core import rules
from openbell.core.types import Action, Delisting, Instrument, OrderStatus, Reason, SpinOff, Split
from openbell.execution.approval import quantity_of
from openbell.execution.port import Report
from openbell.trading.board import Board
from openbell.trading.route import Route, Stage
from openbell.trading.steering import Steering
from openbell.trading.tying import is_leading, untie


def restate_orders(board: Board, steering: Steering, strategy: str, action: Action) -> None:
    """Do to a strategy's orders what an action does, where they are kept here or on their way back."""
    ending = _ending(action)
    split = action if isinstance(action, Split) and ending is Reason.NONE else None
    if ending is Reason.NONE and split is None:
        return
    for route in board.open(strategy):
        if route.order.symbol != action.symbol:
            continue
        if not (route.stage is Stage.KEPT or route.again):
            if isinstance(action, Split):
                route.splits += (action,)
                board.unsplit[route.key] = route
            continue
        if split is not None:
            _restate(route, split)
            board.change(route, Reason.SPLIT)
        else:
            board.ask_end(route, ending)
            steering.steer(route)


def in_old_shares(board: Board, there: Mapping[str, Report]) -> Mapping[str, bool]:
    """Return of orders that have split, by their client ids, whether the broker has them as they were before.

    Args:
        board: Of all orders.
        there: What works at the broker, by client id. An order that it has ended is not there.
    """
    found = {}
    for route in board.unsplit.values():
        report = there.get(route.client_id)
        if report is not None and route.asked is not None and not (route.pending or route.cancel_sent):
            before = quantity_of(route.asked.quantity, route.instrument) - route.bases[route.client_id]
            found[route.client_id] = report.quantity == before
    return found


def follow_splits(board: Board, steering: Steering, seen: Mapping[str, bool]) -> None:
    """Bring orders that the broker has to the shares after their splits.

    Args:
        board: Of all orders.
        steering: Sends what is to be sent.
        seen: By client id, whether the broker has them in the shares of before; else it has adjusted them.
    """
    routes = [(board.by_client[one], is_old) for one, is_old in seen.items()]
    for route, is_old in routes:
        if is_old and route.native:
            steering.take_back(
                route
            )  # with those that the broker tends beside it, each by itself from now on
    for route, is_old in routes:
        splits = _split(board, route)
        said = ", ".join(f"{one.new:g} for {one.old:g}" for one in splits)
        if is_old and any(one.ratio < 1.0 for one in splits):
            board.ask_end(route, Reason.SPLIT)
            board.warn(route, f"the broker left it as it was before the split {said}; it is cancelled")
            continue
        if is_old:
            route.restated = True
            board.warn(route, f"the broker left it as it was before the split {said}; it is changed")
        elif not route.again:
            route.asked = route.terms
        board.change(route, Reason.SPLIT)
    for route, is_old in routes:
        if is_old:
            steering.steer(route)


def restate_unsent(board: Board, steering: Steering, route: Route) -> bool:
    """Send an order that waited over a split, and never went out, in the new shares; a reverse one ends it.

    Those that were to go out with it follow, each by itself from now on.

    Returns:
        False where nothing was done, as there was no split or the order is to end.
    """
    if route.cancelling or not route.splits:
        return False
    if any(one.ratio < 1.0 for one in route.splits):
        steering.end(route, OrderStatus.CANCELLED, Reason.SPLIT)
        return True
    group = untie(route) if is_leading(route) else [route]
    for one in group:
        _split(board, one)
        one.stage = Stage.KEPT
        board.change(one, Reason.SPLIT)
        steering.release(one)
    for one in group:
        steering.steer(one)
    return True


def _split(board: Board, route: Route) -> tuple[Split, ...]:
    """Turn an order into the shares after its splits, and return them."""
    splits, route.splits = route.splits, ()
    board.unsplit.pop(route.key, None)
    for one in splits:
        _restate(route, one)
    return splits


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
