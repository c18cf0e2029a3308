"""What the benchmark of real time counts: no time is asserted."""

from __future__ import annotations

from benchmarks.live import SYMBOLS, measure_latency, measure_memory


async def test_every_message_of_a_loopback_socket_reaches_the_consumer() -> None:
    found = await measure_latency(2000, 1.5)
    assert found["messages"] == 3000
    assert found["bars"] == 15 * len(SYMBOLS)
    assert found["measured"] + found["conflated"] == 1000


async def test_every_bar_of_a_flood_reaches_the_consumer() -> None:
    found = await measure_memory(20_000)
    assert (found["messages"], found["bars"]) == (20_000, 20 * len(SYMBOLS))
