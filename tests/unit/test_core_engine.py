"""The engine as a function from events to commands."""

import pytest

from openbell.core.account import EntryKind
from openbell.core.engine import Engine, hook
from openbell.core.errors import Halt
from openbell.core.orders import Cancel, IllegalTransition, Order, OrderUpdate
from openbell.core.types import (
    BUY,
    Charge,
    Dividend,
    Fill,
    MarginCall,
    OrderStatus,
    OrderType,
    Phase,
    Reason,
    Split,
)
from openbell.indicators.spec import make
from openbell.portfolio.sizing import ShareOfEquity
from openbell.strategies.base import Strategy
from tests.unit.market_by_hand import HandMarket, Silent

SMA = make("SMA", 3)


class Taker(Strategy):
    """Buys once, protects what it got, and writes down what it was told."""

    def on_start(self) -> None:
        self.told: list[str] = []

    def on_bar(self, bar) -> None:
        self.told.append(f"bar {bar.symbol} {bar.close:g}")
        if not self.position(bar.symbol) and not any(o.symbol == bar.symbol for o in self.working):
            self.order(bar.symbol, 10)

    def on_fill(self, fill) -> None:
        self.told.append(f"fill {fill.symbol} {fill.quantity:g}")
        if fill.side > 0:
            self.order(fill.symbol, -fill.quantity, stop=90.0)


def seated(strategy: Strategy, market: HandMarket, *, short: bool = False) -> Engine:
    engine = Engine(strategy, market=market, cash=10_000.0, sizer=ShareOfEquity(1.0), short=short)
    strategy.bind(engine.desk, seed=0)
    return engine


def update(order: Order, status: OrderStatus, reason: Reason = Reason.NONE, **changes: float) -> OrderUpdate:
    return OrderUpdate(order.id, status, reason, 5, **changes)


def fill_of(order: Order, quantity: float = 0.0, price: float = 100.0) -> Fill:
    size = quantity or order.quantity
    return Fill(order.id, "Taker", order.symbol, order.side, size, price, 1.0, 0.0, 5, Phase.OPEN)


def accept(engine: Engine, order: Order) -> None:
    engine.step(update(order, OrderStatus.SUBMITTED))
    engine.step(update(order, OrderStatus.ACCEPTED))


@pytest.fixture
def market() -> HandMarket:
    return HandMarket("A")


@pytest.fixture
def engine(market) -> Engine:
    made = seated(Taker(), market)
    made.start()
    return made


def bought(engine: Engine, market: HandMarket) -> Order:
    """Let the strategy buy, and return its order as it works."""
    (order,) = engine.step(market.move(A=100.0))
    assert isinstance(order, Order)
    accept(engine, order)
    return order


def describe(commands) -> list[str]:
    return [repr(command) for command in commands]


# --- the function ------------------------------------------------------------------------------------------


def test_the_same_events_give_the_same_commands():
    answers = []
    for _ in range(2):
        market = HandMarket("A", "B")
        engine = seated(Taker(), market)
        said = describe(engine.start())
        for day in range(6):
            commands = list(engine.step(market.move(A=100.0 + day, B=50.0)))
            said += describe(commands)
            for command in commands:
                assert isinstance(command, Order)
                accept(engine, command)
                if command.type is OrderType.MARKET:
                    protection = list(engine.step(fill_of(command)))
                    said += describe(protection)
                    for stop in protection:
                        assert isinstance(stop, Order)
                        accept(engine, stop)
        answers.append((said, engine.account.cash, [e._asdict() for e in engine.account.entries]))
    assert answers[0] == answers[1]
    assert len(answers[0][0]) == 4


def test_a_bar_on_which_nothing_is_ordered_answers_with_nothing(engine, market):
    bought(engine, market)
    assert list(engine.step(market.move(A=101.0))) == []


def test_commands_are_handed_out_once(engine, market):
    assert len(engine.step(market.move(A=100.0))) == 1
    assert engine.desk.outbox == []


def test_orders_of_on_start_are_handed_out():
    class Early(Strategy):
        def on_start(self):
            self.order("A", 1)

    assert len(seated(Early(), HandMarket("A")).start()) == 1


# --- bars --------------------------------------------------------------------------------------------------


def test_a_symbol_is_asked_once_its_indicators_have_values_and_then_always():
    class Averaged(Taker):
        def on_start(self):
            super().on_start()
            self.average = self.indicator(SMA)

        def on_bars(self, bars):
            self.told.append("bars")

    market = HandMarket("A", "B")
    strategy = Averaged()
    engine = seated(strategy, market)
    engine.start()
    engine.step(market.move(A=100.0, B=50.0))
    assert strategy.told == []
    market.lines[SMA, "A"].value = 1.0
    engine.step(market.move(A=101.0, B=50.0))
    assert strategy.told == ["bar A 101", "bars"]
    assert engine.waiting == {"B"}
    market.lines[SMA, "B"].value = 1.0
    market.lines[SMA, "A"].value = float("nan")
    engine.step(market.move(A=102.0, B=50.0))
    assert strategy.told[2:] == ["bar A 102", "bar B 50", "bars"]
    assert engine.waiting == set()


def test_an_indicator_of_another_symbol_does_not_hold_a_symbol_back():
    class Guided(Taker):
        def on_start(self):
            super().on_start()
            self.guide = self.indicator(SMA, symbol="B")

    market = HandMarket("A", "B")
    strategy = Guided()
    engine = seated(strategy, market)
    engine.start()
    engine.step(market.move(A=100.0, B=50.0))
    assert strategy.told == ["bar A 100"]


def test_each_bar_and_each_fill_of_many_symbols_is_in_focus():
    market = HandMarket("A", "B")
    engine = seated(Taker(), market)
    engine.start()
    orders = engine.step(market.move(A=100.0, B=50.0))
    assert market.focused == ["A", "B"]
    for order in orders:
        assert isinstance(order, Order)
        accept(engine, order)
        engine.step(fill_of(order))
    assert market.focused == ["A", "B", "A", "B"]


def test_a_single_symbol_needs_no_focus(engine, market):
    engine.step(fill_of(bought(engine, market)))
    assert market.focused == []


def test_a_strategy_that_says_nothing_of_readiness_is_always_asked():
    class Plain(Silent):
        bars = 0

        def on_bar(self, bar):
            self.bars += 1

    market = HandMarket("A")
    strategy = Plain()
    engine = Engine(strategy, market=market, cash=1.0, sizer=ShareOfEquity(), short=False)
    engine.start()
    engine.step(market.move(A=100.0))
    assert strategy.bars == 1


def test_a_hook_that_is_not_written_is_not_called():
    class OnBars(Strategy):
        def on_bars(self, bars): ...

    strategy = OnBars()
    assert hook(strategy, "on_bar") is None
    assert hook(strategy, "on_fill") is None
    assert hook(strategy, "on_bars") == strategy.on_bars
    market = HandMarket("A")
    engine = seated(strategy, market)
    engine.start()
    assert list(engine.step(market.move(A=100.0))) == []


# --- fills and updates -------------------------------------------------------------------------------------


def test_a_fill_is_booked_before_the_strategy_hears_of_it_and_its_orders_are_handed_out(engine, market):
    order = bought(engine, market)
    (stop,) = engine.step(fill_of(order))
    assert isinstance(stop, Order)
    assert (stop.side, stop.stop, stop.quantity) == (-1, 90.0, 10)
    assert (engine.account.cash, engine.account.quantity("A")) == (8_999.0, 10)
    assert engine.strategy.told == ["bar A 100", "fill A 10"]
    assert [fill.order_id for fill in engine.fills] == [order.id]
    assert engine.strategy.working == (stop,)


def test_a_fill_in_part_leaves_the_order_at_work(engine, market):
    order = bought(engine, market)
    engine.step(fill_of(order, 4))
    assert order in engine.strategy.working
    engine.step(fill_of(order, 6))
    assert order not in engine.strategy.working


def test_a_fill_that_arrives_twice_is_no_step_and_books_nothing(engine, market):
    order = bought(engine, market)
    engine.step(fill_of(order))
    with pytest.raises(IllegalTransition, match="is filled and cannot become filled"):
        engine.step(fill_of(order))
    assert engine.account.quantity("A") == 10
    assert len(engine.fills) == 1


def test_a_fill_that_nobody_wants_to_hear_of_is_booked(market):
    class Deaf(Strategy):
        def on_start(self):
            self.order("A", 1)

    engine = seated(Deaf(), market)
    (order,) = engine.start()
    assert isinstance(order, Order)
    accept(engine, order)
    assert list(engine.step(fill_of(order))) == []
    assert engine.account.quantity("A") == 1


def test_an_order_that_ends_no_longer_works(engine, market):
    order = bought(engine, market)
    engine.step(update(order, OrderStatus.EXPIRED, Reason.SESSION_END))
    assert (order.open, order.reason, engine.strategy.working) == (False, Reason.SESSION_END, ())


def test_an_update_without_a_step_changes_numbers_and_is_noted(engine, market):
    order = bought(engine, market)
    engine.step(update(order, OrderStatus.ACCEPTED, Reason.SPLIT, quantity=20, limit=5.0, stop=4.0))
    assert (order.quantity, order.limit, order.stop, order.reason) == (20, 5.0, 4.0, Reason.SPLIT)
    steps = len(order.life)
    engine.step(update(order, OrderStatus.ACCEPTED))
    assert len(order.life) == steps


@pytest.mark.parametrize("event", [
    OrderUpdate(99, OrderStatus.ACCEPTED, Reason.NONE, 5),
    Fill(99, "Taker", "A", BUY, 1.0, 1.0, 0.0, 0.0, 5, Phase.OPEN),
])  # fmt: skip
def test_an_order_that_was_never_sent_halts(engine, event):
    with pytest.raises(Halt, match=r"^the broker speaks of order 99, which this engine never sent$"):
        engine.step(event)
    assert engine.account.entries == []


# --- corporate actions, charges, margin --------------------------------------------------------------------


def test_actions_and_charges_are_booked(engine, market):
    engine.step(fill_of(bought(engine, market)))
    engine.desk.outbox.clear()
    engine.step(Split("A", 7, 2, 1))
    engine.step(Dividend("A", 8, 0.5))
    engine.step(Charge("Taker", "", "interest", 2.0, 9))
    assert [e.kind for e in engine.account.entries] == [
        EntryKind.FILL, EntryKind.SPLIT, EntryKind.DIVIDEND, EntryKind.INTEREST,
    ]  # fmt: skip
    assert engine.account.quantity("A") == 20
    assert engine.account.cash == 8_999.0 + 10.0 - 2.0


def test_a_margin_call_closes_all_and_cancels_what_would_open():
    class Nothing(Strategy):
        def on_bar(self, bar): ...

    market = HandMarket("A", "B")
    strategy = Nothing()
    engine = seated(strategy, market, short=True)
    engine.start()
    engine.step(market.move(A=100.0, B=50.0))
    engine.account.book_fill(Fill(0, "x", "A", -1, 30.0, 100.0, 0.0, 0.0, 1, Phase.OPEN))
    resting = strategy.order("B", 5, limit=40.0)
    assert list(engine.step(update(resting, OrderStatus.SUBMITTED))) == [resting]
    (closing, cancelled) = engine.step(MarginCall("x", 1.0, 2.0, 5))
    assert isinstance(closing, Order)
    assert (closing.symbol, closing.side, closing.quantity, closing.reduce_only) == ("A", 1, 30.0, True)
    assert closing.tag == "margin_call"
    assert cancelled == Cancel(resting.id, Reason.REPLACED)
    assert engine.desk.notes == {Reason.MARGIN_CALL: 1}
    assert list(engine.step(MarginCall("x", 1.0, 2.0, 6))) == []


# --- the end -----------------------------------------------------------------------------------------------


def test_orders_of_on_stop_end_unsent_with_a_reason(market):
    class Late(Taker):
        def on_stop(self):
            for order in self.working:
                self.cancel(order)
            self.last = self.order("A", 1)

    strategy = Late()
    engine = seated(strategy, market)
    engine.start()
    bought(engine, market)
    engine.stop()
    assert engine.desk.outbox == []
    last = strategy.last
    assert (last.status, last.reason) == (OrderStatus.CANCELLED, Reason.END_OF_DATA)
    assert last not in strategy.working
