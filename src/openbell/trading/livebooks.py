"""The books of a live session: its strategies and the journal that every input of them goes through.

No clock, no connection: what is to be sent is handed on, as soon as the journal is on the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from openbell.core.types import Action
from openbell.data.bars import Series
from openbell.storage.entries import Entry
from openbell.storage.journal import Journal
from openbell.trading.floor import Floor
from openbell.trading.livecourse import LiveCourse
from openbell.trading.recall import body_of_past
from openbell.trading.record import BEGUN
from openbell.trading.records import body_of_action
from openbell.trading.rehearsal import Rehearsal
from openbell.trading.route import Send
from openbell.trading.saves import Saves
from openbell.trading.scribe import trace_of
from openbell.trading.surroundings import outside_of


class LiveBooks:
    """What a live session knows, and how it is begun, saved, and gone on with."""

    def __init__(
        self,
        floor: Floor,
        journal: Journal,
        send: Callable[[Sequence[Send]], object],
        *,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        """Take strategies and router, the journal, what sends, and the computer's clock (ns UTC)."""
        self.floor, self.journal, self._send, self._wall = floor, journal, send, wall
        #: called before anything is written or sent: it raises `Halt` when the account is not ours any more
        self.guard: Callable[[], object] = bool
        self.saves: Saves | None = None  #: where the state is saved, so that going on is quick
        self.inputs = 0  #: so many were taken
        self._actions: list[Action] = []

    def begin(
        self, about: Mapping[str, Any], actions: Iterable[Action] = (), past: Iterable[Series] = ()
    ) -> None:
        """Begin a new session: write down with what. The strategies start when the account is known.

        Args:
            about: What makes it another session than others.
            actions: Corporate actions that will happen.
            past: The bars that the strategies' tapes began with.
        """
        self._actions = list(actions)
        self._write("session", {"state": BEGUN, **about})
        for series in past:
            self._write("history", body_of_past(series))
        for course in self.floor.courses.values():
            course.begin()
        self.journal.commit(durable=True)

    def begin_strategies(self) -> None:
        """Let the strategies prepare, if they have not: the account is known now."""
        if not self.floor.started:
            bodies = [dict(body_of_action(one)) for one in self._actions]
            self.take("expect", {"actions": bodies}, self.floor.time)
            self.take("start", {}, self.floor.time)

    def restore(self, state: Any) -> None:
        """Be as a session was when its state was saved; what came later is resumed.

        Raises:
            Halt: Older bars are missing on the disk.
        """
        self.floor, self.inputs = state
        for course in self.floor.courses.values():
            course.wake()

    def save(self) -> None:
        """Save how all stands, where that is worth while."""
        if self.saves is not None:
            self.saves.write(
                (self.floor, self.inputs), self.outside,
                inputs=self.inputs, time=self.floor.time, wall=self._wall(),
            )  # fmt: skip

    @property
    def outside(self) -> Mapping[str, object]:
        """What is not part of the session's state, by name."""
        board = self.floor.router.board
        own = {"capabilities": board.gate.capabilities, "hours": board.is_open}
        return {**outside_of(list(self.floor.courses.values()), self.journal), **own}

    def resume(self, entries: Iterable[Entry]) -> int:
        """Go through an interrupted session's inputs again; nothing is sent. Return how many there were.

        Raises:
            Halt: The strategies do not do again what they did.
        """
        rehearsal = Rehearsal(entries)
        courses = list(self.floor.courses.values())
        for course in courses:
            course.scribe.rehearse(rehearsal)
            if not self.inputs:
                course.begin()
        for entry in rehearsal.inputs():
            self.floor.apply(entry.kind, entry.body, entry.time)
            self.floor.router.take_outgoing()
            self.inputs += 1
        self.floor.router.board.warnings.clear()  # they were told
        for course in courses:
            course.scribe.rehearse(None)
        self._write("session", {"state": "resumed", "inputs": self.inputs})
        if self.floor.left:
            self.take("return", {}, self.floor.time)
        self.journal.commit(durable=True)
        return self.inputs

    def take(self, kind: str, body: Mapping[str, Any], moment: int) -> None:
        """Take one input: it is written down, applied, and what follows is on the disk before it is sent."""
        self.guard()
        client_id = body.get("client_id", "")
        trace = trace_of(moment) if kind == "moment" else self.floor.router.trace_of(client_id)
        self.journal.append(kind, body, time=moment, wall=self._wall(), trace=trace)
        self.floor.apply(kind, body, moment)
        self.inputs += 1
        sends = self.floor.router.take_outgoing()
        self.journal.commit(durable=bool(sends))
        if sends:
            self._send(sends)

    def note(self, kind: str, body: Mapping[str, Any], *, strategy: str = "") -> None:
        """Write down what changes nothing: a comparison, a lost connection, how a strategy stands."""
        self._write(kind, body, strategy=strategy)
        self.journal.commit()

    def _write(self, kind: str, body: Mapping[str, Any], *, strategy: str = "") -> None:
        self.journal.append(kind, body, time=self.floor.time, wall=self._wall(), strategy=strategy)

    @property
    def asks_to_loosen(self) -> bool:
        """Tell whether limits may be loosened by somebody who agrees to it alone: money is real here."""
        return ":paper:" not in self.journal.account

    @property
    def courses(self) -> list[LiveCourse]:
        """The strategies."""
        return list(self.floor.courses.values())

    @property
    def time(self) -> int:
        """The last input's time, ns UTC."""
        return self.floor.time

    @property
    def is_flat(self) -> bool:
        """Tell whether no strategy holds anything, and none of their orders works."""
        held = (course.engine.account.positions.values() for course in self.floor.courses.values())
        return not self.floor.router.open() and not any(one.quantity for some in held for one in some)
