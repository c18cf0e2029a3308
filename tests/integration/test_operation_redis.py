"""A session's events and the account's lock in a real Redis, which comes and goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_live_redis import Server, find_server

from openbell.core.errors import BadData, ConfigError, Halt
from openbell.operation.accountlock import AccountLock, place_of
from openbell.operation.broadcast import URL, Broadcast, listen, published
from openbell.storage.journal import Entry, Journal
from openbell.utils.logging import get_logger

LIFE = 0.3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    program = find_server()
    if program is None:
        pytest.skip("there is no Redis server here")
    made = Server(program, tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    lines: list[str] = []
    number = get_logger().add(lines.append, level="WARNING")
    yield lines
    get_logger().remove(number)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db", account="A") as made:
        write(made, 3)
        yield made


def write(journal: Journal, count: int) -> None:
    for _ in range(count):
        journal.append("moment", {"n": journal.last + 1}, time=1, wall=2, strategy="s", trace="7")
    journal.commit()


async def collect(events: Any, last: int) -> list[Entry]:
    got: list[Entry] = []
    async for entry in events:
        got.append(entry)
        if entry.seq >= last:
            break
    await events.aclose()
    return got


async def subscribed(server: Server, channel: str = "openbell:events:A") -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(server.url) as redis:
        while not (await redis.pubsub_numsub(channel))[0][1]:  # noqa: ASYNC110  # no event of ours
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # a task of its own notices, and has no event
        await asyncio.sleep(0.01)


async def test_events_reach_another_process_in_order(server: Server, journal: Journal) -> None:
    listening = asyncio.ensure_future(collect(listen(server.url, "A"), 8))
    await subscribed(server)
    async with Broadcast(server.url, journal.path):
        write(journal, 5)
        async with asyncio.timeout(10):
            got = await listening
    assert got == list(journal.read(3))


async def test_a_reader_begins_with_the_journal(server: Server, journal: Journal) -> None:
    listening = asyncio.ensure_future(collect(listen(server.url, "A", after=1, path=journal.path), 5))
    await subscribed(server)
    async with Broadcast(server.url, journal.path), asyncio.timeout(10):
        write(journal, 2)
        got = await listening
    assert [entry.seq for entry in got] == [2, 3, 4, 5]


async def test_missed_events_are_taken_from_the_journal_or_told(server: Server, journal: Journal) -> None:
    reading = asyncio.ensure_future(collect(listen(server.url, "A", after=3, path=journal.path), 7))
    lost = asyncio.ensure_future(collect(listen(server.url, "A", after=3), 7))
    await subscribed(server)
    await asyncio.sleep(0.1)  # the second subscription has no event of its own
    write(journal, 3)
    async with Broadcast(server.url, journal.path), asyncio.timeout(10):  # it begins after these
        write(journal, 1)
        assert [entry.seq for entry in await reading] == [4, 5, 6, 7]
        with pytest.raises(BadData, match="events 4 to 6 of 'A' were missed"):
            await lost


async def test_without_redis_all_goes_on_and_later_nothing_is_missing(
    server: Server, journal: Journal, warnings: list[str]
) -> None:
    async with Broadcast(server.url, journal.path) as broadcast, asyncio.timeout(20):
        server.stop()
        write(journal, 4)
        await until(lambda: broadcast.is_lost)
        server.start()
        await until(lambda: not broadcast.is_lost)
    assert broadcast.last == journal.last
    assert len([line for line in warnings if "trading goes on without" in line]) == 1


async def test_nothing_is_published_unless_the_environment_names_redis(
    server: Server, journal: Journal
) -> None:
    async with published(journal.path, "paper:x", {}):
        write(journal, 1)
    listening = asyncio.ensure_future(collect(listen(server.url, "paper:x"), 5))
    await subscribed(server, "openbell:events:paper:x")
    async with published(journal.path, "paper:x", {URL: server.url}), asyncio.timeout(10):
        write(journal, 1)
        assert [entry.seq for entry in await listening] == [5]


def lock_of(server: Server, **options: Any) -> AccountLock:
    return AccountLock(server.url, "A", **{"life": LIFE, **options})


async def test_a_second_engine_is_refused_and_tokens_grow(server: Server) -> None:
    async with lock_of(server) as first:
        assert first.check() == 1
        with pytest.raises(ConfigError, match=r"in use by another engine \(token 1\)"):
            await lock_of(server).__aenter__()
    async with lock_of(server) as second:
        assert second.check() == 2


async def test_a_lock_is_renewed_for_as_long_as_its_holder_lives(server: Server) -> None:
    async with lock_of(server) as lock:
        await asyncio.sleep(3 * LIFE)
        assert lock.check() == 1
        with pytest.raises(ConfigError):
            await lock_of(server).__aenter__()


async def test_a_process_that_was_paused_notices_before_it_sends(server: Server) -> None:
    async with lock_of(server) as paused:
        time.sleep(1.5 * LIFE)  # noqa: ASYNC251  # the whole process stands still
        async with lock_of(server) as other:
            assert other.check() == 2
            with pytest.raises(Halt, match=r"taken over by another engine \(token 2, ours is 1\)"):
                paused.check()


async def test_a_process_that_was_paused_and_not_replaced_goes_on(server: Server) -> None:
    async with lock_of(server) as paused:
        time.sleep(1.5 * LIFE)  # noqa: ASYNC251  # as above
        assert paused.check() == 2  # it is taken anew


async def test_who_had_the_account_in_between_is_noticed_too(server: Server) -> None:
    async with lock_of(server) as paused:
        time.sleep(1.5 * LIFE)  # noqa: ASYNC251  # as above
        other = await lock_of(server).__aenter__()
        await other.__aexit__(None, None, None)
        with pytest.raises(Halt, match="taken over"):
            paused.check()


async def test_who_begins_again_where_a_killed_one_was_need_not_wait_for_its_lock_to_run_out(
    server: Server, tmp_path: Path
) -> None:
    place = place_of(tmp_path)
    async with lock_of(server, place=place, life=60.0) as killed:
        with pytest.raises(ConfigError, match="in use by another engine"):
            await lock_of(server, place=place_of(tmp_path / "..")).__aenter__()
        with pytest.raises(ConfigError, match="in use by another engine"):
            await lock_of(server).__aenter__()
        async with lock_of(server, place=place) as again:
            assert again.check() == 2
            killed._until = 0.0  # were it only paused, it would ask before it sends
            with pytest.raises(Halt, match=r"taken over by another engine \(token 2, ours is 1\)"):
                killed.check()


def test_a_computer_that_does_not_say_when_it_started_has_no_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place_of(tmp_path)
    monkeypatch.setattr("openbell.operation.accountlock._BOOT", tmp_path / "absent")
    assert place_of(tmp_path) == ""


async def test_a_lost_lock_may_be_a_warning_only(server: Server, warnings: list[str]) -> None:
    async with lock_of(server, lost="warn") as paused:
        time.sleep(1.5 * LIFE)  # noqa: ASYNC251  # as above
        async with lock_of(server):
            assert paused.check() == 1
            assert paused.check() == 1
    assert len([line for line in warnings if "taken over" in line]) == 1


async def test_the_renewal_notices_a_lost_lock_too(server: Server) -> None:
    async with lock_of(server) as lock:
        from redis.asyncio import Redis

        async with Redis.from_url(server.url) as redis:
            await redis.hset("openbell:lock:A", mapping={"holder": "x", "token": 9})
        await asyncio.sleep(LIFE)
        with pytest.raises(Halt, match="token 9"):
            lock.check()


async def test_without_redis_trading_goes_on_and_the_lock_recovers(
    server: Server, warnings: list[str]
) -> None:
    async with lock_of(server) as lock, asyncio.timeout(20):
        server.stop()
        await until(lambda: lock.is_away)
        await asyncio.sleep(1.2 * LIFE)
        assert lock.check() == 1
        server.start()
        await until(lambda: not lock.is_away)
        assert lock.check() == 2  # Redis had forgotten everything; the count goes on
    assert len([line for line in warnings if "trading goes on" in line]) == 1


async def test_without_redis_trading_stops_where_the_policy_says_so(server: Server) -> None:
    async with lock_of(server, away="halt") as lock, asyncio.timeout(20):
        server.stop()
        await until(lambda: lock.is_away)
        await asyncio.sleep(1.2 * LIFE)
        with pytest.raises(Halt, match="Redis does not answer, so nobody knows"):
            lock.check()


async def test_no_lock_without_redis_at_the_start(server: Server) -> None:
    server.stop()
    with pytest.raises(ConfigError, match="cannot be taken: Redis does not answer"):
        await lock_of(server).__aenter__()
