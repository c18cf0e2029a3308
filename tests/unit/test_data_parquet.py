"""Parquet files as prices: what is understood, and what is refused in one line."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openbell.core.errors import BadData, ConfigError
from openbell.core.types import Split
from openbell.data.bars import Source
from openbell.data.providers.files import kind_of, list_symbols, open_files, write_file
from openbell.data.providers.parquet import ParquetProvider
from tests.unit.catalog_by_hand import days, minutes, series, sessions_of

DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]
OPENS = [datetime(2024, 1, day, 14, 30, tzinfo=UTC) for day in (2, 3, 4)]


@pytest.fixture
def write(tmp_path):
    def put(name: str = "ACME.parquet", **changed: Any) -> ParquetProvider:
        columns: dict[str, Any] = {
            "Date": DAYS,
            "open": [10.0, 11.0, 12.0],
            "HIGH": [11.0, 12.0, 13.0],
            "low": [9.0, 10.0, 11.0],
            "close": [10.5, 11.5, 12.5],
            "volume": [100, 200, 300],
        }
        columns |= changed
        pq.write_table(pa.table({k: v for k, v in columns.items() if v is not None}), tmp_path / name)
        return ParquetProvider(tmp_path)

    return put


def test_dates_and_numbers_of_any_width_are_read(write):
    read = write(
        open=pa.array([10, 11, 12], pa.int16()),
        low=pa.array([9, 10, 11], pa.float32()),
        close=[Decimal("10.5"), Decimal("11.5"), Decimal("12.5")],
        volume=["100", "200", " 300"],
        trades=[1, 2, None],
    ).load("acme", "1d")
    assert read.open.tolist() == [10.0, 11.0, 12.0]
    assert read.close.tolist() == [10.5, 11.5, 12.5]
    assert read.volume.tolist() == [100.0, 200.0, 300.0]
    assert np.isnan(read.extra["trades"][2])
    assert read.start.tolist() == days("2024-01-02", "2024-01-04").start.tolist()
    assert (read.source.provider, read.source.feed) == ("parquet", "ACME.parquet")


@pytest.mark.parametrize(
    "times",
    [
        pa.array([datetime(2024, 1, 2), datetime(2024, 1, 3), datetime(2024, 1, 4)], pa.timestamp("ms")),  # noqa: DTZ001  # none is meant
        pa.array(OPENS, pa.timestamp("us", "UTC")),
        pa.array(OPENS, pa.timestamp("us", "America/New_York")),
        pa.array(OPENS, pa.timestamp("us", "-05:00")),
        ["2024-01-02", "2024-01-03", "2024-01-04"],
        ["2024-01-02T00:00:00-05:00", "2024-01-03T00:00:00-05:00", "2024-01-04T00:00:00-05:00"],
    ],
    ids=["naive", "utc", "zone", "offset", "texts", "zoned texts"],
)
def test_times_are_moments_or_texts(write, times):
    read = write(Date=times).load("ACME", "1d")
    assert read.start.tolist() == days("2024-01-02", "2024-01-04").start.tolist()


def test_a_date_is_the_one_that_clocks_show(write):
    midnights = [datetime(2024, 1, day, 15, tzinfo=UTC) for day in (9, 10, 11)]  # of the next day in Tokyo
    provider = write(Date=pa.array(midnights, pa.timestamp("s", "Asia/Tokyo")))
    tokyo = ParquetProvider(provider.path, calendar="XTKS").load("ACME", "1d")
    assert tokyo.start.tolist() == sessions_of("2024-01-10", "2024-01-12", "XTKS").opens.tolist()


def test_the_index_of_pandas_is_the_time(tmp_path):
    table = pd.DataFrame(
        {"open": [10.0], "high": [11.0], "low": [9.0], "close": [10.0], "volume": [1]},
        index=pd.DatetimeIndex(["2024-01-02"]),
    )
    table.to_parquet(tmp_path / "ACME.parquet")
    assert len(ParquetProvider(tmp_path).load("ACME", "1d")) == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"low": None}, "ACME: ACME.parquet: column 'low' is missing"),
        ({"Date": None}, "column 'date' is missing"),
        ({"Date": [1, 2, 3]}, "row 0: time 1 is no moment"),
        ({"Date": [DAYS[0], None, DAYS[2]]}, "ACME.parquet row 1 has no time; fill it in"),
        ({"Date": [DAYS[0], DAYS[2], DAYS[1]]}, "row 2 .*earlier than the row above"),
        ({"Date": ["2024-01-02", "x", "2024-01-04"]}, "row 1: time 'x' is no ISO time"),
        ({"Date": [date(1, 1, 1), *DAYS[1:]]}, "is not in the years|year"),
        ({"low": ["9", "1,0", "11"]}, "ACME.parquet row 1: low '1,0' is no number"),
        ({"low": [True, False, True]}, "low .* is no number"),
        ({"low": [[1.0], [2.0], [3.0]]}, "low .* is no number"),
        ({"low": [9.0, None, 11.0]}, r"ACME.parquet row 1 \(2024-01-03\): low nan is no number"),
        ({"low": [9.0, 99.0, 11.0]}, "row 1 .* is below low 99"),
    ],
)  # fmt: skip
def test_what_cannot_be_prices_is_refused(write, changed, told):
    with pytest.raises(BadData, match=told):
        write(**changed).load("ACME", "1d")


def test_a_column_without_numbers_is_left_out_and_named(write):
    read = write(note=["a", "b", "c"], when=DAYS).load("ACME", "1d")
    assert not read.extra
    told = [finding.message.partition(";")[0] for finding in read.findings[:2]]
    assert told == [f"ACME: column {name!r} is ignored" for name in ("note", "when")]


def test_an_empty_file_is_refused(write):
    empty: dict[str, Any] = {name: [] for name in ("Date", "open", "HIGH", "low", "close", "volume")}
    with pytest.raises(BadData, match="has no rows; give at least one bar"):
        write(**empty).load("ACME", "1d")


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "ACME.parquet").write_text("date,open\n")
    with pytest.raises(BadData, match=r"ACME.parquet is no Parquet file, or damaged"):
        ParquetProvider(tmp_path).load("ACME", "1d")


def test_a_symbol_without_a_file_is_named_with_what_there_is(write):
    with pytest.raises(ConfigError, match=r"\(it holds ACME.parquet\); did you mean 'ACME'"):
        write().load("ACNE", "1d")
    with pytest.raises(ConfigError, match="does not exist; give a Parquet file or a folder of them"):
        ParquetProvider("nowhere")


def test_intraday_times_without_a_zone_need_one(write):
    provider = write(Date=[datetime(2024, 1, 2, 9, minute) for minute in (30, 31, 32)])  # noqa: DTZ001
    with pytest.raises(BadData, match="an intraday bar whose time has no zone"):
        provider.load("ACME", "1m")
    zoned = ParquetProvider(provider.path, timezone="America/New_York").load("ACME", "1m")
    assert zoned.start[0] == minutes("2024-01-02", "2024-01-02").start[0]


# --- files of either kind --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    "whole",
    [
        days(),
        days("2024-01-02", "2024-01-05", source=Source("v", "", calendar="XASX")),
        minutes(extra={"trades": minutes().volume / 3}),
        minutes(step=60),
    ],
    ids=["days", "sydney", "minutes", "hours"],
)
def test_what_is_written_to_a_file_reads_back_as_it_is(tmp_path, whole, suffix):
    if whole.source.calendar == "XASX":
        known = sessions_of("2024-01-02", "2024-01-12", "XASX")
        whole = series(known.opens, known.closes, "1d", source=whole.source)
    path = write_file(whole, tmp_path / f"ACME.{suffix}")
    read = open_files(path, calendar=whole.source.calendar).load("ACME", whole.timeframe)
    assert read.content_hash == whole.content_hash


def test_a_folder_is_of_the_kind_of_its_files(tmp_path):
    write_file(days(), tmp_path / "B.parquet")
    write_file(days(), tmp_path / "A.parquet")
    assert kind_of(tmp_path) == kind_of(tmp_path / "A.parquet") == "parquet"
    assert list_symbols(tmp_path) == ["A", "B"]
    assert list_symbols(tmp_path / "A.parquet") == ["A"]
    write_file(days(), tmp_path / "C.csv")
    assert kind_of(tmp_path) == "csv"
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match="has no CSV file"):
        list_symbols(tmp_path / "none")


def test_actions_are_given_by_symbol(write):
    split = Split("ACME", int(days().start[1]), 2, 1)
    provider = ParquetProvider(write().path, actions={"ACME": (split,)})
    assert provider.load("ACME", "1d").actions == (split,)


def test_reading_and_writing_need_no_pandas(write):
    code = f"""if True:
        import sys
        from pathlib import Path
        from openbell.data.providers.files import open_files, write_file
        folder = Path({str(write().path)!r})
        write_file(open_files(folder).load("ACME", "1d"), folder / "o.csv")
        assert "pandas" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True)
