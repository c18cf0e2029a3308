"""What the benchmark of real time counts: no time is asserted."""

from __future__ import annotations

import pytest
from benchmarks.live import MANY, measure_latency, measure_memory
from benchmarks.queueing import Work, wait_alone


@pytest.mark.parametrize(("symbols", "steps"), [(1, 500), (MANY, 5)])
async def test_every_bar_of_a_loopback_socket_reaches_the_engine(symbols: int, steps: int) -> None:
    found = await measure_latency(2000, 0.5, symbols)
    assert found["messages"] == 1000
    assert found["bars"] == 500
    assert found["steps"] == steps
    assert 0 < found["measured"] < steps
    assert found["p50_ms"] <= found["answered_p50_ms"]
    assert 0 < found["processor_p50_ms"] <= found["processor_p99_ms"] <= found["processor_worst_ms"]


async def test_every_bar_of_a_flood_reaches_the_engine() -> None:
    found = await measure_memory(20_000)
    assert (found["messages"], found["bars"], found["steps"]) == (20_000, 20 * MANY, 20)


def test_a_queue_grows_by_the_work_that_is_before_a_message() -> None:
    works = [Work(called=0.25, whole=0.5), Work(called=0.25, whole=3.0), Work(called=0.25, whole=0.5)]
    # messages at 0, 1, 2, ... s, every second one a bar; the second moment's work makes the third wait
    assert wait_alone(works, each=0.5, rate=1.0, symbols=1) == [0.75, 0.75, 2.75]
    # two bars, two quotes: a moment is called at its second bar
    assert wait_alone(works[:1], each=0.5, rate=1.0, symbols=2) == [0.75]
