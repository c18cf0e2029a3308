"""What goes to one target and when: grouped, once, not too often, not at night, and again where it failed.

It knows the time only by what it is told, and sends nothing itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from openbell.config.alerts import AlertsFile, Quiet, Severity, Target, clock_of

RANK: dict[Severity, int] = {"info": 0, "warning": 1, "critical": 2}
_HOUR = 3600.0
_LINES = 40  #: of a message
_FIRST, _LONGEST = 1.0, 300.0  #: seconds before the second try, and the most between two


class Alert(NamedTuple):
    """Something to tell."""

    severity: Severity
    kind: str
    session: str
    said: str


class Message(NamedTuple):
    """What is sent: a title, lines, and the worst severity in it."""

    severity: Severity
    title: str
    body: str


@dataclass(slots=True)
class _Line:
    alert: Alert
    at: float
    times: int = 1


@dataclass(slots=True)
class Postbox:
    """One target's."""

    target: Target
    rules: AlertsFile
    _waiting: list[_Line] = field(default_factory=list)
    _sent: deque[float] = field(default_factory=deque)
    _told: dict[Alert, float] = field(default_factory=dict)
    _repeated: dict[Alert, int] = field(default_factory=dict)
    _going: Message | None = None
    _tries: int = 0
    _again: float = 0.0

    def put(self, alert: Alert, now: float) -> None:
        """Take something to tell, at a time in seconds since 1970."""
        target = self.target
        if RANK[alert.severity] < RANK[target.least] or (target.kinds and alert.kind not in target.kinds):
            return
        for line in self._waiting:
            if line.alert == alert:
                line.times += 1
                return
        self._told = {one: at for one, at in self._told.items() if now - at < self.rules.repeat}
        if alert in self._told:
            self._repeated[alert] = self._repeated.get(alert, 0) + 1
            return
        self._waiting.append(_Line(alert, now, 1 + self._repeated.pop(alert, 0)))

    def due(self, now: float) -> Message | None:
        """Return what is to be sent now, or None. Ask again only after `sent` or `failed`."""
        if self._going is not None:
            return self._going if now >= self._again else None
        ready = [line for line in self._waiting if not self._is_quiet(line.alert, now)]
        critical = any(line.alert.severity == "critical" for line in ready)
        if not ready or not (critical or now - ready[0].at >= self.rules.group):
            return None
        while self._sent and now - self._sent[0] >= _HOUR:
            self._sent.popleft()
        if len(self._sent) >= self.rules.per_hour and not critical:
            return None
        self._waiting = [line for line in self._waiting if line not in ready]
        for line in ready:
            self._told[line.alert] = now
        self._sent.append(now)
        self._going, self._tries, self._again = _message(ready), 0, now
        return self._going

    def sent(self) -> None:
        """Take note that what was due has arrived."""
        self._going = None

    def failed(self, now: float) -> bool:
        """Take note that it has not; tell whether it will be tried again."""
        self._tries += 1
        if self._tries >= self.rules.attempts:
            self._going = None
            return False
        self._again = now + min(_FIRST * 2.0 ** (self._tries - 1), _LONGEST)
        return True

    def flush(self) -> None:
        """Let what waits for its group go at the next asking."""
        for line in self._waiting:
            line.at = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, and nothing is on its way."""
        return self._going is None and not self._waiting

    def _is_quiet(self, alert: Alert, now: float) -> bool:
        quiet = self.rules.quiet
        return quiet is not None and RANK[alert.severity] < RANK[quiet.let] and is_quiet(quiet, now)


def is_quiet(quiet: Quiet, now: float) -> bool:
    """Tell whether a time, in seconds since 1970, lies in the quiet hours, which may go over midnight."""
    moment = datetime.fromtimestamp(now, ZoneInfo(quiet.zone)).time()
    begin, end = clock_of(quiet.begin), clock_of(quiet.end)
    return begin <= moment < end if begin <= end else moment >= begin or moment < end


def _message(lines: Sequence[_Line]) -> Message:
    worst = max((line.alert.severity for line in lines), key=RANK.__getitem__)
    told = [f"[{a.severity}] {a.session}: {a.said}{_times(line)}" for line in lines if (a := line.alert)]
    first = lines[0].alert
    title = (
        f"Openbell: {first.kind.replace('_', ' ')} in {first.session}"
        if len(lines) == 1
        else f"Openbell: {len(lines)} alerts, the worst {worst}"
    )
    if len(told) > _LINES:
        told = [*told[:_LINES], f"and {len(lines) - _LINES} more; the dashboard has all"]
    return Message(worst, title, "\n".join(told))


def _times(line: _Line) -> str:
    return f" (×{line.times})" if line.times > 1 else ""
