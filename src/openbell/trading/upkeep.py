"""The upkeep of a live session: what is known beside orders, and what somebody must hear of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from openbell.core.errors import ConfigError, Disconnected, Retryable, nearest
from openbell.core.types import Action
from openbell.execution.port import Link, LiveBroker
from openbell.execution.risk.limits import Risk
from openbell.trading.asks import LOOSEN
from openbell.trading.floor import Floor
from openbell.trading.pulse import spell_age
from openbell.trading.records import body_of_action
from openbell.trading.sender import Timing
from openbell.trading.session import snapshot_of
from openbell.trading.tuning import Tuning
from openbell.utils.logging import get_logger

#: Asked between two inputs for strategies' new parameters, by name.
Changes = Callable[[], Mapping[str, Mapping[str, Any]]]


class Books(Protocol):
    """What the upkeep needs of a session."""

    floor: Floor
    broker: LiveBroker
    timing: Timing
    loosening: set[str]

    def take(self, kind: str, body: Mapping[str, Any], moment: int) -> None:
        """Take one input."""

    def put(self, kind: str, body: Mapping[str, Any], moment: int) -> None:
        """Have an input taken in its turn."""

    def bring(self, came: Any) -> None:
        """Have a function called in its turn."""

    def note(self, kind: str, body: Mapping[str, Any], *, strategy: str = "") -> None:
        """Write down what changes nothing."""

    def save(self) -> None:
        """Save how all stands."""


class Upkeep:
    """Actions of a morning, how strategies stand at a close, new parameters, a link that stays away."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._asked: set[Action] = set()
        self._failed: set[str] = set()
        self._down = asyncio.Event()
        self._why = ""

    # --- the day ---------------------------------------------------------------------------------------

    def expect(self, actions: Sequence[Action]) -> None:
        """Have corporate actions taken note of, each once."""
        fresh = [one for one in actions if one not in self._asked | self._books.floor.expected]
        self._asked.update(fresh)
        if fresh:
            bodies = [dict(body_of_action(one)) for one in fresh]
            self._books.put("expect", {"actions": bodies}, self._books.floor.time)

    def snapshot(self, close: int) -> None:
        """Have written down how each strategy stands at a session's close, when its bars have been taken."""

        def write() -> None:
            for course in self._books.floor.courses.values():
                self._books.note("snapshot", snapshot_of(course, close), strategy=course.name)
            self._books.save()

        self._books.bring(write)

    # --- parameters ------------------------------------------------------------------------------------

    def reload(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Give a strategy other parameters, from the next bar on.

        Raises:
            ConfigError: One is unknown, has the wrong type, or is out of bounds; nothing has changed.
        """
        floor = self._books.floor
        tuning = tuning_of(floor, name)
        tuning.check(parameters)
        body = {"strategy": name, "parameters": dict(parameters), "before": tuning.parameters}
        self._books.take("reload", body, floor.time)

    def limit(self, name: str, risk: Risk, loosened: Sequence[str] = ()) -> None:
        """Hold a strategy's orders against other limits, from the next order on."""
        floor = self._books.floor
        body = {"strategy": name, "risk": risk.as_json(), "loosened": list(loosened)}
        self._books.take("limits", {**body, "before": floor.gates[name].risk.as_json()}, floor.time)

    def look_for_changes(self, changes: Changes) -> None:
        """Give strategies the parameters that have changed."""
        for name, parameters in changes().items():
            self.reload(name, parameters)

    def change(self, asked: Mapping[str, Any]) -> str:
        """Give a strategy the parameters that somebody asks for; return why that cannot be, or nothing."""
        name = asked["strategy"]
        try:
            self.reload(name, {**tuning_of(self._books.floor, name).parameters, **asked["parameters"]})
        except ConfigError as error:
            return str(error)
        return ""

    # --- what somebody asks for ------------------------------------------------------------------------

    def carry_out(self, asked: Mapping[str, Any]) -> None:
        """Take what is asked of a strategy as an input, if it can be."""
        books, floor, said = self._books, self._books.floor, ""
        if asked["strategy"] not in floor.courses:
            said = f"strategy {asked['strategy']!r} is not in this session"
        elif asked["do"] == "set":
            said = self.change(asked)
        elif asked["do"] == LOOSEN:
            books.loosening.add(asked["strategy"])
        elif floor.left:
            said = "the session is stopping"
        if said:
            books.note("asked", {**asked, "declined": said})
        elif asked["do"] in {"set", LOOSEN}:
            books.note("asked", asked)
        else:
            books.take("ask", dict(asked), floor.time)

    async def cancel_all(self) -> None:
        """Ask for the end of all orders at once, past everything that waits; each is asked for as well."""
        try:
            async with asyncio.timeout(self._books.timing.answer):
                await self._books.broker.cancel_all()
        except (Retryable, Disconnected, TimeoutError) as error:
            said = f"cancel-all was not answered ({error}); each order is cancelled by itself"
            self.alarm(said)

    # --- what somebody must hear of --------------------------------------------------------------------

    def tell_failures(self) -> None:
        """Say loudly what orders must be heard of, and which strategies have raised since the last call."""
        board = self._books.floor.router.board
        warnings, board.warnings = board.warnings, []
        for said in warnings:
            self.alarm(said)
        for name, course in self._books.floor.courses.items():
            if course.failure is not None and name not in self._failed:
                self._failed.add(name)
                working = sum(one.reduce_only for one in _working(course))
                self.alarm(
                    f"strategy {name} raised and is not asked any more: {course.failure}; what it holds "
                    f"stays, with {working} protective orders; the others go on"
                )

    def alarm(self, said: str) -> None:
        """Write down and say loudly what somebody should look after."""
        self._books.note("alarm", {"said": said})
        get_logger().error(said)

    def hear(self, link: Link) -> None:
        """Take note that the connection to the broker is gone, or there again."""
        self._why = link.why
        if link.up:
            self._down.clear()
        else:
            self._down.set()

    async def watch_link(self) -> None:
        """Give the alarm when the broker stays away for long, and again as often, until cancelled."""
        name, patience = self._books.broker.name, self._books.timing.alarm
        while True:
            await self._down.wait()
            away = 0.0
            while await self._stays_away(patience):
                away += patience
                self._books.bring(
                    lambda away=away: self.alarm(
                        f"{name}: no connection for {spell_age(away)} ({self._why}); nothing can be "
                        "sent, positions and orders stay as they are at the broker"
                    )
                )

    async def _stays_away(self, seconds: float) -> bool:
        """Tell whether the link is still down after so many seconds; return at once when it is up again."""
        until = asyncio.get_running_loop().time() + seconds
        while self._down.is_set():
            left = until - asyncio.get_running_loop().time()
            if left <= 0.0:
                return True
            await asyncio.sleep(min(left, 1.0))
        return False


def tuning_of(floor: Floor, name: str) -> Tuning:
    """Return what changes a strategy's parameters.

    Raises:
        ConfigError: There is no such strategy, or it cannot be made anew.
    """
    course = floor.courses.get(name)
    if course is None or course.tuning is None:
        raise ConfigError(
            f"strategy {name!r} is not in this session, or was made without a way to make it anew"
            f"{nearest(name, list(floor.courses))}"
        )
    return course.tuning


def _working(course: Any) -> list[Any]:
    return [order for orders in course.engine.desk.working.values() for order in orders.values()]
