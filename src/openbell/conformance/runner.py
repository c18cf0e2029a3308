"""Runs a story at a live broker, and says in what it differs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import Protocol

from openbell.conformance.story import SYMBOL, Act, Ask, Cancel, Result, Span, Story
from openbell.core.errors import Rejected
from openbell.core.orders import TERMINAL
from openbell.core.types import OrderStatus
from openbell.execution.approval import ApprovedOrder, approve
from openbell.execution.port import Execution, LiveBroker, Report

_S = OrderStatus
_PATIENCE = 10.0  #: seconds in which a broker must have told of what it knows

ZERO = Decimal(0)


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
        self.orders: dict[str, ApprovedOrder] = {}  #: the newest by label
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
            old = self.orders[act.label]
            given = {
                name: value for name, value in zip(act._fields[1:], act[1:], strict=True) if value is not None
            }
            fresh = _approve(old, client_id=f"{client_id}r", **given)
            await self.broker.replace(client_id, fresh)
        except Rejected:
            return  # it has ended, and must be as if nothing had been asked
        self.ids[act.label].append(fresh.client_id)
        self.orders[act.label] = fresh

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
        order = self._order(ask)
        labels = ask.labels
        try:
            await self.broker.place(order)
        except Rejected:
            self.refused.update(labels)
            return
        self.orders[ask.label] = order
        for label in labels:
            self.ids[label] = [order.client_id + label.removeprefix(ask.label)]

    def _order(self, ask: Ask) -> ApprovedOrder:
        spans = self.story.spans()
        return approve(
            client_id=f"{self.prefix}{ask.label}",
            symbol=SYMBOL,
            side=ask.side,
            type=ask.type,
            tif=ask.tif,
            quantity=ask.quantity,
            limit=ask.limit,
            stop=ask.stop,
            trail=ask.trail,
            trail_percent=ask.trail_percent,
            good_till=spans[ask.until].end if ask.until >= 0 else 0,
            reduce_only=ask.reduce_only or ask.pair,
            extended_hours=ask.extended,
            take_profit=ask.take_profit,
            stop_loss=ask.stop_loss,
        )

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


def _approve(old: ApprovedOrder, **changes: object) -> ApprovedOrder:
    """Return an order with other values."""
    names = [name for name in ApprovedOrder.__dataclass_fields__ if name != "key"]
    return approve(**{**{name: getattr(old, name) for name in names}, **changes})
