import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import openbell as ob
from openbell.core.errors import BadData, ConfigError
from openbell.core.types import Split
from openbell.data.bars import COLUMNS, FindingKind, parse_date
from openbell.data.calendar import sessions
from openbell.data.frames import from_frame
from openbell.data.providers.csv import CsvProvider

FIXTURES = Path(__file__).parents[1] / "fixtures" / "bars"

HEADER = "Date,Open,High,Low,Close,Volume\n"
DAILY = """\
2012-11-19,10,11,9,10.5,100
2012-11-20,10,11,9,10.5,100
2012-11-21,10,11,9,10.5,100
"""


@pytest.fixture
def load(tmp_path):
    """Write a text as ACME.csv, and load it."""

    def load(text: str | bytes, *, timeframe: str = "1d", **options):
        path = tmp_path / "ACME.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return CsvProvider(tmp_path, **options).load("ACME", timeframe)

    return load


def test_a_folder_holds_a_file_for_each_symbol():
    provider = CsvProvider(FIXTURES)
    assert provider.name == "csv"
    series = provider.load("acme", "1d")
    assert (len(series), series.symbol, series.source.feed) == (10, "acme", "ACME.csv")
    assert provider.load("ACME5", "5m").timeframe == "5m"


def test_a_file_is_the_same_as_its_frame():
    frame = pd.read_csv(FIXTURES / "ACME.csv", parse_dates=["Date"])
    assert (
        CsvProvider(FIXTURES / "ACME.csv").load("ACME", "1d").content_hash
        == from_frame(frame, "ACME").content_hash
    )


def test_a_range_is_half_open_and_an_empty_one_is_refused():
    provider = CsvProvider(FIXTURES)
    part = provider.load("ACME", "1d", parse_date("2012-11-20"), parse_date("2012-11-21", end_of_day=True))
    assert len(part) == 2
    with pytest.raises(
        BadData, match=r"ACME: no 1d bars from 2020-01-01 to the end .* there are 2012-11-19 to 2012-12-03"
    ):
        provider.load("ACME", "1d", parse_date("2020-01-01"))


def test_actions_are_those_of_the_symbol(load):
    split = Split("ACME", 5, 2, 1)
    assert load(HEADER + DAILY, actions={"ACME": (split,)}).actions == (split,)
    assert load(HEADER + DAILY, actions={"OTHER": (split,)}).actions == ()


@pytest.mark.parametrize(
    "text",
    [
        *((HEADER + DAILY).replace(",", mark) for mark in ";\t|"),
        (HEADER + DAILY).replace(",", "\t").replace("\n", "\r"),
        (HEADER + DAILY).replace("\n", "\r\n"),
        HEADER + DAILY.replace("\n", "\n\n"),
        "\n" + HEADER + DAILY,
        HEADER.replace(",", " , ") + DAILY.replace(",", ", "),
        HEADER.upper() + DAILY.replace("10.5", '"10.5"'),
        b"\xef\xbb\xbf" + (HEADER + DAILY).encode(),
        (HEADER + DAILY).encode("utf-16"),
        b"\xfe\xff" + (HEADER + DAILY).encode("utf-16-be"),
    ],
)
def test_the_ways_to_write_a_file_mean_the_same(load, text):
    assert load(text).content_hash == load(HEADER + DAILY).content_hash


def test_further_columns_are_kept_if_they_are_numbers(load):
    text = """\
date,open,high,low,close,volume,VWAP,note,adj close
2012-11-19,10,11,9,10.5,100,1.5,a,1
2012-11-20,10,11,9,10.5,100,,2,1
"""
    series = load(text, calendar="XNYS")
    assert list(series.extra) == ["vwap"]
    assert series.extra["vwap"][0] == 1.5
    assert np.isnan(series.extra["vwap"][1])
    assert [f.kind for f in series.findings] == [FindingKind.IGNORED_COLUMN] * 2


INTRADAY = """\
timestamp,open,high,low,close,volume
2012-11-02 15:50:00{0},10,11,9,10.5,100
2012-11-02 15:55:00{0},10,11,9,10.5,100
2012-11-05 09:30:00{1},10,11,9,10.5,100
"""


def test_intraday_times_need_an_offset_or_a_zone(load):
    with pytest.raises(BadData, match=r"ACME: ACME.csv line 2 \(2012-11-02 15:50:00\): .* give timezone="):
        load(INTRADAY.format("", ""), timeframe="5m")
    by_zone = load(INTRADAY.format("", ""), timeframe="5m", timezone="America/New_York")
    by_offset = load(INTRADAY.format("-04:00", "-05:00"), timeframe="5m")
    assert by_zone.content_hash == by_offset.content_hash


def test_another_timeframe_than_the_file_has_is_refused(load):
    with pytest.raises(BadData, match="ACME: the bars are 1d bars; 5m is asked"):
        load(HEADER + DAILY, timeframe="5m")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "20,10,11,9,10.5",
            "20,10,11,9,ten",
            "line 3: close 'ten' is no number; write it with a decimal point",
        ),
        ("20,10,11,9,10.5", '20,10,11,9,"1,050.0"', "line 3: close '1,050.0' is no number"),
        ("20,10,11,9,10.5", "20,10,11,9,", r"line 3 \(2012-11-20\): close nan is no number; correct the row"),
        ("20,10,11,9,10.5", "20,10,11,9,NaN", r"line 3 \(2012-11-20\): close nan is no number"),
        ("20,10,11,9,10.5", "20,10,11,9,12", r"line 3 \(2012-11-20\): close 12 is outside low 9 to high 11"),
        (
            "20,10,11,9,10.5",
            "20,10,11,10.5",
            "line 3 has 5 fields between commas, the header has 6; correct the line or drop it",
        ),
        ("2012-11-21", "2012-11-18", r"line 4 \(2012-11-18\): earlier than the row above"),
        ("2012-11-21", "2012-11-20", r"line 4 \(2012-11-20\): the row above has this time too"),
        ("2012-11-21", "21/11/2012", "line 4: time '21/11/2012' is no ISO time"),
        (
            "2012-11-21",
            "2012-11-21T00:00:00Z",
            "line 4: time '2012-11-21T00:00:00Z' is not like the first, which has no offset",
        ),
        ("2012-11-21", "", "line 4 has no time; fill it in or drop the line"),
        ("2012-11-19", "1353283200", "line 2: time '1353283200' is no ISO time"),
        ("Close", "Clos", "column 'clos' is unknown and 'close' is missing; did you mean 'close'"),
        ("Volume", "Close", "columns 'Close' and 'Close' have the same name"),
        (",Volume", ",", "column 'volume' is missing and column 6 has no name; is that it"),
        (",Volume", ",Price", r"column 'volume' is missing; add it \(zeros are allowed\)"),
        (HEADER, "", "ACME.csv has no header .*; put the names of the columns into the first line"),
        (DAILY, "", "ACME.csv has no rows"),
        (HEADER + DAILY, "\n \n", "ACME.csv is empty"),
        (HEADER + DAILY, "", "ACME.csv is empty"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_the_remedy(load, old, new, words):
    assert old in HEADER + DAILY
    with pytest.raises(BadData, match=f"^(ACME: )?(ACME.csv:? )?{words}|ACME: ACME.csv:? {words}"):
        load((HEADER + DAILY).replace(old, new, 1))


def test_empty_lines_count_in_the_number_of_a_line(load):
    with pytest.raises(BadData, match=r"ACME: ACME.csv line 7: close 'ten'"):
        load(
            "\n"
            + HEADER
            + DAILY.replace("\n", "\n\n")
            .replace("20,10,11,9,10.5", "20,10,11,9,10.5")
            .replace("21,10,11,9,10.5", "21,10,11,9,ten")
        )


def test_a_wrong_encoding_is_refused_with_its_line(load):
    with pytest.raises(
        BadData, match=r"ACME.csv: line 3 is not UTF-8 \(byte 0xff\); save the file in that encoding"
    ):
        load((HEADER + DAILY).encode().replace(b"2012-11-20", b"2012-11-\xff"))


def test_an_open_quote_is_refused(load):
    with pytest.raises(BadData, match=r"^ACME.csv: .+; look for a quote that is not closed"):
        load(HEADER + DAILY.replace("10.5", '"10.5', 1) + DAILY * 3000 + "x")


def test_a_first_bad_line_is_found_among_many(load):
    rows = [
        f"{day},10,11,9,10.5,100" for day in pd.bdate_range("1990-01-01", periods=2000).strftime("%Y-%m-%d")
    ]
    rows[1234] = rows[1234].replace("10.5", "1O.5")
    rows[1500] = rows[1500].replace("10.5", "")
    with pytest.raises(BadData, match=r"line 1236: close '1O.5'"):
        load(HEADER + "\n".join(rows))


def test_a_missing_path_is_refused():
    with pytest.raises(ConfigError, match="path '/no/such' does not exist; give a CSV file or a folder"):
        CsvProvider("/no/such")


def test_a_missing_file_names_the_folder_and_what_is_there(tmp_path):
    with pytest.raises(ConfigError, match=r"has no AAPL.csv \(it holds no CSV file\)$"):
        CsvProvider(tmp_path).load("AAPL", "1d")
    for name in ("MSFT.csv", "notes.txt", "aapl.csv"):
        (tmp_path / name).touch()
    with pytest.raises(
        ConfigError, match=r"has no APPL.csv \(it holds MSFT.csv, aapl.csv\); did you mean 'aapl'\?"
    ):
        CsvProvider(tmp_path).load("APPL", "1d")
    for number in range(10):
        (tmp_path / f"{number}.csv").touch()
    with pytest.raises(ConfigError, match=r"has no ZZZZZ.csv \(it holds 0.csv, .*, 9.csv, …\)$"):
        CsvProvider(tmp_path).load("ZZZZZ", "1d")


def test_a_run_names_the_provider_whose_folder_lacks_a_file(tmp_path):
    with pytest.raises(ConfigError) as raised:
        ob.backtest("sma_cross", "AAPL", provider=f"csv:{tmp_path}?stamp=end")
    assert str(raised.value) == (
        f"provider='csv:{tmp_path}?stamp=end': folder '{tmp_path}' has no AAPL.csv (it holds no CSV file)"
    )


def test_a_provider_says_how_to_read_by_known_names(tmp_path):
    with pytest.raises(ConfigError) as raised:
        ob.backtest("sma_cross", "AAPL", provider=f"csv:{tmp_path}?timezon=UTC")
    assert str(raised.value).endswith("?timezon=UTC': 'timezon' is unknown; did you mean 'timezone'?")


def test_a_wrong_stamp_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="stamp='close' must be"):
        CsvProvider(tmp_path, stamp="close")


def test_a_million_rows_load_within_two_seconds(tmp_path):
    known = sessions("XNYS", parse_date("2005-01-01") or 0, parse_date("2015-12-31") or 0)
    start = np.concatenate(
        [np.arange(a, b, 60 * 10**9) for a, b in zip(known.opens, known.closes, strict=True)]
    )
    text = start[:1_000_000].astype("datetime64[ns]").astype("datetime64[s]").astype(str)
    lines = "Z,101.25,101.5,101.0,101.37,1200\n".join(text)
    (tmp_path / "BIG.csv").write_text(
        f"timestamp,{','.join(COLUMNS)}\n{lines}Z,101.25,101.5,101.0,101.37,1200\n"
    )
    begin = time.process_time()
    series = CsvProvider(tmp_path).load("BIG", "1m")
    assert time.process_time() - begin < 2.0
    assert len(series) == 1_000_000
    assert series.start.tolist() == start[:1_000_000].tolist()
    assert [f.kind for f in series.findings] == [FindingKind.ASSUMED_CALENDAR]


def test_a_file_needs_no_pandas():
    load = (
        "import sys; from openbell.data.providers.csv import CsvProvider; "
        f"CsvProvider({str(FIXTURES)!r}).load('ACME', '1d'); "
    )
    for check in ("", "sys.exit('pandas' in sys.modules)"):  # the first fills the cache of sessions
        subprocess.run([sys.executable, "-c", load + check], check=True)  # our own text


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux lists them")
def test_a_small_file_is_read_without_the_threads_that_could_still_begin_when_a_command_ends(tmp_path):
    file = tmp_path / "X.csv"
    file.write_text("date,open,high,low,close,volume\n2024-01-02,10,11,9,10.5,100\n", encoding="utf-8")
    code = (
        "import os, sys; from pathlib import Path; from openbell.data.providers.csv import read_csv\n"
        "before = set(os.listdir('/proc/self/task'))\n"
        "read_csv(Path(sys.argv[1]), 'X', True)\n"
        "print(len(set(os.listdir('/proc/self/task')) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 1  # the one that Arrow reads with, which is at rest when the call returns
