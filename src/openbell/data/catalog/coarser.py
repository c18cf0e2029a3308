"""Which stored bars can make the bars that are asked for, and how."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import COLUMNS, CalendarUnit, Series, format_timeframe, parse_timeframe
from openbell.data.calendar import sessions
from openbell.data.catalog.key import Key
from openbell.data.catalog.parts import bars_of, columns_of
from openbell.data.resample import resample

#: Days that a range of finer bars is widened by, so that its first and its last period are whole.
MARGIN = 32
#: The days that periods of the calendar have, about: for an order of timeframes.
_DAYS = {CalendarUnit.DAY: 1, CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 30}


def can_make(finer: str, wanted: str) -> bool:
    """Tell whether bars of one timeframe are whole parts of those of another."""
    fine, coarse = parse_timeframe(finer), parse_timeframe(wanted)
    if isinstance(fine, CalendarUnit):
        return fine is CalendarUnit.DAY and coarse in {CalendarUnit.WEEK, CalendarUnit.MONTH}
    return isinstance(coarse, CalendarUnit) or (coarse > fine and coarse % fine == 0)


def serving(stored: Iterable[str], wanted: str) -> str | None:
    """Return the stored timeframe to read: the wanted one, else the coarsest that makes it."""
    wanted = format_timeframe(parse_timeframe(wanted))
    there = list(stored)
    if wanted in there:
        return wanted
    return max((one for one in there if can_make(one, wanted)), key=length, default=None)


def length(timeframe: str) -> int:
    """Return a timeframe's length in ns, about: to sort by."""
    step = parse_timeframe(timeframe)
    return _DAYS[step] * NANOS_PER_DAY if isinstance(step, CalendarUnit) else step


def coarsen(series: Series, timeframe: str, *, until: int) -> Series:
    """Make coarser bars, by session; the last one only if its period is over.

    Args:
        series: Finer bars.
        timeframe: That of the result.
        until: The moment up to which `series` has all bars; a period that ends later is left out.

    Raises:
        ConfigError: The bars are of more than the regular session, so that no session says where one begins.
    """
    key = Key(series.source, series.symbol, format_timeframe(parse_timeframe(timeframe)))
    if series.source.session != "regular":
        raise ConfigError(
            f"{key}: coarser bars are made of regular sessions, and the {series.timeframe} bars are of the "
            f"{series.source.session} one; ask for {series.timeframe} bars, or fetch {key.timeframe} ones"
        )
    columns = columns_of(series)
    if not len(series):
        return bars_of(key, columns)
    reach = MARGIN * NANOS_PER_DAY
    calendar = sessions(series.source.calendar, int(series.start[0]) - reach, int(series.known[-1]) + reach)
    values = {name: columns[name] for name in (*COLUMNS, *sorted(series.extra))}
    made = resample(values, series.start, timeframe=key.timeframe, sessions=calendar)
    whole = int(np.searchsorted(made.known, max(until, int(series.known[-1])), side="right"))
    rows = {"start": made.start, "known": made.known, **made.columns}
    return bars_of(key, {name: column[:whole] for name, column in rows.items()})
