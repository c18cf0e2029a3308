"""Properties of series, factors, sessions and stamps that hold for any data."""

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, Dividend, Split
from openbell.data import stamps
from openbell.data.actions import factors
from openbell.data.bars import COLUMNS, CalendarUnit, Series, Source, format_timeframe, parse_timeframe
from openbell.data.calendar import Sessions, sessions

prices = st.floats(1.0, 1000.0)
PLACE = "row {}".format


@st.composite
def bars(draw) -> Series:
    steps = draw(st.lists(st.integers(1, 9), min_size=1, max_size=30))
    start = np.cumsum(np.array(steps, np.int64)) * 10
    columns: dict[str, Any] = {
        name: np.array(draw(st.lists(prices, min_size=len(steps), max_size=len(steps)))) for name in COLUMNS
    }
    actions = draw(st.lists(action(int(start[-1])), max_size=5))
    return Series("A", "1m", start, start + 10, **columns, source=Source("test", ""), actions=tuple(actions))


@st.composite
def action(draw, last: int) -> Action:
    ex = draw(st.integers(0, last + 20))
    if draw(st.booleans()):
        return Split("A", ex, draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    return Dividend("A", ex, draw(st.floats(0.0001, 0.01)))


@given(bars(), st.integers(0, 300), st.integers(0, 300))
def test_between_keeps_exactly_the_bars_that_open_in_the_range(series, start, end):
    part = series.between(start, end)
    assert part.start.tolist() == [t for t in series.start.tolist() if start <= t < end]
    kept = np.isin(series.start, part.start)
    for name in COLUMNS:
        assert getattr(part, name).tolist() == getattr(series, name)[kept].tolist()


@given(bars(), st.integers(0, 29), st.sampled_from(COLUMNS))
def test_the_hash_changes_with_any_value(series, row, name):
    column = getattr(series, name).copy()
    column[row % len(series)] = np.nextafter(column[row % len(series)], 2000.0)
    assert series.between(None, None).content_hash == series.content_hash
    columns = {other: getattr(series, other) for other in COLUMNS} | {name: column}
    changed = Series(
        "A", "1m", series.start, series.known, **columns, source=series.source, actions=series.actions
    )
    assert changed.content_hash != series.content_hash


@given(bars())
def test_holding_with_dividends_reinvested_is_the_adjusted_series(series):
    """A share that buys more at the reference price whenever it is paid is worth close x total factor."""
    _, total = factors(series.start, series.close, series.actions)
    shares, held = 1.0, []
    for row in range(len(series)):
        if row:
            reference = series.close[row - 1]
            for each in series.actions:
                if series.start[row - 1] < each.ex <= series.start[row]:
                    if isinstance(each, Split):
                        shares, reference = shares * each.ratio, reference / each.ratio
                    else:
                        reference -= each.amount
                        shares += shares * each.amount / reference
        held.append(shares)
    np.testing.assert_allclose(total, held, rtol=1e-12)


@given(bars(), st.integers(0, 29))
def test_factors_up_to_a_bar_do_not_change_with_what_comes_after(series, cut):
    row = cut % len(series) + 1
    whole = factors(series.start, series.close, series.actions)
    part = factors(series.start[:row], series.close[:row], series.actions)
    for one, other in zip(whole, part, strict=True):
        assert one[:row].tolist() == other.tolist()


@given(st.integers(1, 86_399))
def test_a_timeframe_that_is_written_is_read_back(seconds):
    assert parse_timeframe(format_timeframe(seconds * NANOS_PER_SECOND)) == seconds * NANOS_PER_SECOND


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 20 * 365 * 1440), min_size=1, max_size=50),
    st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kolkata", "UTC"]),
)
def test_utc_survives_the_way_over_the_clocks_of_a_zone(minutes, name):
    zone = ZoneInfo(name)
    utc = np.array(sorted(minutes), np.int64) * 60 * NANOS_PER_SECOND + 12_000 * NANOS_PER_DAY
    wall = stamps.to_wall(utc, zone)
    clear = [
        zone.utcoffset(_at(w).replace(fold=0)) == zone.utcoffset(_at(w).replace(fold=1))
        for w in wall.tolist()
    ]
    assert stamps.to_utc(wall[clear], zone, PLACE).tolist() == utc[clear].tolist()


def _at(wall: int) -> Any:
    return np.datetime64(wall // NANOS_PER_SECOND, "s").astype(object)


YEARS: Sessions = sessions("XNYS", 12_000 * NANOS_PER_DAY, 14_000 * NANOS_PER_DAY)


@given(
    st.lists(st.integers(12_000, 14_000), min_size=1, max_size=30, unique=True),
    st.sampled_from([CalendarUnit.DAY, CalendarUnit.WEEK, CalendarUnit.MONTH]),
)
def test_a_dated_bar_holds_the_sessions_of_its_period_and_no_more(days, unit):
    dates = np.array(sorted(days), np.int64)
    start, known, inside = stamps.place_dates(dates, unit, YEARS)
    width = {CalendarUnit.DAY: 1, CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 31}[unit]
    assert np.all(start[inside] < known[inside])
    assert np.all(np.isin(start[inside], YEARS.opens) & np.isin(known[inside], YEARS.closes))
    assert np.all((known - start)[inside] < width * NANOS_PER_DAY)
    if unit is CalendarUnit.DAY:
        assert inside.tolist() == np.isin(dates, YEARS.dates).tolist()


@given(st.integers(0, 2000 * 1440), st.sampled_from([1, 5, 30, 60, 240]), st.booleans())
def test_an_intraday_bar_is_never_known_before_its_trades_and_never_after_its_length(minute, length, at_end):
    step = length * 60 * NANOS_PER_SECOND
    stamp = 12_000 * NANOS_PER_DAY + minute * 60 * NANOS_PER_SECOND
    start, known, inside = stamps.place_moments(np.array([stamp], np.int64), step, YEARS, at_end=at_end)
    begin = stamp - step if at_end else stamp
    meets = bool(np.any((YEARS.opens < begin + step) & (YEARS.closes > begin)))
    assert bool(inside[0]) == meets
    if meets:
        row = int(np.searchsorted(YEARS.closes, begin, side="right"))
        assert start[0] == max(begin, YEARS.opens[row])
        assert known[0] == min(begin + step, YEARS.closes[row])
