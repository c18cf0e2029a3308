"""Hours of a trading week at high speed, without a fault: whether memory and tasks stay as they are.

A live session orders at every bar of a minute on the loopback exchange. It is looked at when all that is
bounded has filled up: the last of that are bookings, which are let go of after ten sessions. Then rubbish is
collected at each hour, and what Python holds and how many tasks there are is read. What ended is let go of
when a session begins, so memory rises and falls in each: what counts is its slope from close to close.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
from tests.loopback.book import Placed

from benchmarks.faultweek import Living
from benchmarks.measure import resident
from benchmarks.weekscript import Script

HOUR = 60  #: minutes
FILLING = 11  #: sessions that fill up what is bounded
SESSIONS = 4  #: that are looked at after those: 26 hours


async def measure_hours(folder: Path, *, sessions: int = SESSIONS, filling: int = FILLING) -> dict[str, Any]:
    """Return how memory grows from close to close, in kB an hour, and how many tasks there were.

    `filling` is how many sessions go before those that are looked at.
    """
    script = Script((filling + sessions) * 390)
    before, living = len(asyncio.all_tasks()), Living(folder, script, None)
    x = living.exchange
    # what the exchange and its broker remember of what has ended is no part of the session
    x.orders, x.fills, x.events = orders, fills, events = _Orders(x.orders), _Told(x.fills), _Told(x.events)
    await living.begin()
    held, tasks, resident_mb, began = [], [], [], time.perf_counter()
    tracemalloc.start()
    for number in range(1, script.minutes + 1):
        await living.pass_minute(number)
        closes = number % script.session == 0
        if closes:
            orders.forget({one.id for one in x.working()})
            fills.forget()
            events.forget()
            living.broker.calls.clear()
        if number >= filling * script.session and (closes or number % HOUR == 0):
            gc.collect()
            tasks.append(len(asyncio.all_tasks()) - before)
            resident_mb.append(resident())
            held += [tracemalloc.get_traced_memory()[0] / 1024] if closes else []
    tracemalloc.stop()
    count = len(living.life.journal.of_kind("order"))
    living.life.wish.how = "cancel"
    await living.life.finish()
    living.life.journal.close()
    await living.broker.close()
    await asyncio.sleep(0)
    return {
        "hours": sessions * script.session / HOUR,
        "orders": count,
        "slope_kb_an_hour": round(float(np.polyfit(np.arange(len(held)), held, 1)[0]) * HOUR / 390, 2),
        "closes_kb": [round(one) for one in held],
        "resident_first_mb": round(resident_mb[0], 1),
        "resident_last_mb": round(resident_mb[-1], 1),
        "tasks": [min(tasks), max(tasks)],
        "tasks_left": len(asyncio.all_tasks()) - before,
        "seconds": round(time.perf_counter() - began, 1),
    }


class _Orders(dict[str, Placed]):
    """Orders that can be forgotten, and are counted all the same: the next one's number hangs on it."""

    forgotten = 0

    def __len__(self) -> int:
        return super().__len__() + self.forgotten

    def forget(self, but: set[str]) -> None:
        """Forget all but some."""
        for number in [one for one in self if one not in but]:
            del self[number]
            self.forgotten += 1


class _Told(list[Any]):
    """Fills or events that can be forgotten, and are counted all the same."""

    forgotten = 0

    def __len__(self) -> int:
        return super().__len__() + self.forgotten

    def forget(self) -> None:
        """Forget all."""
        self.forgotten = len(self)
        self.clear()
