from __future__ import annotations

import asyncio
import time

import pytest

from openbell.core.errors import ConfigError
from openbell.core.messages import Quote
from openbell.data.live.alarms import Alarms
from openbell.data.live.clock import WallClock, within
from openbell.data.live.lane import Fate, Lane
from openbell.data.live.outbox import Outbox
from openbell.data.live.plan import Plan, plan_of
from openbell.data.live.quotes import LocalQuotes
from openbell.data.live.timetable import Timetable
from openbell.data.live.watch import Watch
from openbell.data.providers.protocol import Span
from tests.unit.live_by_hand import MINUTE, SECOND, SimulatedClock, bar, clock_time, settle

TIMES = Timetable("XNYS", MINUTE)


@pytest.mark.parametrize(
    ("day", "open_", "close"),
    [
        ("2024-07-02", "09:30", "16:00"),
        ("2024-07-03", "09:30", "13:00"),
        ("2024-03-11", "09:30", "16:00"),
        ("2024-11-04", "09:30", "16:00"),
    ],
    ids=["full day", "half day", "after the clocks went forward", "after they went back"],
)
def test_sessions_are_the_exchanges(day, open_, close) -> None:
    assert TIMES.session(clock_time("08:00", day)) == Span(clock_time(open_, day), clock_time(close, day))
    assert TIMES.is_open(clock_time(open_, day))
    assert not TIMES.is_open(clock_time(close, day))
    assert TIMES.period(clock_time(close, day)) is None
    assert TIMES.next_end(clock_time("08:00", day)) == clock_time(open_, day) + MINUTE
    assert TIMES.next_end(clock_time(close, day) - 1) == clock_time(close, day)


def test_periods_count_from_the_open_and_end_at_the_close() -> None:
    hours = Timetable("XNYS", 60 * MINUTE)
    assert hours.period(clock_time("09:59")) == Span(clock_time("09:30"), clock_time("10:30"))
    assert hours.period(clock_time("15:45")) == Span(clock_time("15:30"), clock_time("16:00"))


def test_outside_the_sessions_periods_count_from_midnight_until_the_open() -> None:
    hours = Timetable("XNYS", 60 * MINUTE, regular=False)
    assert hours.period(clock_time("08:10")) == Span(clock_time("08:00"), clock_time("09:00"))
    assert hours.period(clock_time("09:10")) == Span(clock_time("09:00"), clock_time("09:30"))
    assert hours.next_end(clock_time("09:10")) == clock_time("09:30")
    assert hours.cut(Span(5, 7)) == Span(5, 7)
    assert hours.cut(Span(7, 7)) is None


def test_a_span_is_cut_to_its_sessions() -> None:
    weekend = Span(clock_time("16:00", "2024-07-05"), clock_time("09:30", "2024-07-08"))
    assert TIMES.cut(weekend) is None
    over = Span(clock_time("15:59", "2024-07-05"), clock_time("09:31", "2024-07-08"))
    assert TIMES.cut(over) == over
    assert TIMES.cut(Span(clock_time("08:00"), clock_time("17:00"))) == Span(
        clock_time("09:30"), clock_time("16:00")
    )


def test_a_market_that_never_closes_has_a_session_each_day() -> None:
    always = Timetable("24/7", MINUTE)
    midnight = 1_720_000_000 // 86_400 * 86_400 * SECOND
    assert always.period(midnight) == Span(midnight, midnight + MINUTE)
    assert always.is_open(midnight - 1)


def test_a_timetable_reaches_over_years_in_both_directions() -> None:
    times = Timetable("XNYS", MINUTE)
    for day in ("2024-07-02", "2019-01-02", "2025-07-02", "2024-07-03"):
        assert times.is_open(clock_time("10:00", day))


def test_a_watch_expects_bars_after_their_end_and_quotes_all_the_time() -> None:
    for steady, due in ((False, "10:01:08"), (True, "10:00:38")):
        watch = Watch(TIMES, 8 * SECOND, steady=steady)
        watch.begin(clock_time("10:00:30"))
        assert watch.deadline() == clock_time(due)


def test_a_watch_expects_nothing_between_sessions() -> None:
    watch = Watch(TIMES, 8 * SECOND, steady=True)
    watch.begin(clock_time("15:59:55"))
    assert watch.deadline() == clock_time("09:30:08", "2024-07-03")


def test_a_watch_trusts_a_stream_again_that_has_proved_itself() -> None:
    watch = Watch(TIMES, 8 * SECOND, steady=True)
    watch.begin(clock_time("10:00"))
    for _ in range(9):
        watch.note_mute()
    assert watch.patience == 256 * SECOND
    for minute in range(60):
        watch.hear(clock_time("10:00") + minute * 5 * MINUTE)
    assert watch.patience == 8 * SECOND


def test_alarms_ring_in_the_order_of_time_and_can_be_dropped() -> None:
    alarms = Alarms()
    rung: list[object] = []
    never = rung.append

    def ring(at: int) -> None:
        rung.append(("a", at))
        alarms.set(2, lambda at: rung.append(("again", at)))

    alarms.set(3, lambda at: rung.append(("b", at)))
    alarms.set(1, ring)
    alarms.set(2, never)
    alarms.drop(never)
    alarms.run(3)
    assert rung == [("a", 1), ("again", 2), ("b", 3)]
    assert alarms.next() is None


def test_a_lane_remembers_only_so_many_bars() -> None:
    lane = Lane("A")
    first = bar("A", "10:00")
    lane.done = first.start
    for minute in range(80):
        lane.place(first._replace(start=first.start + minute * MINUTE, end=first.end + minute * MINUTE))
        lane.take(TIMES)
    assert len(lane.recent) == 64
    assert lane.place(first) == (Fate.LATE, None)


async def test_an_outbox_gives_space_when_half_of_it_is_free() -> None:
    box = Outbox(4)
    await box.space()
    for minute in range(4):
        box.put(bar("A", f"10:0{minute}"))
    waiting = asyncio.ensure_future(box.space())
    await settle()
    box.poll()
    await settle()
    assert not waiting.done()
    box.poll()
    await settle()
    assert waiting.done()


async def test_an_outbox_wakes_its_reader_for_items_and_for_nothing() -> None:
    box = Outbox(4)
    for act in (lambda: box.put(Quote("A", 1, 1.0, 2.0)), box.wake):
        reader = asyncio.ensure_future(box.some())
        await settle()
        act()
        await reader
        box.poll()
    assert box.poll() is None
    box.put(Quote("A", 1, 1.0, 2.0))
    await box.some()


def test_a_plan_can_be_written_and_read() -> None:
    plan = Plan(("A", "B"), ("trades", "quotes"), since=5)
    assert plan_of(plan.as_dict()) == plan
    assert plan_of({**plan.as_dict(), "symbols": ["A", "B"]}) == plan
    with pytest.raises(ConfigError, match="its plan is not of this version"):
        plan_of({**plan.as_dict(), "unheard": 1})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"symbols": ()}, "symbols is empty"),
        ({"symbols": ("A", "A")}, "symbol 'A' is named twice"),
        ({"channels": ()}, "channels is empty"),
        ({"timeframe": "1d"}, "timeframe '1d' is not one of a stream"),
        ({"mute_after": -1}, "mute_after=-1 must be 0 s or more"),
        ({"patience": float("nan")}, "patience=nan"),
    ],
)
def test_a_wrong_plan_is_refused(changes, says) -> None:
    with pytest.raises(ConfigError, match=says):
        Plan(**({"symbols": ("A",)} | changes))


async def test_the_wall_clock_waits_until_the_time_is_there() -> None:
    clock = WallClock()
    due = clock.now() + 2_000_000
    await clock.sleep_until(due)
    assert time.time_ns() >= due


async def test_what_is_not_done_in_time_is_cancelled() -> None:
    clock = SimulatedClock(0)
    never = asyncio.Event()
    work = asyncio.ensure_future(within(clock, 5.0, never.wait()))
    await clock.go_to(6 * SECOND)
    with pytest.raises(TimeoutError):
        await work

    async def answer() -> int:
        return 7

    assert await within(clock, 5.0, answer()) == 7


async def test_local_quotes_keep_the_newest() -> None:
    quotes = LocalQuotes()
    for when in (2, 3, 1):
        quotes.put(Quote("A", when, 1.0, 2.0))
    assert await quotes.get("A") == quotes.peek("A") == Quote("A", 3, 1.0, 2.0)
    assert await quotes.get("B") is None
    assert await quotes.all() == {"A": Quote("A", 3, 1.0, 2.0)}
    await quotes.close()
