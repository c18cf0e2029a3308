"""The floor: the strategies of a live session and the router, as a function of what comes from outside.

`apply` takes one input, live as it is written down, and after a restart as it is read again. Nothing else
changes anything here, so that both lead to the same state, stops and waiting children included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from openbell.core.errors import BadData
from openbell.core.messages import BarMessage
from openbell.core.orders import OrderUpdate
from openbell.core.types import Action, Instrument, OrderStatus, Reason, Split
from openbell.execution.risk.limits import risk_from_json
from openbell.trading.circumstances import CONDITION, Circumstances
from openbell.trading.livecourse import LiveCourse, fill_of_execution
from openbell.trading.records import action_of
from openbell.trading.restating import split_others
from openbell.trading.route import ZERO
from openbell.trading.router import Router
from openbell.trading.scribe import trace_of
from openbell.trading.sharing import share_account
from openbell.trading.wire import answer_of, execution_of, report_of

Body = Mapping[str, Any]


class Floor:
    """Strategies and router. `base` is what of the account is somebody else's: cash and positions."""

    def __init__(self, courses: Sequence[LiveCourse], router: Router) -> None:
        self.courses = {course.name: course for course in courses}
        self.router = router
        router.board.courses = courses
        self.time = 0  #: of the last input, by the broker's clock or the bars' stamps
        self.opened = 0  #: when the session began, by the broker's clock: fills before are not its own
        self.compared = 0  #: the broker's time of the last comparison: fills before it are all booked
        gates = {name: course.gate for name, course in self.courses.items()}
        self.gates = {name: gate for name, gate in gates.items() if gate is not None}  #: by strategy
        self.circumstances = Circumstances(self.gates)
        share_account(courses)
        self.base: dict[str, Decimal] | None = None  #: positions that are somebody else's
        self.base_cash = ZERO
        self.started = self.left = False
        self.expected: set[Action] = set()  #: corporate actions that strategies have taken note of
        self._based = 0  # when it was told what is somebody else's: that had split by then
        self._split: set[Split] = set()  # what has happened to the base
        self._steps: Mapping[str, Callable[[Body, int], None]] = {
            "reload": self._reload, "limits": self._limit,
            "moment": self._moment, "expect": self._expect, "start": self._start, "leave": self._leave,
            "return": self._return, "report": self._report, "execution": self._execution,
            "answer": self._answer, "settle": self._settle, "touch": self._touch, "power": self._power,
            "base": self._base, "adopt": self._adopt, "open": self._open, "act": self._act, "ask": self._ask,
            CONDITION: self._condition, "restate": self._restate,
            "resplit": self._resplit,
        }  # fmt: skip

    def apply(self, kind: str, body: Body, time: int) -> None:
        """Take one input.

        Raises:
            BadData: Its kind is unknown: a later version wrote it.
        """
        step = self._steps.get(kind)
        if step is None:
            raise BadData(f"a journal's input {kind!r} is unknown; update Openbell")
        self.time = max(self.time, time)
        for gate in self.gates.values():
            gate.conditions.now = self.time
        step(body, time)

    def held(self) -> dict[str, Decimal]:
        """Return the positions that the account should have: the strategies', the base, others' fills."""
        held = dict(self.base or {})
        for course in self.courses.values():
            for symbol in course.engine.account.positions:
                held[symbol] = held.get(symbol, ZERO) + course.quantity(symbol)
        for fill in self.router.foreign_fills.values():
            held[fill.symbol] = held.get(fill.symbol, ZERO) + fill.side * fill.quantity
        return {symbol: quantity for symbol, quantity in held.items() if quantity}

    def cash(self) -> Decimal:
        """Return the cash that the account should have."""
        cash = self.base_cash
        for course in self.courses.values():
            account = course.engine.account
            cash += Decimal(repr(account.cash - account.initial_cash))
        for fill in self.router.foreign_fills.values():
            cash -= fill.side * fill.quantity * fill.price + fill.fee
        return cash

    # --- inputs ----------------------------------------------------------------------------------------

    def _moment(self, body: Body, time: int) -> None:
        bars = [BarMessage(*row) for row in body["bars"]]
        for course in self.courses.values():
            course.scribe.trace = trace_of(time)
            starts = [bar.start for bar in bars if course.awaits(bar)]
            if starts:
                self._happen(course, min(starts) + 1, time)
        for bar in bars:
            self.router.look(bar.symbol, bar.high, bar.low, time, start=bar.start)
        events = {}
        for name, course in self.courses.items():
            course.scribe.trace = trace_of(time)
            events[name] = course.receive(bars)
        for name, course in self.courses.items():  # limits see the moment in all of the account
            course.scribe.trace = trace_of(time)
            event = events[name]
            self.router.submit(course, () if event is None else course.decide(event), time)
            before = course.retire()
            if before:
                self.router.retire(course, before)

    def _expect(self, body: Body, _time: int) -> None:
        actions = [action_of(one) for one in body["actions"]]
        self.expected.update(actions)
        for course in self.courses.values():
            course.expect(actions)

    def _start(self, _body: Body, time: int) -> None:
        self.started = True
        for course in self.courses.values():
            self.router.submit(course, course.start(), time)

    def _leave(self, body: Body, time: int) -> None:
        self.left = True
        for course in self.courses.values():
            self.router.submit(course, course.leave(body["how"]), time)

    def _return(self, _body: Body, _time: int) -> None:
        self.left = False
        for course in self.courses.values():
            course.leaving = False

    def _ask(self, body: Body, time: int) -> None:
        """Let a strategy do what somebody asks of it from outside."""
        course = self.courses[body["strategy"]]
        self.router.submit(course, course.do(body), time)

    def _reload(self, body: Body, time: int) -> None:
        """Give a strategy other parameters, from the next bar on."""
        course = self.courses[body["strategy"]]
        assert course.tuning is not None  # noqa: S101  # who asks has looked
        course.tuning.change(body["parameters"], time)

    def _limit(self, body: Body, _time: int) -> None:
        """Hold a strategy's orders against other limits."""
        self.courses[body["strategy"]].limit(risk_from_json(body["risk"]))
        self.circumstances = Circumstances(self.gates)

    def _report(self, body: Body, time: int) -> None:
        self.router.hear(report_of(body), time)

    def _execution(self, body: Body, time: int) -> None:
        self.router.hear(execution_of(body), time)

    def _answer(self, body: Body, _time: int) -> None:
        self.router.answer(answer_of(body))

    def _settle(self, body: Body, time: int) -> None:
        self.router.settle(body["client_id"], time)

    def _touch(self, body: Body, time: int) -> None:
        self._act(body, time)
        self.router.look(body["symbol"], body["price"], body["price"], time)

    def _power(self, body: Body, _time: int) -> None:
        """Take the end of a comparison: until when all is booked, and the broker's buying power."""
        self.compared = body["since"]
        equity = float(body.get("equity", math.nan))  # journals of earlier versions have neither
        self.router.power(float(body["power"]), equity=equity, day_trades=body.get("day_trades", 0))

    def _base(self, body: Body, time: int) -> None:
        """Take what is somebody else's."""
        self._stand_on({symbol: Decimal(quantity) for symbol, quantity in body["holdings"].items()})
        self.base_cash, self._based = Decimal(body["cash"]), time

    def _condition(self, body: Body, _time: int) -> None:
        """Take what limits look at beside bars."""
        self.circumstances.take(body, self.time)

    def _open(self, _body: Body, time: int) -> None:
        self.opened = time

    def _act(self, _body: Body, time: int) -> None:
        """Let corporate actions happen that are due: they have in the account."""
        for course in self.courses.values():
            self._happen(course, time + 1, time)

    def _happen(self, course: LiveCourse, before: int, time: int) -> None:
        """Let a strategy's actions happen that are due before a time, to orders that are kept here too."""
        for action in course.act(before):
            self.router.act(course, action, time)
            if isinstance(action, Split) and action.ex > self._based and action not in self._split:
                self._split.add(action)
                self._split_base(action, course.tape.tracks[action.symbol].instrument)

    def _split_base(self, split: Split, instrument: Instrument) -> None:
        """Have what is somebody else's split too: the account's position is of all of them."""
        fills = self.router.foreign_fills.values()
        traded = sum((one.side * one.quantity for one in fills if one.symbol == split.symbol), ZERO)
        base = self.base or {}
        held = split_others(base.get(split.symbol, ZERO) + traded, split, instrument)
        self._stand_on({**base, split.symbol: held - traded})

    def _resplit(self, body: Body, time: int) -> None:
        """Bring orders to the shares after a split that the broker has, adjusted or as they were."""
        self.router.follow_splits(body["orders"], time)

    def _restate(self, body: Body, _time: int) -> None:
        """Take a position that nobody here trades as its splits have made it, each split once."""
        symbol, fills = body["symbol"], self.router.foreign_fills.values()
        traded = sum((one.side * one.quantity for one in fills if one.symbol == symbol), ZERO)
        self._stand_on({**(self.base or {}), symbol: Decimal(body["quantity"]) - traded})
        self.expected.update(map(action_of, body["actions"]))

    def _stand_on(self, base: Mapping[str, Decimal]) -> None:
        self.base = {symbol: quantity for symbol, quantity in base.items() if quantity}
        self.router.board.base = {symbol: float(quantity) for symbol, quantity in self.base.items()}

    def _adopt(self, body: Body, time: int) -> None:
        """Take a position over from the account, at a price, because a policy says so."""
        course = self.courses[body["strategy"]]
        quantity, price = Decimal(body["quantity"]), Decimal(body["price"])
        order = course.adopt(body["symbol"], quantity, Reason.ADOPTED, time)
        course.tell(OrderUpdate(order.id, OrderStatus.SUBMITTED, Reason.NONE, time))
        fill = fill_of_execution(order, course.name, quantity=abs(quantity), price=price, fee=ZERO, time=time)
        course.book(fill)
