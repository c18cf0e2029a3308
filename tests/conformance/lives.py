"""Plays a story through a whole live session: journal, engine, router, sender, broker and exchange."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from openbell.conformance import Result, Story
from openbell.conformance.story import SYMBOL
from openbell.core.engine import Engine
from openbell.core.orders import TERMINAL, Order
from openbell.core.types import OrderStatus
from openbell.data.tape import Tape
from openbell.execution.port import Capabilities
from openbell.portfolio.sizing import ShareOfEquity
from openbell.storage.journal import Journal
from openbell.trading.clientids import ClientIds
from openbell.trading.floor import Floor
from openbell.trading.gate import Gate
from openbell.trading.livecourse import LiveCourse
from openbell.trading.livesession import LiveSession
from openbell.trading.moments import messages_of
from openbell.trading.reception import Fed
from openbell.trading.route import Stage
from openbell.trading.router import Router
from openbell.trading.scribe import Scribe
from openbell.utils.ratelimit import Budget
from tests.conformance.engines import Told, around, calendar_of, instrument_of, result_of, series_of
from tests.conformance.stages import ExchangeStage, Front
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import QUICK, Feed


class Sent(Feed):
    """A feed that knows of when the last bar is that it sent."""

    sent = 0

    def send(self, fed: Fed) -> None:
        """Send the bars of a moment."""
        super().send(fed)
        assert isinstance(fed, list)  # of bars, as stories have nothing else
        self.sent = max(bar.end for bar in fed)


async def live(story: Story, folder: Path, front: Front, *, sockets: bool = False) -> list[str]:
    """Return in what a live session differs from a story; with `sockets` it is heard of later."""
    stage, spans, series = ExchangeStage(front), story.spans(), series_of(story)
    broker = await stage.begin(story, story.bars[0].ohlc[3], spans[0].end)
    with Journal(folder / "journal.db") as journal:
        floor = _floor(story, series, journal, broker.capabilities)
        feed = Sent()
        session = LiveSession(
            floor, journal, broker, budget=Budget(10_000, 1.0, burst=5_000), timing=QUICK,
            wall=lambda: 0,
        )  # fmt: skip
        session.begin({})
        task = asyncio.ensure_future(session.run(aiter(feed)))

        async def rest() -> None:
            if sockets:
                await _agree(stage.exchange, floor, journal, task, feed)
            else:
                await _rest(journal, task)

        await rest()
        if story.doomed:
            await stage.doom()
        for number, (bar, span, message) in enumerate(
            zip(story.bars, spans, messages_of(series), strict=True)
        ):
            if number:
                open_, _, _, close = bar.ohlc
                await stage.open(open_, bar.volume, span)
                for price in bar.path:
                    await rest()
                    await stage.trade(price)
                await rest()
                await stage.close(close, span)
                await rest()
            feed.send([message])
            await rest()
        found = _compare(story, floor.courses["told"].engine)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await stage.end()
    return found


def _floor(story: Story, series: Any, journal: Journal, can: Capabilities) -> Floor:
    begin = int(series.known[0]) - 1
    tape: Any = Tape(
        [instrument_of(story)],
        timeframe=series.timeframe,
        sessions=calendar_of(story),
        begin=begin,
        around=around(story),
    )
    strategy: Any = Told(story)
    engine = Engine(strategy, market=tape, cash=float(story.cash), sizer=ShareOfEquity(1.0), short=True)
    strategy.bind(engine.desk, seed=0)
    router = Router(Gate(can), ClientIds("t1", longest=can.id_length), is_open=lambda _: True)
    return Floor([LiveCourse(engine, Scribe(journal, "told"), tape=tape)], router)


async def _rest(journal: Journal, task: asyncio.Task[Any]) -> None:
    """Wait until nothing is written any more."""
    still, before = 0, -1
    while still < 60 and not task.done():
        await asyncio.sleep(0)
        still, before = (still + 1 if before == journal.last else 0), journal.last
    if task.done():
        task.result()


async def _agree(
    exchange: Exchange, floor: Floor, journal: Journal, task: asyncio.Task[Any], feed: Sent
) -> None:
    """Wait until what the exchange has is what the session knows: over sockets that takes its time."""

    def is_same() -> bool:
        if not floor.started or min(one.tape.time for one in floor.courses.values()) < feed.sent:
            return False
        routes = floor.router.open()
        there = sum(one.stage in {Stage.SENT, Stage.WORKING} for one in routes)
        known = sum(len(course.engine.fills) for course in floor.courses.values())
        answered = not floor.router.unanswered()
        return answered and (len(exchange.working()), len(exchange.fills)) == (there, known)

    async with asyncio.timeout(10):
        while True:
            await _rest(journal, task)
            if is_same():
                return
            await asyncio.sleep(0.002)


def _compare(story: Story, engine: Engine) -> list[str]:
    strategy: Any = engine.strategy
    orders: dict[str, Order] = strategy.orders
    told = {label: _settled(result_of(orders[label])) for label in story.expected}
    found = [f"{n}: {told[n]}, and must be {must}" for n, must in story.expected.items() if told[n] != must]
    held = Decimal(repr(engine.account.quantity(SYMBOL)))
    return found if held == story.position else [*found, f"{held} held, and must be {story.position}"]


def _settled(result: Result) -> Result:
    """Return a result as stories tell it: what has not ended works."""
    return result if result.status in TERMINAL else result._replace(status=OrderStatus.ACCEPTED)
