"""Whatever a stream does to a day's messages, each bar is delivered once and in order."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.live_by_hand import MINUTE, SECOND, Listener, bars_between, clock_time, settle

from openbell.core.messages import BarMessage
from openbell.data.live.items import Correction, Gap
from openbell.data.live.plan import Plan

FIRST, LAST = "12:48", "13:00"  #: of a half day: its close is among the minutes
DAY = "2024-07-03"
SYMBOLS = ("A", "B")
MINUTES = 12

#: What happens to one message: lost, sent so often, and how many seconds late.
fates = st.tuples(st.integers(0, 3), st.sampled_from([0.05, 0.3, 2.0, 30.0, 61.0, 190.0]))
#: What happens to the connection in one minute: the second at which it is cut, and how long nobody answers.
cuts = st.none() | st.tuples(st.floats(0, 59), st.integers(0, 4))


def sent(traded: list[BarMessage], chances: list[tuple[int, float]]) -> list[tuple[int, BarMessage]]:
    """Return what the stream says, and when."""
    said = [
        (one.end + round(late * SECOND) + copy, one)
        for one, (copies, late) in zip(traded, chances, strict=True)
        for copy in range(copies)
    ]
    return sorted(said, key=lambda pair: pair[0])


async def play(
    traded: list[BarMessage],
    chances: list[tuple[int, float]],
    broken: list[tuple[float, int] | None],
    delay: float,
) -> Listener:
    ear = Listener(Plan(SYMBOLS), FIRST, day=DAY)
    ear.origin.history += traded
    ear.origin.delay = delay
    start = clock_time(FIRST, DAY)
    events: list[tuple[int, BarMessage | int]] = list(sent(traded, chances))
    events += [
        (start + minute * MINUTE + round(cut[0] * SECOND), cut[1])
        for minute, cut in enumerate(broken)
        if cut is not None
    ]
    async with ear:
        for when, event in sorted(events, key=lambda pair: pair[0]):
            await ear.clock.go_to(when)
            if isinstance(event, BarMessage):
                ear.origin.stream.send(event)
            else:
                ear.origin.refusals += [OSError("nobody there")] * event
                ear.origin.stream.drop()
            await settle()
        await ear.clock.go_to(clock_time("13:10", DAY))
    return ear


@settings(max_examples=30)
@given(
    st.lists(st.booleans(), min_size=2 * MINUTES, max_size=2 * MINUTES),
    st.lists(fates, min_size=2 * MINUTES, max_size=2 * MINUTES),
    st.lists(cuts, min_size=MINUTES, max_size=MINUTES),
    st.sampled_from([0.0, 0.4, 5.0]),
)
def test_each_bar_of_a_day_is_delivered_once_and_in_order(exists, chances, broken, delay) -> None:
    every = [one for symbol in SYMBOLS for one in bars_between(symbol, FIRST, LAST, DAY)]
    traded = [one for one, there in zip(every, exists, strict=True) if there]
    ear = asyncio.run(play(traded, chances[: len(traded)], broken, delay))
    for symbol in SYMBOLS:
        assert [one for one in ear.bars if one.symbol == symbol] == [
            one for one in traded if one.symbol == symbol
        ]
    assert [item for item in ear.of(Gap) if item.reason] == []
    assert ear.of(Correction) == []


@settings(max_examples=20)
@given(
    st.lists(fates, min_size=MINUTES, max_size=MINUTES),
    st.lists(st.integers(0, 150), min_size=MINUTES, max_size=MINUTES),
)
def test_each_corrected_bar_is_delivered_once_and_its_last_values_are_told(chances, corrected_after) -> None:
    traded = bars_between("A", FIRST, LAST, DAY)
    better = [one._replace(volume=900.0, corrected=True) for one in traded]
    lates = [(1, float(seconds)) for seconds in corrected_after]
    ear = asyncio.run(play([*traded, *better], [*chances, *lates], [], 0.0))
    assert [one.start for one in ear.bars] == [one.start for one in traded]
    told = {item.bar.start: item.bar.volume for item in ear.of(Correction)}
    known = {one.start: one.volume for one in ear.bars} | told
    assert set(known.values()) <= {500.0, 900.0}
    assert all(item.before is not None for item in ear.of(Correction))
