"""No road leads around the gates of a live session, and no course of fills breaks a limit on sizes.

One strategy or two, their rebalancers, their stops, somebody who asks by the API, and a session that goes on
after a kill all ask the router for orders. Whatever the exchange does meanwhile, and in whatever order its
words arrive, each order that reaches it was made by `approve` for an order that the limits let pass.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.loopback.direct import BARE, EVERYTHING, Direct, execution_of_fill, placed_of
from tests.loopback.exchange import Event, Exchange, Refusal
from tests.unit.opened import open_journal
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Scripted, bar, floor_of

import openbell as ob
from openbell.core.errors import OpenbellError
from openbell.core.types import OrderStatus, OrderType, TimeInForce
from openbell.execution import approval
from openbell.execution.approval import ApprovedOrder
from openbell.execution.port import Execution, Report
from openbell.trading import gate as live_gate
from openbell.trading.floor import Floor
from openbell.trading.rehearsal import Rehearsal
from openbell.trading.route import Answer, Outcome, Send
from openbell.trading.wire import body_of_heard

MOST, SHORT, GROSS = 100, 40, 15_000
SYMBOLS = st.sampled_from(["A", "B"])
SIZES = st.integers(1, 150)
SIDES = st.sampled_from([1, -1])
WHO = st.sampled_from(["s", "t"])
LIMITS = ob.Risk(
    order=ob.OrderLimits(max_quantity=120),
    position=ob.PositionLimits(max_quantity=MOST),
    portfolio=ob.PortfolioLimits(max_gross=GROSS),
    exits=ob.ProtectiveExits(stop_loss=0.1),
)


@contextmanager
def noting_approvals(made: list[ApprovedOrder]) -> Iterator[None]:
    """Note what `approve` makes, wherever it is called."""

    def approve(**fields: Any) -> ApprovedOrder:
        made.append(approval.approve(**fields))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_gate, "approve", approve)
        yield


class LiveRoads(RuleBasedStateMachine):
    """A floor, an exchange at prices that stand still or move, and what it has said and nobody has heard."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[ApprovedOrder] = []
        self.noting = noting_approvals(self.made)
        self.noting.__enter__()
        self.folder = tempfile.TemporaryDirectory()
        self.heap: list[Report | Execution | Answer] = []
        self.acts: dict[str, dict[int, Callable[[Any, int], object]]] = {}
        self.placed: list[ApprovedOrder] = []
        self.minute = 0

    @initialize(capable=st.booleans(), moving=st.booleans(), several=st.booleans())
    def begin(self, *, capable: bool, moving: bool, several: bool) -> None:
        self.moving = moving
        self.capabilities = EVERYTHING if capable else BARE
        self.x = Exchange(INSTRUMENTS, time=START, margin=None)
        self.direct = Direct(self.x, self.capabilities)
        self.x.listeners.append(self.hear_of)
        self.acts = {name: {} for name in ("s", "t")[: 1 + several]}
        self.kinds = {name: type("Acting", (Scripted,), {"acts": acts}) for name, acts in self.acts.items()}
        self.journal = open_journal(Path(self.folder.name) / "roads.db", "roads")
        self.floor = self.new_floor()
        for symbol in ("A", "B"):
            self.x.trade(symbol, 100)
        for course in self.floor.courses.values():
            course.begin()
        self.take("start", {})
        self.let_a_minute_pass()

    def new_floor(self) -> Floor:
        return floor_of(self.journal, self.kinds, capabilities=self.capabilities, risk=LIMITS, initial=0.01)

    def teardown(self) -> None:
        self.noting.__exit__(None, None, None)
        if hasattr(self, "journal"):
            self.journal.close()
        self.folder.cleanup()

    # --- between floor and exchange --------------------------------------------------------------------

    def hear_of(self, event: Event) -> None:
        self.heap.append(self.direct.report_of_order(event.order))
        if event.fill is not None:
            self.heap.append(execution_of_fill(event.fill))

    def take(self, kind: str, body: Any) -> None:
        time = max(self.floor.time, START)
        self.journal.append(kind, body, time=time, wall=0)
        self.floor.apply(kind, body, time)
        for send in self.floor.router.take_outgoing():
            self.serve(send)

    def serve(self, send: Send) -> None:
        """Do what the port is asked for, and keep what it was asked with."""
        outcome, said = Outcome.DONE, ""
        if send.order is not None:
            self.placed.append(send.order)
        try:
            self.ask_exchange(send)
        except Refusal as error:
            outcome, said = Outcome.REFUSED, error.said
        self.heap.append(Answer(send.call, send.client_id, outcome, self.floor.time, said))

    def ask_exchange(self, send: Send) -> None:
        if send.call == "place":
            assert send.order is not None
            legs = (send.client_id + "-tp", send.client_id + "-sl")
            exits = {"take_profit": send.order.take_profit, "stop_loss": send.order.stop_loss}
            self.x.place(placed_of(send.order), **exits, leg_ids=legs)
            return
        old = self.x.find(send.target)
        assert old is not None
        if send.call == "replace":
            assert send.order is not None
            terms = {"quantity": send.order.quantity, "limit": send.order.limit, "stop": send.order.stop}
            self.x.replace(old.id, send.order.client_id, **terms)
        else:
            self.x.cancel(old.id)

    def tell_one(self, which: int, *, stays: bool) -> None:
        index = which % len(self.heap)
        heard = self.heap[index] if stays else self.heap.pop(index)
        kind = {Report: "report", Execution: "execution", Answer: "answer"}[type(heard)]
        if not isinstance(heard, Answer) or self.floor.router.is_open_question(heard):
            self.take(kind, body_of_heard(heard))

    def let_a_minute_pass(self) -> None:
        self.minute += 1
        self.floor.time = START + (self.minute + 1) * MINUTE
        bars = [list(bar(self.minute, float(self.x.lines[one].last or 0), one)) for one in ("A", "B")]
        self.take("moment", {"bars": bars})

    def act(self, who: str, act: Callable[[Any, int], object]) -> None:
        """Let a strategy do something at its next bar; where there is one, it is the one."""
        self.acts.get(who, self.acts["s"])[self.minute + 1] = act
        self.let_a_minute_pass()

    def ask(self, who: str, **body: Any) -> None:
        self.take("ask", {"id": "1", "strategy": who if who in self.acts else "s", **body})

    # --- the roads -------------------------------------------------------------------------------------

    @rule(
        who=WHO,
        symbol=SYMBOLS,
        side=SIDES,
        size=SIZES,
        limit=st.sampled_from([0, 95, 105]),
        stop=st.booleans(),
    )
    def order(self, who: str, symbol: str, *, side: int, size: int, limit: int, stop: bool) -> None:
        terms: dict[str, Any] = {"limit": limit} if limit else {}
        if stop:
            terms |= {"stop_loss": 80 if side > 0 else 120, "take_profit": 120 if side > 0 else 80}
        self.act(who, lambda s, _: s.order(symbol, side * size, **terms))

    @rule(who=WHO, symbol=SYMBOLS, size=st.integers(-150, 150))
    def target(self, who: str, symbol: str, size: int) -> None:
        self.act(who, lambda s, _: s.target_quantity(symbol, size))

    @rule(who=WHO, a=st.integers(-4, 4), b=st.integers(-4, 4))
    def rebalance(self, who: str, a: int, b: int) -> None:
        self.act(who, lambda s, _: s.rebalance({"A": a / 20, "B": b / 20}))

    @rule(who=WHO, symbol=SYMBOLS)
    def close(self, who: str, symbol: str) -> None:
        self.act(who, lambda s, _: s.close(symbol))

    @rule(who=WHO, which=st.integers(0, 9), size=SIZES)
    def change(self, who: str, which: int, size: int) -> None:
        def change(s: Any, _: int) -> None:
            able = [one for one in s.working if one.status != OrderStatus.HELD and size > one.filled]
            if able:
                s.replace(able[which % len(able)], quantity=float(size))

        self.act(who, change)

    @rule(who=WHO, which=st.integers(0, 9))
    def cancel(self, who: str, which: int) -> None:
        self.act(who, lambda s, _: s.working and s.cancel(s.working[which % len(s.working)]))

    @rule(who=WHO, symbol=SYMBOLS, conviction=st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]))
    def ask_for_a_signal(self, who: str, symbol: str, conviction: float) -> None:
        self.ask(who, do="signal", symbol=symbol, conviction=conviction)

    @rule(who=WHO, do=st.sampled_from(["close", "cancel"]), symbol=SYMBOLS, order=st.integers(1, 30))
    def ask_for_an_end(self, who: str, do: str, *, symbol: str, order: int) -> None:
        self.ask(who, do=do, symbol=symbol, order=order)

    @rule(how=st.sampled_from(["cancel", "flatten"]), comes_back=st.booleans())
    def stop(self, how: str, *, comes_back: bool) -> None:
        """Let somebody stop the session, and go on with it sooner or later."""
        self.take("leave", {"how": how})
        if not comes_back:
            self.let_a_minute_pass()
        self.take("return", {})

    @rule(stop=st.booleans())
    def pull_the_emergency_stop(self, *, stop: bool) -> None:
        self.take("condition", {"what": "stop", "stop": stop})

    @rule(who=WHO, most=st.sampled_from([60, 120]))
    def change_limits(self, who: str, most: int) -> None:
        """Tighten the limits of a strategy, or give it back the ones that it began with."""
        risk = replace(LIMITS, order=ob.OrderLimits(max_quantity=most))
        self.take("limits", {"strategy": who if who in self.acts else "s", "risk": risk.as_json()})

    @rule(symbol=SYMBOLS, price=st.integers(70, 130), size=st.sampled_from([None, 3, 20]))
    def trade(self, symbol: str, price: int, size: int | None) -> None:
        self.x.trade(symbol, price if self.moving else 100, size)
        self.let_a_minute_pass()

    @precondition(lambda self: self.heap)
    @rule(which=st.integers(0, 50), stays=st.booleans())
    def tell(self, which: int, *, stays: bool) -> None:
        self.tell_one(which, stays=stays)

    @rule()
    def tell_all(self) -> None:
        for _ in range(200):
            if not self.heap:
                return
            self.tell_one(0, stays=False)

    @rule()
    def go_on_after_a_kill(self) -> None:
        """Go through the journal again; what nobody has answered is asked for, and sent if it never came."""
        self.journal.commit()
        rehearsal, floor = Rehearsal(list(self.journal.read())), self.new_floor()
        for course in floor.courses.values():
            course.scribe.rehearse(rehearsal)
            course.begin()
        for entry in rehearsal.inputs():
            floor.apply(entry.kind, entry.body, entry.time)
            floor.router.take_outgoing()
        for course in floor.courses.values():
            course.scribe.rehearse(None)
        self.floor = floor
        self.heap = [one for one in self.heap if not isinstance(one, Answer)]
        for send in floor.router.unanswered():
            found = self.x.find(send.client_id if send.call != "cancel" else send.target)
            arrived = found is not None if send.call != "cancel" else found is None or found.status in _ENDED
            if arrived:
                self.heap.append(Answer(send.call, send.client_id, Outcome.DONE, floor.time, ""))
            else:
                self.serve(send)

    # --- what stays true -------------------------------------------------------------------------------

    @invariant()
    def what_the_port_was_handed_was_approved(self) -> None:
        made = {id(one) for one in self.made}
        assert all(id(one) in made for one in self.placed)

    @invariant()
    def what_was_placed_is_of_an_order_that_the_limits_let_pass(self) -> None:
        if not hasattr(self, "floor"):
            return
        refused = {
            (course.name, one.order_id)
            for course in self.floor.courses.values()
            for one in course.engine.refusals
        }
        for one in self.placed:
            route = self.floor.router.board.by_client[one.client_id]
            order = route.order
            assert order.status is not OrderStatus.NEW
            assert route.key not in refused or order.status is not OrderStatus.REJECTED
            assert one.quantity <= 120 or order.reduce_only

    @invariant()
    def no_course_of_fills_breaks_a_limit_on_sizes(self) -> None:
        if not hasattr(self, "x"):
            return
        held = [abs(quantity) for quantity in self.x.positions.values()]
        assert max(held, default=Decimal(0)) <= MOST
        if not self.moving:
            assert sum(held) * 100 <= GROSS

    @invariant()
    def nothing_failed(self) -> None:
        if hasattr(self, "floor"):
            assert [one.failure for one in self.floor.courses.values() if one.failure] == []


_ENDED = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED)

TestLiveRoads = LiveRoads.TestCase
TestLiveRoads.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_an_order_that_is_not_made_by_approve_is_none() -> None:
    with pytest.raises(OpenbellError, match="was made around the risk gate"):
        ApprovedOrder(
            client_id="x", symbol="A", side=1, type=OrderType.MARKET, tif=TimeInForce.DAY, quantity=Decimal(1)
        )


def names_used(source: str) -> set[str]:
    """Return what a module may reach of another: imported names, attributes, and texts."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name.rpartition(".")[2])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def test_the_gate_alone_approves_orders() -> None:
    package = Path(ob.__file__).parent
    files = {str(path.relative_to(package)): path for path in package.rglob("*.py")}
    used = {name: names_used(path.read_text("utf-8")) for name, path in files.items()}
    assert {name for name, names in used.items() if "approve" in names} == {"trading/gate.py"}
    assert not any("_KEY" in names for names in used.values())  # without it no approved order can be made
    gate = ast.parse(files["trading/gate.py"].read_text("utf-8"))
    calls = [
        node
        for node in ast.walk(gate)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "approve"
    ]
    (owner,) = (node for node in ast.walk(gate) if isinstance(node, ast.ClassDef) and node.name == "Gate")
    assert len(calls) == 1
    assert calls[0] in list(ast.walk(owner))
