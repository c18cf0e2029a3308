"""Natives: exits that a broker tends itself, with their entry as a bracket or with each other as a pair."""

from __future__ import annotations

import math

from openbell.core.types import OrderType, TimeInForce
from openbell.execution.port import STOP_LEG, TARGET_LEG
from openbell.trading.gate import NO_EXITS, Exits
from openbell.trading.route import Route, Stage

_LASTING = (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD)


def may_be_native(parent: Route, children: list[Route]) -> bool:
    """Tell whether exits can go with their entry as a bracket: at most a stop and a target, for all of it."""
    kinds = [child.terms.type for child in children]
    return (
        parent.terms.type in {OrderType.MARKET, OrderType.LIMIT}
        and parent.order.tif in _LASTING  # of others what has filled is protected when they are through
        and not (parent.order.reduce_only or parent.order.extended)  # exits work in the session alone
        and 1 <= len(kinds) == len(set(kinds))
        and set(kinds) <= {OrderType.STOP, OrderType.LIMIT}
        and all(c.order.reduce_only and c.whole == parent.whole for c in children)
        and (len(kinds) == 1 or children[0].order.oco == children[1].order.oco != 0)
    )


def may_be_pair(routes: list[Route]) -> bool:
    """Tell whether two exits of what is held can go as a pair: a target and a stop."""
    kinds = {route.terms.type for route in routes}
    return (
        len(routes) == 2
        and kinds == {OrderType.LIMIT, OrderType.STOP}
        and all(route.order.reduce_only and route.parent is None for route in routes)
        and not any(route.order.extended for route in routes)
        and routes[0].whole == routes[1].whole
    )


def legs_of(route: Route) -> dict[str, Route]:
    """Return the exits that go with an order natively, by what stands behind its client id."""
    return {
        TARGET_LEG if leg.terms.type is OrderType.LIMIT else STOP_LEG: leg
        for leg in route.children
        if leg.native and leg.stage is Stage.KEPT
    }


def exits_of(legs: dict[str, Route]) -> Exits:
    """Return the prices of the exits that go with an order."""
    if not legs:
        return NO_EXITS
    target, stop = legs.get(TARGET_LEG), legs.get(STOP_LEG)
    return Exits(
        target.terms.limit if target is not None else math.nan,
        stop.terms.stop if stop is not None else math.nan,
    )


def is_tended(route: Route) -> bool:
    """Tell whether an exit is at the broker as part of a bracket or a pair."""
    return route.native or (route.stage is not Stage.KEPT and any(one.native for one in route.children))
