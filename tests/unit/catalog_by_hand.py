"""Series for tests of the catalog: rising prices on real sessions."""

from __future__ import annotations

from typing import Any

import numpy as np

from openbell.core.types import Action
from openbell.data.bars import Floats, Series, Source, parse_date
from openbell.data.calendar import Sessions, sessions

TAPE = Source("vendor", "iex")
MINUTE = 60_000_000_000


def sessions_of(first: str, last: str, calendar: str = "XNYS") -> Sessions:
    start, end = parse_date(first), parse_date(last, end_of_day=True)
    assert start is not None
    assert end is not None
    known = sessions(calendar, start, end)
    inside = (known.opens >= start) & (known.opens < end)
    return Sessions(calendar, known.dates[inside], known.opens[inside], known.closes[inside])


def days(first: str = "2024-01-02", last: str = "2024-01-31", **given: Any) -> Series:
    """Return daily bars of each session."""
    known = sessions_of(first, last)
    return series(known.opens, known.closes, "1d", **given)


def minutes(first: str = "2024-01-02", last: str = "2024-01-03", step: int = 1, **given: Any) -> Series:
    """Return the minute bars of each session, or coarser ones."""
    known = sessions_of(first, last)
    starts = [
        np.arange(opened, closed, step * MINUTE)
        for opened, closed in zip(known.opens, known.closes, strict=True)
    ]
    ends = [np.minimum(s + step * MINUTE, c) for s, c in zip(starts, known.closes, strict=True)]
    return series(np.concatenate(starts), np.concatenate(ends), f"{step}m", **given)


def series(
    start: Any,
    known: Any,
    timeframe: str,
    *,
    symbol: str = "ACME",
    source: Source = TAPE,
    level: float = 100.0,
    actions: tuple[Action, ...] = (),
    extra: dict[str, Any] | None = None,
) -> Series:
    """Return bars whose prices rise a cent a bar."""
    steps: Floats = np.arange(len(start), dtype=np.float64)
    close, volume = level + steps / 100, 1000.0 + steps
    return Series(
        symbol=symbol,
        timeframe=timeframe,
        start=start,
        known=known,
        open=close - 0.01,
        high=close + 0.02,
        low=close - 0.03,
        close=close,
        volume=volume,
        source=source,
        actions=actions,
        extra=extra or {},
    )


def rows(whole: Series, chosen: Any) -> Series:
    """Return some bars of a series: a slice, a mask or indices."""
    names = ("start", "known", "open", "high", "low", "close", "volume")
    columns = {name: getattr(whole, name)[chosen] for name in names}
    return Series(
        symbol=whole.symbol,
        timeframe=whole.timeframe,
        source=whole.source,
        actions=whole.actions,
        extra={name: column[chosen] for name, column in whole.extra.items()},
        **columns,
    )
