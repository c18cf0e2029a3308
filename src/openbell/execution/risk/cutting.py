"""An entry that is too large, made as large as limits let it be."""

from __future__ import annotations

import math
from collections.abc import Callable

from openbell.core import rules
from openbell.core.orders import Order, Refusal


def cut_to_fit(order: Order, lot: float, refusal: Refusal, judge: Callable[[Order], Refusal | None]) -> bool:
    """Make an entry the most whole lots that pass, and say so in its tag; tell whether there are any.

    Args:
        order: It is changed only where something passes.
        lot: Of its instrument.
        refusal: Why it does not pass as it is.
        judge: Returns why an order does not pass.
    """
    if order.parent or order.oco or order.reduce_only:
        return False
    asked = order.quantity
    fits, exceeds = 0, math.ceil(asked / lot)
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        order.quantity = rules.whole_lots(middle * lot, lot)
        if judge(order) is None:
            fits = middle
        else:
            exceeds = middle
    order.quantity = rules.whole_lots(fits * lot, lot) if fits else asked
    if fits:
        why = f"cut from {asked:.10g} to {order.quantity:.10g} by {refusal.limit.value}: {refusal.text}"
        order.tag = f"{order.tag}; {why}" if order.tag else why
    return fits > 0
