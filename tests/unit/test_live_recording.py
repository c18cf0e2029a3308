from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path

import pytest

from openbell.core.errors import BadData, ConfigError, Disconnected
from openbell.core.messages import BarMessage, Quote, Trade
from openbell.data.live.feed import Feed
from openbell.data.live.items import Answer, Down, Event, Free, Full, Item, Pulse, Settled, Up
from openbell.data.live.plan import Plan
from openbell.data.live.recorder import Recorder
from openbell.data.live.recording import RecordedLine, Recording, read_recordings
from openbell.data.providers.protocol import Span
from tests.unit.live_by_hand import (
    SECOND,
    Listener,
    SimulatedClock,
    bar,
    bars_between,
    clock_time,
    settle,
    speak,
)

PLAN = Plan(("A", "B"))
EVENTS: list[Event] = [
    Up(),
    bar("A", "10:00"),
    bar("A", "10:00", volume=0.1 + 0.2, corrected=True),
    Quote("A", 5, 1.1, 2.2, 3.0, 4.0),
    Trade("A", 5, 1.1, 0.3, "id", ("@", "I"), "C"),
    Answer("A", Span(1, 2), (bar("A", "10:00"),), "why"),
    Full(7),
    Free(),
    Down('the socket said "no"\n'),
    Pulse(),
]


def record(folder: Path, *events: Event, start: int = 1_720_000_000 * SECOND) -> None:
    with Recorder(folder, PLAN) as recorder:
        for number, event in enumerate(events):
            recorder.write(start + number, event)


def only(folder: Path) -> Recording:
    (found,) = read_recordings(folder)
    return found


async def hear(feed: Feed) -> list[Item]:
    async with feed:
        return [item async for item in feed]


async def live(folder: Path, *, plan: Plan = PLAN) -> Listener:
    """Return a listener that heard a bad session, which was recorded."""
    recorder = Recorder(folder, plan)
    ear = Listener(plan, "10:00:00", log=recorder)
    ear.origin.history += bars_between("A", "10:00", "10:20") + bars_between("B", "10:00", "10:20")
    async with ear:
        await speak(ear, "10:00", "10:03", "A", "B")
        ear.origin.refusals += [Disconnected("nobody there")] * 2
        ear.origin.stream.drop()
        ear.origin.delay = 1.5
        await ear.at("10:05:30", bar("A", "10:04", volume=1.0, corrected=True))
        await ear.at("10:06:00.2", bar("B", "10:05"), bar("A", "10:05"), bar("A", "10:05"))
        await ear.at("10:09:30")
        await speak(ear, "10:10", "10:12", "A")
    recorder.close()
    return ear


def test_events_are_read_as_they_were_written(tmp_path) -> None:
    record(tmp_path, *EVENTS)
    events = [event for _, event in only(tmp_path)]
    assert events == EVENTS
    assert [type(event) for event in events] == [type(event) for event in EVENTS]
    assert only(tmp_path).plan == PLAN


async def test_a_replay_says_what_the_session_said(tmp_path) -> None:
    ear = await live(tmp_path)
    assert len(ear.bars) > 20
    assert ear.feed.counters.lost > 2
    replayed = await hear(only(tmp_path).feed())
    assert replayed == ear.items
    again = await hear(only(tmp_path).feed(speed=1e15))
    assert again == replayed


async def test_a_replay_of_trades_makes_the_same_bars(tmp_path) -> None:
    plan = Plan(("A",), ("trades",))
    recorder = Recorder(tmp_path, plan)
    ear = Listener(plan, "10:00:00", log=recorder)
    async with ear:
        for second in range(200):
            when = clock_time("10:00") + second * SECOND
            await ear.clock.go_to(when)
            ear.origin.stream.send(Trade("A", when, 100.0 + second % 7, 10.0))
    recorder.close()
    assert len(ear.bars) == 3
    assert await hear(only(tmp_path).feed()) == ear.items


async def test_a_replay_at_a_finite_speed_takes_its_time(tmp_path) -> None:
    record(tmp_path, *[Quote("A", n, 1.0, 2.0) for n in range(3)])
    wall = SimulatedClock(0)
    recording = only(tmp_path)
    feed = Feed(RecordedLine(recording, 1e-9, wall=wall), recording.plan)
    async with feed:
        await settle()
        assert feed.counters.messages == 1
        await wall.go_to(SECOND)
        assert feed.counters.messages == 2


async def test_a_replay_can_be_closed_and_waits_for_a_slow_consumer(tmp_path) -> None:
    record(tmp_path, Up(), *bars_between("A", "10:00", "10:59"), start=clock_time("11:00"))
    feed = only(tmp_path).feed(room=8)
    async with feed:
        await settle()
        assert feed.counters.messages < 20
        assert feed.counters.slow == 0
    assert only(tmp_path).replay().clock.now() == 0


async def test_a_replay_asks_for_nothing(tmp_path) -> None:
    record(tmp_path, Up(), bar("A", "10:05"), start=clock_time("10:00"))
    line = only(tmp_path).replay()
    line.renew("why")
    await line.clock.sleep_until(5)
    assert line.clock.now() == 5
    await line.close()


def test_a_speed_must_be_positive(tmp_path) -> None:
    record(tmp_path, Up())
    for speed in (0.0, -1.0, math.nan):
        with pytest.raises(ConfigError, match="must be positive"):
            only(tmp_path).replay(speed=speed)


def test_a_torn_end_is_left_out(tmp_path) -> None:
    record(tmp_path, *EVENTS)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    for length in range(len(whole) - len(lines[-1]) - len(lines[-2]) + 1, len(whole)):
        file.write_bytes(whole[:length])
        events = [event for _, event in only(tmp_path)]
        assert events == EVENTS[: len(events)]
        assert len(events) in {8, 9, 10}


def test_a_recorder_that_finds_a_torn_end_begins_a_new_line(tmp_path) -> None:
    record(tmp_path, *EVENTS)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-4])
    record(tmp_path, Up())
    first, second = read_recordings(tmp_path)
    assert [event for _, event in first] == EVENTS[:-1]
    assert [event for _, event in second] == [Up()]


def test_a_damaged_line_is_named(tmp_path) -> None:
    record(tmp_path, *EVENTS)
    (file,) = tmp_path.iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], b"[1,\n", *lines[3:]]))
    with pytest.raises(BadData, match=r"2024-07-03.jsonl: line 4 is damaged"):
        list(only(tmp_path))


def test_what_is_no_recording_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match="has no recording"):
        read_recordings(tmp_path)
    with pytest.raises(ConfigError, match="has no recording"):
        read_recordings(tmp_path / "absent")
    (tmp_path / "a.jsonl").write_text("date,close\n")
    with pytest.raises(BadData, match=r"a.jsonl: line 1 is no head of a recording"):
        read_recordings(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"other": 1}\n')
    with pytest.raises(BadData, match=r"a.jsonl: line 1 is no head of a recording"):
        read_recordings(tmp_path)
    (tmp_path / "a.jsonl").write_text("")
    assert read_recordings(tmp_path) == []
    (tmp_path / "a.jsonl").write_text('{"openb')
    with pytest.raises(BadData, match="is no head"):
        read_recordings(tmp_path / "a.jsonl")


def test_days_have_files_and_one_session(tmp_path) -> None:
    midnight = clock_time("20:00")
    with Recorder(tmp_path, PLAN) as recorder:
        for when, event in enumerate(EVENTS[:4]):
            recorder.write(midnight - 2 + when, event)
        recorder.write(midnight - 10, EVENTS[4])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2024-07-02.jsonl", "2024-07-03.jsonl"]
    assert [event for _, event in only(tmp_path)] == EVENTS[:5]


def test_the_file_has_no_more_than_what_was_received(tmp_path) -> None:
    record(tmp_path, Up())
    (file,) = tmp_path.iterdir()
    head, event = file.read_text().splitlines()
    assert json.loads(head)["plan"]["symbols"] == ["A", "B"]
    assert event == '[1720000000000000000,"up"]'


def test_a_full_disk_is_said_once_and_the_session_goes_on(tmp_path, monkeypatch) -> None:
    write, full = os.write, {"on": False}

    def failing(file: int, data: bytes) -> int:
        if full["on"]:
            write(file, data[:5])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    monkeypatch.setattr("openbell.data.live.recorder.os.write", failing)
    with Recorder(tmp_path, PLAN) as recorder:
        recorder.write(1_720_000_000 * SECOND, EVENTS[0])
        full["on"] = True
        recorder.write(1_720_000_000 * SECOND + 1, EVENTS[1])
        recorder.write(1_720_000_000 * SECOND + 2, EVENTS[2])
        full["on"] = False
        recorder.write(1_720_000_000 * SECOND + 3, EVENTS[3])
    assert recorder.lost == 2
    assert [event for _, event in only(tmp_path)] == [EVENTS[0], EVENTS[3]]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        Recorder(tmp_path / "file" / "folder", PLAN)


async def test_the_end_of_a_session_is_recorded(tmp_path) -> None:
    recorder = Recorder(tmp_path, PLAN)
    ear = Listener(PLAN, "10:00:00", log=recorder)
    async with ear:
        await ear.at("10:01:00.1", bar("A", "10:00"))
        await ear.at("10:01:05")
    recorder.close()
    assert isinstance(ear.items[-1], Settled)
    assert await hear(only(tmp_path).feed()) == ear.items
    assert [one for one in ear.items if isinstance(one, BarMessage)] == ear.bars
