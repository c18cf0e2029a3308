"""Routes: where each order of a strategy stands on its way to the broker and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from openbell.core.orders import TERMINAL, Order
from openbell.core.types import Instrument, OrderType, Reason, Split
from openbell.execution.approval import ApprovedOrder, quantity_of
from openbell.execution.port import Report
from openbell.trading.gate import Terms
from openbell.trading.livecourse import LiveCourse

ZERO = Decimal(0)
Call = Literal["place", "replace", "cancel"]


class Stage(StrEnum):
    """Where an order is."""

    KEPT = "kept"  #: here: asleep until its parent fills, or watched until a price is reached
    SENT = "sent"  #: on its way, and nobody has answered
    WORKING = "working"  #: the broker has it
    ENDED = "ended"


class Send(NamedTuple):
    """What is to be asked of the broker. `target` is the client id that a replace or cancel is about.

    `doubtful` asks that were written down in an earlier life: nobody knows whether they went out. `trace`
    joins what one bar led to.
    """

    call: Call
    client_id: str
    order: ApprovedOrder | None = None
    target: str = ""
    doubtful: bool = False
    trace: str = ""


class Outcome(StrEnum):
    """What came of a `Send`."""

    DONE = "done"
    REFUSED = "refused"  #: the broker understood it and said no
    ABSENT = "absent"  #: the broker was asked, and never got it


class Answer(NamedTuple):
    """What came of a `Send`, once it is known."""

    call: Call
    client_id: str
    outcome: Outcome
    time: int
    said: str = ""


@dataclass(slots=True, eq=False)
class Route:
    """One order's way. Quantities are exact; those of the whole order count over all its client ids."""

    course: LiveCourse
    order: Order
    instrument: Instrument
    terms: Terms  #: what is wanted of it now; the quantity is the whole order's
    trace: str = ""  #: joins what one bar led to
    parent: Route | None = None
    children: list[Route] = field(default_factory=list)
    owner: Route | None = None  #: the order that a native exit goes with
    stage: Stage = Stage.KEPT
    native: bool = False  #: an exit that the broker tends itself, as part of a bracket or a pair
    watched: bool = False  #: a stop that is watched here
    triggered: bool = False
    mark: float = math.nan  #: the best price that a watched trailing stop has seen
    client_id: str = ""  #: the one in force
    pending: str = ""  #: of a replacement that nobody has answered
    asked: Terms | None = None  #: what the broker was asked for
    coming: Terms | None = None  #: what a replacement that nobody has answered asks for
    revision: int = 0
    ids: list[str] = field(default_factory=list)
    bases: dict[str, Decimal] = field(default_factory=dict)  #: filled before, by client id
    heard: dict[str, Report] = field(default_factory=dict)  #: the last that was said, by client id
    booked: Decimal = ZERO  #: told to the strategy as fills
    executed: Decimal = ZERO  #: heard as executions
    executions: list[str] = field(default_factory=list)  #: their ids
    value: Decimal = ZERO  #: what was paid for what is booked
    taken: Decimal = ZERO  #: filled by the others of its group
    sent: Decimal = ZERO  #: how much a pair that the broker tends may fill, with what it has filled
    cancelling: Reason = Reason.NONE  #: why it is to end, if it is
    cancel_sent: bool = False
    cancel_refused: int = 0
    waited: bool = False  #: for the end of others, which may have filled: it is reviewed again
    splits: tuple[Split, ...] = ()  #: that have happened, and the broker's order was not seen since
    restated: bool = False  #: a change to the shares after a split is asked for
    again: bool = False  #: to be placed again with its new terms when its cancel is through

    @property
    def key(self) -> tuple[str, int]:
        """Name the order in its session."""
        return self.course.name, self.order.id

    @property
    def is_against_position(self) -> bool:
        """Tell whether what is held of the symbol is what the order would reduce."""
        return self.course.engine.account.quantity(self.order.symbol) * self.order.side < 0.0

    @property
    def whole(self) -> Decimal:
        """The order's whole quantity, as it is wanted now."""
        return quantity_of(self.terms.quantity, self.instrument)

    @property
    def wanted(self) -> Decimal:
        """How much of the order is to be filled in all: of a child, what its parent's fills allow."""
        whole = self.whole
        if self.parent is not None:
            share = self.parent.booked / self.parent.whole if self.parent.whole else ZERO
            lot = Decimal(repr(min(self.instrument.lot, 1.0)))
            whole = whole if share >= 1 else whole * share // lot * lot
        return whole - self.taken

    @property
    def told(self) -> Decimal:
        """How much the broker says has filled, over all client ids."""
        return max((self.bases[one] + heard.filled for one, heard in self.heard.items()), default=ZERO)

    @property
    def is_short_of_fills(self) -> bool:
        """Tell whether the broker speaks of fills that have not been told one by one."""
        return self.told > self.booked

    @property
    def last(self) -> Report | None:
        """What was said last of the client id in force."""
        return self.heard.get(self.client_id)

    def take(self, report: Report) -> bool:
        """Remember a report: what has filled never shrinks, and an end is never left. Tell if it is news."""
        before = self.heard.get(report.client_id)
        if before is None:
            self.heard[report.client_id] = report
            return True
        if report.filled < before.filled:
            report = report._replace(filled=before.filled, average=before.average)
        if before.status in TERMINAL:
            report = report._replace(status=before.status, reason=before.reason, said=before.said)
        self.heard[report.client_id] = report
        return said_of(report) != said_of(before)


def plain(value: Decimal) -> str:
    """Return a number without zeros at its end."""
    return f"{value.normalize():f}"


def said_of(report: Report) -> tuple[Any, ...]:
    """Return what makes a report differ from the one before it."""
    return report.status, report.filled, report.quantity


def terms_of(order: Order) -> Terms:
    """Return what a strategy asks for."""
    return Terms(order.type, order.quantity, order.limit, order.stop, order.trail)


def triggered_terms(terms: Terms) -> Terms:
    """Return what a stop becomes when its level is reached."""
    kind = OrderType.LIMIT if terms.type is OrderType.STOP_LIMIT else OrderType.MARKET
    return terms._replace(type=kind, stop=math.nan, trail=math.nan)


def body_of_send(send: Send) -> Mapping[str, Any]:
    """Return a request as the journal's body."""
    body: dict[str, Any] = {"call": send.call}
    if send.target:
        body["target"] = send.target
    if send.order is not None:
        names = ("type", "tif", "quantity", "limit", "stop", "trail", "take_profit", "stop_loss")
        values = {name: getattr(send.order, name) for name in names}
        body |= {name: str(value) for name, value in values.items() if value is not None}
    return body
