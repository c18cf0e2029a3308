"""An order that is alone crosses with the next open in one step; its long way would have led to the same."""

import math
import random
from dataclasses import replace
from typing import Any

import pytest
from tests.property.test_agenda import universe
from tests.unit.fill_desk import SHORT, costs, days, series, trade

import openbell as ob
from openbell.backtesting.ledger import ledger_text
from openbell.core.costs import NO_COSTS, Commission, Costs, Margin, Slippage
from openbell.core.types import Instrument, Split
from openbell.execution.brokers.crossing import Crossing

UP = ["10 11 9 10", "10 12 9 11", "11 12 10 12", "12 13 11 12", "12 13 11 13"]
FEES = (Commission(), Commission(0.0, 1.0, 10.0, 5.0, 0.0, 0.0))


class Alone(ob.Strategy):
    """Sends one order at a time, nearly all of them for what is had at the next open."""

    seed: int = ob.param(0)

    def on_start(self) -> None:
        self.dice = random.Random(self.seed)

    def on_bar(self, bar: ob.Bar) -> None:
        dice, symbol = self.dice, bar.symbol
        match dice.randrange(10):
            case 0 | 1:
                self.buy(symbol, confidence=dice.choice([0.5, 1.0]))
            case 2:
                self.sell(symbol)
            case 3:
                self.close(symbol)
            case 4 | 5:
                self.order(symbol, dice.choice([-1, 1]) * dice.randint(1, 400))
            case 6:
                self.order(symbol, -dice.randint(1, 99), reduce_only=True)
            case 7:
                self.target_quantity(symbol, dice.randint(-99, 400))


@pytest.mark.parametrize("seed", range(12))
def test_the_long_way_leads_to_the_same(seed, monkeypatch, crossed):
    given = Costs(
        commission=FEES[seed % 2],
        volume_share=[0.0, 0.1][seed % 3 == 2],
        slippage=Slippage(bps=[0.0, 5.0][seed // 2 % 2], impact=[0.0, 0.1][seed // 4 % 2]),
        margin=[Margin(), Margin(initial=0.5, short=True)][seed % 2],
        unaffordable=["cut", "reject"][seed // 2 % 2],
    )

    def run() -> tuple[Any, ...]:
        form = ob.backtest(Alone, universe(seed), parameters={"seed": seed}, cash=200_000, costs=given)
        found = form.outcome
        lives = [(one.id, one.life, one.filled, one.average, one.fees) for one in found.orders]
        return ledger_text(found.entries), lives, found.fills, found.marks, found.notes, found.equity.tolist()

    short = run()
    assert any(crossed)
    monkeypatch.setattr(Crossing, "cross", lambda *_: False)
    assert run() == short


@pytest.mark.parametrize(
    ("act", "given", "fills"),
    [
        pytest.param(lambda s: s.order("X", 5), {}, [(1, 5, 10)], id="a purchase"),
        pytest.param(lambda s: s.order("X", 5), {"cash": 50.0}, [(1, 5, 10)], id="of all money"),
        pytest.param(
            lambda s: s.order("X", 5),
            {"costs": costs(volume_share=0.5)},
            [(1, 5, 10)],
            id="a share of volume",
        ),
        pytest.param(lambda s: s.order("X", -5), {"costs": SHORT}, [(1, -5, 10)], id="a short sale"),
        pytest.param(
            lambda s: s.order("X", 5),
            {"costs": costs(slippage=Slippage(bps=100.0))},
            [(1, 5, 10.1)],
            id="a slip",
        ),
    ],
)
def test_an_order_that_is_alone_crosses(crossed, act, given, fills):
    found = trade(UP, {0: act}, **given)
    assert found.fills == [pytest.approx(fill) for fill in fills]
    assert crossed == [True]
    assert found.life(0) == ["new", "submitted", "accepted", "filled"]


@pytest.mark.parametrize(
    ("act", "given", "end"),
    [
        pytest.param(lambda s: s.order("X", 5), {"cash": 49.0}, "no_buying_power", id="too little money"),
        pytest.param(lambda s: s.order("X", -5), {}, "short_not_allowed", id="no shorts"),
        pytest.param(
            lambda s: s.order("X", -5, reduce_only=True), {}, "nothing_to_reduce", id="nothing to reduce"
        ),
        pytest.param(lambda s: s.order("X", 5, tif="opg"), {}, "", id="for the open alone"),
        pytest.param(
            lambda s: s.order("X", 5), {"costs": costs(volume_share=1e-6)}, "end_of_data", id="little volume"
        ),
        pytest.param(
            lambda s: s.order("X", 5), {"costs": costs(margin=Margin(settlement=True))}, "", id="settlement"
        ),
    ],
)
def test_what_is_not_simple_goes_its_long_way(crossed, act, given, end):
    found = trade(UP, {0: act}, **given)
    assert not any(crossed)
    assert found.orders[0].reason.value == end


def test_a_gap_that_cannot_be_paid_goes_the_long_way(crossed):
    found = trade(["10 10 10 10", "11 11 11 11"], {0: lambda s: s.order("X", 5)}, cash=52.0)
    assert crossed == [False]
    assert found.ends == [("rejected", "gap_unaffordable")]


@pytest.mark.parametrize("rows", [["10 11 9 nan", "10 11 9 10"], ["10 11 9 10", "nan 11 9 10"]])
def test_without_a_price_it_goes_the_long_way(crossed, rows):
    trade(rows, {0: lambda s: s.order("X", 5)})
    assert crossed == [False]


def test_where_the_symbol_has_no_bar_it_goes_the_long_way(crossed):
    both = series(UP), series(UP[:1], "Y")
    found = trade(both, {0: lambda s: s.order("Y", 5)})
    assert crossed == [False]
    assert found.fills == []


def test_where_a_bar_of_another_symbol_comes_first_it_goes_the_long_way(crossed):
    when = days(5)
    both = series(UP, spans=when), series([UP[0], UP[1]], "Y", spans=[when[0], when[3]])
    found = trade(both, {0: lambda s: s.order("Y", 5)})
    assert not any(crossed)
    assert [n for _, n, _ in found.fills] == [5]


def test_many_small_lots_are_filled_as_whole_ones(crossed):
    grid = Instrument("X", lot=1e-6)
    found = trade(["1 1 1 1"] * 3, {0: lambda s: s.order("X", 263365.0824870005)}, cash=1e12, instrument=grid)
    assert crossed == [True]
    assert [n for _, n, _ in found.fills] == [263365.082487]


def test_no_order_crosses_while_a_night_is_to_be_charged(crossed):
    borrowed = replace(NO_COSTS, margin=Margin(short=True, borrow_rate=0.1))
    found = trade(UP, {0: lambda s: s.order("X", -5), 2: lambda s: s.order("X", 5)}, costs=borrowed)
    assert crossed == [True]
    assert [n for _, n, _ in found.fills] == [-5, 5]
    assert math.fsum(amount for _, amount in found.booked("borrow")) < 0.0


def test_an_odd_lot_is_sold_in_one_step(crossed):
    when = days(5)
    split = series(UP, spans=when, actions=[Split("X", when[2][0], 3, 2)])
    found = trade(
        [split],
        {0: lambda s: s.order("X", 10), 2: lambda s: s.close("X")},
        instrument=Instrument("X", lot=10),
    )
    assert crossed == [True, True]
    assert [n for _, n, _ in found.fills] == [10, -15]
