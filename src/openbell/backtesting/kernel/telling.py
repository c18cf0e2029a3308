"""From the kernel's log back to orders, fills and a ledger: the run as the event engine would tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import make_dataclass
from itertools import starmap
from typing import Any

from openbell.backtesting.kernel.memory import Memory
from openbell.backtesting.kernel.records import (
    ACCEPTED,
    AMBIGUITY,
    CHARGE,
    CUT,
    DIVIDEND,
    FILL,
    LIMIT,
    MADE,
    MARGIN_CALL,
    MARKET,
    REASONS,
    SAME,
    SPLIT,
    STATUSES,
    STOP,
    TRAILING,
    UPDATE,
    Event,
)
from openbell.backtesting.replay import Marks
from openbell.core.engine import Engine
from openbell.core.orders import Order, OrderUpdate
from openbell.core.power import CUT as CUT_TO_POWER
from openbell.core.types import Charge, Fill, OrderStatus, OrderType, Phase, Reason, Side
from openbell.data.panel import Panel
from openbell.execution.brokers.simulated import Ambiguity

_TYPES = {
    MARKET: OrderType.MARKET,
    LIMIT: OrderType.LIMIT,
    STOP: OrderType.STOP,
    TRAILING: OrderType.TRAILING_STOP,
}
_TAGS = {LIMIT: "take_profit", STOP: "stop_loss", TRAILING: "trailing_stop"}


#: The fields of a line of the log, in the order of its record.
_FIELDS: Sequence[str] = [name for name, *_ in Event._fields_]
#: One line of the log.
_Line: Any = make_dataclass("_Line", _FIELDS, slots=True)


class Telling:
    """What a log tells, taken in line by line through the engine that would have lived it."""

    def __init__(self, engine: Engine, panel: Panel) -> None:
        self.marks = Marks()
        self.ambiguities: list[Ambiguity] = []
        self._engine = engine
        self._ear = engine.ear(engine.step)
        self._tracks = list(panel.tracks.values())
        self._actions = [action for _, action in panel.schedule()]
        self._take = {
            MADE: self._made, UPDATE: self._update, FILL: self._fill, CHARGE: self._charge,
            SPLIT: self._split, DIVIDEND: self._dividend, AMBIGUITY: self._ambiguity,
        }  # fmt: skip

    def tell(self, memory: Memory) -> None:
        """Take in a whole log."""
        take, booked = self._take, self._engine.account.entries
        moments, entries = self.marks.moments, self.marks.entries
        before = 0
        for line in starmap(_Line, memory.log.tolist()):
            take[line.kind](line)
            if len(booked) != before:
                before = len(booked)
                if not moments or moments[-1] != line.moment:
                    moments.append(line.moment)
                    entries.append(before)
                entries[-1] = before

    def _made(self, line: Any) -> None:
        kind, reduces, aim = line.code % 4, bool(line.code & 4), bool(line.code & 8)
        side: Side = 1 if line.a > 0 else -1
        desk, symbol = self._engine.desk, self._tracks[line.symbol].symbol
        order = Order(
            line.order, desk.name, symbol, side, abs(line.a),
            decided=line.time, type=_TYPES[kind], limit=line.b, stop=line.c, trail=line.d,
            trail_percent=kind == TRAILING, reduce_only=reduces, parent=int(line.e), oco=int(line.f),
            aim=aim, tag=_tag(kind, aim=aim, reason=line.reason),
        )  # fmt: skip
        desk.orders[order.id] = order
        desk.working.setdefault(symbol, {})[order.id] = order

    def _update(self, line: Any) -> None:
        order = self._engine.desk.orders[line.order]
        if order.status is OrderStatus.NEW:  # it was sent when it was made, and this is the answer
            if line.code == ACCEPTED:
                order.accept(line.time)
                return
            order.move(OrderStatus.SUBMITTED, line.time)
        status = order.status if line.code == SAME else STATUSES[line.code]
        self._ear.update(
            OrderUpdate(order.id, status, REASONS[line.reason], line.time, line.a, line.b, line.c, line.d)
        )

    def _fill(self, line: Any) -> None:
        order = self._engine.desk.orders[line.order]
        self._ear.fill(
            Fill(
                order.id, order.strategy, order.symbol, order.side, line.a, line.b, line.c,
                line.d, line.time, Phase(line.code),
            )
        )  # fmt: skip

    def _charge(self, line: Any) -> None:
        interest = line.symbol < 0
        symbol = "" if interest else self._tracks[line.symbol].symbol
        kind = "interest" if interest else "borrow"
        self._engine.step(Charge(self._engine.desk.name, symbol, kind, line.a, line.time))

    def _split(self, line: Any) -> None:
        action: Any = self._actions[line.order]
        instrument = self._tracks[line.symbol].instrument
        self._engine.account.book_split(action, time=action.ex, previous_close=line.a, instrument=instrument)

    def _dividend(self, line: Any) -> None:
        action: Any = self._actions[line.order]
        self._engine.account.book_dividend(action, time=action.ex)

    def _ambiguity(self, line: Any) -> None:
        symbol = self._tracks[line.symbol].symbol
        self.ambiguities.append(Ambiguity(symbol, line.time, line.a, line.b, line.c, resolved=False))


def _tag(kind: int, *, aim: bool, reason: int) -> str:
    if reason == MARGIN_CALL:
        return Reason.MARGIN_CALL.value
    if reason == CUT:
        return CUT_TO_POWER
    return "" if aim else _TAGS[kind]
