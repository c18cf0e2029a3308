"""The same run, traded harder: dearer, late, and with entries that are missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from openbell.core.costs import Costs
from openbell.execution.brokers.hindered import Hindrance

TIMES = (2, 3)  #: what costs are multiplied with
LATE = (1, 2, 3)  #: bars


class Harder(NamedTuple):
    """A way to trade a run harder; several hindrances differ in their seeds alone."""

    name: str
    costs: Costs
    hindrances: tuple[Hindrance | None, ...] = (None,)


def harder_ways(costs: Costs, *, drop: float, drops: int, seed: int) -> Iterator[Harder]:
    """Yield the ways: commission and slippage times 2 and 3, entries 1 to 3 bars late, entries missed.

    Args:
        costs: Of the run.
        drop: The share of entries that is missed.
        drops: How many times other ones are missed; 0 leaves that out.
        seed: Of what is missed.
    """
    for times in TIMES:
        yield Harder(f"commission × {times}", scale_costs(costs, commission=times))
        yield Harder(f"slippage × {times}", scale_costs(costs, slippage=times))
        yield Harder(f"costs × {times}", scale_costs(costs, commission=times, slippage=times))
    for bars in LATE:
        name = f"entries {bars} bar{'s' if bars > 1 else ''} late"
        yield Harder(name, costs, (Hindrance(delay=bars),))
    if drops:
        missed = tuple(Hindrance(drop=drop, seed=seed * drops + number) for number in range(drops))
        yield Harder(f"{drop:.0%} of entries missed", costs, missed)


def scale_costs(costs: Costs, *, commission: float = 1.0, slippage: float = 1.0) -> Costs:
    """Return costs whose commission, with its floor and its cap, and slippage are so many times as high."""
    return replace(
        costs,
        commission=replace(costs.commission, **_scaled(costs.commission, commission)),
        slippage=replace(costs.slippage, **_scaled(costs.slippage, slippage)),
    )


def _scaled(record: object, times: float) -> Mapping[str, float]:
    return {name: times * getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined]  # a dataclass
