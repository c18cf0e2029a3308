"""What is written to a catalog, and what comes back."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from openbell.core.errors import BadData, ConfigError
from openbell.data import bundled
from openbell.data.bars import Source, parse_date
from openbell.data.catalog import Catalog, Key, Origin, Span, changes, files
from openbell.data.catalog.key import folder_of, key_of
from openbell.data.catalog.manifest import Part, read_manifest
from openbell.data.catalog.search import find_keys
from openbell.utils.files import UNFINISHED
from tests.unit.catalog_by_hand import MINUTE, TAPE, days, minutes, rows

ORIGIN = Origin("vendor", 1_700_000_000_000_000_000, "ACME 1d")


@pytest.fixture
def catalog(tmp_path):
    return Catalog(tmp_path / "catalog")


def span(first: str, last: str) -> Span:
    start, end = parse_date(first), parse_date(last, end_of_day=True)
    assert start is not None
    assert end is not None
    return Span(start, end)


# --- writing and reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [days(), minutes(), bundled.load("AAPL")], ids=["days", "minutes", "real"])
def test_what_is_written_is_read_with_its_identity(catalog, whole):
    catalog.write(whole)
    read = catalog.read(key_of(whole))
    assert read.content_hash == whole.content_hash
    assert read.source == whole.source
    assert read.actions == whole.actions


def test_extras_are_kept_and_missing_ones_are_nan(catalog):
    whole = days(extra={"trades": np.arange(21.0)})
    catalog.write(rows(whole, slice(0, 10)))
    catalog.write(rows(days(), slice(10, 21)))
    trades = catalog.read(key_of(whole)).extra["trades"]
    assert trades[:10].tolist() == list(range(10))
    assert np.isnan(trades[10:]).all()


def test_a_range_is_cut_by_when_bars_open(catalog):
    whole = days()
    catalog.write(rows(whole, slice(0, 7)))
    catalog.write(rows(whole, slice(7, 21)))
    first, last = int(whole.start[5]), int(whole.start[9])
    assert catalog.read(key_of(whole), first, last).start.tolist() == whole.start[5:9].tolist()
    assert len(catalog.read(key_of(whole), last + 1, last + 2)) == 0


def test_one_tape_never_mixes_with_another(catalog):
    for feed, level in (("iex", 100.0), ("sip", 200.0)):
        catalog.write(days(source=Source("vendor", feed), level=level))
    for feed, level in (("iex", 100.0), ("sip", 200.0)):
        assert catalog.read(Key(Source("vendor", feed), "ACME", "1d")).close[0] == level
    with pytest.raises(ConfigError, match=r"of vendor:iex .* and vendor:sip .*; say which"):
        catalog.find("ACME", "1d")
    assert catalog.find("ACME", "1d", feed="sip").source.feed == "sip"


def test_each_part_of_the_key_keeps_series_apart(catalog):
    sources = [
        TAPE,
        replace(TAPE, provider="other"),
        replace(TAPE, adjustment="split"),
        replace(TAPE, session="extended"),
        replace(TAPE, calendar="XNAS"),
    ]
    for level, source in enumerate(sources, 1):
        catalog.write(days(source=source, level=100.0 * level))
    assert len(catalog.keys()) == len(sources)
    for level, source in enumerate(sources, 1):
        assert catalog.read(Key(source, "ACME", "1d")).close[0] == 100.0 * level


def test_names_that_file_systems_mind_are_kept_apart(catalog):
    names = [
        "BRK.B",
        "BRK-B",
        "brk.b",
        "BTC/USD",
        "CON",
        "NUL.",
        "A B",
        "Ä",
        "..",
        "%",
        "=",
        "a\\b",
        "\udc80",
    ]
    for level, name in enumerate(names, 1):
        catalog.write(days(symbol=name, level=float(10 * level)))
    assert {key.symbol for key in find_keys(catalog.root)} == set(names)
    for level, name in enumerate(names, 1):
        assert catalog.read(Key(TAPE, name, "1d")).close[0] == 10 * level
    folders = [path.name for path in catalog.root.rglob("symbol=*") if path.is_dir()]
    assert len({name.casefold() for name in folders}) == len(names)


def test_a_name_too_long_for_a_folder_is_refused(catalog):
    with pytest.raises(ConfigError, match=r"symbol 'AAAAA.*too long"):
        catalog.write(days(symbol="A" * 300))


def test_pandas_is_not_imported(tmp_path):
    code = (
        "import sys; from openbell.data import bundled; from openbell.data.catalog import Catalog; "
        f"c = Catalog({str(tmp_path)!r}); c.write(bundled.load('AAPL')); c.read(c.keys()[0]); "
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_programs_read_the_folders_as_one_table(catalog):
    catalog.write(days(symbol="BRK.B"))
    catalog.write(days(symbol="ACME"))
    table = pq.read_table(catalog.root, partitioning="hive")
    assert set(table["symbol"].to_pylist()) == {"BRK.B", "ACME"}
    assert set(table["feed"].to_pylist()) == {"iex"}


# --- what is covered -------------------------------------------------------------------------------------


def test_days_that_follow_one_another_are_one_span(catalog):
    whole = days()
    for row in range(0, 21, 3):
        catalog.write(rows(whole, slice(row, row + 3)))
    (covered,) = catalog.coverage(key_of(whole))
    assert covered.start == whole.start[0]
    assert covered.end > whole.known[-1]


def test_what_is_missing_has_trading_in_it(catalog):
    whole = days()
    catalog.write(rows(whole, slice(0, 4)), covers=span("2024-01-01", "2024-01-05"))
    catalog.write(rows(whole, slice(9, 21)), covers=span("2024-01-16", "2024-01-31"))
    key = key_of(whole)
    assert catalog.missing(key, span("2024-01-01", "2024-01-07")) == ()  # a weekend
    assert catalog.missing(key, span("2024-01-01", "2024-01-31")) == (
        Span(span("2024-01-05", "2024-01-05").end, span("2024-01-16", "2024-01-16").start),
    )
    assert catalog.missing(Key(TAPE, "NONE", "1d"), span("2024-01-02", "2024-01-03"))


def test_an_answer_without_bars_is_remembered(catalog):
    whole = days()
    catalog.write(rows(whole, slice(0, 0)), covers=span("2023-01-01", "2023-12-31"))
    assert catalog.missing(key_of(whole), span("2023-03-01", "2023-04-01")) == ()
    assert len(catalog.read(key_of(whole))) == 0


def test_bars_outside_of_what_they_cover_are_refused(catalog):
    with pytest.raises(BadData, match="outside of what they are said to cover"):
        catalog.write(days(), covers=span("2024-01-02", "2024-01-10"))


# --- overlaps --------------------------------------------------------------------------------------------


def test_equal_bars_are_accepted_and_change_nothing(catalog):
    whole = days()
    catalog.write(whole, origin=ORIGIN)
    folder = folder_of(catalog.root, key_of(whole))
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    catalog.write(rows(whole, slice(3, 9)))
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_bars_that_differ_are_refused_and_the_first_is_named(catalog):
    whole = days()
    catalog.write(whole)
    with pytest.raises(
        BadData, match=r"ACME 1d of vendor:iex: the bar of 2024-01-05 14:30:00Z is stored with open 100.02"
    ):
        catalog.write(rows(days(level=200.0), slice(3, 9)))
    assert catalog.read(key_of(whole)).content_hash == whole.content_hash


def test_revised_bars_take_their_place_and_the_old_ones_stay_in_the_provenance(catalog):
    whole, right = days(), days(level=200.0)
    catalog.write(whole, origin=ORIGIN)
    catalog.write(rows(right, slice(3, 5)), origin=Origin("vendor", request="again"), revise=True)
    read = catalog.read(key_of(whole))
    assert read.close[2:6].tolist() == [whole.close[2], right.close[3], right.close[4], whole.close[5]]
    first, second = catalog.provenance(key_of(whole))
    assert (first.origin, first.bars, first.replaced) == (ORIGIN, 21, ())
    assert second.origin.request == "again"
    old = changes.read_replaced(folder_of(catalog.root, key_of(whole)), second)
    assert old["close"].tolist() == whole.close[3:5].tolist()


def test_a_bar_that_is_gone_at_the_source_is_told_and_can_be_removed(catalog):
    whole = days()
    catalog.write(whole)
    fewer, covers = rows(whole, [0, 1, 3]), span("2024-01-02", "2024-01-05")
    with pytest.raises(BadData, match=r"2024-01-04 14:30:00Z is stored, and what is written covers its time"):
        catalog.write(fewer, covers=covers)
    catalog.write(fewer, covers=covers, revise=True)
    assert len(catalog.read(key_of(whole))) == 20


def test_bars_that_reach_into_stored_ones_are_refused(catalog):
    catalog.write(minutes("2024-01-02", "2024-01-02"))
    late = rows(minutes("2024-01-02", "2024-01-02"), slice(-1, None))
    shifted = replace(late, start=late.start + MINUTE // 2, known=late.known + MINUTE)
    with pytest.raises(BadData, match="before the one"):
        catalog.write(shifted)


def test_impossible_bars_are_refused(catalog):
    whole = days()
    wrong = whole.close.copy()
    wrong[4] = -1.0
    with pytest.raises(BadData, match=r"bar 4 \(2024-01-08 14:30:00Z\): close -1 is not positive"):
        catalog.write(replace(whole, close=wrong))


# --- files -----------------------------------------------------------------------------------------------


def test_many_small_files_are_joined(catalog, monkeypatch):
    monkeypatch.setattr(changes, "SMALL", 4)
    monkeypatch.setattr(changes, "RECENT", 3)
    whole = days()
    folder = folder_of(catalog.root, key_of(whole))
    for row in range(21):
        catalog.write(rows(whole, slice(row, row + 1)), origin=Origin("vendor", request=str(row)))
        assert len(list(folder.glob("bars-*"))) <= 5
    assert catalog.read(key_of(whole)).content_hash == whole.content_hash
    assert [one.origin.request for one in catalog.provenance(key_of(whole))] == [
        str(row) for row in range(21)
    ]


def test_what_an_ended_writer_left_is_removed_by_the_next(catalog):
    whole = days()
    catalog.write(rows(whole, slice(0, 5)))
    folder = folder_of(catalog.root, key_of(whole))
    for name in (
        f"{UNFINISHED}1-x",
        "bars-2024-01-09-0123.parquet",
        "_replaced-2024-01-09-0123.revised",
    ):
        (folder / name).write_bytes(b"half")
    assert len(catalog.read(key_of(whole))) == 5
    catalog.write(rows(whole, slice(5, 9)))
    assert sorted(path.name for path in folder.iterdir()) == sorted({
        "_manifest.json", ".lock", *(part.file for part in parts_of(folder)),
    })  # fmt: skip


def parts_of(folder: Path) -> tuple[Part, ...]:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.parts


def test_a_long_write_becomes_several_files(catalog, monkeypatch):
    monkeypatch.setattr("openbell.data.catalog.parts.MOST", 100)
    whole = minutes()
    catalog.write(whole)
    folder = folder_of(catalog.root, key_of(whole))
    assert len(list(folder.glob("bars-*"))) == 8
    assert catalog.read(key_of(whole)).content_hash == whole.content_hash


@pytest.mark.parametrize("harm", ["bars", "gone", "manifest", "check", "schema"])
def test_damage_is_found_and_named(catalog, harm):
    whole = days()
    catalog.write(whole)
    catalog.verify(key_of(whole))
    folder = folder_of(catalog.root, key_of(whole))
    (bars,), manifest = folder.glob("bars-*"), folder / "_manifest.json"
    if harm == "bars":
        catalog.write(days(symbol="OTHER", level=50.0))
        (other,) = folder_of(catalog.root, Key(TAPE, "OTHER", "1d")).glob("bars-*")
        bars.write_bytes(other.read_bytes())
    elif harm == "gone":
        bars.unlink()
    elif harm == "manifest":
        manifest.write_bytes(manifest.read_bytes()[:-40])
    elif harm == "check":
        manifest.write_text(manifest.read_text().replace('"recent"', '"recenT"'))
    else:
        manifest.write_text(manifest.read_text().replace('"schema":1', '"schema":99'))
    place = bars.name if harm in {"bars", "gone"} else "_manifest.json"
    with pytest.raises(BadData, match=f"{place}.*(damaged|another version)"):
        catalog.verify(key_of(whole))


def test_a_cut_file_is_named_when_it_is_read(catalog):
    whole = days()
    catalog.write(whole)
    (bars,) = folder_of(catalog.root, key_of(whole)).glob("bars-*")
    bars.write_bytes(bars.read_bytes()[:500])
    with pytest.raises(BadData, match=f"{bars.name} is damaged"):
        catalog.read(key_of(whole))


def test_a_second_writer_waits_and_says_so_in_the_end(tmp_path):
    with (
        files.lock(tmp_path),
        pytest.raises(ConfigError, match="written by another process"),
        files.lock(tmp_path, patience=0.05),
    ):
        pytest.fail("both hold the lock")
    with files.lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        Catalog(tmp_path / "file" / "catalog").write(days())
