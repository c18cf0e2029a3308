import numpy as np
import pytest

from openbell.core.errors import ConfigError
from openbell.data import bundled
from openbell.data.bars import COLUMNS, parse_timeframe
from openbell.data.calendar import sessions
from openbell.data.resample import check_coarser, latest, resample
from tests.unit.bars_by_hand import DAY, MINUTE, MONDAY, minutes

NANOS_PER_HOUR = 60 * MINUTE


def columns(series):
    return {name: getattr(series, name) for name in COLUMNS}


def test_minutes_gather_into_sessions_of_the_calendar():
    series = minutes("A", np.arange(1.0, 2881.0).tolist())
    days = sessions("24/7", MONDAY, MONDAY + 3 * DAY)
    made = resample(columns(series), series.start, timeframe="1d", sessions=days)
    assert made.known.tolist() == [MONDAY + DAY, MONDAY + 2 * DAY]
    assert made.columns["open"].tolist() == [1.0, 1440.0]
    assert made.columns["high"].tolist() == [1440.0, 2880.0]
    assert made.columns["low"].tolist() == [1.0, 1440.0]
    assert made.columns["close"].tolist() == [1440.0, 2880.0]
    assert made.columns["volume"].tolist() == [1440e6, 1440e6]


def test_hours_count_from_the_open_and_the_last_ends_at_the_close():
    calendar = sessions(
        "XNYS",
        int(np.datetime64("2012-07-02", "ns").astype(int)),
        int(np.datetime64("2012-07-05", "ns").astype(int)),
    )
    half_day = int(np.searchsorted(calendar.dates, int(np.datetime64("2012-07-03", "D").astype(int))))
    start = np.arange(calendar.opens[half_day], calendar.closes[half_day], 30 * MINUTE)
    values = {"close": np.arange(float(len(start)))}
    made = resample(values, start, timeframe="1h", sessions=calendar)
    assert len(start) == 7  # 09:30 to 13:00
    assert made.columns["close"].tolist() == [1, 3, 5, 6]
    assert made.known.tolist() == [calendar.opens[half_day] + h * NANOS_PER_HOUR for h in (1, 2, 3)] + [
        calendar.closes[half_day]
    ]


@pytest.mark.parametrize(("timeframe", "groups"), [("1w", 679), ("1mo", 157)])
def test_weeks_and_months_are_known_at_the_close_of_their_last_session(timeframe, groups):
    series = bundled.load("IBM")
    calendar = sessions("XNYS", int(series.start[0]), int(series.known[-1]))
    made = resample(columns(series), series.start, timeframe=timeframe, sessions=calendar)
    assert len(made.known) == groups
    days = made.known.astype("datetime64[ns]").astype("datetime64[D]")
    if timeframe == "1w":
        weekday = (days.astype(int) + 3) % 7
        assert [str(day) for day in days[weekday < 2]] == ["2001-09-10"]  # the exchange stayed closed
        assert len(np.unique((days.astype(int) + 3) // 7)) == groups
    else:
        assert len(np.unique(days.astype("datetime64[M]"))) == groups
    assert made.columns["volume"].sum() == pytest.approx(series.volume.sum())


def test_the_latest_finished_bar_is_the_one_known_by_then():
    known = np.array([10, 20, 30])
    assert latest(known, np.array([9, 10, 29, 30, 99])).tolist() == [-1, 0, 1, 2, 2]


def test_no_bars_make_no_bars():
    days = sessions("24/7", MONDAY, MONDAY + DAY)
    made = resample({"close": np.empty(0)}, np.empty(0, np.int64), timeframe="1d", sessions=days)
    assert len(made.known) == len(made.columns["close"]) == 0


@pytest.mark.parametrize(
    ("wanted", "base"), [("5m", "10m"), ("7m", "5m"), ("1d", "1w"), ("1h", "1d"), ("1d", "1d")]
)
def test_a_timeframe_that_bars_cannot_make_is_refused(wanted, base):
    with pytest.raises(ConfigError, match=f"timeframe {wanted} of A cannot be made of its {base} bars"):
        check_coarser(wanted, base, symbol="A")


@pytest.mark.parametrize(("wanted", "base"), [("10m", "5m"), ("1d", "1m"), ("1w", "1d"), ("1mo", "1w")])
def test_a_timeframe_that_bars_can_make_is_fine(wanted, base):
    check_coarser(wanted, base, symbol="A")  # raises nothing
    assert parse_timeframe(wanted) != parse_timeframe(base)
