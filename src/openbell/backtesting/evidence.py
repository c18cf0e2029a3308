"""What two runs that should be the same did, compared: orders, their lives, the ledger, indicators."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from openbell.backtesting.outcome import Outcome
from openbell.core.account import Entry
from openbell.core.errors import ConfigError, OpenbellError
from openbell.core.orders import Order
from openbell.core.types import Reason
from openbell.data.bars import Floats
from openbell.data.panel import Panel
from openbell.data.views import Outputs
from openbell.indicators.spec import Indicator

#: Of numbers: a causal Fourier transform or matrix product of more bars differs in its last bits.
TOLERANCE = 1e-9

#: What is asked of an order, the first the most telling.
REQUEST = (
    "symbol", "side", "quantity", "type", "limit", "stop", "trail", "trail_percent", "tif", "good_till",
    "reduce_only", "parent", "oco", "tag",
)  # fmt: skip

Values = Mapping[tuple[str, Indicator, str], Floats]


class Difference(NamedTuple):
    """The first thing that two runs did differently."""

    time: int  #: ns UTC, of the decision or booking
    symbol: str
    before: str  #: what the run over the true bars did
    after: str  #: what the other did
    detail: str = ""  #: which value became which; empty when all of it is new


@dataclass(frozen=True, slots=True)
class Trace:
    """What a run did up to where it was stopped; `error` is what ended it early."""

    orders: Sequence[Order] = ()
    entries: Sequence[Entry] = ()
    notes: Mapping[Reason, int] = field(default_factory=dict)
    values: Values = field(default_factory=dict)  #: an output of an indicator by symbol, recipe and name
    time: int = 0
    error: OpenbellError | None = None


def trace(run: Callable[[], Outcome]) -> Trace:
    """Run, and keep what can be compared. An error of the strategy's is something that it did."""
    try:
        outcome = run()
    except OpenbellError as error:
        return Trace(error=error)
    return trace_of(outcome)


def trace_of(outcome: Outcome) -> Trace:
    """Return what a finished run did."""
    panel = outcome.panel
    return Trace(outcome.orders, outcome.entries, outcome.notes, dict(_values(panel)), panel.time)


def compare(before: Trace, after: Trace) -> Difference | None:
    """Return the first difference of two runs over the same known bars, or None.

    Compared are each order's request and life, each booking, and the decisions that led to no order.
    """
    if before.error is not None or after.error is not None:
        return _errors(before, after)
    return (
        _orders(before.orders, after.orders)
        or _entries(before.entries, after.entries)
        or _notes(before, after)
    )


def moved(before: Values, after: Values) -> list[Indicator]:
    """Return the indicators of which a value that was known differs, in the order of their declaration."""
    found = [
        recipe
        for (symbol, recipe, output), values in before.items()
        if not _alike(values, after.get((symbol, recipe, output), values))
    ]
    return list(dict.fromkeys(found))


def caused_by_settings(error: BaseException) -> bool:
    """Tell whether an error began as one of settings: a function that refuses so few bars, for one."""
    return any(isinstance(link, ConfigError) for link in chain(error))


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__


def _values(panel: Panel) -> Iterator[tuple[tuple[str, Indicator, str], Floats]]:
    """Yield the known values of each indicator that was asked for."""
    for symbol, recipe, view in panel.declared():
        outputs = view.each() if isinstance(view, Outputs) else (view,)
        for name, values in zip(recipe.outputs, outputs, strict=True):
            yield (symbol, recipe, name), values.last(len(panel))


def _errors(before: Trace, after: Trace) -> Difference | None:
    if str(before.error or "") == str(after.error or ""):
        return None
    time = after.time if before.error else before.time
    old, new = (f"the error {str(run.error)!r}" if run.error else "no error" for run in (before, after))
    return Difference(time, "", old, new)


def _orders(before: Sequence[Order], after: Sequence[Order]) -> Difference | None:
    for old, new in zip(before, after, strict=False):
        if old.decided != new.decided:
            return _missing(old, new if new.decided < old.decided else None)
        changes = [name for name in REQUEST if not _same(getattr(old, name), getattr(new, name))]
        if changes:
            values = (_shown(changes[0], getattr(order, changes[0])) for order in (old, new))
            detail = f"{changes[0]} {' became '.join(values)}"
            return Difference(old.decided, old.symbol, old.describe(), new.describe(), detail)
        if old.life != new.life:
            return _lives(old, new)
    shorter = min(len(before), len(after))
    rest = [*before[shorter:], *after[shorter:]]
    return _missing(rest[0], rest[0] if len(after) > shorter else None) if rest else None


def _lives(old: Order, new: Order) -> Difference:
    """Return the first step that one life took and the other did not: cancelled, or still working."""
    steps = next(pair for pair in zip_longest(old.life, new.life) if pair[0] != pair[1])
    before, after = (
        f"{old.describe()}: {f'{step.status} {step.reason}'.strip() if step else 'nothing more'}"
        for step in steps
    )
    return Difference(min(step.time for step in steps if step), old.symbol, before, after)


def _missing(old: Order, new: Order | None) -> Difference:
    """Return the difference that one of the runs has an order that the other has not."""
    order = new or old
    before, after = ("no order", order.describe()) if new else (order.describe(), "no order")
    return Difference(order.decided, order.symbol, before, after)


def _entries(before: Sequence[Entry], after: Sequence[Entry]) -> Difference | None:
    for old, new in zip_longest(before, after):
        if old is None or new is None or not all(map(_same, old, new)):
            known = new if old is None else old
            detail = f"cash {old.cash:.10g} became {new.cash:.10g}" if old and new else ""
            return Difference(known.time, known.symbol, _booking(old), _booking(new), detail)
    return None


def _booking(entry: Entry | None) -> str:
    return f"{entry.kind} of {entry.quantity:g} at {entry.price:g}" if entry else "nothing booked"


def _notes(before: Trace, after: Trace) -> Difference | None:
    for reason in sorted({*before.notes, *after.notes}):
        old, new = (run.notes.get(reason, 0) for run in (before, after))
        if old != new:
            return Difference(
                before.time, "", f"{old} decisions refused ({reason})", f"{new} decisions refused ({reason})"
            )
    return None


def _same(old: Any, new: Any) -> bool:
    if old == new:
        return True
    if not (isinstance(old, float) and isinstance(new, float)):
        return False
    return (math.isnan(old) and math.isnan(new)) or math.isclose(old, new, rel_tol=TOLERANCE)


def _alike(old: Floats, new: Floats) -> bool:
    """Tell whether arrays agree, NaN where NaN, to within 1e-9 of each value or of their median size."""
    if old.shape != new.shape:
        return False
    sizes = np.abs(old[np.isfinite(old)])
    least = TOLERANCE * float(np.median(sizes)) if sizes.size else 0.0
    return bool(np.allclose(old, new, rtol=TOLERANCE, atol=least, equal_nan=True))


def _shown(name: str, value: Any) -> str:
    if name == "side":
        return "buy" if value > 0 else "sell"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
