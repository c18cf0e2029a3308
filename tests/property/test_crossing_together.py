"""Orders of one moment cross with their next opens in one step; their long way would have led to the same."""

import random
from typing import Any

import numpy as np
import pytest
from tests.property.test_agenda import universe
from tests.property.test_crossing import FEES, UP
from tests.unit.fill_desk import SHORT, costs, days, series, trade

import openbell as ob
from openbell.backtesting.ledger import ledger_text
from openbell.core.costs import Costs, Margin, Slippage
from openbell.core.types import Dividend, OrderStatus, Split
from openbell.data.bars import Series, Source
from openbell.execution.brokers.crossing import Crossing

DOWN = ["10 11 9 10", "8 9 7 8", "8 9 7 8", "7 8 6 7", "7 8 6 7"]
WIDE = Margin(initial=0.5, short=True)


def together(seed: int) -> list[Series]:
    """Return some symbols of which each has a bar at every moment."""
    dice, spans, found = np.random.default_rng(seed), np.array(days(120)), []
    for name in "ABCDEF":
        close = 50 * np.exp(np.cumsum(dice.normal(0, 0.02, len(spans))))
        open_ = np.roll(close, 1) * np.exp(dice.normal(0, 0.005, len(spans)))
        start, known = spans.T.copy()
        low, high = np.minimum(open_, close) * 0.99, np.maximum(open_, close) * 1.01
        acts = (Split(name, int(start[40]), 3, 2), Dividend(name, int(start[70]), 0.4)) if name == "B" else ()
        volume = dice.choice([1e3, 1e5], len(spans))
        source = Source("test", "walk")
        found.append(Series(name, "1d", start, known, open_, high, low, close, volume, source, acts))
    return found


class Basket(ob.Strategy):
    """Rebalances at random, sends several orders at once, and now and then one that rests."""

    seed: int = ob.param(0)

    def on_start(self) -> None:
        self.dice = random.Random(self.seed)

    def on_bars(self, bars: ob.CrossSection) -> None:
        dice, names = self.dice, list(self.symbols)
        some = dice.sample(names, dice.randint(1, len(names)))
        match dice.randrange(8):
            case 0 | 1 | 2:
                self.rebalance({symbol: dice.choice([-0.05, 0.05, 0.1, 0.3]) for symbol in some})
            case 3:
                self.rebalance({})
            case 4:
                for symbol in some:
                    self.order(symbol, dice.choice([-1, 1]) * dice.randint(1, 90))
            case 5:
                self.order(some[0], -9, reduce_only=True)
                self.order(some[-1], 9)
            case 6:
                price = self.price(some[0])
                if price > 0.0 and dice.random() < 0.3:
                    self.order(some[0], 5, limit=0.97 * price, tif="day")


class Hearing(Basket):
    """Looks at everything while it hears of a fill, and answers some with an order."""

    seen: list[Any]

    def on_start(self) -> None:
        super().on_start()
        self.seen = []

    def on_fill(self, fill: ob.Fill) -> None:
        self.seen.append((fill, self.cash, [(one.id, one.status) for one in self.working]))
        if self.dice.random() < 0.1:
            self.order(fill.symbol, 3)


@pytest.mark.parametrize("form", [Basket, Hearing])
@pytest.mark.parametrize("seed", range(8))
def test_the_long_way_of_several_leads_to_the_same(form, seed, monkeypatch, crossed):
    given = Costs(
        commission=FEES[seed % 2],
        volume_share=[0.0, 0.1][seed % 3 == 2],
        slippage=Slippage(bps=[0.0, 5.0][seed // 2 % 2], impact=[0.0, 0.1][seed // 4 % 2]),
        margin=[Margin(), Margin(), Margin(short=True), WIDE][seed % 4],
        unaffordable=["cut", "reject"][seed // 2 % 2],
    )
    bars, heard = [together, universe][seed % 5 == 4](seed), []

    def run() -> tuple[Any, ...]:
        class Watched(form):  # type: ignore[misc, valid-type]  # one of two
            def on_stop(self) -> None:
                heard.append(getattr(self, "seen", None))

        cash = [20_000, 200_000][seed // 2 % 2]
        done = ob.backtest(Watched, bars, parameters={"seed": seed}, cash=cash, costs=given, engine="event")
        found = done.outcome
        lives = [(one.id, one.life, one.filled, one.average, one.fees) for one in found.orders]
        return ledger_text(found.entries), lives, found.fills, found.marks, found.notes, found.equity.tolist()

    short = run()
    assert any(crossed) or given.margin is WIDE
    monkeypatch.setattr(Crossing, "cross", lambda *_: False)
    assert run() == short
    assert heard[0] == heard[1]


def send(*orders: tuple[str, float]) -> Any:
    """Return an act that sends several orders."""
    return lambda s: [s.order(symbol, quantity) for symbol, quantity in orders]


def two(one: list[str] = UP, other: list[str] = UP) -> tuple[Series, Series]:
    """Return the bars of two symbols."""
    return series(one), series(other, "Y")


def test_several_purchases_cross(crossed):
    found = trade(two(), {0: send(("X", 5), ("Y", 4))}, cash=90.0)
    assert (crossed, found.fills) == ([True], [(1, 5, 10), (1, 4, 10)])
    assert found.life(1) == ["new", "submitted", "accepted", "filled"]


def test_what_is_sold_pays_for_what_is_bought_with_it(crossed):
    script = {0: lambda s: s.order("X", 9), 2: send(("X", -9), ("Y", 8))}
    found = trade(two(), script, cash=91.0)
    assert (crossed, found.fills[1:]) == ([True, True], [(3, -9, 12), (3, 8, 12)])


def test_a_sale_goes_first_though_it_was_sent_last(crossed):
    script = {0: lambda s: s.order("X", 9), 2: send(("Y", 1), ("X", -9))}
    found = trade(two(), script, cash=103.0)
    assert (crossed, found.fills[1:]) == ([True, True], [(3, -9, 12), (3, 1, 12)])
    assert [one.symbol for one in found.orders] == ["X", "Y", "X"]


@pytest.mark.parametrize(
    ("bars", "orders", "given", "end"),
    [
        pytest.param(two(), (("X", 5), ("Y", 5)), {"cash": 90.0}, "no_buying_power", id="too little money"),
        pytest.param(
            two(["10 10 10 10", "11 11 11 11"], ["10 10 10 10", "11 11 11 11"]),
            (("X", 5), ("Y", 4)),
            {"cash": 91.0},
            "gap_unaffordable",
            id="a gap",
        ),
        pytest.param(two(), (("X", 5), ("Y", -5)), {}, "short_not_allowed", id="no shorts"),
        pytest.param(two(), (("X", 5), ("Y", -5)), {"costs": SHORT}, "", id="a short sale"),
        pytest.param(two(), (("X", 5), ("Y", 5)), {"costs": costs(margin=WIDE)}, "", id="margin"),
        pytest.param(two(), (("X", 5), ("X", -5)), {}, "", id="the same symbol twice"),
        pytest.param(two(UP, UP[:1]), (("X", 5), ("Y", 5)), {}, "end_of_data", id="one has no bar any more"),
        pytest.param(two(UP, ["10 11 9 10", "nan 11 9 10", *UP[2:]]), (("X", 5), ("Y", 5)), {}, "", id="NaN"),
    ],
)
def test_several_of_which_one_is_not_simple_go_their_long_way(crossed, bars, orders, given, end):
    found = trade(bars, {0: send(*orders)}, **given)
    assert crossed
    assert not any(crossed)
    assert found.orders[-1].reason.value == end


def test_with_a_limit_order_among_them_nothing_is_tried(crossed):
    found = trade(two(), {0: lambda s: (s.order("X", 5), s.order("Y", 5, limit=9.0))})
    assert (crossed, found.fills) == ([], [(1, 5, 10), (1, 5, 9)])


def test_none_crosses_while_something_rests(crossed):
    script = {0: lambda s: s.order("X", 1, limit=1.0), 1: send(("X", 5), ("Y", 5))}
    found = trade(two(UP, DOWN), script)
    assert (crossed, found.fills) == ([], [(2, 5, 11), (2, 5, 8)])


def test_several_before_an_action_go_their_long_way(crossed):
    when = days(5)
    split = series(UP, "Y", spans=when, actions=[Split("Y", when[1][0], 1, 2)])
    found = trade([series(UP, spans=when), split], {0: send(("X", 5), ("Y", 5))})
    assert (crossed, [order.status for order in found.orders]) == (
        [],
        [OrderStatus.FILLED, OrderStatus.CANCELLED],
    )
