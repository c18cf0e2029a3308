"""Plays a story through the engine: as a backtest on a panel, and as paper trading on a tape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

import openbell as ob
from openbell.backtesting.replay import replay
from openbell.conformance import Ask, Cancel, Result, Story
from openbell.conformance.story import SYMBOL, Act
from openbell.core.costs import NO_COSTS, Costs, Margin
from openbell.core.engine import Engine
from openbell.core.messages import BarMessage
from openbell.core.orders import Order
from openbell.core.types import NANOS_PER_SECOND, Instrument, OrderStatus, Reason
from openbell.data.bars import Series, Source
from openbell.data.calendar import sessions
from openbell.data.panel import Panel
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.portfolio.sizing import ShareOfEquity
from openbell.storage.journal import Journal
from openbell.trading.course import Course
from openbell.trading.moments import moments_of
from openbell.trading.scribe import Scribe
from openbell.trading.session import Session

_SHORT = Margin(short=True, borrow_rate=0.0, interest_rate=0.0)


class Told(ob.Strategy):
    """Asks for what a story says, after each bar."""

    def __init__(self, story: Story) -> None:
        super().__init__()
        self.story = story
        self.number = 0
        self.orders: dict[str, Order] = {}

    def on_bars(self, _bars: Any) -> None:
        """Do what is due after this bar."""
        for act in self.story.acts.get(self.number, ()):
            self._act(act)
        self.number += 1

    def _act(self, act: Act) -> None:
        if isinstance(act, Ask):
            self._ask(act)
        elif isinstance(act, Cancel):
            self.cancel(self.orders[act.label])
        elif self.orders[act.label].open:  # a strategy that knows of an end may not replace
            given = {n: float(v) for n, v in zip(act._fields[1:], act[1:], strict=True) if v is not None}
            self.replace(self.orders[act.label], **given)

    def _ask(self, ask: Ask) -> None:
        fields: dict[str, Any] = {
            name: float(value)
            for name in ("limit", "stop", "trail")
            if (value := getattr(ask, name)) is not None
        }
        fields |= {"tif": ask.tif, "trail_percent": ask.trail_percent, "extended": ask.extended}
        if ask.until >= 0:
            end = self.story.spans()[ask.until].end
            fields["good_till"] = datetime.fromtimestamp(end // NANOS_PER_SECOND, UTC)
        shares = ask.side * float(ask.quantity)
        reduces = ask.reduce_only or ask.pair
        exits = {"take_profit": ask.take_profit, "stop_loss": ask.stop_loss}
        if not ask.pair:
            fields |= {name: float(price) for name, price in exits.items() if price is not None}
        before = set(self.desk.orders)
        made = self.orders[ask.label] = self.order(SYMBOL, shares, reduce_only=reduces, **fields)
        if ask.pair and ask.stop_loss is not None:
            stop = self.order(SYMBOL, shares, stop=float(ask.stop_loss), reduce_only=True, oco=made)
            self.orders[f"{ask.label}-sl"] = stop
            return
        for number in set(self.desk.orders) - before - {made.id}:
            child = self.desk.orders[number]
            suffix = {"take_profit": "-tp", "stop_loss": "-sl"}[child.tag]
            self.orders[ask.label + suffix] = child


def backtest(story: Story) -> list[str]:
    """Return in what a backtest differs from a story."""
    panel: Any = Panel(
        [series_of(story)], sessions=calendar_of(story), instruments={SYMBOL: instrument_of(story)}
    )
    engine, broker = _parts(story, panel, panel.calendar)
    replay(engine, broker, panel)
    return _compare(story, engine)


async def paper(story: Story, folder: Path) -> list[str]:
    """Return in what paper trading differs from a story."""
    series = series_of(story)
    begin = int(series.known[0]) - 1
    tape: Any = Tape(
        [instrument_of(story)], timeframe="1d", sessions=calendar_of(story), begin=begin, around=around(story)
    )
    engine, broker = _parts(story, tape, tape.calendar)
    with Journal(folder / "journal.db") as journal:
        course = Course(engine, broker, Scribe(journal, "told"), tape=tape)
        session = Session([course], journal, wall=lambda: 0)
        session.begin({}, ())
        await session.run(_stream(series))
    return _compare(story, engine)


async def _stream(series: Series) -> AsyncIterator[list[BarMessage]]:
    for bars in moments_of([series]):
        yield bars


def _parts(story: Story, market: Any, calendar: Any) -> tuple[Engine, SimulatedBroker]:
    strategy: Any = Told(story)
    costs = _costs(story)
    engine = Engine(strategy, market=market, cash=float(story.cash), sizer=ShareOfEquity(1.0), short=True)
    strategy.bind(engine.desk, seed=0)
    broker = SimulatedBroker(
        strategy="told", account=engine.account, market=market, sessions=calendar, costs=costs
    )
    return engine, broker


def _costs(story: Story) -> Costs:
    share = 1.0 if any(bar.volume is not None for bar in story.bars) else 0.0
    return replace(NO_COSTS, margin=_SHORT, volume_share=share)


def instrument_of(story: Story) -> Instrument:
    return Instrument(SYMBOL, lot=story.lot)


def around(story: Story) -> list[str]:
    """Return the symbol if some bars are outside of the session."""
    return [SYMBOL] if any(span.outside for span in story.spans()) else []


def calendar_of(story: Story) -> Any:
    spans = story.spans()
    return sessions("XNYS", spans[0].start, spans[-1].end + 7 * 86_400 * NANOS_PER_SECOND)


def series_of(story: Story) -> Series:
    spans = story.spans()
    table = np.array([[float(value) for value in bar.ohlc] for bar in story.bars])
    volume = np.array([1e9 if bar.volume is None else float(bar.volume) for bar in story.bars])
    start, known = (np.array([span[i] for span in spans], np.int64) for i in (0, 1))
    timeframe = "1d" if all(span.opens and span.closes for span in spans) else "30m"
    open_, high, low, close = table.T
    source = Source("test", "story", session="extended" if around(story) else "regular")
    return Series(SYMBOL, timeframe, start, known, open_, high, low, close, volume, source)


def _compare(story: Story, engine: Engine) -> list[str]:
    orders = engine.strategy.orders  # type: ignore[attr-defined]  # a story's strategy has them
    found = [
        f"{label}: {result_of(orders[label])}, and must be {expected}"
        for label, expected in story.expected.items()
        if result_of(orders[label]) != expected
    ]
    held = engine.account.quantity(SYMBOL)
    if held != float(story.position):
        found.append(f"{held} are held, and must be {story.position}")
    return found


def result_of(order: Order) -> Result:
    status = OrderStatus.ACCEPTED if order.reason is Reason.END_OF_DATA else order.status
    average = Decimal(repr(round(order.average, 9))) if order.filled else None
    return Result(status, Decimal(repr(order.filled)), average)
