"""A week of faults: in which share of an exchange's time a signal is acted on within a second.

Five sessions of 390 minutes, and the nights between them, go through a live session whose strategy orders at
every bar, with a Postgres and a Redis beside it. `benchmarks.weekscript` says what goes wrong when. Time
between bars is left out; what a fault costs is waited for on the wall clock, with the timing that users have.
An outage ends in the middle of a minute; of the half minute until the next bar six seconds are waited. A
signal counts as acted on when the exchange has its order.

Time in which nothing can be acted on is what a late order took, the minute in which the disk is full, and
after a kill or a stop what the system waits before it starts the session again (`RestartSec` of the unit in
`deploy/`), the start of the interpreter with all that a live session needs, and the way through the journal.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from tests.loopback.book import Placed
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life, bar
from tests.unit.trading_chaos import check_account

from benchmarks.beside import Beside, restart
from benchmarks.weekscript import WEEK, Alternating, Script, Week
from openbell.core.actions import Split
from openbell.core.errors import Halt
from openbell.core.types import OrderType, TimeInForce
from openbell.trading.livesession import LiveSession
from openbell.trading.saves import Saves
from openbell.trading.sender import Timing

ACCOUNT = "direct:paper:1"
_SOON, _LATE = 1.0, 15.0  #: seconds: acted on in time, and waited for an order at most
_STOP = 10.0  #: seconds in which a stop must be done


class Living:
    """A session that lives through a script."""

    def __init__(self, folder: Path, script: Script, beside: Beside | None) -> None:
        """Take the folder of its journal, and the servers beside it, if it shall have some."""
        self.week = Week(script)
        self._folder, self._script, self._beside = folder, script, beside
        self._strategy = type("Alternating", (Alternating,), {"script": script})
        self.exchange = x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None)
        x.listeners.append(self.week.hear)
        for symbol in ("A", "B"):
            x.trade(symbol, 100)

    async def begin(self) -> None:
        """Begin, or go on, and wait until the account is known."""
        self.week.killed.clear()
        timing = Timing(reconcile=60.0, power=0.0, fills=0.0, alarm=0.5)
        self.broker = Direct(self.exchange, script=self.week, muddle=self.week.muddle)
        self.life = life = Life(
            self._folder,
            self.exchange,
            self.broker,
            {"s": self._strategy},
            timing=timing,
            saves=_saves,
            bars=self._folder / "tape",
        )
        session = life.session
        session.saves = session.saves or _saves(session)
        session._wall = session._examiner._wall = self.week.wall  # noqa: SLF001  # a clock of ours
        if self._beside is not None:
            session.guard = self._beside.lock.check
        last = life.journal.last
        life.start()
        while not life.journal.of_kind("checked", last):  # noqa: ASYNC110  # a session has no event for it
            await asyncio.sleep(0.005)
        await life.rest()

    async def begin_again(self, fault: str, *, gone: float | None = None) -> None:
        """Go on after an end, and count the seconds in which there was no session."""
        began = time.perf_counter()
        if self._beside is not None:
            await self._beside.succeed()
        await self.begin()
        self.week.gone[fault] += gone or restart() + time.perf_counter() - began

    async def kill(self) -> None:
        """End it as a kill does."""
        await self.life.kill()
        await self.broker.close()

    # --- a minute --------------------------------------------------------------------------------------

    async def pass_minute(self, number: int) -> None:
        """Live through a minute."""
        week, x, has = self.week, self.exchange, partial(self._script.has, minute=number)
        week.minute = number
        await self._disturb(number)
        x.set_time(START + (self._script.stamp(number) + 1) * MINUTE)
        price = week.price()
        x.trade("A", price)
        week.arrived.clear()
        began = time.perf_counter()
        if has("disk full"):
            self._fill_disk()
        try:
            stamp, other = self._script.stamp(number), float(x.lines["B"].last or 0)
            self.life.feed.send([bar(stamp, float(price)), bar(stamp, other, "B")])
            await self.life.rest(week.killed)
            if has("SIGTERM during a submit"):
                await self._stop()
            await self._wait_for_order(number, began)
        except Halt as error:
            week.counts["disk full"] += 1
            week.missed[number] = 60.0
            if "make room on the disk" not in str(error):
                week.wrong.append(str(error))
            await self.kill()
            await self.begin_again("disk full", gone=60.0)  # there is room again a minute later
        if number % self._script.session == 0:
            await self._night(number)

    async def _wait_for_order(self, number: int, began: float) -> None:
        """Wait until the exchange has the bar's order, and note when it is late."""
        week, patience = self.week, _SOON if self._script.outage(number) else _LATE
        killed = asyncio.ensure_future(week.killed.wait())
        arrived = asyncio.ensure_future(week.arrived.wait())
        await asyncio.wait({killed, arrived}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for one in (killed, arrived):
            one.cancel()
        if not week.arrived.is_set():
            week.missed[number] = 60.0
        elif (took := week.arrived_at - began) > _SOON:
            week.missed[number] = took
        if week.killed.is_set():
            await self.kill()
            await self.begin_again(next(one for one in self._script.at if self._script.has(one, number)))

    def _fill_disk(self) -> None:
        connection = self.life.journal._connection  # noqa: SLF001  # a full disk
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    async def _stop(self) -> None:
        """Stop while an order is under way, as SIGTERM does: its answer is waited for, and nothing begins."""
        async with asyncio.timeout(_SOON):
            await self.week.arrived.wait()
        began = time.perf_counter()
        self.life.wish.how = "keep"
        ending = await self.life.finish()
        if ending.value != "stopped" or time.perf_counter() - began > _STOP:
            self.week.wrong.append(f"SIGTERM: {ending.value} after {time.perf_counter() - began:.1f} s")
        self.life.journal.close()
        await self.broker.close()
        await self.begin_again("SIGTERM during a submit")

    # --- what goes wrong between bars ------------------------------------------------------------------

    async def _disturb(self, number: int) -> None:
        week, x, script = self.week, self.exchange, self._script
        if script.outage(number - 1) and not script.outage(number):
            await asyncio.sleep(script.settle)
        if script.has("stream dropped", number):
            week.counts["stream dropped"] += 1
            self.broker.drop()
            self.broker.restore()
        if script.begins("stream mute, then out of order", number):
            week.counts["stream mute, then out of order"] += 1
            self.broker.muted = True
        if script.ends("stream mute, then out of order", number):
            self.broker.release(lambda heard: week.random.sample(list(heard), len(heard)))
        if script.has("placed by hand", number):
            week.counts["placed by hand"] += 1
            x.place(Placed(f"by-hand-{number}", "B", 1, OrderType.MARKET, TimeInForce.DAY, Decimal(3)))
        await self._disturb_orders(number)
        if self._beside is not None:
            await self._disturb_servers(number, self._beside)

    async def _disturb_orders(self, number: int) -> None:
        """Fill an order while nobody looks, and after its cancel; reject one that was accepted."""
        week, x, script = self.week, self.exchange, self._script
        resting = [one for one in x.working() if one.symbol == "B"]
        if script.has("kill, and fills while down", number):
            week.counts["kill, and fills while down"] += 1
            await self.kill()
            x.fill(resting[0].id, 7, 30)
            await self.begin_again("kill, and fills while down")
        if script.has("late fill after the cancel", number):
            x.slow_cancels = True
        if script.has("late fill after the cancel", number - 1):
            week.counts["late fill after the cancel"] += 1
            self.broker.muted = True
            x.fill(resting[0].id, 4, 30)
            x.settle_cancels()
            x.slow_cancels = False
            self.broker.release(lambda heard: list(reversed(heard)))
            await self.life.rest()
        if script.has("rejected after acceptance", number):
            week.counts["rejected after acceptance"] += 1
            x.reject(resting[0].id)

    async def _disturb_servers(self, number: int, beside: Beside) -> None:
        week, script = self.week, self._script
        if script.begins("Redis away", number):
            week.counts["Redis away"] += 1
            beside.redis.stop()
        if script.ends("Redis away", number):
            await asyncio.to_thread(beside.redis.start)
        if script.begins("Postgres away", number):
            week.counts["Postgres away"] += 1
            await asyncio.to_thread(beside.postgres.stop)
        if script.ends("Postgres away", number):
            await asyncio.to_thread(beside.postgres.start)
        if script.has("second engine", number):
            week.counts["second engine"] += 1
            week.wrong += await beside.refuse_another()

    # --- nights ----------------------------------------------------------------------------------------

    async def _night(self, number: int) -> None:
        """Close a session; a stock splits, or the broker is away until the morning."""
        week, x, life = self.week, self.exchange, self.life
        life.session.snapshot(x.time)
        await life.rest()
        if self._script.has("split overnight", number):
            week.counts["split overnight"] += 1
            ex = START + self._script.stamp(number + 1) * MINUTE
            life.session.expect([Split("B", ex, 2, 1)])
            await life.rest()
            x.set_time(ex)
            x.split("B", 2, 1)
            x.trade("B", 50)
            life.session._examiner.ask()  # noqa: SLF001  # the comparison that comes every few minutes
            await life.rest()
        if self._script.has("maintenance at night", number):
            week.counts["maintenance at night"] += 1
            week.night = True
            self.broker.drop()
            await asyncio.sleep(1.2)
            week.night = False
            self.broker.restore()
            await asyncio.sleep(1.2)
            if not life.journal.of_kind("alarm"):
                week.wrong.append("a night without the broker raised no alarm")

    async def end(self) -> dict[str, Any]:
        """Stop, compare all, and return the figures."""
        self.week.over = True
        self.life.session._examiner.ask()  # noqa: SLF001  # as above
        await self.life.rest()
        self.week.wrong += check_account(self.life)
        self.life.wish.how = "cancel"
        await self.life.finish()
        self.week.wrong += check_account(self.life)
        self.life.journal.close()
        await self.broker.close()
        if self._beside is not None:
            self.week.wrong += await self._beside.check()
        return self.week.told(len(self.exchange.fills))


async def run_week(folder: Path, script: Script = WEEK, *, servers: bool = True) -> dict[str, Any]:
    """Live through a script; return shares of its time, and what is wrong with the books in the end.

    `servers` is whether a Postgres and a Redis stand beside the session.
    """
    tasks = len(asyncio.all_tasks())
    if servers:
        async with Beside(folder, ACCOUNT) as beside:
            found = await _live(folder, script, beside)
    else:
        found = await _live(folder, script, None)
    await asyncio.sleep(0)
    return found | {"tasks_left": len(asyncio.all_tasks()) - tasks}


async def _live(folder: Path, script: Script, beside: Beside | None) -> dict[str, Any]:
    living = Living(folder, script, beside)
    await living.begin()
    if beside is not None:
        await beside.begin()
    for number in range(1, script.minutes + 1):
        await living.pass_minute(number)
    return await living.end()


def _saves(session: LiveSession) -> Saves:
    strategies = [course.engine.strategy for course in session.courses]
    return Saves(session.journal, strategies, {})
