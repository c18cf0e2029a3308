"""A session's events as spans: from the bar that came to each order's last fill."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from openbell.core.types import OrderStatus
from openbell.storage.journal import Entry

_FLIGHTS = 10_000  #: orders that are followed at a time
_DUST = 1e-9
_ENDED = frozenset(one.value for one in (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED))


class Span(NamedTuple):
    """Something that took its time. The numbers of a journal's spans are the same whenever it is read."""

    trace: int  #: 128 bits: everything that one bar led to
    id: int  #: 64 bits
    parent: int  #: the span that it belongs to; 0 is none
    name: str  #: bar, order, acknowledge or fill
    began: int  #: ns UTC of the computer
    ended: int
    attributes: Mapping[str, str | float | int]
    is_fine: bool = True


@dataclass(slots=True)
class _Flight:
    """An order that has not ended."""

    trace: int
    id: int
    parent: int
    began: int
    taken: int  #: when it was acknowledged, or when it began
    quantity: float
    attributes: Mapping[str, str | float | int]
    filled: float = 0.0


class Spans:
    """Takes a session's events, one by one, and tells what has ended."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._begin(0)

    def _begin(self, wall: int) -> None:
        self._life = wall  #: when the session began
        self._bar = ("", 0)  #: the last moment's trace, and when it came
        self._told = ""  #: the trace of the last bar that is a span
        self._flights: dict[tuple[str, str], _Flight] = {}

    def take(self, entry: Entry) -> Iterator[Span]:
        """Yield the spans that an event ends."""
        if entry.kind == "session" and entry.body["state"] == "begun":
            self._begin(entry.wall)
        elif entry.kind == "moment":
            self._bar = (entry.trace, entry.wall)
        elif entry.kind == "order":
            yield from self._order(entry)
        elif entry.kind in {"accepted", "update", "fill"}:
            flight = self._flights.get((entry.strategy, entry.subject))
            if flight is not None:
                yield from self._follow(flight, entry)

    def _order(self, entry: Entry) -> Iterator[Span]:
        trace = self._number(16, entry.trace)
        parent = 0
        if entry.trace and entry.trace == self._bar[0]:
            parent = self._number(8, entry.trace, "bar")
            if self._told != entry.trace:
                self._told = entry.trace
                said = {"openbell.session": self._session, "openbell.trace": entry.trace}
                yield Span(trace, parent, 0, "bar", self._bar[1], entry.wall, said)
        body = entry.body
        said = {
            "openbell.session": self._session, "openbell.trace": entry.trace,
            "openbell.strategy": entry.strategy, "openbell.order": entry.subject,
            "openbell.symbol": body["symbol"], "openbell.type": body["type"],
            "openbell.side": "buy" if body["side"] > 0 else "sell", "openbell.quantity": body["quantity"],
        }  # fmt: skip
        own = self._number(8, entry.strategy, entry.subject)
        self._flights[entry.strategy, entry.subject] = _Flight(
            trace, own, parent, entry.wall, entry.wall, body["quantity"], said
        )
        if len(self._flights) > _FLIGHTS:
            self._flights.pop(next(iter(self._flights)))

    def _follow(self, flight: _Flight, entry: Entry) -> Iterator[Span]:
        status = entry.body.get("status", "")
        if entry.kind == "update":
            flight.quantity = entry.body.get("quantity", flight.quantity)
        if entry.kind == "accepted" or status == OrderStatus.ACCEPTED.value:
            if flight.taken == flight.began:
                yield self._part(flight, entry, "acknowledge", flight.began, {})
                flight.taken = entry.wall
        elif entry.kind == "fill":
            named = {f"openbell.{name}": entry.body[name] for name in ("price", "quantity", "fee")}
            yield self._part(flight, entry, "fill", flight.taken, named)
            flight.filled += entry.body["quantity"]
            if flight.filled > flight.quantity - _DUST:
                yield self._end(entry, flight, OrderStatus.FILLED.value)
        elif status in _ENDED:
            yield self._end(entry, flight, status)

    def _part(self, flight: _Flight, entry: Entry, name: str, began: int, said: Mapping[str, float]) -> Span:
        number = self._number(8, entry.strategy, entry.subject, str(entry.seq))
        known = {key: flight.attributes[key] for key in ("openbell.session", "openbell.order")}
        finite = {key: value for key, value in said.items() if math.isfinite(value)}
        return Span(flight.trace, number, flight.id, name, began, entry.wall, known | finite)

    def _end(self, entry: Entry, flight: _Flight, status: str) -> Span:
        del self._flights[entry.strategy, entry.subject]
        said: dict[str, Any] = {**flight.attributes, "openbell.status": status}
        if entry.body.get("reason"):
            said["openbell.reason"] = entry.body["reason"]
        fine = status != OrderStatus.REJECTED.value
        return Span(flight.trace, flight.id, flight.parent, "order", flight.began, entry.wall, said, fine)

    def _number(self, size: int, *parts: str) -> int:
        """Return a number that stands for something of this session, the same in each reading."""
        text = "\0".join((self._session, str(self._life), *parts))
        return int.from_bytes(blake2b(text.encode(), digest_size=size).digest(), "big") or 1
