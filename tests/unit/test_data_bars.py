import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from openbell.core.errors import BadData, ConfigError
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Dividend, Split
from openbell.data.bars import (
    COLUMNS,
    CalendarUnit,
    Series,
    Source,
    format_timeframe,
    parse_date,
    parse_timeframe,
)

MINUTE = 60 * NANOS_PER_SECOND
NAIVE = datetime(2005, 1, 1)  # noqa: DTZ001  # what users pass
DAY_2005 = 12_784  # 2005-01-01, in days since 1970


def make_series(count=3, **changes: Any) -> Series:
    start = np.arange(count, dtype=np.int64) * NANOS_PER_DAY
    columns = {name: np.full(count, 10.0) + np.arange(count) for name in COLUMNS}
    fields: dict[str, Any] = {
        "symbol": "ACME",
        "timeframe": "1d",
        "start": start,
        "known": start + NANOS_PER_DAY,
        **columns,
        "source": Source("test", "none"),
    }
    return Series(**(fields | changes))


@pytest.mark.parametrize(
    ("text", "expected", "canonical"),
    [
        ("30s", 30 * NANOS_PER_SECOND, "30s"),
        ("5m", 5 * MINUTE, "5m"),
        ("60min", 60 * MINUTE, "1h"),
        (" 1H ", 60 * MINUTE, "1h"),
        ("90m", 90 * MINUTE, "90m"),
        ("1d", CalendarUnit.DAY, "1d"),
        ("1W", CalendarUnit.WEEK, "1w"),
        ("1mo", CalendarUnit.MONTH, "1mo"),
    ],
)
def test_a_timeframe_is_nanoseconds_or_a_calendar_unit(text, expected, canonical):
    assert parse_timeframe(text) == expected
    assert format_timeframe(parse_timeframe(text)) == canonical


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("1M", "1m for minutes or 1mo for months"),
        ("2d", "use 1d"),
        ("24h", "use 1d"),
        ("0m", "such as 5m"),
        ("0d", "such as 5m"),
        ("5y", "such as 5m"),
        ("daily", "such as 5m"),
        (5, "such as 5m"),
    ],
)
def test_a_wrong_timeframe_is_refused_with_the_remedy(text, remedy):
    with pytest.raises(ConfigError, match=f"timeframe {text!r}.*{remedy}"):
        parse_timeframe(text)


@pytest.mark.parametrize(
    "value",
    ["2005-01-01", " 2005-01-01 ", date(2005, 1, 1), NAIVE, pd.Timestamp("2005-01-01")],
)
def test_a_plain_date_is_the_start_of_its_day_and_as_an_end_includes_it(value):
    assert parse_date(value) == DAY_2005 * NANOS_PER_DAY
    assert parse_date(value, end_of_day=True) == (DAY_2005 + 1) * NANOS_PER_DAY


def test_a_moment_with_a_zone_is_itself_at_either_end():
    expected = DAY_2005 * NANOS_PER_DAY + 90 * MINUTE
    for value in (
        "2005-01-01T01:30:00Z",
        "2004-12-31 20:30:00-05:00",
        datetime(2005, 1, 1, 1, 30, tzinfo=UTC),
    ):
        assert parse_date(value) == parse_date(value, end_of_day=True) == expected


def test_a_timestamp_keeps_its_nanoseconds():
    assert parse_date(pd.Timestamp(1_104_537_600_000_000_123, tz="UTC")) == 1_104_537_600_000_000_123


def test_no_date_is_no_limit():
    assert parse_date(None) is None


@pytest.mark.parametrize("value", ["2005-01-01T09:30:00", NAIVE.replace(hour=9, minute=30)])
def test_a_time_of_day_without_a_zone_is_refused_with_the_remedy(value):
    with pytest.raises(ConfigError, match=r"start='2005-01-01.09:30:00' .* add one, as in '.*\+00:00'"):
        parse_date(value, where="start")


@pytest.mark.parametrize("value", ["yesterday", "2005-13-01", "01-02", "20050101", 2005, 1.5])
def test_what_is_no_date_is_refused_with_its_name_and_value(value):
    with pytest.raises(ConfigError, match=r"--end=.* is no date.*2005-01-31"):
        parse_date(value, where="--end")


def test_columns_are_read_only_and_do_not_alias_what_was_given():
    close = np.array([1.0, 2.0, 3.0])
    series = make_series(close=close, extra={"vwap": close})
    close[0] = 99.0
    assert series.close[0] == series.extra["vwap"][0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        series.close[0] = 5.0
    with pytest.raises(TypeError):
        series.extra["other"] = close  # type: ignore[index]
    assert close.flags.writeable


def test_columns_become_contiguous_float64():
    series = make_series(close=np.arange(6, dtype=np.float32)[::2], start=[0, 1, 2])
    assert series.close.dtype == np.float64
    assert series.close.flags.c_contiguous
    assert series.start.dtype == np.int64


def test_a_read_only_column_is_shared():
    close = np.array([1.0, 2.0, 3.0])
    close.setflags(write=False)
    assert make_series(close=close).close is close


def test_a_read_only_view_of_what_can_be_written_is_copied(tmp_path):
    whole, mapped = np.array([20.0, 21.0, 22.0]), np.memmap(tmp_path / "close", np.float64, "w+", shape=3)
    view, column = whole[:], pd.DataFrame({"close": whole})
    view.setflags(write=False)
    mapped[:] = whole
    made = [make_series(close=given) for given in (view, column["close"].to_numpy(), mapped)]
    known = [one.content_hash for one in made]
    whole[0] = column.loc[0, "close"] = mapped[0] = 99.0
    assert [one.close.tolist() for one in made] == [[20.0, 21.0, 22.0]] * 3
    assert [replace(one).content_hash for one in made] == known


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(BadData, match=r"ACME: column 'close' has shape \(2,\); start has 3 bars"):
        make_series(close=np.ones(2))
    with pytest.raises(BadData, match="column 'vwap'"):
        make_series(extra={"vwap": np.ones((3, 1))})


def test_actions_are_sorted_and_a_dividend_comes_before_a_split_of_its_day():
    split, early, late = Split("ACME", 5, 2, 1), Dividend("ACME", 3, 1.0), Dividend("ACME", 5, 1.0)
    assert make_series(actions=(split, late, early)).actions == (early, late, split)


def test_an_action_of_another_symbol_is_refused():
    with pytest.raises(BadData, match=r"ACME: an action of 'OTHER' .* leave it out"):
        make_series(actions=(Split("OTHER", 5, 2, 1),))


def test_a_wrong_timeframe_of_a_series_is_refused():
    with pytest.raises(ConfigError, match="timeframe 'daily'"):
        make_series(timeframe="daily")


def test_between_is_half_open_and_keeps_the_actions():
    actions = (Dividend("ACME", 1, 1.0),)
    series = make_series(5, actions=actions, extra={"vwap": np.arange(5.0)})
    part = series.between(NANOS_PER_DAY, 3 * NANOS_PER_DAY)
    assert part.start.tolist() == [NANOS_PER_DAY, 2 * NANOS_PER_DAY]
    assert part.extra["vwap"].tolist() == [1.0, 2.0]
    assert part.actions == actions
    assert len(series.between(None, None)) == 5
    assert len(series.between(3 * NANOS_PER_DAY, NANOS_PER_DAY)) == 0


def test_the_content_hash_is_the_same_everywhere():
    series = make_series(
        actions=(Split("ACME", 5, 2, 1), Dividend("ACME", 3, 0.1)), extra={"vwap": [1.0, 2.0, 3.0]}
    )
    assert series.content_hash == "sha256:2d16fa83ea5ef61a5a35dddcd18bfe9bd97aa77264b3cc72b7fa96a19cf215bd"


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "OTHER"},
        {"timeframe": "1w"},
        {"close": np.array([10.0, 11.0, 12.000001])},
        {"start": np.array([0, 1, 2])},
        {"actions": (Split("ACME", 5, 2, 1),)},
        {"actions": (Dividend("ACME", 5, 2.0),)},
        {"extra": {"vwap": np.ones(3)}},
    ],
)
def test_the_content_hash_tells_contents_apart(changes):
    assert make_series(**changes).content_hash != make_series().content_hash


def test_the_content_hash_does_not_depend_on_source_signed_zeros_or_the_bits_of_nan():
    odd_nan = np.array([0x7FF8_0000_0000_0001], np.uint64).view(np.float64)[0]
    one = make_series(extra={"a": [0.0, np.nan, 1.0]})
    other = make_series(extra={"a": [-0.0, odd_nan, 1.0]}, source=Source("other", "none"))
    assert one.content_hash == other.content_hash
    assert replace(one, findings=()).content_hash == one.content_hash


def test_a_series_survives_the_way_to_a_worker_process():
    series = make_series(actions=(Split("ACME", 5, 2, 1),), extra={"vwap": np.arange(3.0)})
    back = pickle.loads(pickle.dumps(series))  # noqa: S301  # our own bytes
    assert back.content_hash == series.content_hash
    assert back.source == series.source
    assert not back.close.flags.writeable


def test_the_demo_needs_no_pandas():
    load = "import sys; from openbell.data import bundled; bundled.load('AAPL').content_hash; "
    for check in ("", "sys.exit('pandas' in sys.modules)"):  # the first fills the cache of sessions
        subprocess.run([sys.executable, "-c", load + check], check=True)  # our own text
