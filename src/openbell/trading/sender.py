"""The sender: brings requests to the broker one after the other, and finds out what came of each.

What is unknown is asked for by its client order id, as often as it takes; it is never just sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from openbell.core.errors import Disconnected, Rejected, Retryable
from openbell.core.types import OrderStatus
from openbell.execution.port import LiveBroker, Report
from openbell.trading.route import Answer, Outcome, Send, plain
from openbell.utils.logging import correlate, get_logger
from openbell.utils.ratelimit import Budget, Priority

Result = TypeVar("Result")
Told = Callable[[Report | Answer], None]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait, in seconds of the wall clock.

    Args:
        alarm: Without a connection to the broker, before somebody must hear of it, and again after as long.
        answer: For an answer of the broker, before its outcome counts as unknown.
        fresh: That old may a decision be when it is sent; later, the market is another.
        look: Between two questions for an order that the broker does not have.
        looks: Such questions in a row, before it counts as never received. One is enough before an order is
            sent again for the first time, where the broker refuses an id that came before.
        patience: Between attempts while there is no connection, at most.
        fills: For executions that a report speaks of, before they are asked for.
        power: After a fill, before buying power is asked for anew: others may follow it.
        reconcile: Between two comparisons of the whole account.
        close: For what is under way when the session is to end.
    """

    alarm: float = 300.0
    answer: float = 10.0
    fresh: float = 30.0
    look: float = 0.5
    looks: int = 3
    patience: float = 5.0
    fills: float = 0.25
    power: float = 0.5
    reconcile: float = 180.0
    close: float = 7.0


class Sender:
    """One task for an account: what is sent for all its strategies goes through here, in order."""

    def __init__(
        self,
        broker: LiveBroker,
        budget: Budget,
        tell: Told,
        *,
        timing: Timing,
        clock: Callable[[], int],
        taken_back: Callable[[Send], bool],
        guard: Callable[[], object] = bool,
        fault: Callable[[str], object] = str,
    ) -> None:
        """Take the broker and its budget.

        `tell` hears what came of each, `fault` what went wrong; `clock` is the session's time. `guard` is
        called before each request: it raises `Halt` when the account is not ours any more. `taken_back` tells
        of a request whether nobody wants it any more: it waited while the broker was away.
        """
        self._fault, self._taken_back = fault, taken_back
        self._broker, self._budget, self._tell = broker, budget, tell
        self._timing, self._clock, self._guard = timing, clock, guard
        self._queue: asyncio.Queue[tuple[Send, float]] = asyncio.Queue()
        self._closed = False

    def put(self, sends: Iterable[Send]) -> None:
        """Take requests that the journal has on the disk."""
        now = asyncio.get_running_loop().time()
        for send in sends:
            self._queue.put_nowait((send, now))

    def close(self) -> None:
        """Begin nothing new: orders that have not gone out yet are told as never sent."""
        self._closed = True

    async def settle(self) -> None:
        """Wait until all that was put has its answer."""
        await self._queue.join()

    async def run(self) -> None:
        """Send, until cancelled."""
        while True:
            send, since = await self._queue.get()
            try:
                await self._bring(send, since)
            finally:
                self._queue.task_done()

    async def _bring(self, send: Send, since: float) -> None:
        if send.call == "cancel":
            await self._cancel(send)
        elif send.doubtful:
            await self._find_out(send, since)
        elif barred := self._barred(send, since):
            self._answer(send, Outcome.ABSENT, barred)
        else:
            await self._try(send, since)

    def _barred(self, send: Send, since: float) -> str:
        """Return why a request is not sent any more; nothing if it is."""
        if self._taken_back(send):
            return "it was taken back before it was sent"
        if send.order is None or send.order.reduce_only:
            return ""
        stale = self._closed or asyncio.get_running_loop().time() - since > self._timing.fresh
        return "it waited too long to be sent: the decision is stale" if stale else ""

    async def _try(self, send: Send, since: float) -> None:
        order = send.order
        assert order is not None  # noqa: S101  # only cancels have none
        try:
            if send.call == "place":
                report = await self._ask(lambda: self._broker.place(order), Priority.ORDER)
            else:
                report = await self._ask(lambda: self._broker.replace(send.target, order), Priority.ORDER)
        except Rejected as error:
            self._fault(str(error))
            self._answer(send, Outcome.REFUSED, str(error))
        except (Retryable, Disconnected) as error:
            await self._pause(error)
            await self._find_out(send, since, soon=True)
        else:
            self._arrived(send, report)

    async def _find_out(self, send: Send, since: float, *, soon: bool = False) -> None:
        """Ask for an order by its client id until the broker has answered; it may never have got it.

        What may be sent again is, after one question if `soon`: of two that come the broker takes one,
        however late the first is.
        """
        looks = self._timing.looks
        found: Report | str | None = await self._look(send.client_id, 1 if soon else looks)
        while found is None and self._may_repeat(send, since):
            found, soon = await self._place_again(send), False
        if found is None and soon:
            await asyncio.sleep(self._timing.look)
            found = await self._look(send.client_id, looks - 1)
        if found is None:
            self._answer(send, Outcome.ABSENT, "the broker never got it")
        elif isinstance(found, str):
            self._answer(send, Outcome.REFUSED, found)
        else:
            self._arrived(send, found)

    def _may_repeat(self, send: Send, since: float) -> bool:
        """Tell whether a request may be sent once more: it is still wanted, and cannot come twice."""
        unique = self._broker.capabilities.unique_ids
        return unique and send.call == "place" and not send.doubtful and not self._barred(send, since)

    async def _look(self, client_id: str, looks: int) -> Report | None:
        """Ask for an order so many times; None if the broker never has it."""
        for number in range(looks):
            if number:
                await asyncio.sleep(self._timing.look)
            found = await self._find(client_id)
            if found is not None:
                return found
        return None

    async def _place_again(self, send: Send) -> Report | str | None:
        """Send an order again under its own client id, which the broker takes once.

        Where it is refused, the first one may have come meanwhile, and be the reason: it is looked for.

        Returns:
            What the broker has, why it refused, or None if it has nothing.
        """
        order = send.order
        assert order is not None  # noqa: S101
        try:
            return await self._ask(lambda: self._broker.place(order), Priority.ORDER)
        except Rejected as error:
            found = await self._look(send.client_id, self._timing.looks)
            return str(error) if found is None else found
        except (Retryable, Disconnected) as error:
            await self._pause(error)
            return await self._look(send.client_id, self._timing.looks)

    async def _cancel(self, send: Send) -> None:
        """Ask for a cancel until the broker has answered: asking twice does no harm."""
        while True:
            try:
                await self._ask(lambda: self._broker.cancel(send.target), Priority.CANCEL)
            except Rejected as error:
                found = await self._find(send.target)
                if found is not None:
                    self._tell(found)
                outcome = Outcome.ABSENT if found is None else Outcome.REFUSED
                self._answer(send, outcome, str(error))
                return
            except (Retryable, Disconnected) as error:
                await self._pause(error)
            else:
                self._answer(send, Outcome.DONE)
                return

    async def _find(self, client_id: str) -> Report | None:
        while True:
            try:
                return await self._ask(lambda: self._broker.find(client_id), Priority.ORDER)
            except (Retryable, Disconnected) as error:
                await self._pause(error)

    async def _ask(self, call: Callable[[], Awaitable[Result]], priority: Priority) -> Result:
        await self._budget.acquire(priority)
        self._guard()
        try:
            async with asyncio.timeout(self._timing.answer):
                return await call()
        except TimeoutError as error:
            raise Retryable(f"{self._broker.name}: no answer in {self._timing.answer:g} s") from error

    async def _pause(self, error: Retryable | Disconnected) -> None:
        self._fault(str(error))
        after = getattr(error, "after", None)
        wait = self._timing.look if after is None else after
        if after:
            self._budget.pause(after)
        await asyncio.sleep(min(wait, self._timing.patience))

    def _arrived(self, send: Send, report: Report) -> None:
        self._tell(report)
        refused = report.status is OrderStatus.REJECTED and send.call == "replace"
        with correlate(trace=send.trace, client_id=send.client_id):
            get_logger().info(
                f"{_describe(send)}: {report.status.value}{f' ({report.said})' if report.said else ''}"
            )
        self._answer(send, Outcome.REFUSED if refused else Outcome.DONE, report.said if refused else "")

    def _answer(self, send: Send, outcome: Outcome, said: str = "") -> None:
        if outcome is not Outcome.DONE:
            with correlate(trace=send.trace, client_id=send.client_id):
                get_logger().warning(f"{_describe(send)}: {outcome.value}: {said}")
        self._tell(Answer(send.call, send.client_id, outcome, self._clock(), said))


def _describe(send: Send) -> str:
    """Return a request in the words of a trader: `place buy 10 AAPL limit 99.5`."""
    order = send.order
    if order is None:
        return f"{send.call} {send.target}"
    way = "buy" if order.side > 0 else "sell"
    amount = plain(order.quantity) if order.notional is None else f"for {plain(order.notional)}"
    prices = [
        f"{name} {plain(value)}"
        for name, value in (("limit", order.limit), ("stop", order.stop), ("trail", order.trail))
        if value is not None
    ]
    return " ".join([send.call, way, amount, order.symbol, *(prices or [order.type.value])])
