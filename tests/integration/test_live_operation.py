"""What an operator relies on in a live session: new parameters, one engine an account, loud failures."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_live_redis import Server, find_server
from tests.integration.test_live_run import exchange, job, trade  # noqa: F401  # a fixture among them
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.router_acts import buy
from tests.unit.test_live_session import exchange as market
from tests.unit.trading_by_hand import QUICK, Life, scripted

from openbell.core.errors import ConfigError, Halt
from openbell.operation.accountlock import AccountLock
from openbell.operation.broadcast import URL, listen
from openbell.storage.journal import Entry, Journal
from openbell.trading.livesession import LiveSession
from openbell.trading.session import Ending

NEW = {"fast": 3, "slow": 8}


def entries(folder: Path, *kinds: str) -> list[Entry]:
    with Journal(folder / "journal.db", read_only=True) as journal:
        return [entry for entry in journal.read() if entry.kind in kinds]


# --- parameters ------------------------------------------------------------------------------------------


async def test_new_parameters_count_from_the_next_bar_on_and_are_gone_through_again(
    tmp_path: Path,
    exchange: Exchange,  # noqa: F811
) -> None:
    def changes(session: LiveSession) -> Mapping[str, Mapping[str, Any]]:
        (course,) = session.courses
        is_new = course.tuning is not None and course.tuning.parameters == NEW
        return {} if is_new or len(course.tape.lanes["AAPL"]) <= 20 else {"a": NEW}

    await trade(tmp_path, exchange, job("a", "AAPL"), bars=60, changes=changes)
    (change,) = entries(tmp_path, "reload")
    assert change.body["parameters"] == NEW
    sessions: list[LiveSession] = []

    def none(session: LiveSession) -> Mapping[str, Mapping[str, Any]]:
        sessions.append(session)
        return {}

    done = await trade(tmp_path, exchange, job("a", "AAPL"), bars=20, changes=none)
    assert done.resumed > 60
    assert sessions[0].courses[0].tuning.parameters == NEW  # type: ignore[union-attr]  # it has one
    assert entries(tmp_path, "rolled_back") == []


async def test_parameters_that_are_wrong_change_nothing(tmp_path: Path, exchange: Exchange) -> None:  # noqa: F811
    seen: list[str] = []

    def changes(session: LiveSession) -> Mapping[str, Mapping[str, Any]]:
        if not seen:
            for name, values in (("a", {"fast": "x"}), ("b", NEW)):
                with pytest.raises(ConfigError) as caught:
                    session.reload(name, values)
                seen.append(str(caught.value))
        return {}

    await trade(tmp_path, exchange, job("a", "AAPL"), bars=20, changes=changes)
    assert "fast" in seen[0]
    assert "strategy 'b' is not in this session" in seen[1]
    assert entries(tmp_path, "reload") == []


# --- one engine an account -------------------------------------------------------------------------------


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    program = find_server()
    if program is None:
        pytest.skip("there is no Redis server here")
    made = Server(program, tmp_path)
    made.start()
    yield made
    made.stop()


async def test_a_second_host_is_refused_and_events_are_published(
    tmp_path: Path,
    exchange: Exchange,  # noqa: F811
    redis: Server,
) -> None:
    environ = {URL: redis.url}
    async with AccountLock(redis.url, "direct:paper:1"):
        with pytest.raises(ConfigError, match="is in use by another engine"):
            await trade(tmp_path / "s", exchange, job("a", "AAPL"), bars=10, environ=environ)
    assert exchange.orders == {}

    async def hear() -> Entry:
        async for entry in listen(redis.url, "direct:paper:1"):
            if entry.kind == "fill":
                return entry
        raise AssertionError

    heard = asyncio.ensure_future(hear())
    done = await trade(tmp_path / "s", exchange, job("a", "AAPL"), bars=60, environ=environ)
    assert done.ending is Ending.STOPPED
    assert (await asyncio.wait_for(heard, 10)).strategy == "a"


async def test_a_session_whose_account_was_taken_over_sends_nothing_more(tmp_path: Path) -> None:
    x = market()
    life = Life(tmp_path, x, Direct(x), {"s": scripted({2: buy})})
    life.start()
    await life.moment(0, 100)

    def lost() -> None:
        raise Halt("account 'direct:paper:1' was taken over")

    life.session.guard = lost
    with pytest.raises(Halt, match="taken over"):
        await life.moment(1, 100)
    assert x.orders == {}
    life.journal.close()


# --- what must be heard of -------------------------------------------------------------------------------


async def test_a_strategy_that_raises_is_stopped_alone_and_said_loudly(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such thing")

    x = market()
    life = Life(tmp_path, x, Direct(x), {"bad": scripted({2: fail}), "good": scripted({3: buy})})
    life.start()
    for number in range(3):
        await life.moment(number, 100)
    assert await life.end() is Ending.END_OF_DATA
    (said,) = (entry.body["said"] for entry in entries(tmp_path, "alarm"))
    assert "strategy bad raised and is not asked any more" in said
    assert "the others go on" in said
    assert [entry.strategy for entry in entries(tmp_path, "fill")] == ["good"]


async def test_a_broker_that_stays_away_is_said_again_and_again_until_it_is_back(tmp_path: Path) -> None:
    x = market()
    broker = Direct(x)
    life = Life(tmp_path, x, broker, {"s": scripted({})}, timing=replace(QUICK, alarm=0.02))
    life.start()
    await life.moment(0, 100)
    broker.drop()
    async with asyncio.timeout(10):
        while len(entries(tmp_path, "alarm")) < 2:  # noqa: ASYNC110  # the journal's events are none here
            await asyncio.sleep(0.01)
    assert re.search(r"no connection for 0\.0 s \(", entries(tmp_path, "alarm")[0].body["said"])
    broker.restore()
    await life.rest()
    assert await life.end() is Ending.END_OF_DATA


async def test_one_trace_leads_from_the_bar_to_the_fill(tmp_path: Path) -> None:
    x = market()
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: buy})})
    life.start()
    await life.moment(0, 100)
    await life.moment(1, 101)
    await life.end()
    first = entries(tmp_path, "moment")[0]
    chain = entries(tmp_path, "order", "send", "execution", "fill")
    assert [entry.kind for entry in chain] == ["order", "send", "execution", "fill"]
    assert {entry.trace for entry in chain} == {first.trace} != {""}
