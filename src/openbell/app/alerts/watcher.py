"""Watches sessions by their journals, and tells people: a process of its own, which no engine waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from openbell.app.alerts.book import Book
from openbell.app.alerts.findings import Finding, Stages, Watch, findings_in, sum_up
from openbell.app.alerts.outlet import Outlet, Sender, address_of, ping
from openbell.app.alerts.postbox import Alert, Message, Postbox
from openbell.app.desk import Desk
from openbell.app.healthview import health_of
from openbell.config.alerts import AlertsFile, Severity, Summary, clock_of
from openbell.core.errors import ConfigError, nearest
from openbell.utils.logging import get_logger

_LOOK = 0.2  #: seconds between two looks at the journals
_FAREWELL = 15.0  #: seconds that what is on its way has at the end


class Watcher:
    """Everything of one alerts.yaml."""

    def __init__(
        self,
        desk: Desk,
        rules: AlertsFile,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the sessions, whom to tell, and where their addresses are.

        Raises:
            ConfigError: An address is not set, or none that apprise knows.
        """
        self._desk, self._rules, self._clock = desk, rules, clock
        self._book = Book(desk.state)
        self._boxes: dict[str, Postbox] = {}
        self._outlets: dict[str, Outlet] = {}
        for name, target in rules.targets.items():
            where = f"targets.{name}.url"
            sender = Sender(address_of(target.url, environ, where), where)
            self._boxes[name] = box = Postbox(target, rules)
            self._outlets[name] = Outlet(sender.send, self._told_of(name, box))
        self._stages, self._watch = Stages(rules.drawdown), Watch()
        self._places = self._book.places.read()
        self._summed = _next(rules.summary, clock()) if rules.summary is not None else None
        self._pinged = 0.0
        self._is_first = True
        self._dead_man: Outlet | None = None
        if rules.dead_man is not None:
            address = address_of(rules.dead_man.url, environ, "dead_man.url")
            self._dead_man = Outlet(lambda _: ping(address), self._note_ping)

    def run(self, wait: Callable[[float], bool]) -> None:
        """Watch until `wait` says that somebody asks to end; what is on its way then is waited for."""
        while True:
            self.look()
            if wait(_LOOK):
                break
        for box in self._boxes.values():
            box.flush()
        end = time.monotonic() + _FAREWELL
        while any(not box.is_empty for box in self._boxes.values()) and time.monotonic() < end:
            self.post()
            if wait(0.0):
                time.sleep(_LOOK / 4)  # nobody wakes it: the ending has been asked for
        self._desk.close()

    def look(self) -> None:
        """Look at every session once, and send what is due."""
        sessions, now = self._desk.sessions(), self._clock()
        moved = False
        for one in sessions:
            after = self._places.get(one.name)
            if after is None or after > one.last:  # what was before anybody watched is not news
                after = one.last if self._is_first else 0
            for entry in one.events(after):
                for finding in findings_in(one.name, entry):
                    self._put(finding, now)
            moved |= self._places.get(one.name) != one.last
            self._places[one.name] = one.last
            for finding in self._stages.look(one):
                self._put(finding, now)
        for finding in self._watch.look(sessions, self._desk.unreadable):
            self._put(finding, now)
        if self._summed is not None and self._rules.summary is not None and now >= self._summed:
            self._summed = _next(self._rules.summary, now)
            for finding in sum_up(sessions):
                self._put(finding, now)
        self._is_first = False
        if moved:
            self._book.places.keep(self._places)
        self._ping(now)
        self.post()

    def post(self) -> None:
        """Send what is due."""
        for name, box in self._boxes.items():
            if not self._outlets[name].is_busy:
                message = box.due(self._clock())
                if message is not None:
                    self._outlets[name].send(message)

    def _put(self, finding: Finding, now: float) -> None:
        severity: Severity | None = self._rules.severity(finding.kind)
        if severity is None:
            return
        if finding.urgent:
            severity = "critical"
        alert = Alert(severity, finding.kind, finding.session, finding.said)
        for box in self._boxes.values():
            box.put(alert, now)

    def _told_of(self, name: str, box: Postbox) -> Callable[[Message, str], None]:
        """Return what takes note of how a message went."""

        def told(message: Message, why: str) -> None:
            if not why:
                outcome = "sent"
                box.sent()
            else:
                outcome = "failed" if box.failed(self._clock()) else "lost"
                get_logger().warning(f"alert to {name}: {outcome}: {why}")
            self._book.note(name, outcome, title=message.title, body=message.body, why=why)

        return told

    def _ping(self, now: float) -> None:
        """Ask the dead man's address while all is well: when it is not asked, somebody there notices."""
        dead_man = self._rules.dead_man
        if dead_man is None or self._dead_man is None or self._dead_man.is_busy:
            return
        if now - self._pinged >= dead_man.every and health_of(self._desk)["ready"]:
            self._pinged = now
            self._dead_man.send(Message("info", "ping", ""))

    def _note_ping(self, _message: Message, why: str) -> None:
        if why:
            get_logger().warning(f"the dead man's address does not answer: {why}")
            self._book.note("dead_man", "failed", title="ping", body="", why=why)


def send_test(rules: AlertsFile, environ: Mapping[str, str], only: str | None, book: Book) -> dict[str, str]:
    """Send a test message to every target, or to one; return for each why it did not arrive, or nothing.

    Raises:
        ConfigError: There is no such target, or an address is not set.
    """
    if only is not None and only not in rules.targets:
        raise ConfigError(f"target {only!r} is unknown{nearest(only, rules.targets)}")
    message = Message("info", "Openbell: a test", "If you can read this, alerts reach you here.")
    found = {}
    for name, target in rules.targets.items():
        if only in {None, name}:
            where = f"targets.{name}.url"
            found[name] = why = Sender(address_of(target.url, environ, where), where).send(message)
            book.note(name, "lost" if why else "sent", title=message.title, body=message.body, why=why)
    return found


def _next(summary: Summary, now: float) -> float:
    """Return when the day is summed up next, in seconds since 1970."""
    zone = ZoneInfo(summary.zone)
    here = datetime.fromtimestamp(now, zone)
    at = datetime.combine(here.date(), clock_of(summary.at), zone)
    while at.timestamp() <= now:
        at = datetime.combine(at.date() + timedelta(days=1), clock_of(summary.at), zone)
    return at.timestamp()
