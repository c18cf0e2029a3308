"""Runs a story at a live broker, and says in what it differs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import Protocol

from openbell.conformance.story import SYMBOL, Act, Ask, Cancel, Change, Result, Span, Story
from openbell.core.errors import Rejected
from openbell.core.orders import TERMINAL, Order
from openbell.core.types import Instrument, OrderStatus
from openbell.execution.approval import ApprovedOrder
from openbell.execution.port import Execution, LiveBroker, Report
from openbell.trading.gate import NO_EXITS, Exits, Gate, Refusal, Standing, Terms

_S = OrderStatus
_PATIENCE = 10.0  #: seconds in which a broker must have told of what it knows

ZERO = Decimal(0)
#: The gate lets pass what a broker can do: whether a story's account can pay is the broker's question.
_RICH = Standing(price=1.0, held=0.0, free=math.inf, power=math.inf, initial=1.0, open=True, short=True)


class Stage(Protocol):
    """Moves the market behind a broker: a simulator of yours, or a server of the broker's protocol."""

    async def begin(self, story: Story, price: Decimal, time: int) -> LiveBroker:
        """Return a broker that is connected, of a new account; the market is closed after `price`."""

    async def open(self, price: Decimal, size: int | None, span: Span) -> None:
        """Let trading begin, or go on, at a price, with so many shares to be had until the bar's end.

        In a bar that is `outside`, the session stays closed, and only what is extended may fill.
        """

    async def trade(self, price: Decimal) -> None:
        """Let the market trade at a price."""

    async def close(self, price: Decimal, span: Span) -> None:
        """Let the bar end at a price; where the session ends with it, what is for the day expires."""

    async def doom(self) -> None:
        """Let the next order be accepted, and rejected at the next open."""

    async def end(self) -> None:
        """Let go of everything, the broker too."""


class Ear:
    """Remembers what a broker says."""

    def __init__(self, broker: LiveBroker) -> None:
        self.reports: dict[str, Report] = {}
        self.executions: dict[str, Execution] = {}
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._listen(broker))

    async def _listen(self, broker: LiveBroker) -> None:
        async with aclosing(broker.events()) as events:  # type: ignore[type-var]  # a generator, as all are
            async for heard in events:
                if isinstance(heard, Report):
                    self._take(heard)
                elif isinstance(heard, Execution):
                    self.executions[heard.id] = heard
                async with self._news:
                    self._news.notify_all()

    def _take(self, report: Report) -> None:
        """Remember a report: an end is final, and what has filled does not shrink."""
        known = self.reports.get(report.client_id)
        if known is not None and (known.status in TERMINAL or report.filled < known.filled):
            return
        self.reports[report.client_id] = report

    async def until(self, found: Report, fills: Decimal) -> bool:
        """Wait until the broker has told what it answered when it was asked; tell whether it did."""

        def is_told() -> bool:
            told = self.reports.get(found.client_id)
            return told is not None and _say(told) == _say(found) and self.filled(found.client_id) == fills

        try:
            async with asyncio.timeout(_PATIENCE), self._news:
                await self._news.wait_for(is_told)
        except TimeoutError:
            return False
        return True

    def filled(self, client_id: str) -> Decimal:
        """Return how much an order filled, by its fills."""
        return sum((e.quantity for e in self.executions.values() if e.client_id == client_id), ZERO)

    async def stop(self) -> None:
        """Listen no longer."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Player:
    """Plays the part of whoever sends orders."""

    def __init__(self, story: Story, broker: LiveBroker, ear: Ear, *, prefix: str) -> None:
        self.story, self.broker, self.ear, self.prefix = story, broker, ear, prefix
        self.ids: dict[str, list[str]] = {}  #: client ids by label, the newest last
        self.orders: dict[str, tuple[Order, Terms]] = {}  #: by label, with the newest terms
        self._gate, self._instrument = Gate(broker.capabilities), Instrument(SYMBOL, lot=story.lot)
        self.refused: set[str] = set()
        self.differences: list[str] = []

    async def act(self, act: Act) -> None:
        """Do what a story asks for; a refusal is an outcome."""
        if isinstance(act, Ask):
            await self._place(act)
            return
        client_id = self.ids[act.label][-1]
        try:
            if isinstance(act, Cancel):
                await self.broker.cancel(client_id)
                return
            order, old = self.orders[act.label]
            terms = _changed(old, act)
            fresh = self._check(order, terms, f"{client_id}r", NO_EXITS)
            if isinstance(fresh, Refusal):
                self.differences.append(f"{client_id}: the gate refuses its change: {fresh.said}")
                return
            await self.broker.replace(client_id, fresh)
        except Rejected:
            return  # it has ended, and must be as if nothing had been asked
        self.ids[act.label].append(fresh.client_id)
        self.orders[act.label] = order, terms

    async def settle(self) -> None:
        """Wait until the broker's events have told what it says when it is asked."""
        for client_id in [one for ids in self.ids.values() for one in ids]:
            found = await self.broker.find(client_id)
            if found is None:
                self.differences.append(f"{client_id}: the broker took it, and does not know it")
                continue
            before = sum((self.ear.filled(one) for one in self._before(client_id)), ZERO)
            if not await self.ear.until(found, found.filled - before):
                self.differences.append(
                    f"{client_id}: asked for, it is {_say(found)}; its events say "
                    f"{_say(self.ear.reports[client_id]) if client_id in self.ear.reports else 'nothing'}, "
                    f"and {self.ear.filled(client_id)} in fills"
                )

    def result(self, label: str) -> Result:
        """Return what came of an order."""
        if label in self.refused:
            return Result(_S.REJECTED)
        ids = self.ids[label]
        last = self.ear.reports[ids[-1]]
        fills = [e for e in self.ear.executions.values() if e.client_id in ids]
        value = sum((e.quantity * e.price for e in fills), ZERO)
        filled = sum((e.quantity for e in fills), ZERO)
        status = last.status if last.status in TERMINAL else _S.ACCEPTED
        return Result(status, filled, value / filled if filled else None)

    async def _place(self, ask: Ask) -> None:
        order, labels = self._order(ask), ask.labels
        terms = Terms(order.type, order.quantity, order.limit, order.stop, order.trail)
        exits = Exits(_float(ask.take_profit), _float(ask.stop_loss)) if labels[1:] else NO_EXITS
        client_id = f"{self.prefix}{ask.label}"
        verdict = self._check(order, terms, client_id, exits)
        if isinstance(verdict, Refusal):
            self.differences.append(f"{client_id}: the gate refuses it: {verdict.said}")
            self.refused.update(labels)
            return
        try:
            await self.broker.place(verdict)
        except Rejected:
            self.refused.update(labels)
            return
        self.orders[ask.label] = order, terms
        for label in labels:
            self.ids[label] = [client_id + label.removeprefix(ask.label)]

    def _check(self, order: Order, terms: Terms, client_id: str, exits: Exits) -> ApprovedOrder | Refusal:
        held = sum((one.side * one.quantity for one in self.ear.executions.values()), ZERO)
        standing = _RICH._replace(held=float(held))
        return self._gate.check(order, terms, self._instrument, standing, client_id=client_id, exits=exits)

    def _order(self, ask: Ask) -> Order:
        """Return an order as a strategy would ask for it."""
        return Order(
            len(self.ids) + 1, "story", SYMBOL, ask.side, float(ask.quantity), 0,
            reduce_only=ask.reduce_only or ask.pair, type=ask.type, tif=ask.tif,
            limit=_float(ask.limit), stop=_float(ask.stop), trail=_float(ask.trail),
            trail_percent=ask.trail_percent, extended=ask.extended,
            good_till=self.story.spans()[ask.until].end if ask.until >= 0 else 0,
        )  # fmt: skip

    def _before(self, client_id: str) -> list[str]:
        chain = next(ids for ids in self.ids.values() if client_id in ids)
        return chain[: chain.index(client_id)]


async def run_story(story: Story, stage: Stage, *, prefix: str = "ob-") -> list[str]:
    """Play a story, and return in what it differs from what is expected; nothing if it does not.

    Args:
        story: The story; `story.missing(broker.capabilities)` says what a broker lacks for it.
        stage: What moves the market.
        prefix: What the client ids begin with; give another for each run at an account that is not new.

    Raises:
        OpenbellError: The broker did not answer, or not as the port says.
    """
    spans, bars = story.spans(), story.bars
    broker = await stage.begin(story, bars[0].ohlc[3], spans[0].end)
    ear = Ear(broker)
    player = Player(story, broker, ear, prefix=prefix)
    try:
        if story.doomed:
            await stage.doom()
        for number, (bar, span) in enumerate(zip(bars, spans, strict=True)):
            if number:
                open_, _, _, close = bar.ohlc
                await stage.open(open_, bar.volume, span)
                for price in bar.path:
                    await stage.trade(price)
                await stage.close(close, span)
                await player.settle()
            for act in story.acts.get(number, ()):
                await player.act(act)
            await player.settle()
        return [*player.differences, *await _compare(player)]
    finally:
        await ear.stop()
        await stage.end()


async def _compare(player: Player) -> Sequence[str]:
    story, broker, ear = player.story, player.broker, player.ear
    found = [
        f"{label}: {_shown(player.result(label))}, and must be {_shown(expected)}"
        for label, expected in story.expected.items()
        if player.result(label) != expected
    ]
    held = {one.symbol: one.quantity for one in await broker.holdings()}.get(SYMBOL, ZERO)
    if held != story.position:
        found.append(f"{held} are held, and must be {story.position}")
    asked = {one.id: one for one in await broker.executions(0)}
    if asked != ear.executions:
        found.append(f"fills by request are {sorted(asked)}, and by events {sorted(ear.executions)}")
    return found


def _say(report: Report) -> tuple[str, Decimal]:
    return (report.status if report.status in TERMINAL else _S.ACCEPTED).value, report.filled


def _shown(result: Result) -> str:
    at = "" if result.average is None else f" at {result.average.normalize():f}"
    return f"{result.status.value}, {result.filled.normalize():f} filled{at}"


def _changed(old: Terms, change: Change) -> Terms:
    """Return an order's terms as a change would make them."""
    _, quantity, limit, stop = change
    return old._replace(
        quantity=old.quantity if quantity is None else float(quantity),
        limit=old.limit if limit is None else float(limit),
        stop=old.stop if stop is None else float(stop),
    )


def _float(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)
