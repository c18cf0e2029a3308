"""A market, a strategy and an exchange moved by hand, for tests of the core without any other part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from openbell.core.engine import Engine
from openbell.core.market import Bar, Cursor, Slice, Track
from openbell.core.orders import Cancel, Order, OrderUpdate, Replace
from openbell.core.ports import Command, Sizer
from openbell.core.types import BUY, NANOS_PER_DAY, SELL, Fill, Instrument, OrderStatus, Phase, Reason
from openbell.portfolio.sizing import ShareOfEquity

DAY = NANOS_PER_DAY


class Line:
    """An indicator whose value is set by hand."""

    def __init__(self) -> None:
        self.value = math.nan

    def __getitem__(self, ago: int) -> float:
        return self.value

    def ready(self) -> bool:
        return not math.isnan(self.value)


class HandMarket:
    """Symbols whose bars are added one at a time; each bar has one price."""

    def __init__(self, *symbols: str, lot: float = 1.0, tick: float = 0.01) -> None:
        self.symbols: Sequence[str] = symbols or ("A",)
        self.time = DAY
        self.members = None
        self.focused: list[str] = []
        self.lines: dict[tuple[Any, str], Line] = {}
        self.columns: dict[str, list[list[Any]]] = {s: [[] for _ in range(7)] for s in self.symbols}
        self.tracks = {
            s: Track(Instrument(s, lot=lot, tick=tick), Cursor(), self.columns[s]) for s in self.symbols
        }

    def focus(self, symbol: str) -> None:
        self.focused.append(symbol)

    def price(self, symbol: str) -> float:
        return self.tracks[symbol].price()

    def indicator(self, recipe: Any, symbol: str) -> Line:
        return self.lines.setdefault((recipe, symbol), Line())

    def history(self, symbol: str, column: str, count: int) -> list[float]:
        values: list[float] = getattr(self.tracks[symbol], column)[-count:]
        return values

    def move(self, **closes: float) -> Slice:
        """Let a day pass that ends at these closes, and return the event that tells of it."""
        self.time += DAY
        event = Slice()
        for symbol, close in closes.items():
            row = (self.time - DAY, self.time, close, close, close, close, 1e6)
            for column, value in zip(self.columns[symbol], row, strict=True):
                column.append(value)
            self.tracks[symbol].cursor.at += 1
        event.bars = tuple(Bar(self.tracks[s]) for s in self.symbols if s in closes)
        return event


class Silent:
    """A strategy without hooks; tests add those that they need."""

    name = "silent"

    def on_start(self) -> None: ...
    def on_bar(self, bar: Bar) -> None: ...
    def on_bars(self, bars: Any) -> None: ...
    def on_fill(self, fill: Fill) -> None: ...
    def on_stop(self) -> None: ...


class Seat:
    """A desk at a market by hand, with an exchange that does at once what it is told."""

    def __init__(
        self, *symbols: str, lot: float = 1.0, short: bool = False, cash: float = 100_000.0,
        sizer: Sizer | None = None, initial: float = 1.0,
    ) -> None:  # fmt: skip
        self.market = HandMarket(*symbols, lot=lot)
        self.engine = Engine(
            Silent(), market=self.market, cash=cash, sizer=sizer or ShareOfEquity(1.0), short=short,
            initial=initial,
        )  # fmt: skip
        self.desk = self.engine.desk
        self.account = self.engine.account
        self.market.move(**dict.fromkeys(self.market.symbols, 100.0))

    def take(self) -> list[Command]:
        """Return what was asked for, and accept it."""
        commands = list(self.desk.outbox)
        self.desk.outbox.clear()
        for command in commands:
            self.accept(command)
        return commands

    def sent(self) -> list[Order]:
        """Return the orders among what was asked for."""
        return [command for command in self.take() if isinstance(command, Order)]

    def accept(self, command: Command) -> None:
        time = self.market.time
        if isinstance(command, Order):
            self.engine.step(OrderUpdate(command.id, OrderStatus.SUBMITTED, Reason.NONE, time))
            status = OrderStatus.HELD if command.parent else OrderStatus.ACCEPTED
            self.engine.step(OrderUpdate(command.id, status, Reason.NONE, time))
        elif isinstance(command, Cancel):
            if self.desk.orders[command.order_id].open:
                self.engine.step(OrderUpdate(command.order_id, OrderStatus.CANCELLED, command.reason, time))
        elif isinstance(command, Replace):
            order = self.desk.orders[command.order_id]
            self.engine.step(OrderUpdate(command.order_id, order.status, Reason.REPLACED, time, *command[1:]))

    def fill(self, order: Order, quantity: float = 0.0, *, price: float = 100.0, fee: float = 0.0) -> None:
        """Fill an order, all that is left of it unless a quantity is given; its children wake up."""
        time = self.market.time
        size = quantity or order.remaining
        self.engine.step(
            Fill(order.id, order.strategy, order.symbol, order.side, size, price, fee, 0.0, time, Phase.OPEN)
        )
        for child in self.desk.orders.values():
            if child.parent == order.id and child.status is OrderStatus.HELD:
                self.engine.step(OrderUpdate(child.id, OrderStatus.ACCEPTED, Reason.NONE, time))

    def fill_all(self, orders: Iterable[Order]) -> None:
        for order in orders:
            self.fill(order)

    def hold(self, symbol: str, quantity: float) -> None:
        """Hold a position, with nothing left at work."""
        side = BUY if quantity > 0 else SELL
        self.account.book_fill(Fill(0, "silent", symbol, side, abs(quantity), 100.0, 0.0, 0.0, 0, Phase.OPEN))
