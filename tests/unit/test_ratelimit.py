"""One budget for an account, on a clock of its own: nothing here waits."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.utils.ratelimit import Budget, Priority, shared_budget


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 0.0
        self.alarms: list[Any] = []
        self.number = itertools.count()

    def time(self):
        return self.now

    def call_later(self, delay, callback):
        heapq.heappush(self.alarms, (self.now + delay, next(self.number), callback))

    async def advance(self, seconds):
        until = self.now + seconds
        await settle()
        while self.alarms and self.alarms[0][0] <= until:
            self.now, _, callback = heapq.heappop(self.alarms)
            callback()
            await settle()
        self.now = until


def start() -> tuple[Clock, list[Any]]:
    return Clock(), []


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def spend(budget, name, made, clock, priority=Priority.READ):
    await budget.acquire(priority)
    made.append((name, clock.now))


async def test_a_burst_goes_at_once_and_the_rest_evenly():
    clock, made = start()
    budget = Budget(10, 9.0, burst=2, timer=clock)  # one a second after the burst
    tasks = [asyncio.create_task(spend(budget, n, made, clock)) for n in range(4)]
    await clock.advance(5)
    assert made == [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0)]
    await asyncio.gather(*tasks)


async def test_cancels_go_first_and_past_the_burst_and_others_wait_for_it():
    clock, made = start()
    budget = Budget(10, 9.0, burst=2, timer=clock)
    tasks = [asyncio.create_task(spend(budget, "order", made, clock, Priority.ORDER)) for _ in range(3)]
    await clock.advance(0)
    tasks += [asyncio.create_task(spend(budget, "cancel", made, clock, Priority.CANCEL)) for _ in range(9)]
    await clock.advance(0)
    assert [name for name, _ in made] == ["order"] * 2 + ["cancel"] * 8  # the limit, and the burst was 2
    await clock.advance(8.9)
    assert len(made) == 10
    await clock.advance(0.2)
    assert made[10:] == [("cancel", 9.0)]
    await clock.advance(20)
    assert made[11:] == [("order", 10.0)]
    await asyncio.gather(*tasks)


@given(
    st.integers(1, 12),
    st.floats(0.5, 90.0),
    st.lists(
        st.tuples(st.floats(0.0, 40.0), st.sampled_from([Priority.ORDER, Priority.CANCEL])),
        min_size=1,
        max_size=60,
    ),
    st.floats(0.0, 1.0),
)
def test_no_span_of_time_has_more_requests_than_the_limit(requests, seconds, waits, share):
    async def run():
        clock, made = start()
        budget = Budget(requests, seconds, burst=max(1, int(requests * share)), timer=clock)
        tasks = []
        for n, (wait, priority) in enumerate(waits):
            tasks.append(asyncio.create_task(spend(budget, n, made, clock, priority)))
            await clock.advance(wait)
        await clock.advance(seconds * (len(waits) + 2))
        await asyncio.gather(*tasks)
        return [at for _, at in made]

    times = asyncio.run(run())
    assert len(times) == len(waits)
    for first, beyond in zip(times, times[requests:], strict=False):
        assert beyond - first >= seconds * (1 - 1e-9) - 1e-5


async def test_orders_go_before_reads_that_came_earlier():
    clock, made = start()
    budget = Budget(2, 2.0, burst=1, timer=clock)
    await budget.acquire()
    reads = [asyncio.create_task(spend(budget, n, made, clock)) for n in "ab"]
    await clock.advance(0.1)
    order = asyncio.create_task(spend(budget, "order", made, clock, Priority.ORDER))
    await clock.advance(10)
    assert [name for name, _ in made] == ["order", "a", "b"]
    await asyncio.gather(order, *reads)


async def test_a_part_of_the_burst_is_kept_for_orders():
    clock, made = start()
    budget = Budget(40, 60.0, burst=8, timer=clock)
    reads = [asyncio.create_task(spend(budget, n, made, clock)) for n in range(8)]
    await settle()
    assert len(made) == 6
    await budget.acquire(Priority.ORDER)
    await clock.advance(60)
    await asyncio.gather(*reads)


async def test_the_servers_own_count_is_believed():
    clock, made = start()
    budget = Budget(100, 10.0, timer=clock)
    budget.follow(0, 30.0)
    task = asyncio.create_task(spend(budget, "late", made, clock))
    await clock.advance(29.9)
    assert made == []
    await clock.advance(0.2)
    assert made == [("late", 30.0)]
    budget.follow(50, 5.0)  # enough is left: nothing waits
    await budget.acquire(Priority.ORDER)
    await task


async def test_a_server_that_wants_to_be_left_alone_is_left_alone():
    clock, made = start()
    budget = Budget(100, 10.0, timer=clock)
    task = asyncio.create_task(spend(budget, "first", made, clock))
    await task
    budget.pause(7.0)
    waits = asyncio.create_task(spend(budget, "second", made, clock))
    await clock.advance(7.5)
    await waits
    assert made[1] == ("second", 7.0)


async def test_what_was_not_used_is_given_back():
    clock, made = start()
    budget = Budget(2, 1000.0, burst=1, timer=clock)
    await budget.acquire()
    waits = asyncio.create_task(spend(budget, "next", made, clock))
    await settle()
    budget.give_back()
    await settle()
    assert made == [("next", 0.0)]
    await waits


async def test_who_gives_up_takes_no_token():
    clock, made = start()
    budget = Budget(2, 1000.0, burst=1, timer=clock)
    await budget.acquire()
    gone, stays = (asyncio.create_task(spend(budget, n, made, clock)) for n in ("gone", "stays"))
    await settle()
    gone.cancel()
    await settle()
    budget.give_back()
    await settle()
    assert made == [("stays", 0.0)]
    await stays


async def test_who_is_served_and_gives_up_in_one_moment_returns_the_token():
    clock, made = start()
    budget = Budget(2, 1000.0, burst=1, timer=clock)
    await budget.acquire()
    gone, stays = (asyncio.create_task(spend(budget, n, made, clock)) for n in ("gone", "stays"))
    await settle()
    budget.give_back()
    gone.cancel()
    await settle()
    assert made == [("stays", 0.0)]
    await stays


async def test_without_a_clock_the_running_loop_tells_the_time():
    budget = Budget(1000, 0.01, burst=1)
    for _ in range(5):
        await budget.acquire()


def test_an_account_has_one_budget():
    first = shared_budget("test:1", 10, 1.0)
    assert shared_budget("test:1", 99, 1.0) is first
    assert shared_budget("test:2", 10, 1.0) is not first


@pytest.mark.parametrize(("requests", "seconds", "burst"), [(0, 1, None), (1, 0, None), (5, 1, 6), (5, 1, 0)])
def test_a_limit_that_admits_nothing_is_refused(requests, seconds, burst):
    with pytest.raises(ValueError, match=r"admits none|must be 1 to"):
        Budget(requests, seconds, burst=burst)
