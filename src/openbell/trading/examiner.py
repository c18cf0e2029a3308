"""The examiner: asks the broker for the account, has explained differences booked, and halts on others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Protocol

from openbell.core.errors import Disconnected, Halt, Retryable
from openbell.trading.circumstances import skew_of
from openbell.trading.explaining import Ask, explain
from openbell.trading.judging import Disputed, Judgement
from openbell.trading.reconcile import OVERLAP, Difference, Policy, Snapshot, missing, snapshot
from openbell.trading.restating import in_old_shares
from openbell.trading.route import Answer, Outcome, plain
from openbell.trading.sender import Timing
from openbell.trading.wire import body_of_heard, body_of_power
from openbell.utils.ratelimit import Budget, Priority

#: So often are positions that differ asked for again: a broker's own parts may disagree for seconds.
_LOOKS = 4
_MOST_LOOKS = 5 * _LOOKS  #: so often if something fills all the time; then it is left to the next comparison


class Books(Disputed, Protocol):
    """What the examiner needs of a session."""

    timing: Timing
    ask_actions: Ask | None

    def bring(self, came: Any) -> None:
        """Have something that was heard taken in its turn, or a function called."""

    def put_condition(self, body: Mapping[str, Any] | None) -> None:
        """Have a condition taken that limits look at, if it is one."""

    def count_error(self, said: str) -> None:
        """Have an error of the broker counted."""


class Examiner:
    """Compares on start, after each reconnect, and every few minutes; asks for fills that were not told."""

    def __init__(self, books: Books, budget: Budget, policy: Policy, *, wall: Callable[[], int]) -> None:
        self._books, self._budget, self._wall = books, budget, wall
        self._judgement = Judgement(books, policy)
        self._asked = asyncio.Event()
        self._fills, self._filled = asyncio.Event(), asyncio.Event()

    def ask(self) -> None:
        """Have the account compared soon."""
        self._asked.set()

    def ask_for_fills(self) -> None:
        """Have the fills asked for that reports speak of."""
        self._fills.set()

    def note_fill(self) -> None:
        """Have buying power asked for anew: what was sold can be spent again."""
        self._filled.set()

    async def follow_power(self) -> None:
        """Ask for buying power soon after fills, until cancelled."""
        books = self._books
        while True:
            await self._filled.wait()
            await asyncio.sleep(books.timing.power)
            self._filled.clear()
            balance = await self._ask(books.broker.balance)
            body = body_of_power(balance, books.floor.compared)
            books.put("power", body, max(books.floor.time, balance.time))

    async def run(self) -> None:
        """Compare when asked or when it is time, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._books.timing.reconcile):
                    await self._asked.wait()
            self._asked.clear()
            await self.examine()

    async def open(self) -> None:
        """Have the session's beginning taken, by the broker's clock."""
        self._books.put("open", {}, await self._ask(self._books.broker.now))

    async def check_known(self) -> None:
        """Look, before anything is sent, whether the account has orders of this session that it forgot.

        Raises:
            Halt: It has: the journal is an older one, and what was done since would be done again.
        """
        books, since = self._books, max(self._books.floor.compared, self._books.floor.opened)
        seen = await self._ask(lambda: snapshot(books.broker, since))
        found = (one for one in (*seen.executions, *seen.working) if books.floor.router.is_forgotten(one))
        one = next(found, None)
        if one is not None:
            raise Halt(
                f"{books.broker.name}: the account has order {one.client_id} of this session, which its "
                "journal does not know: the journal is older than the account, as a backup is, so nothing "
                "is sent. Bring back the newest journal; or cancel the session's orders at the broker and "
                "begin anew with --new, and with `unexplained: adopt` in live.yaml, by which strategies "
                "take over what the account holds"
            )

    async def examine(self) -> None:
        """Compare the account with the books; what explains a difference is booked.

        Raises:
            Halt: A difference that nothing explains, and the policy does not take it.
        """
        books = self._books
        seen = await self._see()
        if seen is not None and await self._explain(seen):
            seen = await self._see()  # what came meanwhile is in neither
        if seen is None:
            return
        self._judgement.settle(seen)
        await self._taken()
        for route in books.floor.router.board.unprotected():
            order, held = route.order, plain(route.course.quantity(route.order.symbol))
            books.alarm(
                f"strategy {route.course.name} holds {held} {order.symbol} that nothing protects any more: "
                f"the broker ended order {order.id}; place another, or close it"
            )
        books.put_condition(books.floor.circumstances.disagreement(""))
        await self._measure_skew()
        await self._taken()

    async def _explain(self, seen: Snapshot) -> bool:
        """Have taken what splits have done to orders, and to what is somebody else's; tell if time passed.

        Where there is nothing to explain none passes: what was seen is held against the books at once.
        """
        books = self._books
        there = {one.client_id: one for one in seen.working}
        orders = dict(in_old_shares(books.floor.router.board, there))
        if orders:
            books.put("resplit", {"orders": orders}, max(books.floor.time, seen.balance.time))
            await self._taken()
        if books.floor.base is None:
            return bool(orders)
        asked = await explain(books, self._judgement.differences(seen), seen.balance.time)
        if asked:
            await self._taken()
        return asked or bool(orders)

    async def _see(self) -> Snapshot | None:
        """Return the account once it agrees with the books, or differs from them in the same way twice.

        While orders fill, an account is never seen at one moment: a difference counts when nothing was booked
        during two looks. Where something always is, the comparison is put off, and None is returned.
        """
        books = self._books
        before: tuple[int, list[Difference]] | None = None
        for look in range(1, _MOST_LOOKS + 1):
            booked = self._booked()
            since = max(books.floor.compared, books.floor.opened)
            seen = await self._ask(lambda at=since: snapshot(books.broker, at))  # type: ignore[misc]  # no coroutine function
            if seen.balance.blocked:
                raise Halt(f"{books.broker.name}: the account cannot trade: {seen.balance.blocked}")
            await self._catch_up(seen)
            found = self._judgement.differences(seen)
            still = before == (self._booked(), found) and booked == self._booked()
            if not found or (look >= _LOOKS and still):
                return seen  # type: ignore[no-any-return]  # what a broker answers
            before = self._booked(), found
            books.put_condition(books.floor.circumstances.disagreement("; ".join(map(str, found))))
            await asyncio.sleep(books.timing.look)
        books.alarm("the account moves faster than it can be compared; it is compared later")
        return None

    def _booked(self) -> int:
        """Return how many bookings there are: it grows with each fill."""
        courses = self._books.floor.courses.values()
        own = sum(course.engine.account.booked for course in courses)
        return own + len(self._books.floor.router.foreign_fills)

    async def _measure_skew(self) -> None:
        """Have taken by how much the computer's clock is off the broker's, where a limit looks at it."""
        books = self._books
        if books.floor.circumstances.measures_skew:
            before = self._wall()
            told = await self._ask(books.broker.now)
            books.put_condition(books.floor.circumstances.skew(skew_of(before, told, self._wall())))

    async def look_again(self) -> None:
        """Have what the account says of the orders taken; differences are left to the next comparison."""
        since = max(self._books.floor.compared, self._books.floor.opened)
        await self._catch_up(await self._ask(lambda: snapshot(self._books.broker, since)))

    async def _catch_up(self, seen: Snapshot) -> None:
        """Have everything taken that the session missed: fills, what works, and what has ended."""
        books = self._books
        for execution in seen.executions:
            if execution.time >= books.floor.opened:  # what was held before is in the positions
                books.bring(execution)
        for report in seen.working:
            books.bring(report)
        if any(course.is_due(seen.balance.time) for course in books.floor.courses.values()):
            books.put("act", {}, seen.balance.time)
        await self._taken()
        for client_id in [route.client_id for route in missing(books.floor, seen)]:
            await self._look_up(client_id)
        await self._taken()
        await self._fetch_untold()

    async def _look_up(self, client_id: str) -> None:
        """Ask what became of an order that does not work any more, as it was when the account was looked at.

        Meanwhile it may be on its way under another client id, which the broker cannot know yet.
        """
        found = await self._ask(lambda: self._books.broker.find(client_id))
        if found is not None:
            self._books.bring(found)
            return
        time = self._books.floor.time
        answer = Answer("cancel", client_id, Outcome.ABSENT, time, "the broker does not have it any more")
        self._books.put("answer", body_of_heard(answer), time)

    # --- fills that reports speak of -------------------------------------------------------------------

    async def fetch_fills(self) -> None:
        """Ask for fills when told to, until cancelled: they may be just behind their reports."""
        while True:
            await self._fills.wait()
            await asyncio.sleep(self._books.timing.fills)
            self._fills.clear()
            await self._fetch_untold()

    async def _fetch_untold(self) -> None:
        """Ask for executions that reports speak of; in the end their fills are booked from the reports."""
        books = self._books
        for _ in range(_LOOKS):
            short = books.floor.router.short_of_fills()
            if not short:
                return
            since = max(min(route.order.decided for route in short) - OVERLAP, 0)
            for execution in await self._ask(lambda at=since: books.broker.executions(at)):  # type: ignore[misc]
                books.bring(execution)
            await self._taken()
            if books.floor.router.short_of_fills():
                await asyncio.sleep(books.timing.fills)
        for route in books.floor.router.short_of_fills():
            books.alarm(f"order {route.client_id}: its executions do not come; its reports are booked")
            books.put("settle", {"client_id": route.client_id}, books.floor.time)
        await self._taken()

    async def _taken(self) -> None:
        """Wait until what was put has been taken."""
        done = asyncio.Event()
        self._books.bring(done.set)
        await done.wait()

    async def _ask(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Ask until there is an answer: reads may be asked again."""
        timing = self._books.timing
        while True:
            await self._budget.acquire(Priority.READ)
            try:
                async with asyncio.timeout(timing.answer):
                    return await call()
            except (Retryable, Disconnected, TimeoutError) as error:
                after = getattr(error, "after", None)
                self._books.count_error(str(error))
                await asyncio.sleep(min(timing.look if after is None else after, timing.patience))
