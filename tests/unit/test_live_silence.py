from __future__ import annotations

from itertools import pairwise

import pytest

from openbell.core.messages import Quote
from openbell.data.live.items import Gap, Lost, Stale
from openbell.data.live.plan import Plan
from tests.unit.live_by_hand import SECOND, Listener, bar, bars_between, clock_time, settle, speak

ONE = Plan(("A",))
TWO = Plan(("A", "B"))


async def test_a_mute_stream_is_noticed_within_ten_seconds_and_renewed() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        await ear.at("10:01:00.1", bar("A", "10:00"))
        ear.origin.history += bars_between("A", "10:00", "10:02")
        await ear.at("10:02:09.9")
    (stale,) = ear.of(Stale)
    assert clock_time("10:02") < stale.time <= clock_time("10:02:10")
    assert len(ear.origin.connections) == 2
    assert ear.bars == bars_between("A", "10:00", "10:02")


async def test_a_mute_stream_of_quotes_is_noticed_within_ten_seconds() -> None:
    async with Listener(Plan(("A",), ("quotes",)), "10:00:00") as ear:
        await ear.at("10:00:03", Quote("A", clock_time("10:00:03"), 1.0, 2.0))
        await ear.at("10:00:13")
        assert [item.since for item in ear.of(Stale)] == [clock_time("10:00:03")]
    assert ear.feed.counters.lost == 1


async def test_a_stream_that_stays_mute_is_renewed_less_and_less_often() -> None:
    async with Listener(Plan(("A",), ("quotes",)), "10:00:00") as ear:
        await ear.at("10:30:00")
        seen = [item.time for item in ear.of(Stale)]
    waits = [(after - before) // SECOND for before, after in pairwise(seen)]
    assert waits[:5] == [16, 32, 64, 128, 256]
    assert set(waits[5:]) == {256}


async def test_a_stream_that_is_mute_for_one_symbol_is_noticed_and_renewed() -> None:
    async with Listener(TWO, "10:00:00") as ear:
        ear.origin.history += bars_between("A", "10:00", "10:03") + bars_between("B", "10:00", "10:03")
        await speak(ear, "10:00", "10:01", "A", "B")
        await speak(ear, "10:01", "10:02", "A")
        await ear.at("10:02:10")
    (stale,) = ear.of(Stale)
    assert (stale.symbol, stale.since) == ("B", clock_time("10:01"))
    assert [one for one in ear.bars if one.symbol == "B"] == bars_between("B", "10:00", "10:02")
    assert len(ear.origin.connections) == 2


async def test_a_symbol_that_nobody_trades_is_asked_about_ever_less_often() -> None:
    async with Listener(TWO, "10:00:00") as ear:
        await speak(ear, "10:00", "11:00", "A")
    assert len(ear.origin.asked) <= 8
    assert ear.of(Stale) == []
    assert len(ear.origin.connections) == 1


@pytest.mark.parametrize(
    ("day", "last"),
    [("2024-07-02", "16:00"), ("2024-07-03", "13:00"), ("2024-11-29", "13:00")],
    ids=["a full day", "the day before Independence Day", "the day after Thanksgiving"],
)
async def test_silence_after_the_close_is_right(day, last) -> None:
    begin = "12:58:30" if last == "13:00" else "15:58:30"
    first = "12:58" if last == "13:00" else "15:58"
    async with Listener(ONE, begin, day=day) as ear:
        await speak(ear, first, last, "A")
        await ear.at("23:00")
    assert (ear.of(Stale), ear.of(Lost)) == ([], [])
    assert len(ear.bars) == 2


async def test_silence_on_a_holiday_is_right_and_the_next_open_is_watched() -> None:
    async with Listener(Plan(("A",), ("quotes",)), "10:00:00", day="2024-07-04") as ear:
        await ear.clock.go_to(clock_time("09:30:00", "2024-07-05"))
        assert ear.of(Stale) == []
        await ear.clock.go_to(clock_time("09:30:09", "2024-07-05"))
        assert len(ear.of(Stale)) == 1


@pytest.mark.parametrize(("friday", "monday"), [("2024-03-08", "2024-03-11"), ("2024-11-01", "2024-11-04")])
async def test_daylight_saving_over_a_weekend_makes_no_gap(friday, monday) -> None:
    async with Listener(ONE, "15:58:30", day=friday) as ear:
        await speak(ear, "15:58", "16:00", "A")
        await ear.clock.go_to(clock_time("09:31:00.1", monday))
        ear.origin.stream.send(bar("A", "09:30", day=monday))
        await settle()
    assert [one.start for one in ear.bars] == [
        clock_time("15:58", friday), clock_time("15:59", friday), clock_time("09:30", monday)
    ]  # fmt: skip
    assert (ear.of(Stale), ear.of(Gap)) == ([], [])
    assert ear.origin.asked == []


async def test_the_last_bar_of_a_session_is_missed_and_fetched() -> None:
    async with Listener(ONE, "15:57:50") as ear:
        ear.origin.history += bars_between("A", "15:58", "16:00")
        await speak(ear, "15:58", "15:59", "A")
        await ear.at("16:00:10")
    assert ear.bars == bars_between("A", "15:58", "16:00")


async def test_a_clock_that_is_behind_the_vendors_makes_no_stream_mute() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        for minute in bars_between("A", "10:00", "10:05"):
            await ear.clock.go_to(minute.end - SECOND // 5)
            ear.origin.stream.send(minute)
            await settle()
        await ear.clock.go_to(clock_time("10:05:30"))
    assert ear.of(Stale) == []
    assert ear.bars == bars_between("A", "10:00", "10:05")


async def test_a_last_bar_that_is_missed_while_a_gap_is_filled_is_fetched_after_it() -> None:
    plan = Plan(("A", "B"), since=clock_time("15:50"), patience=300.0)
    ear = Listener(plan, "15:58:30")
    ear.origin.delay = 100.0
    ear.origin.history += bars_between("A", "15:50", "16:00") + bars_between("B", "15:50", "16:00")
    async with ear:
        await speak(ear, "15:58", "15:59", "A", "B")
        await speak(ear, "15:59", "16:00", "A")
        await ear.at("16:10")
    for symbol in ("A", "B"):
        assert [one for one in ear.bars if one.symbol == symbol] == bars_between(symbol, "15:50", "16:00")


async def test_patience_begins_anew_while_others_are_answered() -> None:
    symbols = tuple("ABCDEFGH")
    ear = Listener(Plan(symbols, since=clock_time("09:50"), mute_after=3600.0), "10:00:05")
    ear.origin.delay = 20.0
    ear.origin.history += [one for symbol in symbols for one in bars_between(symbol, "09:50", "10:00")]
    async with ear:
        await ear.at("10:02")
    assert [gap.reason for gap in ear.of(Gap)] == [""] * 8
    assert len(ear.bars) == 80
