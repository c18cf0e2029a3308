"""A combination's changes of conviction, and how they come into a run's memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from openbell.backtesting.kernel.decider import FAULTY_ORDER, NEVER_READY, WRONG_CONVICTION, Scratch
from openbell.backtesting.kernel.memory import Memory
from openbell.data.bars import Floats
from openbell.strategies.exits import protection_of

if TYPE_CHECKING:
    from openbell.backtesting.kernel.prepared import Prepared

#: What is said of a run whose indicators never have a value.
WAITING = "its indicators never have a value"
#: What is said of a combination that failed, by its number in a bundle.
FAILURES = {
    WRONG_CONVICTION: "a conviction is no number from -1 to 1",
    NEVER_READY: WAITING,
    FAULTY_ORDER: "an order has a price or a quantity that no order can have",
}
#: What a decision may raise in compiled code; of types, that an input is of another kind than the plan's.
ERRORS = (ZeroDivisionError, AssertionError, OverflowError, TypeError)


def said_of(error: Exception) -> str:
    """Return what is said of a decision that raised."""
    return f"{type(error).__name__} in the decision"


def fault_of(memory: Memory) -> str:
    """Return what ended a run, or nothing."""
    return FAILURES[FAULTY_ORDER] if memory.run.fault else ""


def decide_all(
    shared: Prepared, inputs: Mapping[str, Any], memory: Memory, scratches: Mapping[str, Scratch]
) -> str:
    """Put a combination's changes of conviction into a run's memory; return what is wrong, or nothing."""
    found, waiting = [], 0
    for symbol, scratch in scratches.items():
        try:
            first, count = shared.changes(inputs, symbol, scratch)
        except ERRORS as error:
            return said_of(error)
        waiting += first == scratch.bars
        what = scratch.what[:count]
        if count and not (what.min() >= -1.0 and what.max() <= 1.0):  # NaN is neither
            return FAILURES[WRONG_CONVICTION]
        found.append((shared.moments(symbol, scratch.when[:count]), what))
    when, who, what = found[0][0], shared.first_symbol[: len(found[0][0])], found[0][1]
    if len(found) > 1:
        when, who, what = _merged(found)
    for name, array in (("when", when), ("who", who), ("what", what)):
        memory.point(name, array)
    memory.run.changes = len(when)
    set_protection(memory, inputs)
    return WAITING if waiting == len(scratches) else ""


def _merged(found: Sequence[tuple[Any, Floats]]) -> tuple[Any, Any, Floats]:
    """Return the changes of several symbols in the order in which they happen."""
    when = np.concatenate([moments for moments, _ in found])
    who = np.repeat(np.arange(len(found)), [len(moments) for moments, _ in found])
    order = np.lexsort((who, when))
    return when[order], who[order], np.concatenate([what for _, what in found])[order]


def set_protection(memory: Memory, inputs: Mapping[str, Any]) -> None:
    """Write a combination's exits into a run's memory."""
    to, protection = memory.run, protection_of(inputs)
    to.stop_loss, to.take_profit = protection.stop_loss, protection.take_profit
    to.trailing_stop, to.limit = protection.trailing_stop, protection.limit
    to.reenter, to.entries_only = int(protection.reenter), int(protection.entries_only)
