"""The benchmark of trading, small: that it measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.faultday import run_day
from benchmarks.faultweek import Week, run_week
from benchmarks.latency import measure_latency
from benchmarks.longrun import measure_days, measure_resume


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
    found = await run_week(tmp_path, minutes=5)
    assert (found["acted_within_1s_percent"], found["missed_outside"], found["wrong"]) == (100.0, [], [])
    assert found["fills"] == 5


def test_the_brokers_own_outages_are_told_apart() -> None:
    week = Week()
    assert [week.outage(minute) for minute in (449, 450, 1305)] == [None, "429 burst", "connection refused"]


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
