"""One look at a session's journal for all pages that show it: ten pages read it no more often than one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple
from weakref import WeakKeyDictionary

from nicegui import Event, background_tasks

from openbell.app.desk import Desk
from openbell.app.follower import Follower
from openbell.core.errors import OpenbellError

_EVERY = 0.01  #: seconds between two looks at the journal
_STATE = 0.25  #: seconds between two looks at whether the session's process is there
_BEAT = 0.5  #: seconds after which pages are called though nothing is new: what is shown has an age


class Sight(NamedTuple):
    """A session as it is seen now.

    Args:
        one: It; None where it cannot be read.
        state: Whether it runs, hangs, or has ended, and how.
        silence: Seconds since it last answered; None where it is not at work or says nothing of itself.
        wrong: Why it cannot be read; else empty.
    """

    one: Follower | None
    state: str = ""
    silence: float | None = None
    wrong: str = ""


class Watch:
    """Looks while at least one page wants it to."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk, self._name = desk, name
        self._news: Event[Sight] = Event()
        self._task: asyncio.Task[None] | None = None
        self._owes = False

    def join(self, told: Callable[[Sight], object]) -> None:
        """Call a page, as long as it is there, when something is new and at least every half second."""
        told(self._look(Sight(None)))
        self._news.subscribe(told)
        if self._task is None or self._task.done():
            self._task = background_tasks.create(self._go_on())

    def owe(self) -> None:
        """Have the pages called at the next look too: one has not yet shown what is new."""
        self._owes = True

    async def _go_on(self) -> None:
        sight, shown, asked, called = Sight(None), (-1, ""), -math.inf, -math.inf
        while self._news.callbacks:
            now = monotonic()
            again = now - asked >= _STATE
            asked = now if again else asked
            sight = self._look(Sight(None) if again else sight)
            seen = (-1 if sight.one is None else sight.one.last, sight.state)
            if seen != shown or self._owes or now - called >= _BEAT:
                shown, called, self._owes = seen, now, False
                self._news.emit(sight)
            await asyncio.sleep(_EVERY)

    def _look(self, before: Sight) -> Sight:
        """Read what is new of the session, and of its process unless that was done a moment before."""
        try:
            one = self._desk.session(self._name)
        except OpenbellError as error:  # it was deleted, or its journal is damaged
            return Sight(None, wrong=str(error))
        if before.one is one:
            return before
        sign = one.sign
        return Sight(one, one.state if sign is None else sign.state, None if sign is None else sign.age)


_WATCHES: WeakKeyDictionary[Desk, dict[str, Watch]] = WeakKeyDictionary()


def watch(desk: Desk, name: str) -> Watch:
    """Return the one watch of a session."""
    watches = _WATCHES.setdefault(desk, {})
    return watches.setdefault(name, Watch(desk, name))
