"""A live session by hand: strategies that do what a test scripts, on the loopback exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import openbell as ob
from openbell.core.engine import Engine
from openbell.core.messages import BarMessage
from openbell.core.types import Fill, Instrument
from openbell.data.calendar import sessions
from openbell.data.tape import Tape
from openbell.execution.port import Capabilities, LiveBroker
from openbell.execution.risk.gate import open_gate
from openbell.portfolio.sizing import FixedQuantity
from openbell.storage.journal import Journal
from openbell.trading.clientids import ClientIds
from openbell.trading.continuation import go_on
from openbell.trading.floor import Floor
from openbell.trading.gate import Gate
from openbell.trading.inbox import How
from openbell.trading.livecourse import LiveCourse
from openbell.trading.livesession import LiveSession
from openbell.trading.reception import Fed
from openbell.trading.reconcile import Policy
from openbell.trading.record import Record
from openbell.trading.router import Router
from openbell.trading.saves import Saves
from openbell.trading.scribe import Scribe
from openbell.trading.sender import Timing
from openbell.utils.ratelimit import Budget
from tests.loopback.direct import EVERYTHING
from tests.loopback.exchange import Exchange
from tests.unit.opened import open_journal

START = 1_700_000_000_000_000_000 // 86_400_000_000_000 * 86_400_000_000_000
MINUTE = 60_000_000_000
SYMBOLS = ("A", "B")
INSTRUMENTS = [Instrument(symbol) for symbol in SYMBOLS]
#: No pause of the wall clock is longer than that in tests.
QUICK = Timing(answer=0.5, fresh=5.0, look=0.0, looks=2, patience=0.01, fills=0.0, reconcile=30.0, close=2.0)

Acts = Callable[["Scripted", int], object]


class Scripted(ob.Strategy):
    """Does at its n-th bar what a test wants."""

    acts: ClassVar[Mapping[int, Acts]] = {}

    def on_start(self) -> None:
        self.bars = 0
        self.filled: list[Fill] = []
        self.made: dict[str, Any] = {}

    def on_bar(self, bar: Any) -> None:
        if bar.symbol != self.symbols[0]:
            return
        self.bars += 1
        act = type(self).acts.get(self.bars)
        if act is not None:
            act(self, self.bars)

    def on_fill(self, fill: Fill) -> None:
        self.filled.append(fill)


def scripted(acts: Mapping[int, Acts]) -> type[Scripted]:
    """Return a strategy that acts."""
    made: type[Scripted] = type("Acting", (Scripted,), {"acts": acts})
    return made


def floor_of(
    journal: Journal,
    strategies: Mapping[str, type[ob.Strategy]],
    *,
    capabilities: Capabilities = EVERYTHING,
    cash: float = 50_000.0,
    initial: float = 1.0,
    is_open: Callable[[int], bool] = lambda _: True,
    symbols: Sequence[str] = SYMBOLS,
    risk: ob.Risk | None = None,
    bars: Path | None = None,
) -> Floor:
    """Return strategies and their router, new."""
    router = Router(Gate(capabilities), ClientIds("t1", longest=capabilities.id_length), is_open=is_open)
    courses = [
        course_of(journal, name, one, cash=cash, initial=initial, symbols=symbols, risk=risk, bars=bars)
        for name, one in strategies.items()
    ]
    return Floor(courses, router)


def course_of(
    journal: Journal,
    name: str,
    kind: type[ob.Strategy],
    *,
    cash: float = 50_000.0,
    initial: float = 1.0,
    symbols: Sequence[str] = SYMBOLS,
    risk: ob.Risk | None = None,
    bars: Path | None = None,
) -> LiveCourse:
    """Return a strategy on its tape, whose older bars lie in a folder if one is named."""
    instruments = [Instrument(one) for one in symbols]
    calendar = sessions("24/7", START, START + 30 * 86_400_000_000_000)
    tape = Tape(instruments, timeframe="1m", sessions=calendar, begin=START, folder=bars)
    strategy = kind()
    engine = Engine(
        strategy,
        market=tape,
        cash=cash,
        sizer=FixedQuantity(10),
        short=True,
        gate=None if risk is None else open_gate(risk, tape.calendar),
    )
    strategy.bind(engine.desk, seed=1)
    return LiveCourse(engine, Scribe(journal, name, clock=lambda: 0), tape=tape, initial=initial)


def bar(number: int, price: float, symbol: str = "A", high: float = 0.0, low: float = 0.0) -> BarMessage:
    """Return the n-th minute's bar."""
    begin = START + number * MINUTE
    return BarMessage(symbol, begin, begin + MINUTE, price, high or price, low or price, price, 1000.0)


class Feed:
    """A feed that a test speeds up and slows down: moments go in by `send`."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Fed | None] = asyncio.Queue()

    def send(self, fed: Fed) -> None:
        self._queue.put_nowait(fed)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Fed]:
        while (fed := await self._queue.get()) is not None:
            yield fed


class Wish:
    """Asks to stop when a test wants it."""

    by = "a test"

    def __init__(self) -> None:
        self.how: How | str = ""
        self.asks: list[Mapping[str, Any]] = []

    def take_asks(self) -> Iterator[Mapping[str, Any]]:
        while self.asks:
            yield self.asks.pop(0)

    def stop_asked(self) -> str:
        return self.how


class Life:
    """One life of a session on an exchange: from a start to an end, or to a kill."""

    def __init__(
        self,
        path: Path,
        exchange: Exchange,
        broker: LiveBroker,
        strategies: Mapping[str, type[ob.Strategy]],
        *,
        policy: Policy | None = None,
        timing: Timing = QUICK,
        saves: Callable[[LiveSession], Saves] | None = None,
        **settings: Any,
    ) -> None:
        self.exchange, self.broker = exchange, broker
        self.journal = open_journal(path / "journal.db", "direct:paper:1")
        self.wish, self.feed = Wish(), Feed()

        def make() -> LiveSession:
            return LiveSession(
                floor_of(self.journal, strategies, capabilities=broker.capabilities, **settings),
                self.journal, broker, budget=Budget(10_000, 1.0, burst=5_000), requests=self.wish,
                policy=policy, timing=timing, wall=lambda: 0,
            )  # fmt: skip

        record = Record(self.journal)
        self.resumed = 0
        if record.begun is not None and saves is not None:
            self.session, self.resumed = go_on(make, record, saves)
        else:
            self.session = make()
            if record.begun is None:
                self.session.begin({"strategies": list(strategies)})
            else:
                self.resumed = self.session.resume(record.after())
        self.floor = self.session.floor
        self.task: asyncio.Task[Any] | None = None
        self._number = 0

    def start(self) -> None:
        self.task = asyncio.ensure_future(self.session.run(aiter(self.feed)))

    async def moment(self, number: int, price: float, symbol: str = "A") -> None:
        """Move the market and send its bar; return when everything that follows has come to rest."""
        self.exchange.set_time(max(self.exchange.time, START + (number + 1) * MINUTE))
        self.exchange.trade(symbol, str(price))
        self.feed.send([bar(number, price, symbol)])
        await self.rest()

    async def moment_of(self, number: int, price: float, symbol: str, *, until: asyncio.Event) -> None:
        """Send the bar of a market that has moved, and wait for what follows or for a kill."""
        self.feed.send([bar(number, price, symbol)])
        await self.rest(until)

    async def rest(self, until: asyncio.Event | None = None) -> None:
        """Wait until nothing moves any more."""
        assert self.task is not None
        still = 0
        before = -1
        while still < 120 and not self.task.done() and not (until is not None and until.is_set()):
            await asyncio.sleep(0)
            still = still + 1 if before == self.journal.last else 0
            before = self.journal.last
        if self.task.done():
            self.task.result()

    async def end(self) -> Any:
        self.feed.end()
        assert self.task is not None
        try:
            return await self.task
        finally:
            self.journal.close()

    async def finish(self) -> Any:
        """Wait for the end that was asked for; the journal stays open."""
        assert self.task is not None
        return await self.task

    async def kill(self) -> None:
        """Drop everything as a kill does: nothing is closed, nothing is committed any more."""
        assert self.task is not None
        for task in [self.task, *self.session._tasks]:
            task.cancel()
        await asyncio.gather(self.task, *self.session._tasks, return_exceptions=True)
        if self.journal._connection.in_transaction:
            self.journal._connection.rollback()
        self.journal._connection.close()

    def strategy(self, name: str = "s") -> Any:
        return self.floor.courses[name].engine.strategy
