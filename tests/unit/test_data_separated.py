"""What a CSV file may be that is no table of prices, and how it is refused."""

import gzip
import os
import socket
from pathlib import Path

import pytest

from openbell.core.errors import BadData, ConfigError
from openbell.data.providers.csv import CsvProvider

HEADER = "Date,Open,High,Low,Close,Volume\n"
DAILY = "2012-11-19,10,11,9,10.5,100\n2012-11-20,10,11,9,10.5,100\n2012-11-21,10,11,9,10.5,100\n"
WHOLE = HEADER + DAILY


@pytest.fixture
def load(tmp_path):
    def load(text: str | bytes, **options):
        path = tmp_path / "ACME.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return CsvProvider(tmp_path, **options).load("ACME", "1d")

    return load


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(WHOLE.encode(), mtime=0), "is compressed; unpack it first"),
        (b"PK\x03\x04" + bytes(90), "is an Excel workbook or a ZIP archive; save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(90), "is an Excel workbook; save the sheet as CSV"),
        (b"PAR1" + bytes(90), "is a Parquet file; read it with pandas.read_parquet"),
        (b"<!DOCTYPE html>\n<p>404, not found", "is a web page or XML; download the CSV file itself"),
        (b'[{"date": "2012-11-19", "open": 1}]', "is JSON; read it with pandas.read_json"),
        (WHOLE.encode("utf-32"), "is in UTF-32; save it as UTF-8"),
        (WHOLE.encode("utf-16")[:-1], r"is in UTF-16 and damaged at byte \d+; save it as UTF-8"),
        (WHOLE.encode("utf-16-le"), "line 1 has a zero byte: it is no text, or UTF-16 without a mark"),
        ((WHOLE + "\0").encode(), "line 5 has a zero byte"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 3 has a zero byte"),
        (WHOLE.replace("Volume", "Volumé").encode("latin1"), r"line 1 is not UTF-8 \(byte 0xe9\)"),
        (b"\xef\xbb\xbf", "is empty; it needs a header"),
    ],
)
def test_what_is_no_text_is_named_for_what_it_is(load, data, words):
    with pytest.raises(BadData, match=f"^ACME.csv:? {words}"):
        load(data)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            WHOLE.replace(",", " "),
            "line 1 is no header, 'Date Open High Low Close Volume'; put a comma, semi",
        ),
        (HEADER.replace(",", ";", 2).replace("e,", "e ") + DAILY, "line 1 has as many commas and semicolons"),
        ("sep=;\n" + WHOLE, "line 1 is 'sep=;'; drop it"),
        ("\n# daily, raw\n" + WHOLE, "line 2 begins with '#'; drop the comment lines"),
        (WHOLE + "# the end\n", "line 5 begins with '#'; drop the comment lines"),
        (WHOLE + "   \n", "line 5 holds only spaces or separators; drop it"),
        (
            WHOLE + "2012-11-23;10;11;9;10.5;1\n",
            "line 5 has 1 field between commas, .*; it has semicolons: use",
        ),
        (HEADER + DAILY.replace("\n", ",\n"), "line 2 has 7 fields .*; take the separator from its end"),
        (HEADER.replace("\n", ",\n") + DAILY, "line 2 has 6 .* 7; take the separator from the header's end"),
        (HEADER + DAILY.replace("10.5", "10,5"), "line 2 has 7 fields .* 6; take commas out of its numbers"),
        (WHOLE.replace(",", ";").replace("100\n", "100;5\n", 1), "line 2 has 7 fields .*; correct the line"),
        (WHOLE.replace("11,9", '"11,9', 1) + '"', "line 5 ends a quote that begins in a line above"),
        (HEADER.strip(), "has no rows; add a line for each bar"),
        ("Date,Open\n", "column 'high' is missing; add it. There are: Date, Open"),
        (
            ",".join(["Date", *map("c{}".format, range(99))]) + "\n",
            r"column 'open' .*: Date, c0, .*, c10, …$",
        ),
    ],
)
def test_what_is_no_table_is_refused_with_its_line_and_the_remedy(load, text, words):
    with pytest.raises(BadData, match=f"^(ACME: )?ACME.csv:? {words}"):
        load(text)


def test_a_row_that_is_longer_than_arrow_reads_at_once_is_refused(load):
    notes = ",".join(f"n{i}" for i in range(20))
    texts = ",".join(["x" * 120_000] * 20)
    with pytest.raises(BadData, match=r"^ACME.csv: .*straddling.*; look for a quote that is not closed"):
        load(HEADER.replace("\n", f",{notes}\n") + DAILY.replace("\n", f",{texts}\n"))


@pytest.mark.parametrize(
    "text",
    [
        '"Date;a";' + HEADER.replace(",", ";") + DAILY.replace("2012", "x;2012").replace(",", ";"),
        HEADER.replace("Volume", '"a|b|c|d|e|f|g",Volume') + DAILY.replace(",100", ",x,100"),
        WHOLE.replace(",100", ",1e2").replace("10.5", "1.05E+01"),
    ],
)
def test_quoted_names_do_not_count_and_any_notation_of_a_number_does(load, text):
    assert load(text).close.tolist() == load(WHOLE).close.tolist()
    assert load(text).volume.tolist() == [100.0] * 3


def test_columns_without_a_name_are_left_out_and_named(load):
    for ends in (",", ",,,"):
        series = load(WHOLE.replace("\n", f"{ends}\n"), calendar="XNYS")
        assert not series.extra
        assert [f.message for f in series.findings] == [
            f"ACME: column {7 + place} is ignored; it has no name" for place in range(len(ends))
        ]
    with pytest.raises(
        BadData, match=r"'date' is missing and column 1 has no name; is that it\? Name it 'date'"
    ):
        load(WHOLE.replace("Date", ""))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '"1,234.5"',
            "'1,234.5' is no number; write it without thousands separators, as 1234.5, or drop the",
        ),
        ("$10.5", "'$10.5' is no number; write it without the currency sign, as 10.5, or drop the line"),
        ("x" * 999, "'x{39}… is no number"),
    ],
)
def test_a_number_for_people_is_refused_and_shown_as_it_should_be(load, text, words):
    with pytest.raises(BadData, match=f"^ACME: ACME.csv line 2: close {words}".replace("$", r"\$")):
        load(WHOLE.replace("10.5", text, 1))


def test_a_decimal_comma_is_refused(load):
    with pytest.raises(
        BadData, match=r"close '10,5' .* a decimal comma: write it with a decimal point, as 10.5"
    ):
        load(WHOLE.replace(",", ";").replace("10.5", "10,5"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("2012-11-19", "1600-01-01", "line 2: time '1600-01-01' is not within the years 1850 to 2099"),
        ("2012-11-21", "2999-01-01", "line 4: time '2999-01-01' is not within the years 1850 to 2099"),
        ("2012-11-19", "1700-01-01", r"line 2 \(1700-01-01\) is not within the years 1850 to 2099"),
        ("2012-11-21", "2200-01-03", r"line 4 \(2200-01-03\) is not within the years 1850 to 2099"),
    ],
)
def test_a_year_that_no_bar_can_have_is_refused(load, old, new, words):
    with pytest.raises(BadData, match=f"^ACME: ACME.csv {words}; correct it"[:-11]):
        load(WHOLE.replace(old, new))


@pytest.mark.parametrize(("calendar", "line"), [("XHKG", 2), ("XKRX", 2)])
def test_a_date_beyond_the_calendar_is_named_with_its_line(load, calendar, line):
    with pytest.raises(
        BadData, match=rf"line {line} \(1901-01-01\): calendar {calendar} is known from .* shorten"
    ):
        load(WHOLE.replace("2012-11-19", "1901-01-01"), calendar=calendar)


def test_times_with_offsets_must_all_have_one(load):
    zoned = WHOLE.replace("-19", "-19T00:00:00-05:00").replace("-20", "-20T00:00:00-05:00")
    with pytest.raises(BadData, match="line 4: time '2012-11-21' is not like the first, which has an offset"):
        load(zoned)


@pytest.mark.parametrize("offset", ["+09:00", "+0900", "+09", "-05:00", "Z"])
def test_a_daily_bar_belongs_to_the_date_that_is_written(load, offset):
    series = load(WHOLE.replace(",10,", f"T00:00:00{offset} ,10,"), calendar="24/7")
    assert series.content_hash == load(WHOLE, calendar="24/7").content_hash


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timezone": "Foo"}, r"\?timezone=Foo: timezone='Foo' is unknown"),
        ({"timezone": "America/NewYork"}, r"\?timezone=America/NewYork: .*did you mean 'America/New_York'"),
        ({"calendar": "XNY"}, r"\?calendar=XNY: calendar 'XNY' is unknown"),
        ({"stamp": "close"}, r"\?stamp=close: stamp='close' must be 'start' or 'end'"),
    ],
)
def test_a_wrong_setting_names_the_provider_as_its_place(load, tmp_path, options, words):
    with pytest.raises(ConfigError, match=f"^csv:{tmp_path}{words}"):
        load(WHOLE, **options)


def test_devices_pipes_and_sockets_are_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(tmp_path / "socket"))
    for path in (Path("/dev/null"), tmp_path / "pipe", tmp_path / "socket"):
        with pytest.raises(
            ConfigError, match=f"path '{path}' is neither a file nor a folder; give a CSV file"
        ):
            CsvProvider(path)


def test_what_lies_in_a_folder_and_is_no_file_is_refused_unread(tmp_path):
    (tmp_path / "A.csv").mkdir()
    os.mkfifo(tmp_path / "B.csv")
    for symbol in "AB":
        with pytest.raises(ConfigError, match=rf"path '.*{symbol}.csv' is no file; give a CSV file"):
            CsvProvider(tmp_path).load(symbol, "1d")


@pytest.mark.parametrize("refusing", ["exists", "iterdir", "read_bytes"])
def test_what_may_not_be_read_is_one_line(tmp_path, monkeypatch, refusing):
    (tmp_path / "ACME.csv").write_text(WHOLE, encoding="utf-8")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, refusing, refuse)
    with pytest.raises(
        ConfigError, match=r"path '.*' cannot be read \(Permission denied\); check it and its"
    ):
        CsvProvider(tmp_path).load("acme", "1d")


def test_of_two_files_that_differ_in_case_the_symbols_own_is_read(tmp_path):
    (tmp_path / "ACME.csv").write_text(WHOLE, encoding="utf-8")
    (tmp_path / "acme.csv").write_text(WHOLE.replace("10.5", "10.25"), encoding="utf-8")
    assert CsvProvider(tmp_path).load("ACME", "1d").close[0] == 10.5
    assert CsvProvider(tmp_path).load("acme", "1d").close[0] == 10.25
    with pytest.raises(
        ConfigError, match=r"has ACME.csv and acme.csv, none of them Acme.csv; give one's name"
    ):
        CsvProvider(tmp_path).load("Acme", "1d")
