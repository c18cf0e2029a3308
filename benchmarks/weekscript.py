"""The script of the week of faults: what goes wrong in which minute, and the strategy that meets it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from tests.loopback.exchange import Event
from tests.unit.trading_by_hand import MINUTE, START

import openbell as ob
from openbell.core.errors import Disconnected, Retryable
from openbell.execution.port import Heard

DAY = 1_440  #: minutes
_HOUR = 60 * MINUTE


@dataclass(frozen=True)
class Script:
    """What happens in which minutes, counted in sessions alone.

    Args:
        minutes: How many there are.
        session: Minutes of a session; after each is a night.
        outages: First and last minute in which the broker itself does not answer.
        at: The minutes of everything else. A night's fault names the minute before it.
        settle: Seconds that are waited after an outage, of the half minute until the next bar.
    """

    minutes: int
    session: int = 390
    outages: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    at: Mapping[str, Container[int]] = field(default_factory=dict)
    settle: float = 6.0

    def has(self, fault: str, minute: int) -> bool:
        """Tell whether a fault is in a minute."""
        return minute in self.at.get(fault, ())

    def begins(self, fault: str, minute: int) -> bool:
        """Tell whether a minute is the first of a fault's."""
        return self.has(fault, minute) and not self.has(fault, minute - 1)

    def ends(self, fault: str, minute: int) -> bool:
        """Tell whether a minute is the first after a fault's."""
        return self.has(fault, minute - 1) and not self.has(fault, minute)

    def outage(self, minute: int) -> str | None:
        """Return what ails the broker itself in a minute."""
        return next((name for name, (low, high) in self.outages.items() if low <= minute <= high), None)

    def stamp(self, minute: int) -> int:
        """Return how many minutes after the week's start a minute is, nights counted."""
        day, within = divmod(minute - 1, self.session)
        return day * DAY + within + 1

    def minute_of(self, stamp: int) -> int:
        """Return the minute that is so many minutes after the week's start."""
        day, within = divmod(stamp - 1, DAY)
        return day * self.session + within + 1


WEEK = Script(
    5 * 390,
    outages={"429 burst": (450, 454), "500 burst": (900, 903), "connection refused": (1300, 1309)},
    at={
        "stream dropped": (100, 250, 1500, 1501),
        "events doubled and reordered": range(150, 220),
        "answer lost": (300,),
        "request lost": (350,),
        "stream mute, then out of order": range(520, 525),
        "clock off": range(560, 620),
        "an order rests": (690, 740, 1230),
        "kill, and fills while down": (700,),
        "cancel asked": (710, 745),
        "late fill after the cancel": (745,),
        "split overnight": (780,),
        "disk full": (1000,),
        "Redis away": range(1050, 1090),
        "kill after an order": (1100,),
        "maintenance at night": (1170,),
        "placed by hand": (1200,),
        "rejected after acceptance": (1240,),
        "SIGTERM during a submit": (1400,),
        "second engine": (1450,),
        "Postgres away": range(1600, 1680),
        "kill before an order": (1700,),
    },
)


class Alternating(ob.Strategy):
    """Holds ten shares and none, in turn: each bar is a signal. Of another symbol it keeps a hundred."""

    script: ClassVar[Script] = WEEK

    def on_bar(self, bar: Any) -> None:
        """Decide on the first symbol's bar."""
        if bar.symbol != "A":
            return
        number = self.script.minute_of((bar.nanos - START) // MINUTE - 1)
        if number == 1:
            self.order("B", 100)
        if self.script.has("an order rests", number):
            self.order("B", 20, limit=30.0)
        if self.script.has("cancel asked", number):
            for order in self.working:
                self.cancel(order)
        self.target_quantity("A", 0.0 if self.position("A") else 10.0)


@dataclass
class Week:
    """How the script goes: which calls fail, when the session is killed, and what came of it all."""

    script: Script
    minute: int = 0
    night: bool = False  #: the broker does not answer
    over: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    missed: dict[int, float] = field(
        default_factory=dict
    )  #: minutes, and the seconds until they were acted on
    gone: dict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )  #: seconds in which nothing could be acted on, by fault
    wrong: list[str] = field(default_factory=list)
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    arrived_at: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(11))
    _once: set[str] = field(default_factory=set)

    async def __call__(self, call: str, point: str) -> None:
        """Let a call fail as the minute has it, or end the session at it."""
        if self.killed.is_set():
            await asyncio.Event().wait()  # nothing goes on from here
        if call == "events" or self.over:
            return
        kind = self.script.outage(self.minute)
        if kind == "connection refused" or self.night:
            raise Disconnected("the broker refuses connections")
        if kind is not None:
            raise Retryable(kind, after=0.2 if kind == "429 burst" else None)
        if call == "place":
            await self._place(point)

    async def _place(self, point: str) -> None:
        if self._is_first("answer lost", point, "after") or self._is_first("request lost", point, "before"):
            raise Retryable("it got lost")
        if self._is_first("SIGTERM during a submit", point, "after"):
            await asyncio.sleep(0.3)
        if self._is_first("kill after an order", point, "after") or self._is_first(
            "kill before an order", point, "before"
        ):
            self.killed.set()
            await asyncio.Event().wait()

    def _is_first(self, fault: str, point: str, wanted: str) -> bool:
        """Tell whether a fault is due at this point, which it is once."""
        if point != wanted or fault in self._once or not self.script.has(fault, self.minute):
            return False
        self._once.add(fault)
        self.counts[fault] += 1
        return True

    def muddle(self, heard: Sequence[Heard]) -> Sequence[Heard]:
        """Double and turn round events, in some minutes."""
        if not self.script.has("events doubled and reordered", self.minute):
            return heard
        self.counts["events doubled and reordered"] += 1
        made = [one for one in heard for _ in range(2)]
        self.random.shuffle(made)
        return made

    def hear(self, event: Event) -> None:
        """Note that the exchange has an order of a bar."""
        if event.kind == "new" and event.order.symbol == "A":
            self.arrived_at = time.perf_counter()
            self.arrived.set()

    def wall(self) -> int:
        """Return what the computer's clock says: it is hours off at times, and each time by others."""
        now = START + self.script.stamp(max(self.minute, 1)) * MINUTE
        if not self.script.has("clock off", self.minute):
            return now
        self.counts["clock off"] += 1
        return now + self.random.randint(-9, 9) * _HOUR

    def price(self) -> Decimal:
        """Return the next price of the first symbol."""
        return Decimal(100) + Decimal(self.random.randint(-8, 8)) / 4

    def told(self, fills: int) -> dict[str, Any]:
        """Return the figures of it all."""
        minutes, script = self.script.minutes, self.script
        own = {number for number in range(1, minutes + 1) if script.outage(number)}
        late = {number: seconds for number, seconds in self.missed.items() if number not in own}
        seconds = defaultdict(float, self.gone)
        for number, delay in late.items():
            name = next((one for one in script.at if script.has(one, number)), "none")
            if name not in self.gone:  # else the time without a session counts, in which the signal was lost
                seconds[name] += delay
        return {
            "minutes": minutes,
            "outage_minutes": len(own),
            "acted_within_1s_percent": round(100 * (1 - len(self.missed) / minutes), 3),
            "signals_outside_outages_percent": round(100 * (1 - len(late) / (minutes - len(own))), 3),
            "outside_outages_percent": round(
                100 * (1 - sum(seconds.values()) / 60 / (minutes - len(own))), 3
            ),
            "seconds_gone": {name: round(one, 1) for name, one in seconds.items()},
            "missed_outside": sorted(late),
            "faults": dict(sorted(self.counts.items())),
            "fills": fills,
            "wrong": list(self.wrong),
        }


def _share(without: float, all_of_it: float) -> float:
    """Return the percentage that is left."""
    return round(100 * (1 - without / all_of_it), 3)
