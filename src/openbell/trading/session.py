"""A paper session: a course that is fed, journalled, asked to stop, and gone on with later."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage
from openbell.core.types import Action
from openbell.execution.risk.gate import gate_of
from openbell.execution.risk.limits import Risk
from openbell.storage.journal import Journal
from openbell.trading.asks import LOOSEN
from openbell.trading.circumstances import CONDITION
from openbell.trading.course import Course
from openbell.trading.inbox import Nobody, Requests
from openbell.trading.livecourse import LiveCourse
from openbell.trading.paperbooks import PaperBooks
from openbell.trading.record import Ending
from openbell.trading.records import body_of_action
from openbell.trading.scribe import trace_of
from openbell.utils.logging import correlate

__all__ = ["Ending", "Session"]


class Session(PaperBooks):
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
        super().__init__(courses, journal, wall=wall)
        self._requests = requests or Nobody()
        self._every, self._taken = every, 0  # moments between two commits: what is lost is played again
        self.changes, self._guard = changes, guard
        self.loosening: set[str] = set()  #: nobody has to agree on paper
        self._told = False  # whether that request is written down

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

    def take(self, bars: Sequence[BarMessage]) -> None:
        """Take one moment: its bars are written down before anything follows from them.

        What it leads to has its time as its trace, in the logs too.
        """
        if self._guard is not None:
            self._guard()
        for course in self.courses:
            asked = course.brake_asked
            if asked is not course.braked:
                self._write("brake", {"stop": asked}, strategy=course.name)
                course.brake(stop=asked)
        moment, body = bars[-1].end, {"bars": [list(bar) for bar in bars]}
        trace = trace_of(moment)
        self.journal.append("moment", body, time=moment, wall=self._wall(), trace=trace)
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

    def _end(self, ending: Ending) -> Ending:
        if ending is Ending.STOPPED:
            self.save()
        self._write("session", {"state": ending.value})
        self.journal.commit(durable=True)
        return ending


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
