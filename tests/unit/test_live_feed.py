from __future__ import annotations

from itertools import pairwise

import pytest

from openbell.core.errors import BadData, ConfigError, Disconnected, Rejected, Retryable
from openbell.core.messages import BarMessage, Quote
from openbell.data.live.items import Connected, Correction, Gap, Lost, Settled, Slow, Unusable
from openbell.data.live.plan import Plan
from openbell.data.live.quotes import LocalQuotes
from openbell.data.providers.protocol import Span
from tests.unit.live_by_hand import SECOND, Listener, bar, bars_between, clock_time, settle, speak

ONE = Plan(("A",))
TWO = Plan(("A", "B"))
CALM = Plan(("A",), mute_after=3600.0)  #: silence is never too long


async def test_bars_are_delivered_as_they_come() -> None:
    async with Listener(ONE, "09:29:50") as ear:
        await speak(ear, "09:30", "09:33", "A")
    assert ear.bars == bars_between("A", "09:30", "09:33")
    assert ear.origin.stream.symbols == ("A",)
    assert ear.origin.asked == []


async def test_a_feed_that_begins_within_a_minute_delivers_that_minute() -> None:
    async with Listener(ONE, "10:00:30") as ear:
        await speak(ear, "10:00", "10:02", "A")
    assert [one.start for one in ear.bars] == [clock_time("10:00"), clock_time("10:01")]


async def test_since_fetches_what_was_before_the_feed() -> None:
    plan = Plan(("A",), since=clock_time("09:55"))
    ear = Listener(plan, "10:00:30")
    ear.origin.history += bars_between("A", "09:50", "10:00")
    async with ear:
        await speak(ear, "10:00", "10:02", "A")
    assert ear.bars == bars_between("A", "09:55", "10:02")


async def test_a_gap_is_filled_before_anything_newer_and_over_all_symbols_in_order() -> None:
    async with Listener(TWO, "10:00:00") as ear:
        await speak(ear, "10:00", "10:01", "A", "B")
        ear.origin.refusals += [Disconnected("nobody there")] * 3
        ear.origin.stream.drop()
        ear.origin.history += bars_between("A", "10:00", "10:05") + bars_between("B", "10:00", "10:05")
        ear.origin.delay = 3.0
        await ear.at("10:04:00.5")
        await ear.at("10:05:00.1", bar("B", "10:04"), bar("A", "10:04"))
        await ear.at("10:05:06")
    assert [(one.symbol, one.start) for one in ear.bars] == [
        (symbol, clock_time(text))
        for text in ("10:00", "10:01", "10:02", "10:03", "10:04")
        for symbol in ("A", "B")
    ] or sorted((one.start, one.symbol) for one in ear.bars) == sorted(
        (clock_time(text), symbol)
        for text in ("10:00", "10:01", "10:02", "10:03", "10:04")
        for symbol in "AB"
    )
    assert [one.end for one in ear.bars] == sorted(one.end for one in ear.bars)


async def test_attempts_to_connect_go_on_until_one_succeeds() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        ear.origin.refusals += [Disconnected("nobody there"), Retryable("503"), OSError("refused")]
        ear.origin.stream.drop()
        await ear.at("10:00:00")
    assert [item.reason for item in ear.of(Lost)] == ["the socket was cut", "nobody there", "503", "refused"]
    assert [item.again for item in ear.of(Connected)] == [False, True]
    assert all(connection.closed for connection in ear.origin.connections)


async def test_waits_between_attempts_grow_until_a_message_comes() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        ear.feed._line._draw = lambda: 1.0  # type: ignore[attr-defined]
        ear.feed._line._backoff = ear.feed._line._waits()  # type: ignore[attr-defined]
        ear.origin.refusals += [Disconnected("nobody there")] * 3
        ear.origin.stream.drop()
        await ear.at("10:00:20")
    times = [item.time for item in ear.of(Lost)]
    assert [after - before for before, after in pairwise(times)] == [
        SECOND // 2, SECOND, 2 * SECOND
    ]  # fmt: skip


async def test_a_refused_key_ends_the_feed_with_its_error() -> None:
    ear = Listener(ONE, "10:00")
    ear.origin.refusals.append(ConfigError("the key is refused"))
    async with ear.feed as feed:
        with pytest.raises(ConfigError, match="the key is refused"):
            async for _ in feed:
                pass


async def test_a_duplicate_is_dropped() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        await ear.at("10:01:00.1", bar("A", "10:00"), bar("A", "10:00"), bar("A", "10:00", corrected=True))
    assert ear.bars == [bar("A", "10:00")]
    assert ear.of(Correction) == []
    assert ear.feed.counters.duplicates == 2


async def test_messages_out_of_order_are_put_right() -> None:
    async with Listener(CALM, "10:00:00") as ear:
        ear.origin.delay = 1.0
        await ear.at("10:03:00.1", bar("A", "10:02"), bar("A", "10:01"), bar("A", "10:00"))
        await ear.at("10:03:02")
    assert ear.bars == bars_between("A", "10:00", "10:03")
    assert ear.feed.counters.reordered == 2


async def test_a_lost_message_is_fetched_when_the_next_one_comes() -> None:
    async with Listener(CALM, "10:00:00") as ear:
        ear.origin.history += bars_between("A", "10:00", "10:02")
        await ear.at("10:01:00.1", bar("A", "10:00"))
        await ear.at("10:02:59")
        ear.origin.asked.clear()
        await ear.at("10:03:00.1", bar("A", "10:02"))
    assert ear.bars == bars_between("A", "10:00", "10:03")


async def test_a_minute_without_a_trade_is_asked_for_once_and_passed() -> None:
    async with Listener(TWO, "10:00:00") as ear:
        await ear.at("10:01:00.1", bar("A", "10:00"), bar("B", "10:00"))
        await ear.at("10:02:00.1", bar("B", "10:01"))
        await ear.at("10:03:00.1", bar("A", "10:02"), bar("B", "10:02"))
    assert [one.start for one in ear.bars if one.symbol == "A"] == [clock_time("10:00"), clock_time("10:02")]
    assert ear.origin.asked == [("A", Span(clock_time("10:01"), clock_time("10:02")))]
    assert ear.of(Gap) == []
    assert ear.feed.counters.quiet == 1


async def test_a_correction_before_delivery_replaces_the_bar() -> None:
    async with Listener(CALM, "10:00:00") as ear:
        ear.origin.delay = 1.0
        better = bar("A", "10:01", volume=700.0, corrected=True)
        await ear.at("10:02:00.1", bar("A", "10:01"), better)
        await ear.at("10:02:05")
    assert ear.bars == [better._replace(corrected=False)]
    assert ear.feed.counters.replaced == 1


async def test_a_correction_after_delivery_is_told_and_not_delivered_again() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        better = bar("A", "10:00", volume=700.0, corrected=True)
        await ear.at("10:01:00.1", bar("A", "10:00"))
        await ear.at("10:01:30", better, better)
    assert ear.bars == [bar("A", "10:00")]
    assert ear.of(Correction) == [Correction(clock_time("10:01:30"), better, bar("A", "10:00"))]


async def test_a_bar_that_comes_after_it_was_given_up_is_told_as_a_correction() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        await ear.at("10:03:00.1", bar("A", "10:02"))
        await ear.at("10:03:01", bar("A", "10:01"))
    assert [one.start for one in ear.bars] == [clock_time("10:02")]
    assert ear.of(Correction) == [Correction(clock_time("10:03:01"), bar("A", "10:01"), None)]


async def test_bars_outside_the_sessions_are_left_out_of_a_regular_feed() -> None:
    async with Listener(ONE, "09:28:50") as ear:
        await ear.at("09:30:00.1", bar("A", "09:29"))
        await ear.at("09:31:00.1", bar("A", "09:30"))
    assert [one.start for one in ear.bars] == [clock_time("09:30")]
    assert ear.feed.counters.outside == 1


async def test_a_feed_of_extended_hours_has_them() -> None:
    async with Listener(Plan(("A",), regular=False), "09:27:50") as ear:
        await speak(ear, "09:28", "09:31", "A")
        await ear.at("09:31:10")
    assert [one.start for one in ear.bars] == [clock_time(f"09:{minute}") for minute in (28, 29, 30)]


async def test_rest_that_fails_is_asked_again_and_then_told() -> None:
    async with Listener(CALM, "10:00:00") as ear:
        ear.origin.history += bars_between("A", "10:00", "10:03")
        ear.origin.faults += [Retryable("503"), Retryable("slow down", after=2.0)]
        await ear.at("10:03:00.1", bar("A", "10:02"))
        await ear.at("10:03:04")
    assert ear.bars == bars_between("A", "10:00", "10:03")
    assert len(ear.origin.asked) == 3


@pytest.mark.parametrize("error", [Rejected("no such symbol"), BadData("times descend"), ConfigError("403")])
async def test_a_gap_that_cannot_be_filled_is_told_and_trading_goes_on(error) -> None:
    async with Listener(CALM, "10:00:00") as ear:
        ear.origin.faults.append(error)
        await ear.at("10:02:00.1", bar("A", "10:01"))
    (gap,) = ear.of(Gap)
    assert (gap.reason, gap.bars) == (str(error), 0)
    assert [one.start for one in ear.bars] == [clock_time("10:01")]


async def test_a_bar_waits_for_older_ones_only_so_long() -> None:
    async with Listener(CALM, "10:00:00") as ear:
        ear.origin.history += bars_between("A", "10:00", "10:05")
        ear.origin.delay = 120.0
        await ear.at("10:02:00.1", bar("A", "10:01"))
        await ear.at("10:02:29")
        assert ear.bars == []
        await ear.at("10:02:31")
        assert [one.start for one in ear.bars] == [clock_time("10:01")]
        await ear.at("10:04:02")
        late = [item for item in ear.of(Correction) if item.bar.start == clock_time("10:00")]
        assert [item.before for item in late] == [None]
    assert ear.of(Gap)[0].reason == "no answer within 30 s"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"high": 1.0}, "prices that cannot be of one bar"),
        ({"low": 0.0, "open": 0.0}, "prices that cannot be of one bar"),
        ({"close": float("nan")}, "prices that cannot be of one bar"),
        ({"volume": -1.0}, "prices that cannot be of one bar"),
        ({"end": clock_time("10:05")}, "a bar of 300 s is none of 1m"),
        ({"start": clock_time("10:30"), "end": clock_time("10:31")}, "s from now"),
    ],
)
async def test_a_bar_that_cannot_be_right_is_left_out_and_told(changes, reason) -> None:
    async with Listener(ONE, "10:00:00") as ear:
        await ear.at("10:01:00.1", bar("A", "10:00", **changes))
    (told,) = ear.of(Unusable)
    assert told.reason.startswith("A: ")
    assert reason in told.reason
    assert ear.bars == []


async def test_what_nobody_asked_for_is_counted_and_left_out() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        await ear.at("10:01:00.1", bar("X", "10:00"), Quote("X", clock_time("10:00"), 1.0, 2.0))
    assert (ear.bars, ear.feed.counters.foreign) == ([], 2)


async def test_a_moment_is_settled_when_all_symbols_have_it_or_the_grace_is_past() -> None:
    async with Listener(TWO, "10:00:00") as ear:
        await ear.at("10:01:00.1", bar("A", "10:00"), bar("B", "10:00"))
        await ear.at("10:02:00.1", bar("A", "10:01"))
        await ear.at("10:02:02")
    assert ear.of(Settled) == [
        Settled(clock_time("10:01:00.1"), clock_time("10:01")),
        Settled(clock_time("10:02:01"), clock_time("10:02")),
    ]


async def test_a_slow_consumer_stops_the_reading_and_loses_nothing() -> None:
    ear = Listener(CALM, "10:00:00", room=4)
    minutes = bars_between("A", "10:00", "10:20")
    async with ear.feed as feed:
        await settle()
        await ear.clock.go_to(minutes[-1].start)
        ear.origin.stream.send(*minutes[:-1])
        await settle()
        assert ear.feed.counters.messages < len(minutes) - 1
        got = []
        async for item in feed:
            got.append(item)
            if isinstance(item, BarMessage) and item == minutes[-2]:
                break
    assert [item for item in got if isinstance(item, BarMessage)] == minutes[:-1]
    assert any(isinstance(item, Slow) for item in got)
    assert ear.feed.counters.slow > 1


async def test_a_stream_that_is_not_read_is_not_called_mute() -> None:
    ear = Listener(ONE, "10:00:00", room=3)
    async with ear.feed:
        await speak(ear, "10:00", "10:20", "A")
    assert ear.feed.counters.slow == 1
    assert ear.feed.counters.stale == 0


async def test_quotes_that_nobody_takes_are_conflated_to_the_latest() -> None:
    ear = Listener(Plan(("A", "B"), ("quotes",)), "10:00", room=4)
    async with ear.feed as feed:
        await settle()
        for cents in range(1000):
            ear.origin.stream.send(
                *(Quote(name, clock_time("10:00") + cents, 1.0, 1 + cents / 100) for name in "AB")
            )
        await settle()
        got = []
        async for item in feed:
            if isinstance(item, Quote):
                got.append(item)
            if len(got) == 2:
                break
    assert [(one.symbol, one.ask) for one in got] == [("A", 10.99), ("B", 10.99)]
    assert ear.feed.counters.conflated == 1998


async def test_a_message_that_is_none_ends_the_connection_and_not_the_feed() -> None:
    async with Listener(ONE, "10:00:00") as ear:
        ear.origin.stream.drop(BadData("it is no JSON"))
        await settle()
        ear.origin.stream.finish()
        await settle()
        await ear.at("10:01:00.1", bar("A", "10:00"))
    assert [item.reason for item in ear.of(Lost)] == ["it is no JSON", "the other side ended the stream"]
    assert ear.bars == [bar("A", "10:00")]


async def test_a_fault_of_ours_reaches_the_consumer() -> None:
    ear = Listener(ONE, "10:00")
    async with ear.feed as feed:
        await settle()
        ear.origin.stream.drop(ZeroDivisionError("a bug"))
        with pytest.raises(ZeroDivisionError):
            async for _ in feed:
                pass


async def test_a_fault_of_ours_in_a_request_reaches_the_consumer() -> None:
    ear = Listener(CALM, "10:00")
    ear.origin.faults.append(ZeroDivisionError("a bug"))
    async with ear.feed as feed:
        await settle()
        await ear.at("10:02:00.1", bar("A", "10:01"))
        with pytest.raises(ZeroDivisionError):
            async for _ in feed:
                pass


async def test_a_fault_of_ours_when_something_is_due_reaches_the_consumer(monkeypatch) -> None:
    ear = Listener(ONE, "10:00")

    def fail(now: int) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError("a bug")

    async with ear.feed as feed:
        await settle()
        monkeypatch.setattr(ear.feed._intake, "tick", fail)
        await ear.at("10:02")
        with pytest.raises(ZeroDivisionError):
            async for _ in feed:
                pass


async def test_quotes_are_put_on_a_shelf_too() -> None:
    shelf = LocalQuotes()
    async with Listener(Plan(("A",), ("quotes",)), "10:00", shelf=shelf) as ear:
        await ear.at("10:00:01", Quote("A", 5, 1.0, 2.0))
    assert shelf.peek("A") == Quote("A", 5, 1.0, 2.0)


async def test_a_connection_that_never_opens_is_given_up() -> None:
    async with Listener(ONE, "10:00") as ear:
        slow = ear.clock.sleep_until
        ear.origin.stream.drop()

        async def hang() -> None:
            await slow(clock_time("12:00"))

        made = ear.origin.connect

        def connect() -> object:
            connection = made()
            if len(ear.origin.connections) == 2:
                connection.open = hang  # type: ignore[method-assign]
            return connection

        ear.origin.connect = connect  # type: ignore[assignment,method-assign]
        await ear.at("10:00:20")
    assert [item.reason for item in ear.of(Lost)] == ["the socket was cut", "it was not open within 15 s"]
    assert len(ear.origin.connections) == 3
