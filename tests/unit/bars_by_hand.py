"""Small series written by hand, for tests of the panel and the replay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action
from openbell.data.bars import Series, Source

DAY = NANOS_PER_DAY
MINUTE = 60 * NANOS_PER_SECOND
#: Monday 2024-01-01, 00:00 UTC.
MONDAY = 19723 * DAY


def daily(
    symbol: str,
    closes: Sequence[float],
    *,
    first_day: int = 0,
    days: Sequence[int] | None = None,
    actions: Sequence[Action] = (),
    spread: float = 1.0,
) -> Series:
    """Return daily bars of a market that never closes; each opens at the close before it."""
    close = np.array(closes, dtype=float)
    offsets = np.array(days if days is not None else range(first_day, first_day + len(close)), dtype=np.int64)
    start = MONDAY + offsets * DAY
    open_ = np.concatenate((close[:1], close[:-1]))
    return Series(
        symbol,
        "1d",
        start,
        start + DAY,
        open_,
        np.maximum(open_, close) + spread,
        np.minimum(open_, close) - spread,
        close,
        np.full(len(close), 1e6),
        Source("test", "test", calendar="24/7"),
        tuple(actions),
    )


def minutes(symbol: str, closes: Sequence[float], *, first: int = 0, step: int = 1) -> Series:
    """Return bars of `step` minutes, beginning `first` minutes after Monday's midnight."""
    close = np.array(closes, dtype=float)
    start = MONDAY + (first + np.arange(len(close), dtype=np.int64) * step) * MINUTE
    open_ = np.concatenate((close[:1], close[:-1]))
    return Series(
        symbol,
        f"{step}m",
        start,
        start + step * MINUTE,
        open_,
        np.maximum(open_, close),
        np.minimum(open_, close),
        close,
        np.full(len(close), 1e6),
        Source("test", "test", calendar="24/7"),
    )
