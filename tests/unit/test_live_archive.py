"""What a recording says of bars, and what a catalog makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from openbell.core.errors import BadData, ConfigError, Disconnected
from openbell.core.messages import BarMessage
from openbell.data.bars import Series, Source
from openbell.data.catalog import Catalog, Key, Origin, Span, series_of
from openbell.data.live.archive import Archived, archive
from openbell.data.live.plan import Plan
from openbell.data.live.recorder import Recorder
from openbell.data.live.recording import read_recordings
from openbell.data.live.transcript import Transcript, Version, transcribe
from tests.unit.live_by_hand import SECOND, Listener, bar, bars_between, batch_of, clock_time, speak

PLAN = Plan(("A", "B"))
TAPE = Source("vendor", "iex")
A = Key(TAPE, "A", "1m")
BETTER = bar("A", "10:01", volume=700.0, corrected=True)
LATE = bar("A", "10:04", volume=5.0)


async def record(folder: Path) -> Mapping[str, Transcript]:
    """Return the transcript of a session with a correction, a gap that nobody could fill, and a late bar."""
    with Recorder(folder, PLAN, sources={"A": TAPE, "B": TAPE}) as recorder:
        async with Listener(PLAN, "10:00:00", log=recorder) as ear:
            await speak(ear, "10:00", "10:03", "A", "B")
            await ear.at("10:03:10", BETTER)
            ear.origin.faults += [Disconnected("nobody there")] * 50
            ear.origin.stream.drop()
            await ear.at("10:05:30")
            await speak(ear, "10:06", "10:08", "A")
            await ear.at("10:12:00")
            ear.origin.faults.clear()
            await ear.at("10:12:10", LATE)
    (recording,) = read_recordings(folder)
    assert recording.sources == {"A": TAPE, "B": TAPE}
    return transcribe(recording)


def between(first: str, last: str) -> Span:
    return Span(clock_time(first), clock_time(last))


def stored(catalog: Catalog) -> dict[int, float]:
    """Return the volume of each stored bar of A, by its start."""
    series = catalog.read(A)
    return dict(zip(series.start.tolist(), series.volume.tolist(), strict=True))


def fetched(*bars: BarMessage) -> Series:
    return series_of(A, [batch_of(list(bars))])


def keep(catalog: Catalog, heard: Mapping[str, Transcript], *, name: str = "day.jsonl") -> Archived:
    return archive(catalog, A, heard["A"], name=name)


async def test_the_last_version_of_each_bar_and_what_they_cover(tmp_path: Path) -> None:
    heard = await record(tmp_path)
    one = heard["A"]
    versions = {start: [version.bar.volume for version in every] for start, every in one.versions.items()}
    assert versions[BETTER.start] == [500.0, 700.0]
    assert versions[LATE.start] == [5.0]
    assert one.corrections == 1
    assert one.covered[0] == between("10:00", "10:03")
    assert not any(span.start <= clock_time("10:03") < span.end for span in one.covered), "nobody filled it"
    assert any(span.start <= LATE.start < span.end for span in one.covered)


async def test_an_empty_catalog_gets_the_last_versions_and_no_claim_to_the_gap(tmp_path: Path) -> None:
    catalog, heard = Catalog(tmp_path / "catalog"), await record(tmp_path / "feed")
    done = keep(catalog, heard)
    assert (done.added, done.corrected, done.older) == (len(heard["A"].versions), 0, 0)
    assert stored(catalog)[BETTER.start] == 700.0
    assert Span(clock_time("10:03"), clock_time("10:04")) in catalog.missing(A, between("10:00", "10:08"))
    ranges = catalog.provenance(A)
    assert {one.origin.request for one in ranges} == {"recording day.jsonl"}
    assert {one.origin.provider for one in ranges} == {"vendor"}


async def test_writing_it_again_changes_nothing(tmp_path: Path) -> None:
    catalog, heard = Catalog(tmp_path / "catalog"), await record(tmp_path / "feed")
    keep(catalog, heard)
    before = {path: path.read_bytes() for path in catalog.root.rglob("*") if path.is_file()}
    again = keep(catalog, heard)
    assert (again.added, again.corrected, again.older) == (0, 0, 0)
    assert {path: path.read_bytes() for path in catalog.root.rglob("*") if path.is_file()} == before


async def test_a_correction_takes_the_place_of_what_was_fetched_before_it(tmp_path: Path) -> None:
    catalog, heard = Catalog(tmp_path / "catalog"), await record(tmp_path / "feed")
    early = Origin("vendor", clock_time("10:03:05"), "A 1m")
    catalog.write(fetched(*bars_between("A", "10:00", "10:03")), origin=early)
    done = keep(catalog, heard)
    assert done.corrected == 1
    assert stored(catalog)[BETTER.start] == 700.0
    (revised,) = [one for one in catalog.provenance(A) if one.replaced]
    assert (revised.start, revised.bars, revised.origin.fetched) == (
        BETTER.start, 1, clock_time("10:03:10"),
    )  # fmt: skip
    assert keep(catalog, heard) == Archived(A, 0, 0, 0)


async def test_what_was_fetched_after_it_stays(tmp_path: Path) -> None:
    catalog, heard = Catalog(tmp_path / "catalog"), await record(tmp_path / "feed")
    final = [one._replace(volume=900.0) for one in bars_between("A", "10:00", "10:03")]
    catalog.write(fetched(*final), origin=Origin("vendor", clock_time("16:30"), "A 1m"))
    done = keep(catalog, heard)
    assert (done.corrected, done.older) == (0, 3)
    assert stored(catalog)[BETTER.start] == 900.0


async def test_a_correction_takes_the_place_of_what_another_recording_had(tmp_path: Path) -> None:
    """The other went on for longer, so that its write is the later one, and had not heard the correction."""
    catalog, heard = Catalog(tmp_path / "catalog"), await record(tmp_path / "feed")
    first = {start: versions[:1] for start, versions in heard["A"].versions.items()}
    more = {one.start: [Version(one.end, one)] for one in bars_between("A", "10:08", "10:30")}
    deaf = Transcript(first | more, (between("10:00", "10:30"),))
    archive(catalog, A, deaf, name="other.jsonl")
    assert stored(catalog)[BETTER.start] == 500.0
    assert keep(catalog, heard).corrected == 1
    assert stored(catalog)[BETTER.start] == 700.0


async def test_a_vendor_that_went_back_to_the_first_version_is_believed(tmp_path: Path) -> None:
    catalog, heard = Catalog(tmp_path / "catalog"), await record(tmp_path / "feed")
    first = bars_between("A", "10:00", "10:03")
    catalog.write(fetched(*first), origin=Origin("vendor", clock_time("16:30"), "A 1m"))
    assert keep(catalog, heard).older == 1
    assert stored(catalog)[BETTER.start] == 500.0


async def test_a_late_bar_comes_into_a_minute_that_was_covered_without_it(tmp_path: Path) -> None:
    catalog, heard = Catalog(tmp_path / "catalog"), await record(tmp_path / "feed")
    before = bars_between("A", "10:00", "10:04")
    catalog.write(
        fetched(*before),
        origin=Origin("vendor", clock_time("10:05"), "A 1m"),
        covers=between("10:00", "10:06"),
    )
    assert keep(catalog, heard).added > 0
    assert stored(catalog)[LATE.start] == 5.0
    assert stored(catalog)[clock_time("10:03")] == 500.0, "what the stream did not bring stays"


async def test_prices_of_a_stream_are_raw_whatever_the_history_is(tmp_path: Path) -> None:
    catalog, heard = Catalog(tmp_path / "catalog"), await record(tmp_path / "feed")
    split = Key(Source("ib", "smart", "split"), "A", "1m")
    assert archive(catalog, split, heard["A"], name="x").key.source.adjustment == "raw"
    assert not catalog.coverage(split)


async def test_a_recording_of_trades_has_no_bars_for_a_catalog(tmp_path: Path) -> None:
    with Recorder(tmp_path, Plan(("A",), ("trades",))) as recorder:
        recorder.write(SECOND, bar("A", "10:00"))
    (recording,) = read_recordings(tmp_path)
    with pytest.raises(ConfigError, match="channels trades bring no bars of a vendor's"):
        transcribe(recording)


async def test_a_session_that_was_never_connected_covers_nothing(tmp_path: Path) -> None:
    with Recorder(tmp_path, PLAN) as recorder:
        recorder.write(clock_time("10:00"), bar("A", "09:59"))
    (recording,) = read_recordings(tmp_path)
    assert transcribe(recording)["B"].covered == ()


async def test_an_earlier_versions_recording_has_no_sources(tmp_path: Path) -> None:
    head = {"openbell": 1, "goes_on": False, "plan": PLAN.as_dict()}
    (tmp_path / "day.jsonl").write_text(json.dumps(head) + "\n", encoding="utf-8")
    (recording,) = read_recordings(tmp_path)
    assert recording.sources == {}


async def test_a_source_of_another_version_is_said(tmp_path: Path) -> None:
    head = {"openbell": 1, "goes_on": False, "plan": PLAN.as_dict(), "sources": {"A": {"tape": "x"}}}
    (tmp_path / "day.jsonl").write_text(json.dumps(head) + "\n", encoding="utf-8")
    with pytest.raises(BadData, match="line 1 is no head"):
        read_recordings(tmp_path)


async def test_coins_trade_over_midnight(tmp_path: Path) -> None:
    plan, tape = Plan(("A",), calendar="24/7"), Source("ccxt", "kraken", calendar="24/7")
    with Recorder(tmp_path / "feed", plan, sources={"A": tape}) as recorder:
        async with Listener(plan, "19:58:00", log=recorder) as ear:  # midnight in UTC is 20:00 in New York
            await speak(ear, "19:58", "20:03", "A")
    recordings = read_recordings(tmp_path / "feed")
    catalog = Catalog(tmp_path / "catalog")
    for recording in recordings:
        archive(catalog, Key(recording.sources["A"], "A", "1m"), transcribe(recording)["A"], name="x")
    key = Key(tape, "A", "1m")
    assert len(recordings) == 1, "a session goes on in the next day's file"
    assert len(catalog.read(key)) == 5
    assert catalog.coverage(key) == (between("19:58", "20:03"),)
