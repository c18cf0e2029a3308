"""No road leads around the gate: strategy, rebalancer, exits, and what somebody asks from outside."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.risk_by_hand import GuardedSeat

from openbell.core.orders import Order
from openbell.core.requests import NO_EXITS, Exits, Ticket
from openbell.execution.risk.limits import OrderLimits
from openbell.trading.asks import carry_out

SYMBOLS = st.sampled_from(["A", "B"])
SIZES = st.integers(-9, 9).filter(bool)


class AnyRoad(RuleBasedStateMachine):
    """A desk whose gate lets nothing of B be opened, asked in every way that there is."""

    def __init__(self) -> None:
        super().__init__()
        self.seat = GuardedSeat(OrderLimits(restricted=("B",)))
        self.out: list[Any] = []

    def take(self, passed: Any) -> None:
        for one in passed:
            self.out.append(one)
            if isinstance(one, Order) and not one.parent:
                self.seat.fill(one)

    @rule(symbol=SYMBOLS, size=SIZES, stop=st.booleans())
    def order(self, symbol: str, size: int, stop: bool) -> None:
        exits = Exits(stop_loss=90.0 if size > 0 else 110.0) if stop else NO_EXITS
        self.seat.desk.order(symbol, float(size), exits, Ticket())
        self.take(self.seat.engine.flush())

    @rule(symbol=SYMBOLS, size=SIZES)
    def target(self, symbol: str, size: int) -> None:
        self.seat.desk.target(symbol, float(size), NO_EXITS, Ticket())
        self.take(self.seat.engine.flush())

    @rule(a=st.floats(-0.4, 0.4), b=st.floats(-0.4, 0.4))
    def rebalance(self, a: float, b: float) -> None:
        self.seat.desk.weigh({"A": a, "B": b}, only=True)
        self.take(self.seat.engine.flush())

    @rule(symbol=SYMBOLS, conviction=st.sampled_from([-1.0, 0.5, 1.0]))
    def ask_from_outside(self, symbol: str, conviction: float) -> None:
        asked = {"id": "1", "do": "signal", "strategy": "silent", "symbol": symbol, "conviction": conviction}
        self.take(carry_out(self.seat.engine, asked))

    @rule()
    def pass_a_day(self) -> None:
        self.seat.sent.clear()
        self.seat.move()
        self.take(self.seat.sent)

    @invariant()
    def nothing_restricted_was_let_out_or_held(self) -> None:
        assert not any(isinstance(one, Order) and one.symbol == "B" for one in self.out)
        assert self.seat.account.quantity("B") == 0.0

    def teardown(self) -> None:
        refused = [one.limit.value for one in self.seat.refusals]
        assert set(refused) <= {"restricted_symbol"}


TestAnyRoad = AnyRoad.TestCase
TestAnyRoad.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
