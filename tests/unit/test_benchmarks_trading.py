"""The benchmark of trading, small: that it measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.faultday import run_day
from benchmarks.faultweek import run_week
from benchmarks.latency import measure_latency
from benchmarks.longrun import measure_days, measure_resume
from benchmarks.weekscript import WEEK, Script


async def test_an_order_is_timed_from_its_bars_to_the_wire(tmp_path: Path) -> None:
    found = await measure_latency(3, tmp_path, resting=20, symbols=4)
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["worst_ms"]
    assert 0 < found["disk_p50_ms"] < found["p99_ms"]
    assert found["processor_p50_ms"] > 0


def test_memory_is_measured_over_days(tmp_path: Path) -> None:
    found = measure_days(3, tmp_path)
    assert found["orders"] > 3
    assert found["slope_kb_a_day"] < 100


def test_going_on_is_timed_from_a_save_and_without_one(tmp_path: Path) -> None:
    found = measure_resume(2, tmp_path)
    assert found["bars"] == 585
    assert found["orders"] > 60
    assert found["from_save_s"] > 0
    assert found["whole_s"] > 0
    assert 0 < found["status_s"] < found["status_whole_s"]


async def test_minutes_without_a_fault_are_acted_on(tmp_path: Path) -> None:
    found = await run_week(tmp_path, Script(5), servers=False)
    assert (found["outside_outages_percent"], found["missed_outside"], found["wrong"]) == (100.0, [], [])
    assert (found["fills"], found["tasks_left"]) == (6, 0)


async def test_what_goes_wrong_is_counted_and_what_cannot_be_acted_on_is_measured(tmp_path: Path) -> None:
    faults = {
        "an order rests": (3, 8, 24),
        "kill, and fills while down": (5,),
        "cancel asked": (6, 9),
        "late fill after the cancel": (9,),
        "stream mute, then out of order": range(12, 15),
        "split overnight": (20,),
        "clock off": range(22, 30),
        "rejected after acceptance": (26,),
        "kill after an order": (28,),
        "SIGTERM during a submit": (32,),
        "disk full": (35,),
    }
    found = await run_week(tmp_path, Script(45, session=20, at=faults), servers=False)
    assert set(found["faults"]) == set(faults) - {"an order rests", "cancel asked"}
    assert (found["missed_outside"], found["wrong"], found["tasks_left"]) == ([35], [], 0)
    gone = found["seconds_gone"]
    assert gone.pop("disk full") == 60.0
    assert len(gone) == 3
    assert all(seconds > 5.0 for seconds in gone.values())  # the system's own wait is 5 s
    assert found["outside_outages_percent"] < 100 * (1 - 75 / 2700)


def test_the_brokers_own_outages_are_told_apart() -> None:
    assert [WEEK.outage(minute) for minute in (449, 450, 1305)] == [None, "429 burst", "connection refused"]
    assert [WEEK.minute_of(WEEK.stamp(minute)) for minute in (1, 390, 391, 1950)] == [1, 390, 391, 1950]


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_week_of_all_faults_is_acted_on_in_999_of_1000_seconds(tmp_path: Path) -> None:
    found = await run_week(tmp_path)
    assert len(found["faults"]) == len(WEEK.at) - 2  # two of them are what the strategy does
    assert (found["wrong"], found["tasks_left"]) == ([], 0)
    assert found["outside_outages_percent"] >= 99.9


async def test_minutes_of_faults_lose_and_double_nothing(tmp_path: Path) -> None:
    found = await run_day(tmp_path, minutes=24, hour=10)
    assert found["faults"]["kill"] > 0
    assert found["faults"]["events muddled"] > 10
    assert (found["wrong"], found["tasks_left"]) == ([], 0)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_day_of_faults_loses_and_doubles_nothing(tmp_path: Path) -> None:
    found = await run_day(tmp_path)
    assert len(found["faults"]) == 11
    assert found["faults"]["kill"] > 12
    assert (found["wrong"], found["tasks_left"]) == ([], 0)
