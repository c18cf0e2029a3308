"""Whatever a file or a frame holds, it is read or refused in one line."""

import math
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openbell.core.errors import BadData, ConfigError
from openbell.data.bars import Series
from openbell.data.frames import from_frame
from openbell.data.providers.csv import CsvProvider

HEADER = b"date,open,high,low,close,volume\n"
ROWS = [f"2012-11-{day},10,11,9,10.5,100\n".encode() for day in (19, 20, 21, 23, 26)]
PIECES = [
    b",",
    b";",
    b"\t",
    b"|",
    b'"',
    b"\n",
    b"\r\n",
    b"\0",
    b"#",
    b" ",
    b"nan",
    b"-",
    b"1e400",
    b"\xff",
    b"\xc3",
]
VALUES: list[Any] = [
    None, True, 0, -1, 10**30, 1.5, math.nan, math.inf, 1j, "", "x", "1,5", b"1", [1], {}, object, np.ones(2),
    Decimal("NaN"), Decimal("sNaN"), np.float16(1), pd.NaT, pd.NA, pd.Timestamp("2012-11-19"),
    pd.Timestamp("2012-11-19", tz="UTC"), pd.Period("2012-11"), timedelta(1), date(1, 1, 1),
    date(9999, 12, 31), datetime(2012, 11, 19, tzinfo=UTC), time(9), "2012-11-19", "2012-11-20T00:00:00Z",
    "2012-11-21T00:00:00+09:00", "9999-12-31", "1600-01-01", 20121119,
]  # fmt: skip
NAMES = ["date", "open", "close", "volume", "more"]

quick = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def is_read_or_refused(load) -> None:
    try:
        series = load()
    except (BadData, ConfigError) as error:
        text = str(error)
        assert text
        assert "\n" not in text
        assert len(text) < 900
    else:
        assert isinstance(series, Series)
        assert len(series)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("any")


def read(folder, data: bytes, timeframe: str = "1d"):
    (folder / "A.csv").write_bytes(data)
    return lambda: CsvProvider(folder).load("A", timeframe)


@quick
@given(st.binary(max_size=200))
def test_any_bytes(folder, data):
    is_read_or_refused(read(folder, data))
    is_read_or_refused(read(folder, HEADER + data))


@quick
@given(
    st.lists(st.tuples(st.integers(0, 180), st.integers(0, 8), st.sampled_from([b"", *PIECES])), max_size=4)
)
def test_any_change_of_a_good_file(folder, changes):
    data = HEADER + b"".join(ROWS)
    for at, length, piece in changes:
        data = data[:at] + piece + data[at + length :]
    is_read_or_refused(read(folder, data))
    is_read_or_refused(read(folder, data, "5m"))


@quick
@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=3),
    st.booleans(),
)
def test_any_change_of_a_good_frame(changes, indexed):
    days = pd.to_datetime(["2012-11-19", "2012-11-20", "2012-11-21", "2012-11-23", "2012-11-26"])
    bar = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 100.0, "more": 1.0}
    columns = {name: [value] * 5 for name, value in bar.items()} | {"date": [str(day.date()) for day in days]}
    for row, name, value in changes:
        columns[name][row] = value
    frame = pd.DataFrame(columns)
    if indexed:
        with suppress(TypeError):  # pandas indexes by what can be hashed only
            frame = frame.set_index("date")
    is_read_or_refused(lambda: from_frame(frame, "A"))
