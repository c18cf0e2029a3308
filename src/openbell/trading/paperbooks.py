"""The books of a paper session: its strategies and the journal, as it is begun, saved, and gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from openbell.core.errors import ConfigError, nearest
from openbell.core.messages import BarMessage
from openbell.core.types import Action
from openbell.data.bars import Series
from openbell.execution.risk.gate import gate_of
from openbell.execution.risk.limits import Risk, risk_from_json
from openbell.storage.entries import Entry
from openbell.storage.journal import Journal
from openbell.trading.circumstances import CONDITION, Circumstances
from openbell.trading.course import Course
from openbell.trading.recall import body_of_past
from openbell.trading.record import BEGUN
from openbell.trading.records import body_of_action
from openbell.trading.rehearsal import Rehearsal, actions_of, bars_of
from openbell.trading.saves import Saves
from openbell.trading.sharing import share_account
from openbell.trading.surroundings import outside_of
from openbell.trading.tuning import Tuning


class PaperBooks:
    """What a paper session knows."""

    def __init__(
        self, courses: Sequence[Course], journal: Journal, *, wall: Callable[[], int] = time.time_ns
    ) -> None:
        """Take the strategies, the journal, and the computer's clock (ns UTC)."""
        self.courses, self.journal, self._wall = list(courses), journal, wall
        self.saves: Saves | None = None  #: where the state is saved, so that going on is quick
        self.moments = 0  #: so many were taken
        self._started = False  # whether the strategies have prepared
        self._expected: set[Action] = set()
        self._left = False  # whether orders were cancelled because of a request to stop
        gates = {course.name: gate_of(course.engine) for course in self.courses}
        self.circumstances = Circumstances({name: one for name, one in gates.items() if one is not None})
        share_account(self.courses)

    def begin(
        self, about: dict[str, Any], actions: Iterable[Action] = (), past: Iterable[Series] = ()
    ) -> None:
        """Begin a new session: let the strategies prepare, and write down with what.

        Args:
            about: What makes it another session than others.
            actions: Corporate actions that will happen.
            past: The bars that the strategies' tapes began with.
        """
        expected = list(actions)
        self._write("session", {"state": BEGUN, **about})
        for series in past:
            self._write("history", dict(body_of_past(series)))
        for course in self.courses:
            course.begin()
        self._write("expect", {"actions": [dict(body_of_action(one)) for one in expected]})
        self._prepare(expected)
        self.journal.commit(durable=True)

    def restore(self, state: Any) -> None:
        """Be as a session was when its state was saved; what came later is resumed.

        Raises:
            Halt: Older bars are missing on the disk.
        """
        self.courses, self.circumstances, self._started, self._expected, self._left, self.moments = state
        for course in self.courses:
            course.wake()

    def save(self) -> None:
        """Save how all stands, where that is worth while."""
        if self.saves is not None:
            state = (
                self.courses, self.circumstances, self._started, self._expected, self._left, self.moments,
            )  # fmt: skip
            self.saves.write(state, self.outside, inputs=self.moments, time=self.time, wall=self._wall())

    @property
    def outside(self) -> Mapping[str, object]:
        """What is not part of the session's state, by name."""
        return outside_of(self.courses, self.journal)

    def resume(self, entries: Iterable[Entry]) -> int:
        """Go through an interrupted session again, up to where it stopped; return how many moments it had.

        Raises:
            Halt: The strategies do not do again what they did.
        """
        rehearsal = Rehearsal(entries)
        for course in self.courses:
            course.scribe.rehearse(rehearsal)
            if not self._started:
                course.begin()
        for entry in rehearsal.inputs():
            self.redo(entry)
        for course in self.courses:
            course.scribe.rehearse(None)
        self._write("session", {"state": "resumed", "moments": self.moments})
        if self._left:
            self._write("return", {})
            self._return()
        self.journal.commit(durable=True)
        return self.moments

    def redo(self, entry: Entry) -> None:
        """Take an input again."""
        if entry.kind == "moment":
            self._pass(bars_of(entry))
            self.moments += 1
        elif entry.kind == "expect":
            self._prepare(actions_of(entry))
        elif entry.kind == "leave":
            self._leave(entry.body["how"])
        elif entry.kind == "return":
            self._return()
        elif entry.kind == "brake":
            self._course(entry.strategy).brake(stop=entry.body["stop"])
        elif entry.kind == CONDITION:
            self.circumstances.take(entry.body, entry.time)
        elif entry.kind == "ask":
            self._course(entry.strategy).do(entry.body)
        elif entry.kind == "limits":
            self._limit(entry.strategy, risk_from_json(entry.body["risk"]))
        else:
            self._change(entry.strategy, entry.body["parameters"], entry.time)

    def _leave(self, how: str) -> None:
        self._left = True
        for course in self.courses:
            course.leave(how)

    def _return(self) -> None:
        """Let the strategies decide again, after a stop that closed their positions."""
        self._left = False
        for course in self.courses:
            course.leaving = False

    def _limit(self, name: str, risk: Risk) -> None:
        self._course(name).limit(risk)
        self.circumstances = Circumstances(self.circumstances.gates)

    @property
    def asks_to_loosen(self) -> bool:
        """Tell whether limits may be loosened by somebody who agrees to it alone; on paper anybody may."""
        return False

    @property
    def time(self) -> int:
        """The last moment's time in ns."""
        latest: int = max(course.tape.time for course in self.courses)
        return latest

    def _prepare(self, actions: Sequence[Action]) -> None:
        self._expected.update(actions)
        for course in self.courses:
            course.expect(actions)
            if not self._started:
                course.start()
        self._started = True

    def _course(self, name: str) -> Course:
        return next(course for course in self.courses if course.name == name)

    def _change(self, name: str, parameters: Mapping[str, Any], moment: int) -> None:
        self._tuning(name).change(parameters, moment)

    def _tuning(self, name: str) -> Tuning:
        tuning = next((course.tuning for course in self.courses if course.name == name), None)
        if tuning is None:
            raise ConfigError(
                f"strategy {name!r} is not in this session, or was made without a way to make it anew"
                f"{nearest(name, [course.name for course in self.courses])}"
            )
        return tuning

    def _pass(self, bars: Sequence[BarMessage]) -> None:
        events = [course.receive(bars) for course in self.courses]
        for course, event in zip(self.courses, events, strict=True):
            if event is not None:  # limits see the moment in all of the account
                course.decide(event)

    def _write(self, kind: str, body: dict[str, Any], *, strategy: str = "", subject: str = "") -> None:
        self.journal.append(kind, body, time=self.time, wall=self._wall(), strategy=strategy, subject=subject)
