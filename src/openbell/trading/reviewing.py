"""Reviewing again: what the limits let pass, and then waited for the end of others, is looked at anew.

An order is reviewed as if what is cancelled beside it were gone. On its way to a live broker it waits for
that end, and what was cancelled may have filled instead.
"""

from __future__ import annotations

from openbell.core.orders import Refusal, Replace
from openbell.trading.gate import Terms
from openbell.trading.route import Route


def review_again(route: Route, wanted: Terms | None = None) -> Refusal | None:
    """Return why an order that waited may not leave, or not grow to terms; None where it may."""
    if not route.waited:
        return None
    route.waited = False
    if wanted is None:
        return route.course.review_again(route.order)
    return route.course.review_again(Replace(route.order.id, quantity=wanted.quantity))


def grows(route: Route, wanted: Terms) -> bool:
    """Tell whether terms ask for more than the broker was asked for, of an order that may open."""
    return (
        route.asked is not None
        and wanted.quantity > route.asked.quantity
        and not route.order.reduce_only
        and route.course.gate is not None
    )


def is_same(one: Terms, other: Terms) -> bool:
    """Compare terms, in which NaN is none."""
    return repr(one) == repr(other)
