"""A bracket that is alone is laid and ended in one step each; the long way would have led to the same."""

import random
from typing import Any

import pytest
from tests.property.test_agenda import universe
from tests.unit.fill_desk import SHORT, costs, days, series, trade

import openbell as ob
from openbell.backtesting.ledger import ledger_text
from openbell.core.costs import Commission, Costs, Margin, Slippage
from openbell.core.types import Instrument, Split
from openbell.execution.brokers.brackets import Brackets

FEES = (Commission(), Commission(0.0, 1.0, 10.0, 5.0, 0.0, 0.0))
UP = ["10 10 10 10", "10 11 9 10", "10 11 9 10", "10 13 10 12", "12 13 11 12"]
DOWN = ["10 10 10 10", "10 11 9 10", "10 11 9 10", "9 10 7 8", "8 9 8 8"]
FALLS = ["10 10 10 10", "10 11 9 10", "7 7 6 7", "7 8 7 8"]
LEAPS = ["10 10 10 10", "10 11 9 10", "13 14 13 14", "14 14 14 14"]
FLAT = ["10 11 9 10"] * 5


@pytest.fixture
def short_ways(monkeypatch):
    """Count the brackets that are laid, and those that end, in one step."""
    told = {"laid": 0, "left": 0}
    wake, leave = Brackets.wake, Brackets.leave

    def count_laid(self: Brackets, laid: Any) -> None:
        told["laid"] += bool(laid)
        wake(self, laid)

    def count_left(self: Brackets, time: int) -> bool:
        left = leave(self, time)
        told["left"] += left
        return left

    monkeypatch.setattr(Brackets, "wake", count_laid)
    monkeypatch.setattr(Brackets, "leave", count_left)
    return told


class Protected(ob.Strategy):
    """Sends entries with all kinds of exits, and now and then something else beside them."""

    seed: int = ob.param(0)

    def on_start(self) -> None:
        self.dice = random.Random(self.seed)
        self.heard: list[Any] = []

    def on_fill(self, fill: ob.Fill) -> None:
        orders = [one for one in self.desk.orders.values() if one.open or one.id == fill.order_id]
        self.heard.append((fill, [(one.id, one.status) for one in orders]))
        if self.dice.random() < 0.05:
            self.order(fill.symbol, 10, limit=0.9 * fill.price)

    def on_bar(self, bar: ob.Bar) -> None:
        dice, symbol, close = self.dice, bar.symbol, bar.close
        way = dice.choice([-1, 1])
        stop = close * (1 - way * dice.uniform(0.005, 0.05))
        target = close * (1 + way * dice.uniform(0.005, 0.05))
        signal = self.buy if way > 0 else self.sell
        match dice.randrange(60):
            case 0 | 1 | 2 | 3:
                signal(symbol, stop_loss=stop, take_profit=target)
            case 4:
                signal(symbol, stop_loss=stop)
            case 5:
                signal(symbol, take_profit=target)
            case 6:
                signal(symbol, stop_loss=stop, trailing_stop=0.03, take_profit=target)
            case 7 | 8:
                self.order(symbol, way * dice.randint(1, 300), stop_loss=stop, take_profit=target)
            case 9:
                first = self.order(symbol, 50)
                self.order(symbol, dice.choice([-20, -50]), stop=0.97 * close, reduce_only=True, after=first)
            case 10:
                self.order(symbol, -dice.randint(1, 99), stop=0.97 * close, tif=dice.choice(["day", "gtc"]))
            case 11:
                self.order(symbol, -50, limit=1.02 * close, reduce_only=True, tif=dice.choice(["ioc", "gtc"]))
            case 12:
                self._change(dice, symbol)

    def _change(self, dice: random.Random, symbol: str) -> None:
        if dice.random() < 0.5:
            self.close(symbol)
        exits = [one for one in self.desk.orders.values() if one.open and one.reduce_only]
        if exits:
            one = dice.choice(exits)
            if dice.random() < 0.5:
                self.cancel(one)
            else:
                self.replace(one, quantity=dice.randint(1, 300))

    def on_stop(self) -> None:
        HEARD.append(self.heard)


HEARD: list[Any] = []


@pytest.mark.parametrize("seed", range(18))
def test_the_long_way_leads_to_the_same(seed, monkeypatch, short_ways):
    given = Costs(
        commission=FEES[seed % 2],
        volume_share=[0.0, 0.1][seed % 3 == 2],
        slippage=Slippage(bps=[0.0, 5.0][seed // 2 % 2], impact=[0.0, 0.1][seed // 4 % 2]),
        margin=[Margin(), Margin(initial=0.5, short=True)][seed // 2 % 2],
        unaffordable=["cut", "reject"][seed // 4 % 2],
    )

    def run() -> tuple[Any, ...]:
        HEARD.clear()
        form = ob.backtest(Protected, universe(seed), parameters={"seed": seed}, cash=200_000, costs=given)
        found = form.outcome
        lives = [(one.id, one.life, one.filled, one.average, one.fees) for one in found.orders]
        told = found.fills, found.marks, found.notes, found.ambiguities, list(HEARD)
        return ledger_text(found.entries), lives, told, found.equity.tolist()

    short = run()
    monkeypatch.setattr(Brackets, "lay", lambda *_: None)
    monkeypatch.setattr(Brackets, "leave", lambda *_: False)
    assert run() == short
    if seed in {0, 6}:  # one symbol, which is alone, and without actions
        assert short_ways["laid"] > 1
        assert short_ways["left"] > 0


BOTH = {"stop_loss": 8.0, "take_profit": 12.0}


@pytest.mark.parametrize(
    ("rows", "fills"),
    [
        pytest.param(UP, [(1, 5, 10), (3, -5, 12)], id="the target inside a bar"),
        pytest.param(DOWN, [(1, 5, 10), (3, -5, 8)], id="the stop inside a bar"),
        pytest.param(FALLS, [(1, 5, 10), (2, -5, 7)], id="the stop at an open below it"),
        pytest.param(LEAPS, [(1, 5, 10), (2, -5, 13)], id="the target at an open above it"),
    ],
)
def test_a_bracket_takes_one_step_at_its_ends(short_ways, rows, fills):
    found = trade(rows, {0: lambda s: s.order("X", 5, **BOTH)})
    assert found.fills == fills
    assert short_ways == {"laid": 1, "left": 1}
    assert sorted(end for end, _ in found.ends) == ["cancelled", "filled", "filled"]
    assert {why for _, why in found.ends} == {"", "oco"}
    for child in (1, 2):
        assert found.life(child)[:4] == ["new", "submitted", "held", "accepted"]
        assert len(found.life(child)) == 5


@pytest.mark.parametrize("exits", [{"stop_loss": 8.0}, {"take_profit": 12.0}])
def test_an_exit_that_is_alone_does_too(short_ways, exits):
    found = trade(DOWN if "stop_loss" in exits else UP, {0: lambda s: s.order("X", 5, **exits)})
    assert short_ways == {"laid": 1, "left": 1}
    assert [end for end, _ in found.ends] == ["filled", "filled"]


def test_a_short_bracket_does_too(short_ways):
    act = {0: lambda s: s.order("X", -5, stop_loss=12.0, take_profit=8.0)}
    assert trade(UP, act, costs=SHORT).fills == [(1, -5, 10), (3, 5, 12)]
    assert short_ways == {"laid": 1, "left": 1}


@pytest.mark.parametrize(
    ("rows", "act", "given"),
    [
        pytest.param(
            ["10 10 10 10", "10 12 9 10"], lambda s: s.order("X", 5, **BOTH), {}, id="its own bar reaches one"
        ),
        pytest.param(
            ["10 10 10 10", "10 nan 9 10"], lambda s: s.order("X", 5, **BOTH), {}, id="a bar without a high"
        ),
        pytest.param(FLAT, lambda s: s.order("X", 5, trailing_stop=0.5), {}, id="a trailing stop"),
        pytest.param(FLAT, lambda s: s.order("X", 5, trailing_stop=0.5, **BOTH), {}, id="three exits"),
        pytest.param(FLAT, lambda s: (s.order("X", 5, **BOTH), s.order("X", 5)), {}, id="another order"),
        pytest.param(FLAT, lambda s: s.order("X", 5e9, **BOTH), {}, id="no money"),
        pytest.param(
            FLAT, lambda s: s.order("X", 5, **BOTH), {"costs": costs(volume_share=1e-6)}, id="no volume"
        ),
        pytest.param(
            FLAT, lambda s: s.order("X", -1, after=s.order("X", 5), stop=8.0), {}, id="part of the entry"
        ),
        pytest.param(
            FLAT, lambda s: s.order("X", -5, after=s.order("X", 5), stop=8.0), {}, id="not only to reduce"
        ),
        pytest.param(FLAT, lambda s: s.order("X", 5, limit=10.0, **BOTH), {}, id="an entry at a limit"),
    ],
)
def test_what_is_not_simple_is_laid_the_long_way(short_ways, rows, act, given):
    trade(rows, {0: act}, **given)
    assert short_ways["laid"] == 0


def test_where_something_is_held_exits_are_laid_the_long_way(short_ways):
    found = trade(UP, {0: lambda s: s.order("X", 5), 1: lambda s: s.order("X", 5, **BOTH)})
    assert short_ways == {"laid": 0, "left": 0}
    assert found.fills[-1] == (3, -5, 12)


def test_where_the_symbol_has_no_bar_exits_are_laid_the_long_way(short_ways):
    when = days(5)
    both = series(UP, spans=when), series([UP[0], UP[1]], "Y", spans=[when[0], when[3]])
    found = trade(both, {0: lambda s: s.order("Y", 5, **BOTH)})
    assert short_ways["laid"] == 0
    assert [n for _, n, _ in found.fills] == [5]


def test_after_the_symbols_last_bar_exits_are_laid_the_long_way(short_ways):
    both = series(UP), series(UP[:1], "Y")
    assert trade(both, {0: lambda s: s.order("Y", 5, **BOTH)}).fills == []
    assert short_ways["laid"] == 0


def _after_entry(act: Any) -> dict[int, Any]:
    return {0: lambda s: s.order("X", 5, **BOTH), 1: act}


@pytest.mark.parametrize(
    ("rows", "script", "given", "fills"),
    [
        pytest.param(
            ["10 10 10 10", "10 11 9 10", "10 13 7 10"], _after_entry(lambda s: None), {},
            [(1, 5, 10), (2, -5, 8)], id="a bar that reaches both",
        ),
        pytest.param(
            UP, _after_entry(lambda s: s.order("X", 5)), {}, [(1, 5, 10), (2, 5, 10), (3, -5, 12)],
            id="more is held",
        ),
        pytest.param(
            UP, _after_entry(lambda s: s.replace(s.made(2), quantity=3)), {}, [(1, 5, 10), (3, -3, 12)],
            id="less is protected",
        ),
        pytest.param(
            UP, _after_entry(lambda s: s.order("X", -5, limit=12.0, reduce_only=True)), {},
            [(1, 5, 10), (3, -5, 12)], id="a third exit",
        ),
        pytest.param(
            UP, {0: lambda s: s.order("X", 5), 1: lambda s: (
                s.order("X", -5, limit=12.0, reduce_only=True), s.order("X", -5, stop=8.0, reduce_only=True)
            )}, {}, [(1, 5, 10), (3, -5, 12)], id="two that are no pair",
        ),
        pytest.param(
            UP, {0: lambda s: s.order("X", 5), 1: lambda s: s.order("X", -5, limit=12.0)}, {},
            [(1, 5, 10), (3, -5, 12)], id="a sale that might go short",
        ),
        pytest.param(
            UP, {0: lambda s: s.order("X", 5), 1: lambda s: s.order("X", -5, limit=12.0, reduce_only=True,
                                                                    tif="opg")}, {},
            [(1, 5, 10)], id="for an open alone",
        ),
        pytest.param(
            UP, {0: lambda s: s.order("X", 5), 1: lambda s: s.order("X", -5, limit=12.0, reduce_only=True,
                                                                    tif="ioc")}, {},
            [(1, 5, 10)], id="at once or never",
        ),
        pytest.param(
            DOWN, {0: lambda s: s.order("X", 5), 1: lambda s: s.order("X", -5, stop=8.0, limit=7.5,
                                                                      reduce_only=True)}, {},
            [(1, 5, 10), (3, -5, 8)], id="a stop-limit",
        ),
        pytest.param(
            [*UP[:3], "10 13 10 12 8"], _after_entry(lambda s: None), {"costs": costs(volume_share=0.5)},
            [(1, 5, 10), (3, -4, 12)], id="too little volume",
        ),
    ],
)  # fmt: skip
def test_what_is_not_simple_ends_the_long_way(short_ways, rows, script, given, fills):
    assert trade(rows, script, **given).fills == fills
    assert short_ways["left"] == 0


def test_an_exit_that_takes_half_of_the_volume_ends_in_one_step(short_ways):
    found = trade(UP, {0: lambda s: s.order("X", 5, **BOTH)}, costs=costs(volume_share=0.5))
    assert found.fills == [(1, 5, 10), (3, -5, 12)]
    assert short_ways == {"laid": 1, "left": 1}


def test_an_odd_lot_is_left_in_one_step(short_ways):
    when = days(5)
    split = series(UP, spans=when, actions=[Split("X", when[2][0], 3, 2)])
    found = trade([split], {0: lambda s: s.order("X", 10, **BOTH)}, instrument=Instrument("X", lot=10))
    assert found.fills == [(1, 10, 10), (2, -15, 10)]
    assert short_ways == {"laid": 1, "left": 1}


def test_a_bar_of_another_symbol_does_not_end_it(short_ways):
    when = days(5)
    both = series(UP, spans=when), series([*UP[:2], UP[3]], "Y", spans=[when[0], when[1], when[4]])
    found = trade(both, {0: lambda s: s.order("Y", 5, **BOTH)})
    assert [n for _, n, _ in found.fills] == [5, -5]
    assert short_ways == {"laid": 1, "left": 1}
