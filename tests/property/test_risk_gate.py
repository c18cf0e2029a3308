"""Whatever a strategy does and however fills come, no limit on sizes is broken but by prices."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.risk_by_hand import GuardedSeat

from openbell.core.orders import Cancel, Order, OrderUpdate, Replace
from openbell.core.requests import NO_EXITS, Exits, Ticket
from openbell.core.types import Fill, MarginCall, OrderStatus, Phase, Reason
from openbell.execution.risk.limits import PortfolioLimits, PositionLimits, ProtectiveExits

MOST = 100.0
SHORT = 40.0
GROSS = 15_000.0
SYMBOLS = st.sampled_from(["A", "B", "C"])
SIZES = st.integers(1, 150)
SIDES = st.sampled_from([1, -1])


class AnyCourse(RuleBasedStateMachine):
    """A desk behind a gate, at prices that stand still, with a broker that fills what and when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.seat = GuardedSeat(
            PositionLimits(max_quantity=MOST, max_short_notional=SHORT * 100.0),
            PortfolioLimits(max_gross=GROSS, max_net=0.12, max_positions=2),
            ProtectiveExits(stop_loss=0.1),
        )
        self.at_broker: dict[int, Order] = {}
        self.seat.sent.clear()

    def take(self) -> None:
        """Let what was asked for leave, and the broker take it."""
        self.accept(self.seat.engine.flush())

    def accept(self, passed: Any) -> None:
        time = self.seat.market.time
        for command in passed:
            if isinstance(command, Order):
                self.at_broker[command.id] = command
                if not command.parent:
                    command.accept(time)
                    continue
                parent = self.seat.desk.orders[command.parent]
                self.tell(command, OrderStatus.SUBMITTED)
                if parent.status is OrderStatus.FILLED:
                    self.tell(command, OrderStatus.ACCEPTED)
                elif not parent.open:
                    self.tell(command, OrderStatus.REJECTED, Reason.PARENT_ENDED)
                else:
                    self.tell(command, OrderStatus.HELD)
            elif isinstance(command, Cancel):
                order = self.at_broker[command.order_id]
                if order.open:
                    self.tell(order, OrderStatus.CANCELLED, command.reason)
            else:
                order = self.at_broker[command.order_id]
                if order.open and not command.quantity <= order.filled:
                    self.seat.engine.step(
                        OrderUpdate(order.id, order.status, Reason.REPLACED, time, *command[1:])
                    )

    def tell(self, order: Order, status: OrderStatus, reason: Reason = Reason.NONE) -> None:
        self.accept(self.seat.engine.step(OrderUpdate(order.id, status, reason, self.seat.market.time)))

    def working(self) -> list[Order]:
        return [one for one in self.at_broker.values() if one.open and one.status is not OrderStatus.HELD]

    @rule(symbol=SYMBOLS, side=SIDES, size=SIZES, price=st.sampled_from([0.0, 90.0, 110.0]))
    def order(self, symbol, side, size, price):
        ticket = Ticket(limit=price) if price else Ticket()
        self.seat.desk.order(symbol, side * float(size), NO_EXITS, ticket)
        self.take()

    @rule(symbol=SYMBOLS, size=st.integers(-150, 150), exits=st.booleans())
    def target(self, symbol, size, exits):
        made = Exits(stop_loss=100.0 - 10.0 * (1 if size > 0 else -1)) if exits and size else NO_EXITS
        self.seat.desk.target(symbol, float(size), made, Ticket())
        self.take()

    @rule(a=st.integers(-4, 4), b=st.integers(-4, 4), c=st.integers(-4, 4))
    def rebalance(self, a, b, c):
        weights = {"A": a / 40, "B": b / 40, "C": c / 40}
        self.seat.desk.weigh(weights, only=True)
        self.take()

    @precondition(lambda self: self.working())
    @rule(data=st.data())
    def cancel(self, data):
        self.seat.desk.cancel(data.draw(st.sampled_from(self.working())))
        self.take()

    @precondition(lambda self: self.working())
    @rule(data=st.data(), size=SIZES)
    def replace(self, data, size):
        order = data.draw(st.sampled_from(self.working()))
        if size > order.filled and order.id in self.seat.desk.working.get(order.symbol, {}):
            self.seat.desk.blotter.replace(order, Replace(order.id, quantity=float(size)))
            self.take()

    @rule()
    def call_margin(self):
        self.accept(self.seat.engine.step(MarginCall("silent", 0.0, 1.0, self.seat.market.time)))

    @rule()
    def pass_a_day(self):
        self.seat.sent.clear()
        self.seat.move()
        self.accept(self.seat.sent)

    @precondition(lambda self: self.working())
    @rule(data=st.data(), part=st.integers(1, 150))
    def fill(self, data, part):
        order = data.draw(st.sampled_from(self.working()))
        held = self.seat.account.quantity(order.symbol)
        size = min(float(part), order.remaining)
        if order.reduce_only:
            size = min(size, abs(held)) if held * order.side < 0 else 0.0
        if size <= 0.0:
            return
        time = self.seat.market.time
        self.accept(
            self.seat.engine.step(
                Fill(order.id, "silent", order.symbol, order.side, size, 100.0, 0.0, 0.0, time, Phase.OPEN)
            )
        )
        if not order.open:
            for child in self.at_broker.values():
                if child.parent == order.id and child.status is OrderStatus.HELD:
                    self.tell(child, OrderStatus.ACCEPTED)

    @invariant()
    def no_limit_on_sizes_is_broken(self):
        held = [self.seat.account.quantity(symbol) for symbol in "ABC"]
        assert max(map(abs, held)) <= MOST
        assert min(held) >= -SHORT
        assert sum(map(abs, held)) * 100.0 <= GROSS
        assert abs(sum(held)) * 100.0 <= 0.12 * 100_000.0
        assert sum(one != 0.0 for one in held) <= 2

    @invariant()
    def what_is_refused_never_reaches_the_broker(self):
        for refusal in self.seat.refusals:
            order = self.seat.desk.orders[refusal.order_id]
            if order.status is OrderStatus.REJECTED:
                assert order.id not in self.at_broker
                assert order.filled == 0.0


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
