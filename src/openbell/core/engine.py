"""The engine: a function from events to orders. No clock, no I/O, no `await`, no mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from openbell.core.account import Account
from openbell.core.blotter import Numbers
from openbell.core.desk import Desk
from openbell.core.errors import Halt
from openbell.core.market import Bar, Slice
from openbell.core.orders import Order, OrderUpdate, Refusal
from openbell.core.ports import Ear, Event, Gate, Hooks, Market, Members, Reviewed, Sizer
from openbell.core.requests import Exits, Ticket
from openbell.core.screen import Screen, Told
from openbell.core.types import (
    Action,
    Charge,
    Delisting,
    Dividend,
    Fill,
    MarginCall,
    OrderStatus,
    Reason,
    SpinOff,
    Split,
)

_NOTHING: Sequence[Reviewed] = ()
_FILLED = OrderStatus.FILLED


class Engine:
    """One strategy at its desk. `step` is told an event and answers with what it asks of the broker."""

    def __init__(
        self,
        strategy: Hooks,
        *,
        market: Market,
        cash: float,
        sizer: Sizer,
        short: bool,
        gate: Gate | None = None,
        initial: float = 1.0,
    ) -> None:
        self.market = market
        self.account = Account(cash)
        self.desk = Desk(
            strategy.name,
            account=self.account,
            market=market,
            sizer=sizer,
            short=short,
            numbers=Numbers(),
            initial=initial,
        )
        self.fills: list[Fill] = []
        self.retired = 0  #: orders that were let go
        self.waiting: set[str] = set()  #: symbols whose indicators have no value yet
        self.paused = False  #: whether the strategy is asked about no bar, because somebody wants it so
        self._members = market.members
        self._focus = market.focus if len(market.symbols) > 1 else None
        self.outbox = self.desk.outbox  #: what the strategy has asked for and nobody has sent yet
        self._orders, self._working = self.desk.orders, self.desk.working
        self._hear(strategy)
        self.screen = None if gate is None else Screen(gate, self.desk)  #: what orders pass on their way out
        self._bars: Callable[[Any], None] = self._slice if self.screen is None else self._watched
        self._handlers: dict[type, Callable[[Any], None]] = {
            Fill: self._fill,
            OrderUpdate: self._update,
            Charge: self.account.book_charge,
            Split: self._noted(self._split),
            Dividend: self._noted(self._dividend),
            SpinOff: self._noted(self._spin_off),
            Delisting: self._delisting,
            MarginCall: self._margin_call,
        }

    def _hear(self, strategy: Hooks) -> None:
        """Take the hooks of the strategy that decides from now on."""
        self.strategy = strategy
        self._on_bar = hook(strategy, "on_bar")
        self._on_bars = hook(strategy, "on_bars")
        self._on_fill = hook(strategy, "on_fill")
        self._ready: Callable[[str], bool] = getattr(strategy, "ready", _always)

    @property
    def refusals(self) -> Sequence[Refusal]:
        """Return what the gate did not let pass, and what it warned of."""
        return () if self.screen is None else self.screen.refusals

    def tell_refusals(self, told: Told) -> None:
        """Let somebody hear of what the gate holds back, such as a journal."""
        if self.screen is not None:
            self.screen.told = told

    def start(self) -> Sequence[Reviewed]:
        """Let the strategy prepare; return the orders it asks for before the first bar."""
        self.strategy.on_start()
        self.waiting = set(self.market.symbols)
        return self.flush()

    def seat(self, strategy: Hooks) -> Sequence[Reviewed]:
        """Let another strategy go on at this desk, from the next bar on; return what it asks for at first.

        The account and what works at the broker stay as they are. The one before it has been stopped.
        """
        self._hear(strategy)
        return self.start()

    def step(self, event: Event) -> Sequence[Reviewed]:
        """Take one event in; return what is to be sent to the broker because of it."""
        self._handlers.get(event.__class__, self._bars)(event)  # a Slice has a class of the market's own
        return self.flush() if self.outbox else _NOTHING

    def stop(self) -> None:
        """Let the strategy clean up. What it orders now is not sent any more, and ends here."""
        self.strategy.on_stop()
        for command in self.outbox:
            if isinstance(command, Order):
                command.move(OrderStatus.CANCELLED, self.market.time, Reason.END_OF_DATA)
                self.desk.blotter.forget(command)
        self.outbox.clear()

    def close(self) -> None:
        """Take nothing in any more: the engine lets go of itself, and goes with the last who holds it."""
        self._handlers.clear()
        del self._bars

    def book(self, fill: Fill) -> None:
        """Book a fill that the strategy is not told of, as it did nothing for it."""
        hook, self._on_fill = self._on_fill, None
        try:
            self._fill(fill)
        finally:
            self._on_fill = hook

    def retire(self, *, orders: int, bookings: int) -> None:
        """Let go of what ended before a time (ns): orders with their fills, and bookings before another.

        Cash, positions and what works stay; somebody else, such as a journal, has the rest.
        """
        gone = {order.id for order in self.desk.blotter.retire(orders)}
        self.retired += len(gone)
        self.fills = [fill for fill in self.fills if fill.order_id not in gone]
        self.account.retire(bookings)
        if self.screen is not None:
            self.screen.retire(gone)

    def silence(self) -> None:
        """Call the strategy no more: what it has asked for is taken back, and fills are only booked."""
        self._on_bar = self._on_bars = self._on_fill = None
        self.desk.blotter.take_back()

    def pause(self, *, on: bool) -> None:
        """Ask the strategy about no bar, or about bars again; what fills it is told of meanwhile."""
        self.paused = on
        self._on_bar = None if on else hook(self.strategy, "on_bar")
        self._on_bars = None if on else hook(self.strategy, "on_bars")

    def lone_hook(self) -> Callable[[Bar], None] | None:
        """Return `on_bar` when calling it is all that a bar asks of the engine from now on.

        A driver may do so itself then, and send what is in the `outbox` after it.
        """
        alone = len(self.market.symbols) == 1 and not self.waiting and self._on_bars is None
        alone = alone and self._members is None and self.screen is None
        return self._on_bar if alone else None

    def ear(self, tell: Callable[[Event], object]) -> Ear:
        """Return where a broker speaks to this engine: `tell` hears what may be answered with commands.

        What is never answered goes straight to its handler, without the way through `step`.
        """
        fill = self._fill if self._on_fill is None else tell
        return Ear(fill, Order.accept, Order.move, self._update, tell)

    def flush(self) -> Sequence[Reviewed]:
        """Return what is to be sent to the broker, which is told once. There is no other way out."""
        if self.screen is not None:
            return self.screen.take()
        commands = self.outbox.copy()
        self.outbox.clear()
        return commands  # type: ignore[return-value]  # without a gate all is let pass, and costs no call

    def _watched(self, event: Slice) -> None:
        """Take bars after the gate has looked at the account."""
        assert self.screen is not None  # noqa: S101  # else this is not called
        self.screen.watch()
        self._slice(event)

    def _slice(self, event: Slice) -> None:
        waiting, on_bar = self.waiting, self._on_bar
        bars = event.every if waiting or on_bar is not None else ()
        if waiting:
            for bar in bars:
                if bar.symbol in waiting and self._ready(bar.symbol):
                    waiting.discard(bar.symbol)
        if on_bar is not None:
            focus = self._focus
            for bar in bars if self._members is None else self._concerned(bars, self._members):
                if waiting and bar.symbol in waiting:
                    continue
                if focus is not None:
                    focus(bar.symbol)
                on_bar(bar)
        if self._on_bars is not None and len(waiting) < len(self.market.symbols):
            self._on_bars(event)

    def _concerned(self, bars: Sequence[Bar], members: Members) -> list[Bar]:
        """Return the bars that a strategy is asked about: the members' now, and what it holds."""
        now, held = members.at(self.market.time), self.account.quantity
        return [bar for bar in bars if bar.symbol in now or held(bar.symbol) != 0.0]

    def _fill(self, fill: Fill) -> None:
        order = self._orders.get(fill.order_id) or self._unknown(fill.order_id)
        order.book(fill)
        if order.status is _FILLED:
            self._working[order.symbol].pop(order.id, None)
        self.account.book_fill(fill)
        self.fills.append(fill)
        if self._on_fill is not None:
            if self._focus is not None:
                self._focus(fill.symbol)
            self._on_fill(fill)

    def _update(self, update: OrderUpdate) -> None:
        order = self._orders.get(update.order_id) or self._unknown(update.order_id)
        if order.change(update):
            self.desk.blotter.forget(order)

    def _noted(self, book: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a handler of corporate actions that lets the gate know of them, if there is one."""
        if self.screen is None:
            return book
        return partial(self._note_action, book)

    def _note_action(self, book: Callable[[Any], None], action: Action) -> None:
        assert self.screen is not None  # noqa: S101  # else this is not called
        self.screen.gate.act(action)
        book(action)

    def _split(self, split: Split) -> None:
        track = self.market.tracks[split.symbol]
        self.account.book_split(
            split, time=split.ex, previous_close=track.price(), instrument=track.instrument
        )

    def _dividend(self, dividend: Dividend) -> None:
        self.account.book_dividend(dividend, time=dividend.ex)

    def _spin_off(self, spin_off: SpinOff) -> None:
        child = self.market.tracks.get(spin_off.child)
        self.account.book_spin_off(
            spin_off, time=spin_off.ex, child=None if child is None else child.instrument
        )

    def _delisting(self, delisting: Delisting) -> None:
        price = delisting.price
        if price is None:
            price = self.market.tracks[delisting.symbol].price()
        self.account.book_delisting(delisting, time=delisting.ex, price=price)

    def _margin_call(self, _call: MarginCall) -> None:
        self.desk.note(Reason.MARGIN_CALL)
        for symbol in self.desk.active():
            self.desk.target(symbol, 0.0, Exits(), Ticket(tag=Reason.MARGIN_CALL.value))

    def _unknown(self, order_id: int) -> Order:
        raise Halt(f"the broker speaks of order {order_id}, which this engine never sent")


def hook(strategy: Hooks, name: str) -> Callable[[Any], None] | None:
    """Return a strategy's hook, or None when it did not write one: what is not there costs nothing."""
    method: Callable[[Any], None] = getattr(strategy, name)
    return None if getattr(method, "_is_default_hook", False) else method


def _always(_symbol: str) -> bool:
    return True
