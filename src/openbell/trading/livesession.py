"""A live session: what comes from feed, broker and user goes one by one through journal, strategies, router.

One task takes the inputs; whatever it sends is in the journal, on the disk, before. Other tasks only listen,
ask, and send what they are handed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from openbell.core.errors import Halt
from openbell.core.types import Action
from openbell.execution.port import Execution, Link, LiveBroker
from openbell.execution.risk.limits import Risk
from openbell.storage.journal import Journal
from openbell.trading.circumstances import CONDITION
from openbell.trading.examiner import Examiner
from openbell.trading.explaining import Ask
from openbell.trading.floor import Floor
from openbell.trading.inbox import Nobody, Requests
from openbell.trading.livebooks import LiveBooks
from openbell.trading.reception import Fed, Input, Reception
from openbell.trading.reconcile import Policy, foreign_orders
from openbell.trading.route import Send
from openbell.trading.sender import Sender, Timing
from openbell.trading.session import Ending
from openbell.trading.tasks import Tasks
from openbell.trading.upkeep import Changes, Upkeep
from openbell.utils.ratelimit import Budget

_ROOM = 1000  #: things that may wait to be taken before the feed is read on
_REPEAT = 1.0  #: seconds between two tries to close what is held
_LOOK = 0.1  #: seconds between two looks at what is asked


class LiveSession(LiveBooks):
    """One session on one account: it owns the journal and the broker's connection while it runs."""

    def __init__(
        self,
        floor: Floor,
        journal: Journal,
        broker: LiveBroker,
        *,
        budget: Budget,
        requests: Requests | None = None,
        policy: Policy | None = None,
        timing: Timing | None = None,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        """Take the parts; the broker is connected already.

        Args:
            floor: The strategies and the router.
            journal: The account's journal.
            broker: The account.
            budget: How many requests the account may make.
            requests: Who may ask the session to stop.
            policy: What to do with differences that nothing explains.
            timing: How long to wait for what.
            wall: The computer's clock, ns UTC.
        """
        super().__init__(floor, journal, self._hand_on, wall=wall)
        self.broker = broker
        self.changes: Changes = dict  #: asked between two inputs for strategies' new parameters
        self.ask_actions: Ask | None = None  #: asked for what became of symbols that nobody here trades
        self.begun: Callable[[], object] = _nothing  #: called when the strategies have started
        self.loosening: set[str] = set()  #: strategies whose limits somebody has agreed to loosen
        self.timing = timing or Timing()
        self._requests = requests or Nobody()
        self._inputs: deque[Any] = deque()
        self._news = asyncio.Event()
        self._tasks = Tasks(self._news.set)
        self._fed = False
        self._unsplit: set[tuple[str, int]] = set()  # those that have split, and are looked for
        self._repeated = 0.0  # when it was last tried to close what is held
        self._reception = Reception(self)
        self._upkeep = Upkeep(self)
        self.alarm = self._upkeep.alarm
        self._sender = Sender(
            broker, budget, self.bring, guard=self._check,
            timing=self.timing, clock=lambda: self.floor.time, fault=self.count_error,
            taken_back=self._is_taken_back,
        )  # fmt: skip
        self._examiner = Examiner(self, budget, policy or Policy(), wall=wall)

    # --- the run ---------------------------------------------------------------------------------------

    async def run(self, feed: AsyncIterator[Fed]) -> Ending:
        """Trade until the feed ends or somebody asks to stop.

        Raises:
            Halt: The account is not what the books say, or the journal cannot be written.
        """
        for work in (self._listen(), self._sender.run(), self._upkeep.watch_link()):
            self._tasks.guard(work)
        try:
            ready = not self.floor.opened or await self._look_first()
            self._sender.put(self.floor.router.unanswered())
            ready = ready and await self._work_while(self._sender.settle(), stops=True)
            if not self.floor.opened:
                ready = ready and await self._work_while(self._examiner.open(), stops=True)
            ready = ready and await self._work_while(self._examiner.examine(), stops=True)
            if not ready:  # asked to stop before the account was known: nothing is closed unseen
                self._leave("keep" if self._requests.stop_asked() == "keep" else "cancel")
                return await self._close(Ending.STOPPED)
            self.begin_strategies()
            self.begun()
            examiner = self._examiner
            for work in (self._read(feed), examiner.run(), examiner.fetch_fills(), examiner.follow_power()):
                self._tasks.guard(work)
            return await self._work()
        finally:
            await self._tasks.end()

    async def _work(self) -> Ending:
        """Take what comes until the end."""
        while True:
            how = self._requests.stop_asked()
            if how and not self.floor.left:
                self._leave(how)
            if how and (how != "flatten" or self.is_flat):
                return await self._close(Ending.STOPPED)
            for asked in self._requests.take_asks():
                self._upkeep.carry_out(asked)
            if how == "flatten" and not self.floor.router.open() and self._may_repeat():
                self.take("leave", {"how": how}, self.floor.time)
            self._upkeep.look_for_changes(self.changes)
            self._upkeep.tell_failures()
            if self._fed and not self._inputs:
                return await self._close(Ending.END_OF_DATA)
            await self._wait()
            for body in self.floor.circumstances.brakes():
                self.take(CONDITION, body, self.floor.time)
            self._take_all()

    def _may_repeat(self) -> bool:
        """Tell whether it is time to try again to close what is held: the broker refused, or ended it."""
        now = time.monotonic()
        if now - self._repeated < _REPEAT:
            return False
        self._repeated = now
        return True

    async def _work_while(self, asking: Coroutine[Any, Any, None], *, stops: bool = False) -> bool:
        """Take what comes while something is asked; with `stops`, tell whether no stop came between."""
        task = self._tasks.start(asking)
        task.add_done_callback(lambda _: self._news.set())
        while not task.done() or self._inputs:
            if stops and self._requests.stop_asked():
                return False
            await self._wait()
            self._take_all()
        await task
        return True

    async def _look_first(self) -> bool:
        """Look whether the journal is the account's newest: nothing is taken, and so nothing sent, before.

        Tell whether no stop came between.
        """
        task = self._tasks.start(self._examiner.check_known())
        while not task.done():
            if self._requests.stop_asked():
                return False
            await asyncio.wait({task}, timeout=_LOOK)
            self._tasks.check()
        await task
        return True

    async def _wait(self) -> None:
        """Wait for an input, or for the time to look whether a stop is asked."""
        if not self._inputs:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._news.wait()
        else:
            await asyncio.sleep(0)
        self._news.clear()
        self._tasks.check()

    def _take_all(self) -> None:
        while self._inputs:
            self._receive(self._inputs.popleft())

    def _receive(self, came: Any) -> None:
        """Take one thing that came from outside, and have asked for what it shows to be missing."""
        if callable(came):
            came()
            return
        self._reception.receive(came)
        if isinstance(came, Link):
            self._upkeep.hear(came)
            if came.up:
                self._examiner.ask()
        elif isinstance(came, Execution):
            self._examiner.note_fill()
        if self.floor.router.board.unsplit.keys() - self._unsplit:
            self._examiner.ask()  # has the broker adjusted them?
        self._unsplit = set(self.floor.router.board.unsplit)
        if self.floor.router.short_of_fills():
            self._examiner.ask_for_fills()

    # --- inputs ----------------------------------------------------------------------------------------

    def _hand_on(self, sends: Sequence[Send]) -> None:
        self._sender.put(sends)

    def _check(self) -> None:
        self.guard()

    def _is_taken_back(self, send: Send) -> bool:
        return self.floor.router.board.is_taken_back(send)  # a save may have brought another board

    def put(self, kind: str, body: Mapping[str, Any], moment: int) -> None:
        """Have an input taken in its turn."""
        self.bring(Input(kind, body, moment))

    def put_condition(self, body: Mapping[str, Any] | None) -> None:
        """Have a condition taken that limits look at, if it is one."""
        if body is not None:
            self.put(CONDITION, body, self.floor.time)

    def count_error(self, said: str) -> None:
        """Have an error of the broker counted, where a limit counts them."""
        self.put_condition(self.floor.circumstances.error(said))

    def bring(self, came: Any) -> None:
        """Have something taken in its turn: what was heard, an answer, an input; or a function called."""
        self._inputs.append(came)
        self._news.set()

    @property
    def waiting(self) -> int:
        """How many things have come and wait to be taken."""
        return len(self._inputs)

    def expect(self, actions: Sequence[Action]) -> None:
        """Have corporate actions taken note of, each once."""
        self._upkeep.expect(actions)

    def snapshot(self, close: int) -> None:
        """Have written down how each strategy stands at a session's close."""
        self._upkeep.snapshot(close)

    def reload(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Give a strategy other parameters, from the next bar on.

        Raises:
            ConfigError: One is unknown, has the wrong type, or is out of bounds; nothing has changed.
        """
        self._upkeep.reload(name, parameters)

    def limit(self, name: str, risk: Risk, loosened: Sequence[str] = ()) -> None:
        """Hold a strategy's orders against other limits; what is loosened is named in the journal."""
        self._upkeep.limit(name, risk, loosened)

    # --- ends ------------------------------------------------------------------------------------------

    def _leave(self, how: str) -> None:
        self._repeated = time.monotonic()
        self.note("asked", {"do": "stop", "how": how, "by": self._requests.by})
        self.take("leave", {"how": how}, self.floor.time)
        if how != "keep" and not foreign_orders(self.floor):
            self._tasks.guard(self._upkeep.cancel_all())

    async def _close(self, ending: Ending) -> Ending:
        """Let what is under way be answered, and close the books."""
        self._sender.close()
        try:
            async with asyncio.timeout(self.timing.close):
                await self._work_while(self._sender.settle())
                if self.floor.router.open():  # a fill may be behind the answer to its order
                    await self._work_while(self._examiner.look_again())
                    await self._work_while(self._sender.settle())
                if self._requests.stop_asked() in {"cancel", "flatten"}:
                    await self._until_ended()
        except TimeoutError:
            said = "the session ended before the broker had answered everything; the next one asks"
            self.alarm(said)
        for course in self.floor.courses.values() if ending is Ending.END_OF_DATA else ():
            course.stop()  # what was only stopped goes on later
        if ending is Ending.STOPPED:
            self.save()
        self._write("session", {"state": ending.value})
        self.journal.commit(durable=True)
        return ending

    async def _until_ended(self) -> None:
        while self.floor.router.open():
            await self._wait()
            self._take_all()

    # --- tasks -----------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async for heard in self.broker.events():
            self.bring(heard)
        raise Halt(f"{self.broker.name}: the stream of events ended for good; start the session again")

    async def _room(self) -> None:
        """Wait until what is there now has been taken."""
        taken = asyncio.Event()
        self.bring(taken.set)
        await taken.wait()

    async def _read(self, feed: AsyncIterator[Fed]) -> None:
        async for item in feed:
            self.bring(item)
            if len(self._inputs) > _ROOM:
                await self._room()
        self._fed = True
        self._news.set()


def _nothing() -> None:
    return None
