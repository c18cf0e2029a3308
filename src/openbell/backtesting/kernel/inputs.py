"""From a panel and a plan to the arrays that the kernel reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.kernel.exact import refuse
from openbell.backtesting.kernel.memory import Memory
from openbell.backtesting.kernel.records import (
    FIXED_NOTIONAL,
    FIXED_QUANTITY,
    SHARE_OF_EQUITY,
)
from openbell.core.costs import Costs
from openbell.core.types import NANOS_PER_DAY, Action, Delisting, Dividend, Split
from openbell.data.bars import COLUMNS
from openbell.data.panel import Panel
from openbell.portfolio.sizing import FixedNotional, FixedQuantity, ShareOfEquity

#: What sizes a signal in compiled code, and the number that it goes by.
SIZERS = {
    ShareOfEquity: (SHARE_OF_EQUITY, "share"),
    FixedQuantity: (FIXED_QUANTITY, "quantity"),
    FixedNotional: (FIXED_NOTIONAL, "notional"),
}


def check_actions(schedule: Iterable[tuple[int, Action]]) -> None:
    """Refuse what compiled code does not book.

    Raises:
        CannotCompile: There is an action beside splits and dividends.
    """
    for _, action in schedule:
        if not isinstance(action, Split | Dividend):
            kind = "is delisted" if isinstance(action, Delisting) else "has a spin-off"
            raise refuse(f"{action.symbol} {kind}")


def check_hours(panel: Panel) -> None:
    """Refuse bars in which not every order works.

    Raises:
        CannotCompile: A symbol has bars outside of the exchange's sessions.
    """
    for symbol, track in panel.tracks.items():
        if track.around:
            raise refuse(f"{symbol} has bars outside of the sessions")


def columns_of(panel: Panel, marks: NDArray[np.int64]) -> dict[str, Any]:
    """Return all bars side by side. One symbol's columns are taken as they are, without a copy."""
    parts = list(panel.parts.values())

    def joined(name: str) -> Any:
        columns = [getattr(part.series, name) for part in parts]
        return np.ascontiguousarray(columns[0] if len(columns) == 1 else np.concatenate(columns))

    slots = [np.asarray(part.slots, dtype=np.int64) for part in parts]
    symbols = list(panel.parts)
    schedule = panel.schedule()
    sessions = panel.sessions
    return {
        **{name: joined(name) for name in ("start", "known", *COLUMNS)},
        "slots": slots[0] if len(slots) == 1 else np.concatenate(slots),
        "times": np.ascontiguousarray(panel.times),
        "ends": panel.ends,
        "nights": np.ascontiguousarray(sessions.closes // NANOS_PER_DAY),
        "opens": np.ascontiguousarray(sessions.opens),
        "marks": np.ascontiguousarray(marks),
        "action_moments": np.array([at for at, _ in schedule], dtype=np.int64),
        "action_symbols": np.array([symbols.index(a.symbol) for _, a in schedule], dtype=np.int64),
        "action_times": np.array([a.ex for _, a in schedule], dtype=np.int64),
        "action_new": np.array(
            [a.new if isinstance(a, Split) else a.amount for _, a in schedule],  # type: ignore[union-attr]  # checked
            dtype=np.float64,
        ),
        "action_old": np.array(
            [a.old if isinstance(a, Split) else 0.0 for _, a in schedule], dtype=np.float64
        ),
    }


def set_symbols(memory: Memory, panel: Panel) -> None:
    """Write what does not change of each symbol into a run's memory."""
    first = 0
    for index, part in enumerate(panel.parts.values()):
        one, instrument = memory.symbols[index], part.track.instrument
        one.first, one.bars = first, len(part.series)
        one.tick, one.lot, one.shortable = instrument.tick, instrument.lot, int(instrument.shortable)
        first += len(part.series)


def set_costs(memory: Memory, costs: Costs, *, cash: float, sizer: Any, dense: bool) -> None:
    """Write a plan's numbers into a run's memory."""
    to = memory.run
    c, s, m = costs.commission, costs.slippage, costs.margin
    kind, name = SIZERS[type(sizer)]
    to.initial_cash, to.sizer, to.size, to.dense = cash, kind, getattr(sizer, name), int(dense)
    to.part = getattr(sizer, "part", 1.0)
    to.per_share, to.per_order, to.minimum, to.maximum_share = (
        c.per_share,
        c.per_order,
        c.minimum,
        c.maximum_share,
    )
    to.taker_bps, to.maker_bps = c.taker_bps, c.maker_bps
    to.slip_share, to.slip_bps, to.spread_bps, to.impact = s.per_share, s.bps, s.spread_bps, s.impact
    to.initial, to.maintenance, to.short = m.initial, m.maintenance, int(m.short)
    to.borrow_rate, to.interest_rate = m.borrow_rate, m.interest_rate
    to.volume_share, to.cut = costs.volume_share, int(costs.unaffordable == "cut")
