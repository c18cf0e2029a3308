from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage, Quote
from openbell.data.live.clock import StreamClock
from openbell.data.live.opening import make_plan, open_feed
from openbell.data.live.plan import Plan
from openbell.data.providers.protocol import Span
from openbell.data.providers.synthetic import SyntheticProvider
from openbell.utils.ratelimit import Budget
from tests.unit.live_by_hand import MINUTE, SECOND, clock_time, settle


@pytest.fixture
def provider() -> SyntheticProvider:
    return SyntheticProvider({}, begin="2024-07-03", speed=1e7)


def test_a_plan_has_the_calendar_and_the_session_of_its_data(provider) -> None:
    assert make_plan(provider, ["A"], patience=5.0) == Plan(
        ("A",), calendar="XNYS", regular=True, patience=5.0
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": ("trades",)}, "'synthetic' has no channel 'trades'; it streams bars, quotes alone"),
        ({"patients": 3.0}, "a feed has no option 'patients'; did you mean 'patience'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(provider, options, says) -> None:
    with pytest.raises(ConfigError, match=says):
        make_plan(provider, ["A"], **options)


def test_symbols_of_two_calendars_need_two_feeds(provider, monkeypatch) -> None:
    source = provider.source("A")
    monkeypatch.setattr(
        provider, "source", lambda name: replace(source, calendar="24/7" if name == "B" else "XNYS")
    )
    with pytest.raises(
        ConfigError, match=r"A and B trade by different calendars \(XNYS regular, 24/7 regular\)"
    ):
        make_plan(provider, ["A", "B"])


async def test_a_half_day_of_a_stream_with_a_time_of_its_own(provider) -> None:
    plan = make_plan(provider, ["A", "B"], channels=("bars", "quotes"))
    bars: list[BarMessage] = []
    quotes = 0
    async with open_feed(provider, plan, clock=StreamClock(), budget=Budget(100, 1.0)) as feed:
        async for item in feed:
            quotes += isinstance(item, Quote)
            if isinstance(item, BarMessage):
                bars.append(item)
            if len(bars) == 424:
                break
    assert quotes > 0
    assert [one.start for one in bars if one.symbol == "A"][:210] == [
        clock_time("09:30", "2024-07-03") + minute * MINUTE for minute in range(210)
    ]
    assert bars[420].start == clock_time("09:30", "2024-07-05")
    fetched = [batch async for batch in provider.bars("A", "1m", Span(bars[0].start, bars[419].end))]
    assert [one.close for one in bars if one.symbol == "A"][:210] == fetched[0].columns["close"].tolist()


async def test_a_streams_clock_goes_where_messages_are_and_never_back() -> None:
    clock = StreamClock()
    clock.follow(1000 * SECOND)
    assert 1000 * SECOND <= clock.now() < 1900 * SECOND
    clock.follow(5)
    assert clock.now() >= 1000 * SECOND
    await clock.sleep_until(clock.now() + 1_000_000)
    waiting = asyncio.ensure_future(clock.sleep_until(5000 * SECOND))
    await settle()
    clock.follow(5000 * SECOND)
    await waiting
