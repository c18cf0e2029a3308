"""A run that begins within its bars: those before are known to indicators, and nothing of them is traded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

import openbell as ob
from openbell import run
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.replay import Turn
from openbell.core.errors import BadData, ConfigError
from openbell.core.requests import NO_EXITS, Ticket
from openbell.core.types import Delisting, Dividend, SpinOff, Split
from openbell.data.bars import Series
from tests.unit.bars_by_hand import DAY, MONDAY, daily

BEGIN = 6  #: the first moment that is traded
WAVE = [100, 104, 98, 103, 97, 105, 99, 106, 96, 104, 98, 107]


class Crosses(ob.Strategy):
    """Long above its average, of closes in today's units; before a time it does nothing."""

    since: int = 0
    length: int = ob.param(3, ge=1)
    seen: ClassVar[list[tuple[str, int, float, float, float]]] = []

    def on_start(self):
        self.seen.clear()
        self.average = self.indicator(ob.SMA(self.length))

    def on_bar(self, bar):
        if bar.nanos <= self.since:
            return
        before, now = self.history(bar.symbol, "close", 2)
        self.seen.append((bar.symbol, bar.nanos, self.average[-1], before, now))
        (self.buy if bar.close > self.average[-1] else self.close)(bar.symbol)


def simulated(
    data: list[Series], begin: int | None, turns: tuple[Turn, ...] = (), **parameters: Any
) -> Outcome:
    """Return a run that may begin after a time."""
    plan, found, series = run.prepare(Crosses, data, parameters=parameters, costs=ob.NO_COSTS)
    return run.simulate(replace(plan, begin=begin), found, series, turns=turns)


def time_of(data: list[Series], moment: int) -> int:
    """Return when a moment of the run over some bars is."""
    return int(np.unique(np.concatenate([one.known for one in data]))[moment])


def day(number: int) -> int:
    """Return the open of the day so many after the first."""
    return MONDAY + number * DAY


def halved(values: Sequence[float], at: int) -> list[float]:
    """Return prices that halve at a bar."""
    return [value / 2 if number >= at else value for number, value in enumerate(values)]


SPLIT = Split("A", day(3), 2, 1)
MARKETS = {
    "one symbol": [daily("A", WAVE)],
    "two that share their days": [daily("A", WAVE), daily("B", WAVE[::-1])],
    "one that trades each other day": [daily("A", WAVE), daily("B", WAVE[::2], days=range(0, 12, 2))],
    "one that is listed later": [daily("A", WAVE), daily("B", WAVE[:4], first_day=8)],
    "a split before": [daily("A", halved(WAVE, 3), actions=[SPLIT])],
    "a split and a dividend, before and after": [
        daily("A", halved(WAVE, 3), actions=[SPLIT, Dividend("A", day(4), 2.0), Dividend("A", day(9), 1.0)])
    ],
    "a split on the day it begins": [daily("A", halved(WAVE, 6), actions=[Split("A", day(6), 2, 1)])],
    "a split on a day without a bar of its symbol": [
        daily("B", WAVE),
        daily("A", halved(WAVE[:10], 3), days=[0, 1, 2, 4, 7, 8, 9, 10, 11, 12], actions=[SPLIT]),
    ],
    "a split whose symbol has no bar yet": [
        daily("B", WAVE), daily("A", halved(WAVE[:8], 4), days=[0, 1, 2, 3, 8, 9, 10, 11],
                                actions=[Split("A", day(5), 2, 1)])
    ],
    "a spin-off into a symbol of its own": [
        daily("A", WAVE, actions=[SpinOff("A", day(4), "B", 1, 2, 10.0)]), daily("B", WAVE[:8], first_day=4)
    ],
    "one that is delisted before": [
        daily("A", WAVE), daily("B", WAVE[:4], actions=[Delisting("B", day(4), 90.0)])
    ],
}  # fmt: skip


@pytest.mark.parametrize("data", MARKETS.values(), ids=MARKETS)
def test_it_is_a_run_whose_strategy_did_nothing_before(data):
    begin = time_of(data, BEGIN - 1)
    whole, known = simulated(data, None, since=begin), Crosses.seen.copy()
    late = simulated(data, begin)
    assert Crosses.seen == known
    assert late.fills == whole.fills
    assert late.fills
    assert late.account.entries == whole.account.entries
    assert [repr(order) for order in late.orders] == [repr(order) for order in whole.orders]


@pytest.mark.parametrize("data", MARKETS.values(), ids=MARKETS)
def test_its_curves_begin_with_it(data):
    begin = time_of(data, BEGIN - 1)
    whole, late = simulated(data, None, since=begin), simulated(data, begin)
    assert late.first == BEGIN
    assert late.times.tolist() == whole.times[BEGIN:].tolist()
    for curve in ("cash", "equity", "net", "gross"):
        assert np.array_equal(getattr(late, curve), getattr(whole, curve)[BEGIN:])
    assert whole.equity[:BEGIN].tolist() == [100_000.0] * BEGIN


def test_its_indicators_have_values_at_its_first_bar():
    late = simulated(MARKETS["one symbol"], time_of(MARKETS["one symbol"], BEGIN - 1), length=BEGIN + 1)
    first = Crosses.seen[0]
    assert first[1] == late.times[0]
    assert first[2] == pytest.approx(np.mean(WAVE[: BEGIN + 1]))


def test_its_benchmark_buys_at_its_first_close():
    data = MARKETS["one symbol"]
    held = simulated(data, time_of(data, BEGIN - 1)).hold_benchmark()
    assert held.tolist() == pytest.approx([100_000 * close / WAVE[BEGIN] for close in WAVE[BEGIN:]])


def test_its_benchmark_leaves_the_share_of_a_symbol_that_is_worth_nothing_by_then_in_cash():
    gone = daily("B", WAVE[:4], actions=[Delisting("B", day(4), 0.0)])
    data = [daily("A", [100.0] * 12), gone]
    assert simulated(data, day(BEGIN)).hold_benchmark().tolist() == [100_000.0] * 6


def test_a_day_between_two_bars_begins_with_the_next():
    data = [daily("A", WAVE)]
    late = simulated(data, day(BEGIN) + DAY // 2)
    assert late.first == BEGIN
    assert simulated(data, day(0)).first == 0


def test_nothing_left_to_trade_is_said():
    data = [daily("A", WAVE)]
    assert len(simulated(data, time_of(data, -2)).times) == 1
    with pytest.raises(BadData, match=r"^no bar is left after the time from which on is to be traded"):
        simulated(data, time_of(data, -1))


@ob.signal(fast=ob.SMA(1), slow=ob.SMA(2))
def above(fast, slow):
    """Long above the mean."""
    return 1.0 if fast > slow else 0.0


def test_the_compiled_engine_leaves_it_to_the_other():
    plan, found, series = run.prepare(above, [daily("A", WAVE)])
    with pytest.raises(ConfigError, match=r"begins within its bars.*use engine='event'"):
        run.simulate_compiled(replace(plan, begin=day(4)), found, series)


# --- what happens between two moments ----------------------------------------------------------------------


class Holds(ob.Strategy):
    """Buys a share at each bar, with a tag of its own."""

    label: str = "first"

    def on_bar(self, bar):
        self.order(bar.symbol, 1, tag=self.label)


def held(data: list[Series], *turns: Turn, begin: int | None = None) -> Outcome:
    """Return a run of a share at each bar, with turns on the way."""
    plan, found, series = run.prepare(Holds, data, costs=ob.NO_COSTS)
    return run.simulate(replace(plan, begin=begin), found, series, turns=turns)


def successor(name: str, told: list[str]) -> Any:
    """Return what sells all that is held and lets another strategy take the desk."""

    def take(engine: Any) -> list[Any]:
        told.append(name)
        for symbol in engine.desk.active():
            engine.desk.target(symbol, 0.0, NO_EXITS, Ticket(tag=f"to {name}"))
        sent = list(engine.flush())
        engine.stop()
        strategy = Holds()
        strategy.label = name
        strategy.bind(engine.desk, seed=0)
        return [*sent, *engine.seat(strategy)]

    return take


@pytest.mark.parametrize("count", [1, 2])
def test_another_strategy_goes_on_at_the_same_desk(count):
    data = [daily(symbol, WAVE[:6]) for symbol in "AB"[:count]]
    outcome = held(data, Turn(3, successor("second", [])))
    of_a = [order for order in outcome.orders if order.symbol == "A"]
    assert [order.tag for order in of_a] == ["first"] * 3 + ["to second"] + ["second"] * 3
    assert outcome.holdings["A"].tolist() == [0, 1, 2, 0, 1, 2]


def test_what_a_turn_orders_meets_the_bars_of_its_moment():
    data = [daily("A", WAVE[:6])]
    outcome = held(data, Turn(3, successor("second", [])))
    (sale,) = (fill for fill in outcome.fills if fill.side < 0)
    assert (sale.quantity, sale.price, sale.time) == (2, WAVE[2], day(3))


def test_turns_come_in_the_order_of_their_moments_and_none_from_outside():
    told: list[str] = []
    turns = [Turn(at, successor(str(at), told)) for at in (9, 4, 6, 2, 99, 12)]
    outcome = held([daily("A", WAVE)], *turns, begin=day(3))
    assert outcome.first == 3
    assert told == ["4", "6", "9"]


def test_two_turns_of_one_moment_both_meet_its_bars_once():
    told: list[str] = []
    turns = [Turn(3, successor(name, told)) for name in ("second", "third")]
    outcome = held([daily("A", WAVE[:6])], *turns)
    assert told == ["second", "third"]
    assert outcome.holdings["A"].tolist() == [0, 1, 2, 0, 1, 2]
    assert {order.tag for order in outcome.orders[-3:]} == {"third"}
