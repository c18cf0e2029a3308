"""What waits for a consumer: bounded, nothing lost but old quotes."""

from __future__ import annotations

import asyncio
from collections import deque

from openbell.core.messages import Quote
from openbell.data.live.items import Item


class Outbox:
    """A queue between a feed and its consumer.

    A quote takes the place of the symbol's one that still waits, so that quotes take one place a symbol at
    most and are the latest. Everything else waits in order. Beyond `room` items the feed must stop reading:
    what it has not read stays with the sender, and if the sender gives up, the gap is filled like any
    other.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._items: deque[Item | str] = deque()  # a symbol stands for its latest quote
        self._quotes: dict[str, Quote] = {}
        self._some = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()
        self.conflated = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read."""
        return len(self._items) >= self._room

    def put(self, item: Item) -> None:
        """Add an item."""
        if isinstance(item, Quote):
            waits = item.symbol in self._quotes
            self._quotes[item.symbol] = item
            if waits:
                self.conflated += 1
                return
            self._items.append(item.symbol)
        else:
            self._items.append(item)
        self._some.set()

    def poll(self) -> Item | None:
        """Return the next item; None if there is none."""
        if not self._items:
            return None
        item = self._items.popleft()
        if not self._space.is_set() and len(self._items) * 2 <= self._room:
            self._space.set()
        return self._quotes.pop(item) if isinstance(item, str) else item

    async def some(self) -> None:
        """Wait until there is an item, or `wake` is called."""
        self._some.clear()
        if not self._items:
            await self._some.wait()

    async def space(self) -> None:
        """Wait until half of the room is free: reading then has a reason to go on."""
        if self.is_full:
            self._space.clear()
            await self._space.wait()

    def wake(self) -> None:
        """Let the consumer look, though there is nothing to take."""
        self._some.set()
