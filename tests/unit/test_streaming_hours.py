"""A stream in the exchange's hours alone: before the open, after the close, half days, daylight saving."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from openbell.backtesting.plan import Plan
from openbell.core.errors import Retryable
from openbell.core.messages import BarMessage
from openbell.core.types import Instrument, Split
from openbell.data.bars import Source
from openbell.data.providers.protocol import Offer, Span
from openbell.operation.streamed import Stream, run_streamed
from openbell.storage.journal import Journal
from openbell.strategies.registry import find
from openbell.trading.record import latest_session
from openbell.trading.session import Ending, Session
from tests.unit.live_by_hand import SECOND, ScriptedOrigin, SimulatedClock, bar, clock_time, settle

FRIDAY, MONDAY = "2024-11-29", "2024-12-02"  # the day after Thanksgiving closes at 13:00


class Provider(ScriptedOrigin):
    """A provider of one symbol, whose stream a test speaks for."""

    name = "scripted"
    offer = Offer("Scripted", "", ("1m",), ("x",), actions=True, channels=("bars",))

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__(clock)
        self.splits: list[Any] = []
        self.days: list[Span] = []

    def source(self, _symbol: str) -> Source:
        return Source(self.name, "x")

    async def actions(self, _symbol: str, span: Span) -> list[Any]:
        self.days.append(span)
        if self.faults:
            raise self.faults.pop(0)
        return [one for one in self.splits if span.start <= one.ex < span.end]

    async def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol)

    async def close(self) -> None:
        """Nothing is open."""


class Night:
    """A session with hours on a simulated clock."""

    def __init__(self, folder: Path, at: str, day: str) -> None:
        self.folder, self.clock = folder, SimulatedClock(clock_time(at, day))
        self.provider = Provider(self.clock)
        self.session: Session | None = None

    async def begin(self) -> None:
        plan = Plan("buy_and_hold", ("A",), provider="scripted", timeframe="1m")
        stream = Stream(self.provider, history=0, hours=True, clock=self.clock)  # type: ignore[arg-type]  # enough of one
        self.task = asyncio.ensure_future(
            run_streamed([("a", plan, find("buy_and_hold"))], stream, folder=self.folder, told=self._told)
        )
        await settle()

    def _told(self, session: Session) -> None:
        self.session = session

    async def at(self, text: str, day: str, *bars: BarMessage) -> None:
        await self.clock.go_to(clock_time(text, day))
        if bars:
            self.provider.stream.send(*bars)
        await settle()

    async def stop(self) -> None:
        assert self.session is not None
        self.session._requests.ask("keep")  # type: ignore[attr-defined]  # a session's inbox
        async with asyncio.timeout(10):
            while not self.task.done():
                await asyncio.sleep(0.01)
                await self.clock.go_to(self.clock.now() + SECOND)
        await self.task

    @property
    def open_streams(self) -> int:
        return sum(not one.closed for one in self.provider.connections)

    def entries(self, kind: str) -> list[Any]:
        with Journal(self.folder / "journal.db", read_only=True) as journal:
            return [entry for entry in latest_session(journal)[1] if entry.kind == kind]


async def test_a_half_day_ends_at_one_and_the_next_session_is_waited_for(tmp_path: Path) -> None:
    night = Night(tmp_path, "08:00:00", FRIDAY)
    await night.begin()
    assert night.provider.connections == []  # ten minutes before the open, not earlier
    assert "2024-11-29 14:30Z" in night.entries("feed")[0].body["said"]
    await night.at("09:20:01", FRIDAY)
    assert night.open_streams == 1
    await night.at("12:58:00", FRIDAY)
    await night.at("12:59:00.1", FRIDAY, bar("A", "12:58", day=FRIDAY))
    await night.at("13:00:00.1", FRIDAY, bar("A", "12:59", day=FRIDAY))
    await night.at("13:00:30", FRIDAY)
    assert night.open_streams == 1
    (snapshot,) = night.entries("snapshot")
    assert snapshot.body["close"] == clock_time("13:00", FRIDAY)
    assert snapshot.body["working"]
    assert snapshot.strategy == "a"
    await night.at("13:01:30", FRIDAY)
    assert night.open_streams == 0
    await night.at("09:19:00", MONDAY)
    assert night.open_streams == 0
    await night.at("09:20:01", MONDAY)
    assert night.open_streams == 1
    await night.stop()
    assert night.open_streams == 0


async def test_daylight_saving_moves_the_open(tmp_path: Path) -> None:
    night = Night(tmp_path, "17:00:00", "2024-11-01")  # the clocks change on Sunday
    await night.begin()
    assert "2024-11-04 14:30Z" in night.entries("feed")[0].body["said"]
    await night.stop()


async def test_a_morning_asks_for_the_days_corporate_actions_once(tmp_path: Path) -> None:
    night = Night(tmp_path, "09:25:00", MONDAY)
    midnight = clock_time("19:00", "2024-12-01")
    night.provider.splits = [Split("A", midnight, 2, 1)]
    await night.begin()
    for minute in ("09:30", "09:31"):
        await night.at(f"09:3{int(minute[-1]) + 1}:00.1", MONDAY, bar("A", minute, day=MONDAY))
        await night.clock.go_to(night.clock.now() + 2 * SECOND)
    assert len(night.provider.days) == 1
    (first, expected) = night.entries("expect")
    assert first.body["actions"] == []
    assert [one["ex"] for one in expected.body["actions"]] == [clock_time("09:30", MONDAY)]
    await night.stop()


async def test_what_a_morning_cannot_ask_is_said_and_trading_goes_on(tmp_path: Path) -> None:
    night = Night(tmp_path, "09:25:00", MONDAY)
    night.provider.faults = [Retryable("busy")]
    await night.begin()
    await night.at("09:31:00.1", MONDAY, bar("A", "09:30", day=MONDAY))
    await night.clock.go_to(night.clock.now() + 2 * SECOND)
    assert len(night.entries("moment")) == 1
    await night.stop()


async def test_a_bar_that_the_vendor_changes_later_is_written_down_and_not_traded_on(tmp_path: Path) -> None:
    night = Night(tmp_path, "09:25:00", MONDAY)
    await night.begin()
    first = bar("A", "09:30", day=MONDAY)
    await night.at("09:31:00.1", MONDAY, first)
    await night.clock.go_to(night.clock.now() + 2 * SECOND)
    night.provider.stream.send(first._replace(close=first.close + 0.5, corrected=True))
    await settle()
    (entry,) = night.entries("correction")
    assert entry.body["bar"][6] == first.close + 0.5
    assert len(night.entries("moment")) == 1
    await night.stop()


async def test_a_session_that_is_asked_to_stop_in_the_night_does_so_at_once(tmp_path: Path) -> None:
    night = Night(tmp_path, "20:00:00", FRIDAY)
    await night.begin()
    assert night.session is not None
    night.session._requests.ask("cancel")  # type: ignore[attr-defined]  # a session's inbox
    async with asyncio.timeout(10):  # the clock stands still
        assert (await night.task).ending is Ending.STOPPED
    assert night.provider.connections == []
