"""A gate at a market by hand: orders are sent, and what passes or is refused is returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openbell.core.clock import Sessions
from openbell.core.engine import Engine
from openbell.core.market import Track
from openbell.core.orders import Order, Refusal
from openbell.core.requests import NO_EXITS, Exits, Ticket
from openbell.core.types import BUY, SELL, Fill, Instrument, OrderStatus, Phase
from openbell.execution.risk.conditions import Conditions
from openbell.execution.risk.gate import RiskGate
from openbell.execution.risk.limits import (
    OperationLimits,
    OrderLimits,
    PortfolioLimits,
    PositionLimits,
    ProtectiveExits,
    Risk,
    RiskModel,
)
from openbell.portfolio.sizing import ShareOfEquity
from tests.unit.market_by_hand import DAY, HandMarket, Silent

_SECTIONS = (OrderLimits, PositionLimits, ProtectiveExits, PortfolioLimits, RiskModel, OperationLimits)


def risk_of(*parts: Any, enforce: bool = True) -> Risk:
    """Return limits of these sections."""
    names = dict(
        zip(_SECTIONS, ("order", "position", "exits", "portfolio", "model", "operation"), strict=True)
    )
    return Risk(**{names[type(part)]: part for part in parts}, enforce=enforce)


class GuardedSeat:
    """A desk behind a gate, at prices of 100. Days are sessions of 24 hours."""

    def __init__(
        self,
        *parts: Any,
        symbols: Sequence[str] = ("A", "B", "C"),
        enforce: bool = True,
        cash: float = 100_000.0,
        **sectors: str,
    ) -> None:
        self.market = HandMarket(*symbols)
        for symbol, sector in sectors.items():
            old = self.market.tracks[symbol]
            self.market.tracks[symbol] = Track(
                Instrument(symbol, sector=sector), old.cursor, self.market.columns[symbol]
            )
        opens = [day * DAY for day in range(1, 2000)]
        self.conditions = Conditions()
        self.sessions = Sessions("hand", opens, [time + DAY for time in opens])
        self.gate = RiskGate(risk_of(*parts, enforce=enforce), self.sessions, self.conditions)
        self.strategy = Silent()
        sizer = ShareOfEquity(1.0)
        self.engine = Engine(
            self.strategy, market=self.market, cash=cash, sizer=sizer, short=True, gate=self.gate
        )
        self.desk, self.account = self.engine.desk, self.engine.account
        self.sent: list[Any] = []
        self.move()

    def move(self, **closes: float) -> None:
        """Let a day pass; symbols that are not named stay where they are, at first at 100."""
        known = {
            s: self.market.price(s) if self.market.tracks[s].cursor.at >= 0 else 100.0
            for s in self.market.symbols
        }
        self.sent += self.engine.step(self.market.move(**(known | closes)))

    def hold(self, symbol: str, quantity: float, *, price: float = 100.0) -> None:
        """Hold a position, bought at a price, with nothing left at work."""
        side = BUY if quantity > 0 else SELL
        self.account.book_fill(
            Fill(0, "silent", symbol, side, abs(quantity), price, 0.0, 0.0, self.market.time, Phase.OPEN)
        )

    def order(self, symbol: str, quantity: float, exits: Exits = NO_EXITS, **ticket: Any) -> Order:
        """Send an order, and accept what passes."""
        order = self.desk.order(symbol, quantity, exits, Ticket(**ticket))  # type: ignore[typeddict-item]
        self.pass_on()
        return order

    def pass_on(self) -> list[Any]:
        """Let what was asked for leave; accept it."""
        passed = list(self.engine.flush())
        for one in passed:
            if isinstance(one, Order) and not one.parent:
                one.accept(self.market.time)
        self.sent += passed
        return passed

    def fill(self, order: Order, *, price: float = 100.0) -> None:
        """Fill all of an order."""
        time, left = self.market.time, order.remaining
        if order.status is OrderStatus.NEW:
            order.accept(time)
        self.engine.step(
            Fill(order.id, "silent", order.symbol, order.side, left, price, 0.0, 0.0, time, Phase.OPEN)
        )

    @property
    def refusals(self) -> Sequence[Refusal]:
        """Return what was refused."""
        return self.engine.refusals
