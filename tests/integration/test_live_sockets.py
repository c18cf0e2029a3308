"""A feed over real sockets: what a server can do to a stream, and a process to a recording."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import AsyncExitStack

from aiohttp import web
from tests.loopback.stream import StreamOrigin, StreamServer, say
from tests.unit.live_by_hand import SECOND, SimulatedClock, bars_between, clock_time

from openbell.core.messages import BarMessage, Quote
from openbell.data.live.feed import Feed
from openbell.data.live.items import Connected, Correction, Item, Lost, Slow
from openbell.data.live.line import ProviderLine
from openbell.data.live.plan import Plan
from openbell.data.live.recorder import Recorder
from openbell.data.live.recording import read_recordings

CALM = Plan(("A",), mute_after=3600.0)


class Scene:
    """A server, a feed over it, and what the feed said. The clock stands, but for what a test moves."""

    def __init__(
        self, server: StreamServer, plan: Plan = CALM, *, at: str = "10:30", **options: object
    ) -> None:
        self.server = server
        self.clock = SimulatedClock(clock_time(at))
        self._plan = plan
        self._options = options
        self._stack = AsyncExitStack()
        self.items: list[Item] = []

    async def __aenter__(self) -> Feed:
        await self._stack.enter_async_context(self.server.loopback)
        line = ProviderLine(
            StreamOrigin(self.server.loopback), self._plan, clock=self.clock, draw=lambda: 0.0
        )
        self.feed = await self._stack.enter_async_context(Feed(line, self._plan, **self._options))  # type: ignore[arg-type]
        return self.feed

    async def __aexit__(self, *_: object) -> None:
        self.server.hold.set()
        await self._stack.aclose()

    async def read_until(self, enough: Callable[[Item], bool]) -> list[Item]:
        async with asyncio.timeout(60):
            async for item in self.feed:
                self.items.append(item)
                if enough(item):
                    break
        return self.items

    def bars(self) -> list[BarMessage]:
        return [item for item in self.items if isinstance(item, BarMessage)]


def opens(text: str) -> Callable[[Item], bool]:
    return lambda item: isinstance(item, BarMessage) and item.start == clock_time(text)


MINUTES = bars_between("A", "10:30", "10:36")
SINCE = Plan(("A",), mute_after=3600.0, since=clock_time("10:30"))


async def test_a_socket_that_is_cut_is_opened_again_and_nothing_is_missed() -> None:
    async def cut(socket: web.WebSocketResponse) -> None:
        await say(socket, *MINUTES[:2])
        assert socket._req is not None
        assert socket._req.transport is not None
        socket._req.transport.close()

    server = StreamServer(cut, history=MINUTES)

    async def go_on(socket: web.WebSocketResponse) -> None:
        await say(socket, MINUTES[5])
        await server.stay_mute(socket)

    server._talks.append(go_on)
    scene = Scene(server, SINCE, at="10:36:05")
    async with scene:
        await scene.read_until(opens("10:35"))
    assert scene.bars() == MINUTES
    assert scene.feed.counters.lost == 1


async def test_a_mute_socket_is_noticed_and_renewed() -> None:
    server = StreamServer(history=MINUTES[:1])
    scene = Scene(server, Plan(("A",)))
    async with scene:
        await scene.read_until(lambda item: isinstance(item, Connected))
        await scene.clock.go_to(clock_time("10:31:09"))
        await scene.read_until(opens("10:30"))
        assert scene.feed.counters.stale == 1
        assert scene.clock.now() - clock_time("10:31") < 10 * SECOND
    assert any(isinstance(item, Lost) and "mute" in item.reason for item in scene.items)


async def test_repeated_reordered_and_corrected_messages_are_put_right() -> None:
    better = MINUTES[0]._replace(volume=9.0, corrected=True)
    server = StreamServer()
    late = asyncio.Event()

    async def talk(socket: web.WebSocketResponse) -> None:
        await late.wait()
        await say(socket, MINUTES[0], MINUTES[0], MINUTES[2], MINUTES[1], better, MINUTES[3])
        await server.stay_mute(socket)

    server._talks.append(talk)
    server.history = [MINUTES[1]]
    scene = Scene(server)
    async with scene:
        await scene.read_until(lambda item: isinstance(item, Connected))
        await scene.clock.go_to(clock_time("10:34"))
        late.set()
        await scene.read_until(opens("10:33"))
    assert scene.bars() == MINUTES[:4]
    assert [item.bar for item in scene.items if isinstance(item, Correction)] == [better]


async def test_a_frame_that_is_no_message_ends_the_connection_only() -> None:
    server = StreamServer()

    async def babble(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"<html>")
        await server.stay_mute(socket)

    async def talk(socket: web.WebSocketResponse) -> None:
        await say(socket, MINUTES[0])
        await server.stay_mute(socket)

    server._talks += [babble, talk]
    scene = Scene(server)
    async with scene:
        await scene.read_until(opens("10:30"))
    (lost,) = [item for item in scene.items if isinstance(item, Lost)]
    assert lost.reason == "it is no message: b'<html>'"


async def test_a_slow_consumer_holds_the_sender_back_and_loses_no_bar() -> None:
    many = bars_between("A", "10:00", "15:00")
    server = StreamServer()
    late = asyncio.Event()

    async def flood(socket: web.WebSocketResponse) -> None:
        await late.wait()
        for minute in many:
            await say(socket, *[Quote("A", minute.end, 1.0, 2.0)] * 100, minute)
        await server.stay_mute(socket)

    server._talks.append(flood)
    scene = Scene(server, Plan(("A",), ("bars", "quotes"), mute_after=1e6), at="10:00", room=8)
    async with scene as feed:
        await scene.read_until(lambda item: isinstance(item, Connected))
        await scene.clock.go_to(clock_time("15:00"))
        late.set()
        async with asyncio.timeout(60):
            while not feed.counters.slow:  # noqa: ASYNC110  # nothing tells who does not read
                await asyncio.sleep(0)
        assert feed.counters.messages < 300 * 101
        await scene.read_until(opens("14:59"))
    assert scene.bars() == many
    assert any(isinstance(item, Slow) for item in scene.items)
    assert scene.feed.counters.messages == 300 * 101


async def test_a_session_over_a_socket_is_replayed_from_its_recording(tmp_path) -> None:
    server = StreamServer(history=MINUTES)

    async def talk(socket: web.WebSocketResponse) -> None:
        await say(socket, MINUTES[0], MINUTES[3], MINUTES[2])

    server._talks.append(talk)
    with Recorder(tmp_path, SINCE) as recorder:
        scene = Scene(server, SINCE, at="10:36:05", log=recorder)
        async with scene:
            await scene.read_until(opens("10:35"))
    (recording,) = read_recordings(tmp_path)
    async with recording.feed() as feed:
        items = [item async for item in feed]
    assert items[: len(scene.items)] == scene.items
    assert scene.bars() == MINUTES


def test_a_killed_process_leaves_a_recording_that_can_be_read(tmp_path) -> None:
    program = f"""
        from pathlib import Path
        from openbell.data.live.plan import Plan
        from openbell.data.live.recorder import Recorder
        from openbell.core.messages import Quote
        recorder = Recorder(Path({str(tmp_path)!r}), Plan(("A",)))
        for number in range(10**9):
            recorder.write(1720000000 * 10**9 + number, Quote("A", number, 1.0, 2.0))
            if number == 1000:
                print("well on", flush=True)
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "well on\n"
        writer.send_signal(signal.SIGKILL)
    (recording,) = read_recordings(tmp_path)
    numbers = [event.time for _, event in recording if isinstance(event, Quote)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 1000
