"""What a journal tells beside the ledger: signals, refusals, freshness, links, alarms, and how long it took.

Kept small on purpose: a dashboard that is open for months must not grow.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from openbell.core.types import NANOS_PER_SECOND
from openbell.storage.journal import Entry
from openbell.trading.funds import Funds, told_funds

BARS = 500  #: of each symbol that are kept for its chart and its returns
_KEPT = 500  #: of everything else
#: Bounds of the histogram of how long things take, in seconds.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_FLIGHTS = 10_000  #: orders whose times are remembered until they fill


class Freshness(NamedTuple):
    """A symbol's last bar: when it closed, and when the engine wrote it down; ns UTC."""

    time: int
    wall: int
    bars: int


class Notice(NamedTuple):
    """Something that somebody should know of."""

    seq: int
    time: int
    wall: int
    kind: str
    strategy: str
    said: str


@dataclass(slots=True)
class Timing:
    """How long one way takes, in seconds: the last ones, and how many there were."""

    last: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    count: int = 0
    total: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))  #: each with those below it

    def add(self, nanos: int) -> None:
        """Add one, in ns; clocks that went back count as nothing."""
        seconds = max(nanos, 0) / NANOS_PER_SECOND
        self.last.append(seconds)
        self.count += 1
        self.total += seconds
        for at in range(bisect_left(BOUNDS, seconds), len(BOUNDS)):
            self.buckets[at] += 1

    def quantile(self, share: float) -> float:
        """Return the value that so many of the last do not exceed; 0 where there are none."""
        ordered = sorted(self.last)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


#: From a bar that came to the order, from the order to its acceptance, from there to its first fill.
WAYS = ("bar_to_order", "order_to_ack", "ack_to_fill")


class Observed:
    """Takes a session's events, one by one."""

    def __init__(self) -> None:
        self.signals: dict[
            tuple[str, str], tuple[float, int]
        ] = {}  #: conviction and time, by strategy, symbol
        self.notices: deque[Notice] = deque(maxlen=_KEPT)
        self.refused: dict[str, int] = {}  #: orders that were refused, by reason
        self.fresh: dict[str, Freshness] = {}
        self.bars: dict[str, deque[list[Any]]] = {}  #: start (ns), open, high, low, close, volume
        self.link_up: bool | None = None  #: whether the broker's stream stands; None where there is none
        self.reconnects = 0
        self.feed = ""  #: what the feed last said of itself: Connected, Lost, Stale or Waiting
        self.funds: Funds | None = None  #: what the broker told last of the account
        self.skew: float | None = None  #: seconds by which the broker's clock is another
        self.checked = 0  #: when books and broker were last compared, ns UTC of the computer
        self.paused: set[str] = set()
        self.parameters: dict[str, Mapping[str, Any]] = {}
        self.begun: Mapping[str, Any] = {}
        self.day_began: dict[str, float] = {}  #: each strategy's equity when the day began
        self.peak: dict[str, float] = {}
        self.timings = {way: Timing() for way in WAYS}
        self._ordered: dict[tuple[str, str], int] = {}
        self._taken: dict[tuple[str, str], int] = {}
        self._moment = 0
        self.wall = 0  #: when the last event was written, ns UTC of the computer
        self._steps = {
            "session": self._session, "strategy": self._strategy, "moment": self._bars,
            "signal": self._signal, "refused": self._refused, "update": self._update, "link": self._link,
            "checked": self._checked, "order": self._order, "accepted": self._accepted, "fill": self._fill,
            "power": self._power,
            "feed": self._feed, "condition": self._condition, "ask": self._ask, "asked": self._asked,
            "reload": self._reload, "rolled_back": self._rolled_back,
        }  # fmt: skip

    def take(self, entry: Entry) -> None:
        """Take one event."""
        self.wall = entry.wall
        step = self._steps.get(entry.kind)
        if step is not None:
            step(entry)
        elif entry.kind in _NOTICES:
            self._notice(entry, str(entry.body.get("said") or _spell(entry.body)))

    def mark(self, strategy: str, equity: float, *, new_day: bool) -> None:
        """Take a strategy's equity after a moment."""
        self.peak[strategy] = max(self.peak.get(strategy, equity), equity)
        if new_day or strategy not in self.day_began:
            self.day_began[strategy] = equity

    def _notice(self, entry: Entry, said: str) -> None:
        self.notices.append(Notice(entry.seq, entry.time, entry.wall, entry.kind, entry.strategy, said))

    def _session(self, entry: Entry) -> None:
        if entry.body["state"] == "begun":
            self.begun = entry.body
        self._notice(entry, f"session {entry.body['state']}")

    def _strategy(self, entry: Entry) -> None:
        self.parameters[entry.strategy] = entry.body["parameters"]

    def _bars(self, entry: Entry) -> None:
        self._moment = entry.wall
        self.feed = "Connected" if self.feed else ""
        for symbol, start, end, *prices in entry.body["bars"]:
            seen = self.fresh.get(symbol)
            self.fresh[symbol] = Freshness(end, entry.wall, 1 if seen is None else seen.bars + 1)
            self.bars.setdefault(symbol, deque(maxlen=BARS)).append([start, *prices[:5]])

    def _signal(self, entry: Entry) -> None:
        self.signals[entry.strategy, entry.subject] = (entry.body["conviction"], entry.time)

    def _refused(self, entry: Entry) -> None:
        self._count(entry.body["limit"])
        self._notice(entry, entry.body["said"])

    def _update(self, entry: Entry) -> None:
        if entry.body["status"] == "rejected":
            self._count(entry.body["reason"])
            self._notice(entry, f"order {entry.body['order_id']} was rejected: {entry.body['reason']}")
        elif entry.body["status"] == "accepted":
            self._accepted(entry)

    def _count(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def _link(self, entry: Entry) -> None:
        up = bool(entry.body["up"])
        self.reconnects += up and self.link_up is False
        self.link_up = up
        self._notice(entry, "the broker's stream stands" if up else f"no stream: {entry.body['why']}")

    def _feed(self, entry: Entry) -> None:
        if entry.body["kind"] in _FEED:
            self.feed = entry.body["kind"]
        self._notice(entry, f"{entry.body['kind']}: {entry.body['said']}")

    def _condition(self, entry: Entry) -> None:
        if entry.body.get("what") == "skew":
            self.skew = entry.body["seconds"]

    def _checked(self, entry: Entry) -> None:
        self.checked = entry.wall

    def _power(self, entry: Entry) -> None:
        self.funds = told_funds(entry)

    def _order(self, entry: Entry) -> None:
        key = entry.strategy, entry.subject
        self._ordered[key] = entry.wall
        if len(self._ordered) > _FLIGHTS:
            self._ordered.pop(next(iter(self._ordered)))
        if self._moment:
            self.timings["bar_to_order"].add(entry.wall - self._moment)

    def _accepted(self, entry: Entry) -> None:
        key = entry.strategy, entry.subject
        ordered = self._ordered.pop(key, None)
        if ordered is None:
            return
        self.timings["order_to_ack"].add(entry.wall - ordered)
        self._taken[key] = entry.wall
        if len(self._taken) > _FLIGHTS:
            self._taken.pop(next(iter(self._taken)))

    def _fill(self, entry: Entry) -> None:
        taken = self._taken.pop((entry.strategy, entry.subject), None)
        if taken is not None:
            self.timings["ack_to_fill"].add(entry.wall - taken)

    def _ask(self, entry: Entry) -> None:
        body = entry.body
        name = body["strategy"]
        if body["do"] == "pause":
            self.paused.add(name)
        elif body["do"] == "go_on":
            self.paused.discard(name)
        self._asked(entry)

    def _asked(self, entry: Entry) -> None:
        body = entry.body
        plain = {k: v for k, v in body.items() if k not in {"id", "do", "by", "strategy", "declined"}}
        said = f"{body['by'] or 'the command line'} asks: {body['do']} {_spell(plain)}".rstrip()
        declined = body.get("declined")
        self._notice(entry, said if declined is None else f"{said}; declined: {declined}")

    def _reload(self, entry: Entry) -> None:
        self.parameters[entry.strategy] = entry.body["parameters"]

    def _rolled_back(self, entry: Entry) -> None:
        self.parameters[entry.strategy] = entry.body["parameters"]
        self._notice(entry, entry.body["said"])


_FEED = frozenset({"Connected", "Lost", "Stale", "Waiting"})
#: Kinds of events that are told in their own words.
_NOTICES = frozenset({"failed", "margin_call", "alarm", "declined", "said", "correction"})


def _spell(body: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in body.items())
