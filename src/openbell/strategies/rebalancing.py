"""A strategy's rebalancing by a rule: whether it is time, and what of the market can be traded now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from openbell.core.desk import Desk
from openbell.core.errors import StrategyError
from openbell.core.inputs import shown
from openbell.core.orders import Order
from openbell.core.requests import signed
from openbell.core.types import Reason
from openbell.portfolio.rebalance import Holding, Rebalancing, drifted, is_due, target_quantities

_WEIGHT = "must be a number: a share of equity, negative for short"


def weights_of(desk: Desk, call: str, weights: object) -> dict[str, float]:
    """Return shares of equity by symbol as a strategy's call gave them.

    Raises:
        StrategyError: not a mapping, a symbol that the run has not, or no number.
    """
    if not isinstance(weights, Mapping):
        raise StrategyError(
            f"{call}: weights={shown(weights)} must be a mapping of symbols to shares of equity, "
            "such as {'AAPL': 0.5}"
        )
    found: dict[str, float] = {}
    for symbol, weight in weights.items():
        desk.check(call, symbol)
        found[symbol] = signed(call, symbol, "weight", weight, says=_WEIGHT)
    return found


def rebalance(
    desk: Desk, weights: Mapping[str, float], how: object, *, last: int
) -> tuple[list[Order], bool]:
    """Bring positions to weights if the rule says that it is time; return the orders, and whether it was.

    A symbol without a bar now is suspended: it keeps its position and its orders.

    Raises:
        StrategyError: `how` is no rule.
    """
    if not isinstance(how, Rebalancing):
        raise StrategyError(f"rebalance: how={shown(how)} must be ob.Rebalancing(...)")
    equity = desk.equity()
    held = holdings(desk, weights)
    if equity <= 0.0 or not _is_time(desk.market, weights, held, how, equity, last):
        return [], False
    for symbol in weights:
        if not held[symbol].tradable:
            desk.note(Reason.NO_PRICE)
    targets = target_quantities(weights, held, equity, how)
    changed = {s: q for s, q in targets.items() if q != held[s].quantity or desk.working.get(s)}
    return desk.aim(changed), True


def holdings(desk: Desk, weights: Mapping[str, float]) -> dict[str, Holding]:
    """Return what is held or named, in the run's order, with its last price."""
    concerned = {*weights, *desk.active()}
    found = {}
    for symbol, track in desk.tracks.items():
        if symbol in concerned:
            price, at = track.price(), track.cursor.at
            fresh = at >= 0 and track.known[at] == desk.market.time and not math.isnan(price)
            found[symbol] = Holding(desk.account.quantity(symbol), price, track.instrument.lot, fresh)
    return found


def _is_time(
    market: Any, weights: Mapping[str, float], held: Mapping[str, Holding], how: Rebalancing, equity: float,
    last: int,
) -> bool:  # fmt: skip
    if not how.every and not how.drift:
        return True
    if how.every and is_due(how, market.calendar, market.time, last):
        return True
    return how.drift > 0.0 and drifted(weights, held, equity) > how.drift
