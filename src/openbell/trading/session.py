"""A paper session: a course that is fed, journalled, asked to stop, and gone on with later."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from openbell.core.errors import ConfigError, nearest
from openbell.core.messages import BarMessage
from openbell.core.types import Action
from openbell.data.bars import Series
from openbell.execution.risk.gate import gate_of
from openbell.execution.risk.limits import Risk, risk_from_json
from openbell.storage.journal import Entry, Journal
from openbell.trading.asks import LOOSEN
from openbell.trading.circumstances import CONDITION, Circumstances
from openbell.trading.course import Course
from openbell.trading.inbox import Nobody, Requests
from openbell.trading.livecourse import LiveCourse
from openbell.trading.recall import body_of_past
from openbell.trading.record import BEGUN
from openbell.trading.records import body_of_action
from openbell.trading.rehearsal import Rehearsal, actions_of, bars_of
from openbell.trading.saves import Saves
from openbell.trading.surroundings import outside_of
from openbell.trading.tuning import Tuning
from openbell.utils.logging import correlate


class Ending(StrEnum):
    """Why a session ended."""

    END_OF_DATA = "end_of_data"  #: there are no more bars
    STOPPED = "stopped"  #: somebody asked for it, and it can be gone on with


class Session:
    """One session: it owns the journal while it runs."""

    def __init__(
        self,
        courses: Sequence[Course],
        journal: Journal,
        *,
        requests: Requests | None = None,
        every: int = 1,
        wall: Callable[[], int] = time.time_ns,
        changes: Callable[[], Mapping[str, Mapping[str, Any]]] | None = None,
        guard: Callable[[], object] | None = None,
    ) -> None:
        """Take the parts.

        Args:
            courses: The strategies.
            journal: The account's.
            requests: Who may ask the session to stop.
            every: Moments between two commits where nobody waits for them.
            wall: The computer's clock, ns UTC.
            changes: Asked between two moments for strategies' new parameters, by name.
            guard: Called before each moment; it raises `Halt` when the account is not ours any more.
        """
        self.courses, self.journal = list(courses), journal
        self._requests = requests or Nobody()
        self._every, self._taken = every, 0  # moments between two commits: what is lost is played again
        self._wall, self.changes, self._guard = wall, changes, guard
        self.saves: Saves | None = None  #: where its state is saved, so that going on is quick
        self.moments = 0  #: so many were taken
        self._started = False  # whether the strategies have prepared
        self._expected: set[Action] = set()
        self.loosening: set[str] = set()  #: nobody has to agree on paper
        self._left = False  # whether orders were cancelled because of a request to stop
        self._told = False  # whether that request is written down
        gates = {course.name: gate_of(course.engine) for course in self.courses}
        self.circumstances = Circumstances({name: one for name, one in gates.items() if one is not None})

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
            if entry.kind == "moment":
                self._pass(bars_of(entry))
                self.moments += 1
            else:
                self._redo(entry)
        for course in self.courses:
            course.scribe.rehearse(None)
        self._write("session", {"state": "resumed", "moments": self.moments})
        if self._left:
            self._write("return", {})
            self._return()
        self.journal.commit(durable=True)
        return self.moments

    def _redo(self, entry: Entry) -> None:
        """Take an input again that is no moment."""
        if entry.kind == "expect":
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

    async def run(self, moments: AsyncIterator[Sequence[BarMessage]]) -> Ending:
        """Take moments until there are no more, or somebody asks to stop."""
        async for bars in moments:
            self.take(bars)
            self._look_for_changes()
            self._do_asks()
            if self._may_end():
                return self._end(Ending.STOPPED)
        if self._requests.stop_asked():
            self._may_end()
            return self._end(Ending.STOPPED)
        for course in self.courses:
            course.stop()
        return self._end(Ending.END_OF_DATA)

    def _may_end(self) -> bool:
        """Do what a request to stop asks for; tell whether the session may end."""
        how = self._requests.stop_asked()
        if how and not self._told:
            self._told = True
            self._write("asked", {"do": "stop", "how": how, "by": self._requests.by})
        if how in {"cancel", "flatten"} and not self._left:
            self._write("leave", {"how": how})
            self._leave(how)
            self.journal.commit(durable=True)
        return bool(how) and (how != "flatten" or all(course.is_flat for course in self.courses))

    def _leave(self, how: str) -> None:
        self._left = True
        for course in self.courses:
            course.leave(how)

    def _return(self) -> None:
        """Let the strategies decide again, after a stop that closed their positions."""
        self._left = False
        for course in self.courses:
            course.leaving = False

    def take(self, bars: Sequence[BarMessage]) -> None:
        """Take one moment: its bars are written down before anything follows from them.

        What it leads to has its number in the journal as its trace, in the logs too.
        """
        if self._guard is not None:
            self._guard()
        for course in self.courses:
            asked = course.brake_asked
            if asked is not course.braked:
                self._write("brake", {"stop": asked}, strategy=course.name)
                course.brake(stop=asked)
        trace = str(self.journal.last + 1)
        body = {"bars": [list(bar) for bar in bars]}
        self.journal.append("moment", body, time=bars[-1].end, wall=self._wall(), trace=trace)
        for course in self.courses:
            course.scribe.trace = trace
        with correlate(trace=trace):
            self._pass(bars)
        self._taken += 1
        self.moments += 1
        if self._taken % self._every == 0:
            self.journal.commit()

    def hear(self, item: object) -> None:
        """Take what limits look at beside bars, such as a halt, where it is news."""
        body = self.circumstances.news(item)
        if body is not None:
            self._write(CONDITION, dict(body))
            self.circumstances.take(body, self.time)

    def expect(self, actions: Sequence[Action]) -> None:
        """Take note of corporate actions that have become known, such as those of a morning, each once."""
        fresh = [one for one in actions if one not in self._expected]
        if fresh:
            self._write("expect", {"actions": [dict(body_of_action(one)) for one in fresh]})
            self._prepare(fresh)
            self.journal.commit()

    def reload(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Give a strategy other parameters, from the next bar on; what is asked for is written down first.

        Raises:
            ConfigError: One is unknown, has the wrong type, or is out of bounds; nothing has changed.
        """
        tuning = self._tuning(name)
        tuning.check(parameters)
        body = {"parameters": dict(parameters), "before": tuning.parameters}
        self._write("reload", body, strategy=name)
        self._change(name, parameters, self.time)
        self.journal.commit(durable=True)

    def limit(self, name: str, risk: Risk, loosened: Sequence[str] = ()) -> None:
        """Hold a strategy's orders against other limits; what is loosened is named in the journal."""
        gate = gate_of(self._course(name).engine)
        before = {} if gate is None else gate.risk.as_json()
        body = {"risk": risk.as_json(), "before": before, "loosened": list(loosened)}
        self._write("limits", body, strategy=name)
        self._limit(name, risk)
        self.journal.commit(durable=True)

    def _limit(self, name: str, risk: Risk) -> None:
        self._course(name).limit(risk)
        self.circumstances = Circumstances(self.circumstances.gates)

    @property
    def asks_to_loosen(self) -> bool:
        """Tell whether limits may be loosened by somebody who agrees to it alone; on paper anybody may."""
        return False

    def snapshot(self, close: int) -> None:
        """Write down how each strategy stands at a session's close."""
        for course in self.courses:
            self._write("snapshot", snapshot_of(course, close), strategy=course.name)
        self.journal.commit(durable=True)
        self.save()

    def note(self, kind: str, body: dict[str, Any]) -> None:
        """Write down what is only to be known, such as a feed's gaps: nothing follows from it."""
        self._write(kind, body)
        self.journal.commit()

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

    def _look_for_changes(self) -> None:
        for name, parameters in ({} if self.changes is None else self.changes()).items():
            self.reload(name, parameters)

    def _do_asks(self) -> None:
        """Do what is asked of strategies: each ask is on the disk before it is done."""
        for asked in self._requests.take_asks():
            name = asked["strategy"]
            if not any(course.name == name for course in self.courses):
                self._decline(asked, f"strategy {name!r} is not in this session")
            elif asked["do"] == "set":
                self._set(asked)
            elif asked["do"] == LOOSEN:
                self._decline(asked, "on paper limits are loosened as their file says, unasked")
            else:
                self._write("ask", dict(asked), strategy=name, subject=asked["id"])
                self._course(name).do(asked)
            self.journal.commit(durable=True)

    def _set(self, asked: Mapping[str, Any]) -> None:
        """Give a strategy other parameters; those that are not named stay as they are."""
        name = asked["strategy"]
        try:
            tuning = self._tuning(name)
            wanted = {**tuning.parameters, **asked["parameters"]}
            tuning.check(wanted)
        except ConfigError as error:
            self._decline(asked, str(error))
            return
        self._write("asked", dict(asked), strategy=name, subject=asked["id"])
        self.reload(name, wanted)

    def _decline(self, asked: Mapping[str, Any], said: str) -> None:
        self._write("asked", {**asked, "declined": said}, strategy=asked["strategy"], subject=asked["id"])

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
        for course in self.courses:
            course.moment(bars)

    def _end(self, ending: Ending) -> Ending:
        if ending is Ending.STOPPED:
            self.save()
        self._write("session", {"state": ending.value})
        self.journal.commit(durable=True)
        return ending

    def _write(self, kind: str, body: dict[str, Any], *, strategy: str = "", subject: str = "") -> None:
        self.journal.append(kind, body, time=self.time, wall=self._wall(), strategy=strategy, subject=subject)


def snapshot_of(course: Course | LiveCourse, close: int) -> dict[str, Any]:
    """Return a strategy's equity, cash, positions and working orders at a session's close."""
    account, desk = course.engine.account, course.engine.desk
    return {
        "close": close,
        "equity": account.equity(course.tape.price),
        "cash": account.cash,
        "positions": {symbol: p.quantity for symbol, p in account.positions.items() if p.quantity},
        "working": [order.id for orders in desk.working.values() for order in orders.values()],
    }
