"""Frames as they come from elsewhere: what is understood, and how the rest is refused."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from openbell.core.errors import BadData, ConfigError
from openbell.data.frames import from_frame

WEEK = ("2012-11-19", "2012-11-20", "2012-11-21", "2012-11-23")
DAYS = pd.to_datetime(list(WEEK))
DATES: list[Any] = [day.date() for day in DAYS]
SUMMER_AND_WINTER = [f"{day}T00:00:00+{h}:00" for day, h in zip(WEEK, (10, 11, 11, 10), strict=True)]
ZONES = ("Asia/Tokyo", "UTC", "Asia/Tokyo", "UTC")
BAR = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 100.0}


def frame_of(index: Any = DAYS, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({name: [value] * 4 for name, value in BAR.items()} | columns).set_axis(index, axis=0)


def objects(*values: Any) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def downloaded(*symbols: str, symbol_first: bool = False) -> pd.DataFrame:
    """Return what yfinance makes of a download."""
    pairs = [(name.title(), symbol) for symbol in symbols for name in BAR]
    names = ["Price", "Ticker"]
    frame = pd.DataFrame({pair: [BAR[pair[0].lower()]] * 4 for pair in pairs}).set_axis(DAYS, axis=0)
    frame.columns = pd.MultiIndex.from_tuples(pairs, names=names)
    return frame.swaplevel(axis=1) if symbol_first else frame


EXPECTED = from_frame(frame_of(), "ACME").content_hash


@pytest.mark.parametrize(
    "frame",
    [
        frame_of().astype(object),
        frame_of().astype(str),
        frame_of(close=[Decimal("10.5")] * 4),
        frame_of(close=[Fraction(21, 2)] * 4),
        frame_of(close=["10.5", " 10.5 ", "1.05e1", "+10.5"]),
        frame_of(close=pd.Categorical(["10.5"] * 4)),
        frame_of(close=pd.Categorical([10.5] * 4)),
        frame_of(close=pa.array([Decimal("10.5")] * 4).to_pandas(types_mapper=pd.ArrowDtype)),
        frame_of().convert_dtypes(dtype_backend="pyarrow"),
        frame_of(index=list(WEEK)),
        frame_of(index=pd.Index(list(WEEK), name="Date")),
        frame_of(index=DATES),
        frame_of(index=pd.Index(DAYS.astype(pd.ArrowDtype(pa.timestamp("us"))))),
        frame_of(index=range(4), date=objects(*DATES).astype("date32[pyarrow]")),
        frame_of(index=DAYS.tz_localize("Asia/Tokyo")),
        frame_of(index=range(4), date=SUMMER_AND_WINTER),
        frame_of(
            index=range(4), date=objects(*(day.tz_localize(z) for day, z in zip(DAYS, ZONES, strict=True)))
        ),
        downloaded("AAPL"),
        downloaded("AAPL", symbol_first=True),
        downloaded("AAPL", "ACME"),
        downloaded("AAPL").rename_axis("Date").reset_index(),
    ],
)
def test_the_ways_to_hold_prices_mean_the_same(frame):
    assert from_frame(frame, "ACME", timeframe="1d", calendar="XNYS").content_hash == EXPECTED


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            ["1,234.5"] * 4,
            "'1,234.5' is no number; write it without thousands separators, as 1234.5, or drop",
        ),
        (["$10.5"] * 4, r"'\$10.5' is no number; write it without the currency sign, as 10.5"),
        ([""] * 4, "'' is no number; fill it in, or drop the row"),
        (["1_0"] * 4, "'1_0' is no number"),
        ([True] * 4, "True is no number; correct it, or drop the row"),
        (objects(*[True] * 4).to_numpy(), "True is no number"),
        (pd.array([True] * 4, "boolean"), "True is no number"),
        ([10.5 + 0j] * 4, r"\(10.5\+0j\) is no number"),
        (DAYS, r"Timestamp\('2012-11-19 00:00:00'\) is no number"),
        (pd.to_timedelta([1, 2, 3, 4], unit="s"), r"Timedelta\('0 days 00:00:01'\) is no number"),
        ([[1], [2], [3], [4]], r"\[1\] is no number"),
        ([np.array([[1, 2], [3, 4]])] * 4, r"array\(\[\[1, 2\], \[3, 4\]\]\) is no number"),
        ([b"10.5"] * 4, "b'10.5' is no number"),
        ([Decimal("sNaN")] * 4, r"Decimal\('sNaN'\) is no number"),
        ([10**400] * 4, "10{39}… is no number"),
    ],
)
def test_values_that_are_no_numbers_are_shown_on_one_line(values, words):
    with pytest.raises(BadData, match=f"^ACME: row 0: close {words}"):
        from_frame(frame_of(close=values), "ACME")


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT, Decimal("NaN")])
def test_an_absent_price_is_refused_with_its_date(nothing):
    with pytest.raises(
        BadData, match=r"row 1 \(2012-11-20\): close nan is no number; correct the row or drop"
    ):
        from_frame(frame_of(close=objects(10.5, nothing, 10.5, 10.5).to_numpy()), "ACME")


def test_columns_of_other_kinds_are_left_out_and_flags_are_kept():
    frame = frame_of(
        flag=[True, False] * 2, wave=[1j] * 4, span=pd.to_timedelta([1] * 4), kind=pd.Categorical([1] * 4)
    ).assign(**{"": 1.0})
    series = from_frame(frame, "ACME", calendar="XNYS")
    assert {name: column.tolist() for name, column in series.extra.items()} == {"flag": [1, 0, 1, 0]}
    assert [finding.message for finding in series.findings] == [
        *(
            f"ACME: column {name!r} is ignored; its values are no numbers"
            for name in ("wave", "span", "kind")
        ),
        "ACME: column 10 is ignored; it has no name",
    ]


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (
            pd.period_range("2012-11-19", periods=4),
            r"Period\(.*\) is a period; .* with frame.index.to_timestamp",
        ),
        (
            [20121119, 20121120, 20121121, 20121123],
            r"20121119 .*\(frame.index.astype\(str\), format='%Y%m%d'\)",
        ),
        (DAYS.as_unit("s").asi8, r"1353283200 .* pd.to_datetime\(frame.index, unit='s', utc=True\)"),
        (DAYS.as_unit("ms").asi8, r"1353283200000 is a number; .*\(frame.index, unit='ms', utc=True\)"),
        (DAYS.as_unit("us").asi8, r"1353283200000000 .*\(frame.index, unit='us', utc=True\)"),
        (DAYS.as_unit("ns").asi8, r"1353283200000000000 .*\(frame.index, unit='ns', utc=True\)"),
        ([5, 6, 7, 8], "5 is a int and no moment; give dates, as pd.to_datetime"),
        ([True, False] * 2, "True is a bool and no moment"),
        (pd.to_timedelta([1, 2, 3, 4], unit="D"), r"Timedelta.* is a Timedelta and no moment"),
        ([dt.time(9, m) for m in range(4)], r"datetime.time\(9, 0\) is a time and no moment"),
        (["a", "b", "c", "d"], "'a' is no ISO time"),
    ],
)
def test_an_index_that_is_no_time_is_refused_with_the_remedy(index, words):
    with pytest.raises(BadData, match=f"^ACME: row 0: time {words}"):
        from_frame(frame_of(index=index), "ACME")


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (
            ["2012-11-19", 20121120, "2012-11-21", "2012-11-23"],
            r"time 20121120 is a number; .*frame\['date'\]",
        ),
        ([DAYS[0], DAYS[1].tz_localize("UTC"), *DAYS[2:]], "time '2012-11-20 00:00:00.00:00' is no ISO"),
        (["2012-11-19T00:00:00Z", None, "2012-11-21T00:00:00-05:00", "x"], "time 'x' is no ISO time"),
        (["2012-11-19T00:00:00Z", None, "2012-11-21T00:00:00-05:00", None], "row 1 has no time; fill it in"),
    ],
)
def test_a_column_of_mixed_times_is_refused_with_its_row(times, words):
    with pytest.raises(BadData, match=f"^ACME: (row . ?:? ?)?{words}"):
        from_frame(frame_of(index=range(4), date=objects(*times).to_numpy()), "ACME")


def test_rows_of_several_symbols_are_refused():
    with pytest.raises(
        BadData, match=r"ACME: the index has several levels \(A, 2012-11-19 .*\); select one symbol's"
    ):
        from_frame(pd.concat({"A": frame_of(), "B": frame_of()}), "ACME")


@pytest.mark.parametrize(
    ("name", "methods", "words"),
    [
        ("DataFrame", ("to_pandas",), r"polars.DataFrame is no pandas DataFrame; give its .to_pandas\(\)"),
        ("LazyFrame", ("collect",), r"polars.LazyFrame is no .*; give its .collect\(\).to_pandas\(\)"),
    ],
)
def test_frames_of_polars_are_refused_with_the_way_to_pandas(name, methods, words):
    kind = type(name, (), {"__module__": "polars.frame"} | dict.fromkeys(methods))
    with pytest.raises(ConfigError, match=f"^ACME: {words}$"):
        from_frame(kind(), "ACME")


def test_other_tables_are_refused_with_the_remedy():
    with pytest.raises(ConfigError, match=r"pyarrow.Table is no pandas DataFrame; give its .to_pandas\(\)$"):
        from_frame(pa.table({"open": [1.0]}), "ACME")
    with pytest.raises(
        ConfigError, match="ACME: ndarray is no pandas DataFrame; give one with a row for each"
    ):
        from_frame(np.ones((4, 5)), "ACME")  # type: ignore[arg-type]
    with pytest.raises(BadData, match=r"column 'date' is missing; add it. There are: none"):
        from_frame(pd.DataFrame(), "ACME")
