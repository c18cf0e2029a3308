"""A router without a broker: a test plays the broker, word for word."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from openbell.core.orders import Order
from openbell.core.types import OrderStatus, Reason, Side
from openbell.execution.port import Capabilities, Execution, Report
from openbell.trading.ledger import fold
from openbell.trading.rehearsal import Rehearsal
from openbell.trading.route import Answer, Call, Outcome, Route, Send
from openbell.trading.wire import body_of_heard
from tests.loopback.direct import EVERYTHING
from tests.unit.opened import open_journal
from tests.unit.trading_by_hand import MINUTE, START, Acts, bar, floor_of, scripted

_S = OrderStatus


class Rig:
    """One strategy that acts at its n-th bar, its router, and what the broker says of its orders."""

    def __init__(
        self, path: Path, acts: dict[int, Acts], *, capabilities: Capabilities = EVERYTHING, **settings: Any
    ) -> None:
        self._kinds = settings.pop("kinds", None) or {"s": scripted(acts)}
        self._settings = {"capabilities": capabilities, **settings}
        self.journal = open_journal(path / "rig.db", "rig")
        self.floor = floor_of(self.journal, self._kinds, **self._settings)
        self.course = self.floor.courses["s"]
        for course in self.floor.courses.values():
            course.begin()
        self.sent: list[Send] = []
        self._fills = 0
        self.take("start", {})

    @property
    def time(self) -> int:
        return max(self.floor.time, START)

    def take(self, kind: str, body: Any) -> list[Send]:
        """Take an input; return what is sent because of it."""
        self.journal.append(kind, body, time=self.time, wall=0)
        self.floor.apply(kind, body, self.time)
        sends = self.floor.router.take_outgoing()
        self.sent += sends
        return sends

    def moment(self, number: int, price: float, *, high: float = 0.0, low: float = 0.0) -> list[Send]:
        self.floor.time = START + (number + 1) * MINUTE
        return self.take("moment", {"bars": [list(bar(number, price, "A", high, low))]})

    def report(
        self, client_id: str, status: OrderStatus, filled: int = 0, quantity: int = 10, **more: Any
    ) -> list[Send]:
        side: Side = -1 if client_id.endswith(("-tp", "-sl")) else 1
        average = Decimal(more.pop("average", 100 if filled else 0))
        report = Report(
            client_id, more.pop("broker_id", f"x-{client_id}"), "A", side, Decimal(quantity), status,
            self.time, Decimal(filled), average, **more,
        )  # fmt: skip
        return self.take("report", body_of_heard(report))

    def execution(
        self,
        client_id: str,
        quantity: int,
        price: float = 100,
        *,
        name: str = "",
        fee: str = "0",
        broker: str = "",
    ) -> list[Send]:
        self._fills += 1
        route = self.floor.router.board.by_client.get(client_id)
        side = route.order.side if route is not None else 1
        execution = Execution(
            name or f"e{self._fills}", client_id, broker or f"x-{client_id}", "A", side, Decimal(quantity),
            Decimal(str(price)), Decimal(fee), self.time,
        )  # fmt: skip
        return self.take("execution", body_of_heard(execution))

    def fill(self, client_id: str, quantity: int, *, whole: int = 10, before: int = 0) -> list[Send]:
        """Say that so much has filled, as a report and as an execution."""
        status = _S.FILLED if before + quantity >= whole else _S.PARTIALLY_FILLED
        sends = self.report(client_id, status, before + quantity, whole)
        return sends + self.execution(client_id, quantity)

    def accept(self, send: Send, quantity: int = 10) -> list[Send]:
        return self.report(send.client_id, _S.ACCEPTED, quantity=quantity)

    def answer(self, send: Send, outcome: Outcome, said: str = "", call: Call | None = None) -> list[Send]:
        answer = Answer(call or send.call, send.client_id, outcome, self.time, said)
        return self.take("answer", body_of_heard(answer))

    def order(self, number: int) -> Order:
        """Return the strategy's n-th order, from 1 on."""
        return list(self.course.engine.desk.orders.values())[number - 1]

    def route(self, number: int) -> Route:
        return self.floor.router.board.routes["s", self.order(number).id]

    def ended(self, number: int) -> tuple[OrderStatus, Reason]:
        order = self.order(number)
        return order.status, order.reason

    @property
    def held(self) -> float:
        return self.course.engine.account.quantity("A")

    def again(self) -> Rig:
        """Go through the journal again on a new floor, and check that nothing differs; return this rig."""
        self.journal.commit()
        entries = list(self.journal.read())
        floor = floor_of(self.journal, self._kinds, **self._settings)
        rehearsal = Rehearsal(entries)
        for course in floor.courses.values():
            course.scribe.rehearse(rehearsal)
            course.begin()
        for entry in rehearsal.inputs():
            floor.apply(entry.kind, entry.body, entry.time)
        ledgers = fold(entries)
        for name, course in self.floor.courses.items():
            once, twice = course.engine, floor.courses[name].engine
            told = ledgers[name]
            for number, order in once.desk.orders.items():
                assert told.orders[number].life == order.life == twice.desk.orders[number].life
            assert told.account.cash == once.account.cash == twice.account.cash
            assert once.refusals == twice.refusals
        assert floor.router.unanswered() == self.floor.router.unanswered()
        return self
