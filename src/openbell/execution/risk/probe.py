"""What a gate's limits would say of an order, asked before it is sent; nothing is counted."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

from openbell.core.orders import Order, Refusal
from openbell.execution.risk.checks import Reading, Row, read
from openbell.execution.risk.cutting import cut_to_fit
from openbell.execution.risk.gate import RiskGate
from openbell.execution.risk.trial import Trial


class Answered(NamedTuple):
    """What a gate would do with an order."""

    readings: Sequence[Reading]  #: of every limit that it is held against
    refusal: Refusal | None  #: why it would not pass as it is
    quantity: float  #: what would pass of it, shares: all, what it would be cut to, or none


def probe(gate: RiskGate, order: Order, lot: float) -> Answered:
    """Ask a gate about an order by the very checks of its review.

    Args:
        gate: Bound to a desk.
        order: It stays as it is.
        lot: Of its instrument.
    """
    readings: list[Reading] = []

    def note(rows: Sequence[Row], trial: Trial, whose: str = "", /) -> None:
        readings.extend(read(rows, trial, whose))

    gate.catch_up()
    gate.judge(copy(order), hold=note)
    asked = copy(order)
    refusal = gate.judge(asked)
    if refusal is None or not gate.risk.enforce:
        return Answered(readings, refusal, order.quantity)
    fits = gate.risk.cut and cut_to_fit(asked, lot, refusal, gate.judge)
    return Answered(readings, refusal, asked.quantity if fits else 0.0)
