"""What the benchmark of real time counts: no time is asserted."""

from __future__ import annotations

import pytest
from benchmarks.live import MANY, measure_latency, measure_memory


@pytest.mark.parametrize(("symbols", "steps"), [(1, 500), (MANY, 5)])
async def test_every_bar_of_a_loopback_socket_reaches_the_engine(symbols: int, steps: int) -> None:
    found = await measure_latency(2000, 0.5, symbols)
    assert found["messages"] == 1000
    assert found["bars"] == 500
    assert found["steps"] == steps
    assert 0 < found["measured"] < steps
    assert found["p50_ms"] <= found["answered_p50_ms"]


async def test_every_bar_of_a_flood_reaches_the_engine() -> None:
    found = await measure_memory(20_000)
    assert (found["messages"], found["bars"], found["steps"]) == (20_000, 20 * MANY, 20)
