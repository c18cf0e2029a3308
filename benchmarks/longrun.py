"""A paper session over months: how memory grows, and how soon an interrupted one goes on."""

from __future__ import annotations

import gc
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START

import openbell as ob
from benchmarks.measure import resident
from openbell.core.engine import Engine
from openbell.core.messages import BarMessage
from openbell.core.types import NANOS_PER_DAY
from openbell.data.calendar import sessions
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.storage.journal import Journal
from openbell.trading.continuation import go_on
from openbell.trading.course import Course
from openbell.trading.record import Record
from openbell.trading.saves import Saves
from openbell.trading.scribe import Scribe
from openbell.trading.session import Session
from openbell.trading.summaries import SUMMED, summarise

DAY = 390  #: minutes of a session


class Averages(ob.Strategy):
    """Holds while the fast average is above the slow one."""

    def on_start(self) -> None:
        """Declare the averages."""
        self.fast, self.slow = self.indicator(ob.SMA(10)), self.indicator(ob.EMA(30))

    def on_bar(self, bar: ob.Bar) -> None:
        """Decide."""
        if self.fast[-1] > self.slow[-1]:
            self.buy(bar.symbol)
        else:
            self.close(bar.symbol)


class Often(Averages):
    """Orders at each eighth bar, in and out in turn: some 1,000 orders a month."""

    every: int = ob.param(8)

    def on_bar(self, bar: ob.Bar) -> None:
        """Decide."""
        if bar.index % self.every == 0:
            self.target_quantity(bar.symbol, 0.0 if self.position(bar.symbol) else 10.0)


def measure_days(days: int, folder: Path, *, trades: bool = True, every: int = 0) -> dict[str, float]:
    """Return how memory grows over days of minute bars in a paper session, in kB a day.

    With `every` there is an order at each so many bars; without `trades` no price moves.
    """
    held, resident_mb, began = [], [], time.perf_counter()
    with Journal(folder / "journal.db") as journal:
        session = _session(journal, days, folder, every=every)
        session.begin({})
        tracemalloc.start()
        for number in range(days * DAY):
            session.take([_bar(number, moves=trades)])
            if number % DAY == DAY - 1:
                session.snapshot(_begin(number) + MINUTE)
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
                resident_mb.append(resident())
        tracemalloc.stop()
        orders = len(journal.of_kind("order"))
    late = np.arange(len(held)) >= len(held) // 4
    slope = float(np.polyfit(np.arange(len(held))[late], np.array(held)[late], 1)[0])
    return {
        "days": days,
        "orders": orders,
        "slope_kb_a_day": round(slope / 1024, 2),
        "resident_first_mb": round(resident_mb[0], 1),
        "resident_last_mb": round(resident_mb[-1], 1),
        "seconds": round(time.perf_counter() - began, 1),
    }


def measure_resume(days: int, folder: Path) -> dict[str, float]:
    """Return how long going on after a kill at noon and `status` take: from a save, and from the start."""
    with Journal(folder / "journal.db") as journal:
        session = _session(journal, days, folder, every=8)
        session.saves = _saves(session, journal)
        session.begin({})
        took = 0.0
        for number in range(days * DAY - DAY // 2):
            session.take([_bar(number)])
            if number % DAY == DAY - 1:
                began = time.perf_counter()
                session.snapshot(_begin(number) + MINUTE)
                took = time.perf_counter() - began
        journal.commit()
        best: dict[str, float] = {}
        for way in ("save", "whole") * 3:
            began = time.perf_counter()
            record = _Saveless(journal) if way == "whole" else Record(journal)
            again, had = go_on(lambda: _session(journal, days, folder, every=8), record, _saved(journal))
            best[way] = min(best.get(way, 1e9), time.perf_counter() - began)
            if had != session.moments or again.courses[0].engine.account.cash != _cash(session):
                raise AssertionError(f"{way}: {had} moments of {session.moments}, or another account")
        for way in ("save", "whole") * 3:
            record = _Saveless(journal) if way == "whole" else Record(journal)
            began = time.perf_counter()
            summary = summarise(record)
            best[f"{way} seen"] = min(best.get(f"{way} seen", 1e9), time.perf_counter() - began)
            if summary.ledgers["s"].account.cash != _cash(session):
                raise AssertionError(f"{way}: the summary has another account")
        size = max(one.stat().st_size for one in (folder / "saved").iterdir())
        orders = len(journal.of_kind("order"))
    return {
        "bars": session.moments,
        "orders": orders,
        "from_save_s": round(best["save"], 3),
        "whole_s": round(best["whole"], 3),
        "status_s": round(best["save seen"], 3),
        "status_whole_s": round(best["whole seen"], 3),
        "save_ms": round(1e3 * took, 1),
        "save_kb": round(size / 1024),
    }


class _Saveless(Record):
    """A record whose saves are not seen."""

    def latest(self, kind: str) -> Any:
        """Return its last event of a kind, but no save."""
        return None if kind in {"saved", SUMMED} else super().latest(kind)


def _saves(session: Session, journal: Journal) -> Saves:
    return Saves(journal, [course.engine.strategy for course in session.courses], {})


def _saved(journal: Journal) -> Any:
    return lambda session: _saves(session, journal)


def _cash(session: Session) -> float:
    return session.courses[0].engine.account.cash


def _begin(number: int) -> int:
    """Return when a minute begins: each session is in a day of its own."""
    return START + number // DAY * NANOS_PER_DAY + number % DAY * MINUTE


def _bar(number: int, *, moves: bool = True) -> BarMessage:
    begin = _begin(number)
    price = 100.0 + 5.0 * float(np.sin(number / 40.0)) * moves
    return BarMessage("A", begin, begin + MINUTE, price, price, price, price, 1e5)


def _session(journal: Journal, days: int, folder: Path, *, every: int) -> Session:
    calendar = sessions("24/7", START, START + (days + 2) * NANOS_PER_DAY)
    tape = Tape(INSTRUMENTS[:1], timeframe="1m", sessions=calendar, begin=START, folder=folder / "tape")
    strategy: Any = Often(every=every) if every else Averages()
    engine = Engine(strategy, market=tape, cash=1e9, sizer=ob.FixedQuantity(10), short=False)
    strategy.bind(engine.desk, seed=0)
    broker = SimulatedBroker(
        strategy="s", account=engine.account, market=tape, sessions=tape.calendar, costs=ob.Costs()
    )
    return Session([Course(engine, broker, Scribe(journal, "s"), tape=tape)], journal)
