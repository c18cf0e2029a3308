"""Everything that a strategy can do, one method at a time."""

from datetime import UTC, datetime

import numpy as np
import pytest

import openbell as ob
from openbell.core.engine import Engine
from openbell.core.errors import StrategyError
from openbell.core.orders import Cancel, Order, OrderUpdate
from openbell.core.types import Fill, OrderStatus, OrderType, Phase, Reason, TimeInForce
from openbell.indicators.spec import make
from openbell.portfolio.sizing import ShareOfEquity
from tests.unit.bars_by_hand import daily
from tests.unit.market_by_hand import DAY, HandMarket

SMA = make("SMA", 3)


class Idle(ob.Strategy):
    """Does what the test does for it."""


class Desk:
    """A strategy in its seat, with 10,000 in a margin account and symbols at 100."""

    def __init__(self, *symbols: str) -> None:
        self.market = HandMarket(*(symbols or ("A",)))
        self.strategy = Idle()
        self.engine = Engine(
            self.strategy, market=self.market, cash=10_000.0, sizer=ShareOfEquity(1.0), short=True
        )
        self.strategy.bind(self.engine.desk, seed=3)
        self.market.move(**dict.fromkeys(self.market.symbols, 100.0))

    def hold(self, quantity: float, symbol: str = "A") -> None:
        side = 1 if quantity > 0 else -1
        self.engine.account.book_fill(
            Fill(0, "x", symbol, side, abs(quantity), 100.0, 0.0, 0.0, 0, Phase.OPEN)  # type: ignore[arg-type]  # ±1
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def mine(desk) -> Idle:
    strategy: Idle = desk.strategy
    return strategy


def end(desk: Desk, order: Order, status: OrderStatus = OrderStatus.FILLED) -> None:
    desk.engine.step(OrderUpdate(order.id, OrderStatus.SUBMITTED, Reason.NONE, 0))
    desk.engine.step(OrderUpdate(order.id, status, Reason.NONE, 0))


# --- signals -----------------------------------------------------------------------------------------------


def test_buy_and_sell_are_signals_with_exits_and_a_limit(desk, mine):
    order = mine.buy(
        "A", confidence=0.5, stop_loss=90.0, take_profit=120.0, trailing_stop=0.1, limit=99.0, tag="in"
    )
    assert (order.side, order.quantity, order.limit, order.tag) == (1, 50, 99.0, "in")
    exits = [o for o in mine.working if o is not order]
    assert [(o.side, o.type) for o in exits] == [
        (-1, OrderType.STOP), (-1, OrderType.TRAILING_STOP), (-1, OrderType.LIMIT),
    ]  # fmt: skip
    other = mine.sell("A", confidence=0.2, stop_loss=110.0, limit=101.0)
    assert (other.side, other.quantity, other.limit) == (-1, 20, 101.0)


def test_a_repeated_signal_is_a_hold_and_does_not_even_look_at_its_exits(mine):
    assert mine.buy("A") is not None
    assert mine.buy("A", stop_loss=float("nan")) is None
    assert mine.sell("A", confidence=0.3) is not None
    assert mine.sell("A", confidence=0.3) is None


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_is_from_0_to_1(mine, confidence):
    for act in (mine.buy, mine.sell):
        with pytest.raises(
            StrategyError, match=rf"\('A'\): confidence={confidence} must be a number from 0 to 1$"
        ):
            act("A", confidence=confidence)


def test_hold_leaves_all_as_it_is(desk, mine):
    order = mine.buy("A")
    mine.hold("A")
    assert desk.engine.desk.outbox == [order]


def test_close_leaves_a_position_however_it_came_about(desk, mine):
    assert mine.close("A") is None
    desk.hold(30)
    order = mine.close("A")
    assert (order.side, order.quantity, order.reduce_only) == (-1, 30, True)
    assert mine.close("A") is None


# --- explicit orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("prices", "kind"), [
    ({}, OrderType.MARKET), ({"limit": 99.0}, OrderType.LIMIT), ({"stop": 101.0}, OrderType.STOP),
    ({"stop": 101.0, "limit": 102.0}, OrderType.STOP_LIMIT), ({"trail": 2.0}, OrderType.TRAILING_STOP),
    ({"trail": 0.05, "trail_percent": True}, OrderType.TRAILING_STOP),
])  # fmt: skip
def test_an_orders_type_follows_from_its_prices(mine, prices, kind):
    order = mine.order("A", -5, **prices)
    assert (order.type, order.side, order.quantity) == (kind, -1, 5)
    assert all(getattr(order, name) == value for name, value in prices.items())


def test_an_order_takes_any_number_and_all_of_its_fields(mine):
    order = mine.order("A", np.int64(5), tif="DAY", reduce_only=True, tag="mine")
    assert (order.quantity, order.tif, order.reduce_only, order.tag) == (5.0, TimeInForce.DAY, True, "mine")
    assert type(order.quantity) is float


def test_a_good_till_is_a_moment_in_its_zone(mine):
    until = datetime(2024, 1, 1, 12, 30, 0, 500, tzinfo=UTC)
    assert mine.order("A", 5, tif="gtd", good_till=until).good_till == 1_704_112_200_000_500_000


def test_an_order_may_come_after_another_and_be_paired_with_one(mine):
    entry = mine.order("A", 5)
    stop = mine.order("A", -5, stop=90.0, after=entry)
    target = mine.order("A", -5, limit=110.0, after=entry, oco=stop)
    assert (stop.parent, target.parent) == (entry.id, entry.id)
    assert stop.oco == target.oco != 0


def test_an_order_may_bring_its_exits(mine):
    mine.order("A", 5, stop_loss=90.0, take_profit=110.0, trailing_stop=0.1)
    assert [o.tag for o in mine.working] == ["", "stop_loss", "trailing_stop", "take_profit"]


def test_targets_in_shares_and_weights(mine):
    assert mine.target_weight("A", 0.255).quantity == 25
    assert mine.target_quantity("A", -7).quantity == 7
    assert mine.target_quantity("A", 0) is None
    assert mine.target_weight("A", 0.001) is None


def test_a_rebalance_names_all_there_shall_be():
    desk = Desk("A", "B")
    desk.hold(10, "B")
    orders = desk.strategy.rebalance({"A": 0.5})
    assert [(o.symbol, o.side, o.quantity) for o in orders] == [("B", -1, 10), ("A", 1, 50)]


def test_an_order_is_cancelled_once_and_replaced_while_it_works(desk, mine):
    order = mine.order("A", 5, limit=90.0)
    mine.replace(order, limit=91.0)
    mine.replace(order, quantity=6)
    mine.replace(order)
    mine.cancel(order)
    mine.cancel(order)
    commands = desk.engine.desk.outbox
    assert [type(c).__name__ for c in commands] == ["Order", "Replace", "Replace", "Cancel"]
    assert commands[1].limit == 91.0
    assert commands[2].quantity == 6
    assert commands[3] == Cancel(order.id, Reason.ASKED)
    stop = mine.order("A", -5, stop=90.0)
    mine.replace(stop, stop=91.0)
    assert commands[-1].stop == 91.0


@pytest.mark.parametrize("change", [{"limit": float("nan")}, {"quantity": float("inf")}])
def test_a_replacement_with_no_number_is_refused(mine, change):
    order = mine.order("A", 5, limit=90.0)
    with pytest.raises(StrategyError, match="must be a positive number; leave it out to keep it as it is"):
        mine.replace(order, **change)


# --- questions ---------------------------------------------------------------------------------------------


def test_a_strategy_knows_its_account_and_its_market(desk, mine):
    desk.hold(30)
    assert (mine.position("A"), mine.price("A"), mine.symbols) == (30.0, 100.0, ("A",))
    assert (mine.cash, mine.equity) == (7_000.0, 10_000.0)
    assert mine.now == datetime(1970, 1, 3, tzinfo=UTC)
    assert desk.market.time == 2 * DAY
    assert mine.history("A", "close", 5) == [100.0]


def test_a_symbol_that_was_never_held_is_flat(mine):
    assert mine.position("A") == 0.0


@pytest.mark.parametrize("ask", [
    lambda s: s.position("AAPPL"), lambda s: s.price("AAPPL"), lambda s: s.buy("AAPPL"),
    lambda s: s.close("AAPPL"), lambda s: s.order("AAPPL", 1), lambda s: s.target_weight("AAPPL", 1.0),
    lambda s: s.target_quantity("AAPPL", 1.0), lambda s: s.rebalance({"AAPPL": 1.0}),
])  # fmt: skip
def test_an_unknown_symbol_offers_the_nearest(ask):
    with pytest.raises(
        StrategyError, match=r"^\w+: symbol 'AAPPL' is not in this run; did you mean 'AAPL'\?$"
    ):
        ask(Desk("AAPL", "IBM").strategy)


def test_working_orders_are_those_that_can_still_fill(desk, mine):
    first, second = mine.order("A", 5, limit=90.0), mine.order("A", 6, limit=91.0)
    assert mine.working == (first, second)
    end(desk, first, OrderStatus.REJECTED)
    assert mine.working == (second,)


def test_history_is_of_one_value_or_more(mine):
    with pytest.raises(StrategyError, match=r"^history\('A'\): count=0 must be a whole number, 1 or more$"):
        mine.history("A", "close", 0)


def test_an_indicator_may_be_on_other_columns_bars_and_symbols(desk, mine):
    plain = mine.indicator(SMA)
    high = mine.indicator(SMA, "high", timeframe="1w", symbol="A")
    assert set(desk.market.lines) == {(SMA, ""), (SMA.on("high").at("1w"), "A")}
    assert not mine.ready("A")
    plain.value = high.value = 1.0
    assert not mine.ready("A")
    desk.market.lines[SMA, "A"].value = 1.0
    assert mine.ready("A")


def test_an_indicator_that_is_asked_for_again_and_again_is_one(mine):
    for _ in range(3):
        mine.indicator(SMA)
    assert [len(some) for some in mine._recipes.values()] == [1]


@pytest.mark.parametrize("thing", ["SMA", ob.SMA, None])
def test_an_indicator_is_a_recipe(mine, thing):
    with pytest.raises(StrategyError, match=r"must be a recipe such as ob\.SMA\(10\)$"):
        mine.indicator(thing)


def test_before_it_runs_a_strategy_has_no_desk():
    with pytest.raises(StrategyError, match=r"^Idle is not running: act in a hook, not in __init__$"):
        Idle().buy("A")


def test_chance_is_seeded():
    first, second, other = Idle(), Idle(), Idle()
    desk = Desk().engine.desk
    first.bind(desk, seed=3)
    second.bind(desk, seed=3)
    other.bind(desk, seed=4)
    assert first.random.random() == second.random.random() != other.random.random()


# --- hooks, in a run ---------------------------------------------------------------------------------------


def test_hooks_are_called_in_the_order_of_time():
    class Diary(ob.Strategy):
        pages: list[str] = []  # noqa: RUF012  # looked at after the run

        def on_start(self):
            self.pages.append("start")

        def on_bar(self, bar):
            self.pages.append(f"bar {bar.symbol} {bar.close:g}")
            if bar.index == 0:
                self.order(bar.symbol, 1)

        def on_bars(self, bars):
            self.pages.append(f"bars {bars.close.tolist()}")

        def on_fill(self, fill):
            self.pages.append(f"fill {fill.symbol} {fill.price:g}")

        def on_stop(self):
            self.pages.append("stop")

    ob.backtest(Diary, [daily("A", [10, 11]), daily("B", [20, 21])], costs=ob.NO_COSTS)
    assert Diary.pages == [
        "start", "bar A 10", "bar B 20", "bars [10.0, 20.0]", "fill A 10", "fill B 20",
        "bar A 11", "bar B 21", "bars [11.0, 21.0]", "stop",
    ]  # fmt: skip


def test_the_defaults_of_all_hooks_do_nothing(desk, mine):
    mine.on_start()
    mine.on_bar(None)
    mine.on_bars(None)
    mine.on_fill(None)
    mine.on_stop()
    assert desk.engine.desk.outbox == []


def test_a_symbol_is_asked_for_its_own_indicators_alone():
    desk = Desk("A", "B")
    mine, lines = desk.strategy, desk.market.lines
    for number in range(2, 5):
        mine.indicator(ob.SMA(number), symbol="A")
    mine.indicator(ob.SMA(5), symbol="B")
    for number in range(2, 5):
        lines[ob.SMA(number), "A"].value = 1.0
    assert (mine.ready("A"), mine.ready("B")) == (True, False)
    lines[ob.SMA(5), "B"].value = 1.0
    assert mine.ready("B")
    assert len(lines) == 4
