from typing import Any

import numpy as np
import pandas as pd
import pytest

from openbell.core.errors import BadData, ConfigError
from openbell.core.types import Split
from openbell.data.bars import FindingKind, Series, Times
from openbell.data.frames import from_frame

MINUTE = 60 * 10**9


def make_frame(times: Any, **columns: Any) -> pd.DataFrame:
    count = len(times)
    prices = {
        "open": np.full(count, 10.0),
        "high": np.full(count, 11.0),
        "low": np.full(count, 9.0),
        "close": np.full(count, 10.5),
        "volume": np.full(count, 100.0),
    }
    return pd.DataFrame(prices | columns, index=pd.DatetimeIndex(times))


def daily(*days: str, **columns: Any) -> pd.DataFrame:
    return make_frame(pd.to_datetime(list(days)), **columns)


def moments(times: Times) -> list[str]:
    return [str(np.datetime64(t, "ns").astype("datetime64[m]")) for t in times.tolist()]


def kinds(series: Series) -> list[FindingKind]:
    return [finding.kind for finding in series.findings]


def message_of(series: Series, kind: FindingKind) -> str:
    (found,) = [finding for finding in series.findings if finding.kind is kind]
    return found.message


WEEK = ("2012-11-19", "2012-11-20", "2012-11-21", "2012-11-23")  # Thanksgiving, then a half day


def test_what_is_written_into_a_frame_afterwards_is_not_in_its_series():
    frame = daily(*WEEK)
    series = from_frame(frame, "ACME")
    known = series.content_hash
    frame.iloc[0] = 1.0
    assert series.close.tolist() == [10.5] * 4
    assert (series.open[0], series.volume[0], series.content_hash) == (10.0, 100.0, known)


def test_daily_bars_run_from_the_open_to_the_close_of_their_session():
    series = from_frame(daily(*WEEK), "ACME")
    assert series.timeframe == "1d"
    assert moments(series.start) == [f"{day}T14:30" for day in WEEK]
    assert moments(series.known) == [*(f"{day}T21:00" for day in WEEK[:3]), "2012-11-23T18:00"]
    assert series.source.calendar == "XNYS"
    assert (series.source.provider, series.source.adjustment) == ("frame", "raw")


def test_the_assumed_calendar_is_found():
    series = from_frame(daily(*WEEK), "ACME")
    assert "XNYS is assumed" in message_of(series, FindingKind.ASSUMED_CALENDAR)
    assert kinds(from_frame(daily(*WEEK), "ACME", calendar="XNYS")) == []


def test_a_day_that_is_no_session_makes_it_around_the_clock():
    series = from_frame(daily("2012-11-21", "2012-11-22", "2012-11-23"), "COIN")
    assert series.source.calendar == "24/7"
    assert moments(series.start)[1] == "2012-11-22T00:00"
    assert moments(series.known)[1] == "2012-11-23T00:00"
    message = message_of(series, FindingKind.ASSUMED_CALENDAR)
    assert message == "COIN: row 1 (2012-11-22) is outside the sessions of XNYS: calendar 24/7 is assumed"


def test_a_day_that_is_no_session_of_the_given_calendar_is_refused():
    with pytest.raises(
        BadData, match=r"ACME: row 1 \(2012-11-22\): outside the sessions of XNYS; .*calendar='24/7'"
    ):
        from_frame(daily("2012-11-21", "2012-11-22"), "ACME", calendar="XNYS")


@pytest.mark.parametrize("name", ["date", "Date", "TIME", "timestamp", "Datetime"])
def test_the_time_may_be_a_column(name):
    expected = from_frame(daily(*WEEK), "ACME")
    for times in (list(WEEK), pd.to_datetime(list(WEEK)), list(pd.to_datetime(list(WEEK)).date)):
        frame = daily(*WEEK).reset_index(drop=True).assign(**{name: times})
        assert from_frame(frame, "ACME").content_hash == expected.content_hash


def test_column_names_may_have_any_case_and_spaces():
    frame = daily(*WEEK).rename(columns=lambda name: f" {name.upper()} ")
    assert from_frame(frame, "ACME").content_hash == from_frame(daily(*WEEK), "ACME").content_hash


def test_the_frame_is_not_changed():
    frame = daily(*WEEK)
    before = frame.copy()
    from_frame(frame, "ACME")
    frame.loc[frame.index[0], "close"] = 9.5
    assert before.close.iloc[0] == 10.5


def test_further_numeric_columns_are_kept_and_others_are_named():
    count = len(WEEK)
    frame = daily(*WEEK, VWAP=[1, None, 3, 4], Name=["x"] * count, **{"Adj Close": np.ones(count)})
    series = from_frame(frame, "ACME", calendar="XNYS")
    assert list(series.extra) == ["vwap"]
    assert np.isnan(series.extra["vwap"][1])
    assert kinds(series) == [FindingKind.IGNORED_COLUMN] * 2
    assert "column 'adj close' is ignored; prices are kept raw" in series.findings[0].message.lower()
    assert "column 'Name' is ignored; its values are no numbers" in series.findings[1].message


def test_actions_are_kept():
    split = Split("ACME", 5, 2, 1)
    assert from_frame(daily(*WEEK), "ACME", actions=[split]).actions == (split,)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (daily(*WEEK).rename(columns={"close": "clos"}), "column 'clos' is unknown.*did you mean 'close'"),
        (
            daily(*WEEK).drop(columns="volume"),
            r"column 'volume' is missing; add it \(zeros are allowed\). There are: ",
        ),
        (
            daily(*WEEK).drop(columns="low"),
            "column 'low' is missing; add it. There are: open, high, close, volume",
        ),
        (daily(*WEEK).reset_index(drop=True), "column 'date' is missing"),
        (daily(*WEEK, Close=np.ones(4)), "columns 'close' and 'Close' have the same name"),
        (
            daily(*WEEK).reset_index(drop=True).assign(date=1, time=2),
            "columns 'date' and 'time' both look like",
        ),
        (
            daily(*WEEK).reset_index(drop=True).assign(date=20_050_103),
            "time 20050103 is a number; convert it first",
        ),
        (
            daily(*WEEK).reset_index(drop=True).assign(date=[*WEEK[:3], "3 Jan"]),
            "row 3: time '3 Jan' is no ISO time",
        ),
        (
            daily(*WEEK)
            .reset_index(drop=True)
            .assign(date=[f"{day}T09:30:00{z}" for day, z in zip(WEEK, ("Z", "", "", "Z"), strict=True)]),
            "row 1: time '2012-11-20T09:30:00' is no ISO time, or not like the first",
        ),
        (
            daily(*WEEK).reset_index(drop=True).assign(date=pd.period_range("2012-11-19", periods=4)),
            r"row 0: time Period.* is a period; make it a moment, .*frame\['date'\].dt.to_timestamp\(\)",
        ),
        (daily("1500-01-01"), "row 0: time '1500-01-01.*' is not within the years 1850 to 2099; correct it"),
        (daily("1849-12-31"), r"row 0 \(1849-12-31\) is not within the years 1850 to 2099; correct its time"),
        (daily(*WEEK, "2100-01-01"), r"row 4 \(2100-01-01\) is not within the years 1850 to 2099"),
        (daily(*WEEK, "2999-01-01"), "row 4: time '2999-01-01.*' is not within the years 1850 to 2099"),
        (
            daily(*WEEK).reset_index(drop=True).assign(date=pd.to_datetime(["2012-11-19", "", "", ""])),
            "row 1 has no time",
        ),
        (daily(*WEEK, close=["10", "10", "ten", "10"]), "row 2: close 'ten' is no number"),
        (daily(), "there are no rows"),
        (daily().reset_index(drop=True).assign(date=np.ones(0)), "there are no rows"),
    ],
)
def test_a_wrong_column_is_refused_with_the_remedy(frame, words):
    with pytest.raises(BadData, match=f"^ACME: .*{words}"):
        from_frame(frame, "ACME")


def test_columns_of_several_symbols_are_refused():
    frame = pd.concat({"AAPL": daily(*WEEK), "MSFT": daily(*WEEK)}, axis=1)
    remedy = r"select one's, as in frame.xs\('AAPL', axis=1, level=0\)"
    with pytest.raises(BadData, match=rf"ACME: the columns are those of .* \(AAPL, MSFT\); {remedy}"):
        from_frame(frame, "ACME")
    for wrong in (
        pd.concat({"ACME": frame}, axis=1),
        daily(*WEEK).set_axis([list("aaaab"), list("abcde")], axis=1),
    ):
        with pytest.raises(
            BadData, match=r"several levels \(\w+, \w+.*\); select one symbol's columns first"
        ):
            from_frame(wrong, "ACME")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"stamp": "middle"}, "stamp='middle' must be 'start' or 'end'"),
        (
            {"timezone": "America/NewYork"},
            "timezone='America/NewYork' is unknown; did you mean 'America/New_York'",
        ),
        ({"timezone": "../etc"}, "timezone='../etc' is unknown"),
        ({"calendar": "XNY"}, "calendar 'XNY' is unknown"),
        ({"timeframe": "1y"}, "timeframe '1y' is unknown"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        from_frame(daily(*WEEK), "ACME", **arguments)


def test_what_is_no_frame_is_refused():
    with pytest.raises(ConfigError, match="ACME: list is no pandas DataFrame; give one with a row for each"):
        from_frame([1, 2], "ACME")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2012-11-19", "2012-11-26", "2012-12-03"], "1w"),
        (["2012-09-28", "2012-10-31", "2012-11-30", "2012-12-31"], "1mo"),
        (["2012-11-23", "2012-11-26"], "1d"),
        (pd.date_range("2012-11-19 14:30", periods=4, freq="5min", tz="UTC"), "5m"),
        (pd.date_range("2012-11-19 14:30", periods=4, freq="90s", tz="UTC"), "90s"),
        (pd.date_range("2012-03-08", periods=4, freq="D", tz="America/New_York"), "1d"),
    ],
)
def test_the_timeframe_comes_from_the_most_common_spacing(times, expected):
    assert from_frame(make_frame(times), "ACME").timeframe == expected


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (["2012-11-19"], "a single bar do"),
        (["2012-10-01", "2012-11-15"], "bars 3.888e.06 s apart"),
        (["2012-11-19T14:30:00Z", "2012-11-19T14:37:00Z"], "bars 420 s apart"),
    ],
)
def test_a_spacing_that_tells_no_timeframe_asks_for_it(times, words):
    with pytest.raises(ConfigError, match=f"ACME: {words}.* give timeframe="):
        from_frame(make_frame(pd.to_datetime(times)), "ACME")


def test_a_single_bar_of_a_given_timeframe_is_fine():
    assert len(from_frame(daily("2012-11-19"), "ACME", timeframe="1d")) == 1


@pytest.mark.parametrize("asked", ["5m", "1w"])
def test_another_timeframe_than_the_bars_have_is_refused(asked):
    with pytest.raises(BadData, match=f"ACME: the bars are 1d bars; {asked} is asked"):
        from_frame(daily(*WEEK), "ACME", timeframe=asked)


def test_sparse_intraday_bars_are_those_of_the_finer_timeframe():
    times = pd.date_range("2012-11-19 14:30", periods=3, freq="5min", tz="UTC")
    series = from_frame(make_frame(times), "ACME", timeframe="1m")
    assert series.timeframe == "1m"
    assert "8 bars are missing inside sessions" in message_of(series, FindingKind.MISSING_BARS)


def test_weekly_bars_run_over_the_sessions_of_their_week():
    for days in (["2012-11-12", "2012-11-19"], ["2012-11-16", "2012-11-23"], ["2012-11-18", "2012-11-25"]):
        series = from_frame(daily(*days), "ACME")
        assert series.timeframe == "1w"
        assert moments(series.start) == ["2012-11-12T14:30", "2012-11-19T14:30"]
        assert moments(series.known) == ["2012-11-16T21:00", "2012-11-23T18:00"]


def test_monthly_bars_run_over_the_sessions_of_their_month():
    series = from_frame(daily("2012-11-01", "2012-12-01", "2013-01-01"), "ACME", calendar="XNYS")
    assert series.timeframe == "1mo"
    assert moments(series.start) == ["2012-11-01T13:30", "2012-12-03T14:30", "2013-01-02T14:30"]
    assert moments(series.known)[:2] == ["2012-11-30T21:00", "2012-12-31T21:00"]


def test_two_bars_of_one_week_are_refused():
    with pytest.raises(BadData, match=r"row 2 \(2012-11-23\): begins before the bar above is complete"):
        from_frame(daily("2012-11-12", "2012-11-19", "2012-11-23", "2012-11-30"), "ACME")


def test_daily_bars_in_a_zone_belong_to_their_local_date():
    times = pd.DatetimeIndex(["2012-11-19", "2012-11-20"], tz="Asia/Tokyo")
    series = from_frame(make_frame(times), "ACME", calendar="XTKS")
    assert moments(series.start) == ["2012-11-19T00:00", "2012-11-20T00:00"]


def test_a_time_zone_moves_utc_stamps_to_their_local_date():
    times = pd.DatetimeIndex(["2012-11-18 15:00", "2012-11-19 15:00"], tz="UTC")
    series = from_frame(make_frame(times), "ACME", calendar="XTKS", timezone="Asia/Tokyo")
    assert moments(series.start) == ["2012-11-19T00:00", "2012-11-20T00:00"]


def test_intraday_bars_without_a_zone_are_refused_with_the_remedy():
    frame = make_frame(pd.date_range("2012-11-19 09:30", periods=3, freq="5min"))
    with pytest.raises(BadData, match=r"ACME: row 0 \(2012-11-19 09:30:00\): .*no zone; give timezone="):
        from_frame(frame, "ACME")
    series = from_frame(frame, "ACME", timezone="America/New_York")
    assert moments(series.start) == ["2012-11-19T14:30", "2012-11-19T14:35", "2012-11-19T14:40"]


def test_daily_bars_with_a_time_of_day_and_no_zone_are_refused():
    with pytest.raises(BadData, match=r"row 0 \(2012-11-19 16:00:00\): a daily bar with a time of day"):
        from_frame(daily("2012-11-19 16:00", "2012-11-20 16:00"), "ACME")


def test_intraday_bars_are_cut_at_their_session():
    times = pd.date_range("2012-11-23 14:30", periods=4, freq="h", tz="UTC")
    series = from_frame(make_frame(times), "ACME")
    assert series.source.calendar == "XNYS"
    assert moments(series.known) == [f"2012-11-23T{t}" for t in ("15:30", "16:30", "17:30", "18:00")]


def test_a_bar_on_the_full_hour_begins_with_its_session():
    times = pd.date_range("2012-11-19 14:00", periods=7, freq="h", tz="UTC")
    series = from_frame(make_frame(times), "ACME")
    assert moments(series.start)[:2] == ["2012-11-19T14:30", "2012-11-19T15:00"]
    assert moments(series.known)[0] == "2012-11-19T15:00"
    assert kinds(series) == [FindingKind.ASSUMED_CALENDAR]


def test_stamps_at_the_end_mean_the_same_bars():
    ends = [
        *pd.date_range("2012-11-23 15:30", periods=3, freq="h", tz="UTC"),
        pd.Timestamp("2012-11-23 18:00Z"),
    ]
    starts = pd.date_range("2012-11-23 14:30", periods=4, freq="h", tz="UTC")
    by_end = from_frame(make_frame(ends), "ACME", stamp="end")
    by_start = from_frame(make_frame(starts), "ACME")
    assert by_end.content_hash == by_start.content_hash


def test_around_the_clock_a_bar_over_midnight_is_complete_after_it():
    times = pd.date_range("2012-11-18 22:00", periods=3, freq="4h", tz="UTC")
    series = from_frame(make_frame(times), "COIN", calendar="24/7")
    assert moments(series.known) == ["2012-11-19T02:00", "2012-11-19T06:00", "2012-11-19T10:00"]
    assert kinds(series) == []


def test_texts_with_the_offsets_of_summer_and_winter_are_moments():
    times = ["2012-11-02T15:50:00-04:00", "2012-11-02T15:55:00-04:00", "2012-11-05T09:30:00-05:00"]
    frame = daily(*WEEK[:3]).reset_index(drop=True).assign(date=times)
    series = from_frame(frame, "ACME", timeframe="5m")
    assert moments(series.start) == ["2012-11-02T19:50", "2012-11-02T19:55", "2012-11-05T14:30"]


def test_bars_after_hours_are_outside_the_sessions():
    times = pd.date_range("2012-11-19 20:55", periods=3, freq="5min", tz="UTC")
    with pytest.raises(BadData, match=r"row 1 \(2012-11-19 21:00:00\): outside the sessions of XNYS"):
        from_frame(make_frame(times), "ACME", calendar="XNYS")


def test_bars_closer_than_their_timeframe_are_refused():
    times = pd.to_datetime(
        ["2012-11-19T14:30Z", "2012-11-19T14:35Z", "2012-11-19T14:40Z", "2012-11-19T14:41Z"]
    )
    with pytest.raises(
        BadData, match=r"row 3 \(2012-11-19 14:41:00\): begins before the bar above is complete"
    ):
        from_frame(make_frame(times), "ACME")


@pytest.mark.parametrize("wall", ["2012-11-04 01:30", "2012-03-11 02:30"])
def test_an_hour_in_which_clocks_change_names_no_moment(wall):
    frame = make_frame([pd.Timestamp(wall) - pd.Timedelta("2h"), pd.Timestamp(wall)])
    with pytest.raises(BadData, match=r"row 1 \(.*\): clocks change in this hour in America/New_York"):
        from_frame(frame, "COIN", timeframe="1h", timezone="America/New_York")


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (
            ["2012-11-20", "2012-11-19"],
            r"row 1 \(2012-11-19\): earlier than the row above; sort the rows by time",
        ),
        (["2012-11-20", "2012-11-20"], r"row 1 \(2012-11-20\): the row above has this time too; drop one"),
    ],
)
def test_times_out_of_order_are_refused(days, words):
    with pytest.raises(BadData, match=words):
        from_frame(daily(*days), "ACME")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("close", np.nan, "close nan is no number"),
        ("open", np.inf, "open inf is no number"),
        ("volume", np.nan, "volume nan is no number"),
        ("low", 0.0, "low 0 is not positive"),
        ("open", -1.0, "open -1 is not positive"),
        ("high", 8.0, "high 8 is below low 9"),
        ("open", 11.01, "open 11.01 is outside low 9 to high 11"),
        ("close", 8.99, "close 8.99 is outside low 9 to high 11"),
        ("volume", -1.0, "volume -1 is negative"),
    ],
)
def test_an_impossible_row_is_refused_with_its_place_and_value(column, value, words):
    frame = daily(*WEEK)
    frame.loc[frame.index[2], column] = value
    with pytest.raises(BadData, match=rf"^ACME: row 2 \(2012-11-21\): {words}; correct the row or drop it$"):
        from_frame(frame, "ACME")
