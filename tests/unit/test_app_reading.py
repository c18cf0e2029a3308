"""Long journals are read while the server answers others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from openbell.app import desk as desks
from openbell.app.access import Access
from openbell.app.api import make_api
from openbell.app.desk import Desk
from openbell.app.guard import Guard
from openbell.core.errors import ConfigError
from openbell.storage.journal import JOURNAL, Journal


def begin(folder: Path, *, events: int) -> None:
    """Write a session's journal."""
    with Journal(folder / JOURNAL, account="paper") as journal:
        for number in range(events):
            journal.append("session", {"state": "begun", "strategies": []}, time=number, wall=number)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(desks, "_PIECE", 0.0)  # each event is a piece
    monkeypatch.setattr(desks, "_PAUSE", 0.0)
    begin(tmp_path / "long", events=50)
    begin(tmp_path / "short", events=1)
    with closing(Desk(tmp_path, tmp_path / "reports")) as one:
        yield one


def test_others_have_their_turn_while_a_journal_is_read(desk: Desk) -> None:
    async def look() -> tuple[int, set[int]]:
        reading, turns, lengths = asyncio.create_task(desk.read()), 0, set()
        await asyncio.sleep(0)
        while not desk.is_read.is_set():
            turns += 1
            lengths.add(len(desk.sessions()))
            await asyncio.sleep(0)
        await reading
        return turns, lengths

    turns, lengths = asyncio.run(look())
    assert turns >= 50
    assert 0 in lengths  # what is read in part is not shown as if it were whole
    assert [(one.name, one.last) for one in desk.sessions()] == [("long", 50), ("short", 1)]
    assert desk.reading == {}


def test_a_session_that_is_being_read_is_said_to_be(desk: Desk) -> None:
    async def ask() -> None:
        reading = asyncio.create_task(desk.read())
        await asyncio.sleep(0)
        with pytest.raises(ConfigError, match="session 'long' is being read, 1 events so far"):
            desk.session("long")
        await reading

    asyncio.run(ask())
    assert desk.session("long").last == 50


def test_who_asks_for_sessions_waits_and_who_does_not_is_answered(desk: Desk) -> None:
    app = make_api(desk, Guard("127.0.0.1", Access({}), rate=1e9))

    async def ask() -> tuple[bool, list[str], dict[str, object]]:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1"
            ) as client,
        ):  # fmt: skip
            live = asyncio.create_task(client.get("/health/live"))
            asked = asyncio.create_task(client.get("/v1/sessions"))
            (await live).raise_for_status()
            early = desk.is_read.is_set()
            named = [one["name"] for one in (await asked).json()]
            return early, named, (await client.get("/v1/health")).json()

    early, named, health = asyncio.run(ask())
    assert early is False
    assert named == ["long", "short"]
    assert health["sessions"] == 2


def test_a_journal_that_cannot_be_read_stops_no_other(desk: Desk) -> None:
    (desk.state / "bad").mkdir()
    (desk.state / "bad" / JOURNAL).write_bytes(b"no journal")
    with Journal(desk.state / "long" / JOURNAL) as journal:
        journal.append("fill", {}, time=51, wall=51)
    asyncio.run(desk.read())
    assert [one.name for one in desk.sessions()] == ["short"]
    assert sorted(desk.unreadable) == ["bad", "long"]


def test_what_was_not_read_when_reading_ended_early_is_read_at_the_next_look(desk: Desk) -> None:
    async def end_early() -> None:
        reading = asyncio.create_task(desk.read())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})

    asyncio.run(end_early())
    assert desk.reading == {}
    assert desk.is_read.is_set()
    assert desk.session("long").last == 50
