from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import openbell as ob
from openbell.portfolio.tried import Tried
from openbell.reporting.notices import Notice
from openbell.reporting.reliance import taken
from openbell.reporting.result import Result
from tests.unit import acting
from tests.unit.bars_by_hand import daily

FREE = replace(ob.NO_COSTS, volume_share=0.0)
run = partial(acting.run, costs=FREE)
RNG = np.random.default_rng(2)


def hold(strategy, bar):
    """Buy a hundred of each symbol at its first bar."""
    if bar.index == 0:
        strategy.order(bar.symbol, 100)


def turn(strategy, bar):
    """Buy on even bars, close on odd ones."""
    if bar.index % 2:
        strategy.close(bar.symbol)
    else:
        strategy.order(bar.symbol, 100)


def of_kind(result: Result, kind: str) -> list[Notice]:
    return [one for one in result.findings if one.kind == kind]


def told(result: Result, kind: str) -> Notice:
    (found,) = of_kind(result, kind)
    assert found.remedy
    return found


def years(*growth: float) -> list[float]:
    """Return closes of a market that grows by this in each year, and shakes on the way."""
    shakes = RNG.normal(0.0, 0.002, (len(growth), 365))
    steps = [np.log1p(g) / 365 + shake - shake.mean() for g, shake in zip(growth, shakes, strict=True)]
    closes: list[float] = (10.0 * np.exp(np.cumsum(np.concatenate(steps)))).tolist()
    return closes


def test_one_symbol_that_makes_the_profit_is_named_with_what_is_left():
    flat = [daily(name, [10.0, 10.0, 11.0]) for name in "BC"]
    found = told(run([daily("A", [10.0, 10.0, 30.0]), *flat], hold), "one_symbol")
    assert found.text == "A made 90.9% of the profit of 3 symbols."
    assert found.detail == "2,000; without it 200 is left."
    assert found.figure == pytest.approx(2000 / 2200)
    assert "without A" in found.remedy


def test_profit_that_is_spread_over_symbols_names_none():
    same = [daily(name, [10.0, 10.0, 12.0]) for name in "ABC"]
    assert not of_kind(run(same, hold), "one_symbol")
    assert not of_kind(run(same[:2], hold), "one_symbol")  # of two, one has half even where both are alike


def test_one_year_that_makes_the_growth_is_named():
    found = told(run(daily("A", years(0.05, 1.5, 0.05, 0.05)), hold, cash=1100), "one_year")
    assert found.text.startswith("2025 made 8")
    assert "the other years together" in found.detail
    assert not of_kind(run(daily("A", years(0.3, 0.3, 0.3, 0.3)), hold, cash=1100), "one_year")


def test_two_years_are_too_few_to_blame_one():
    assert not of_kind(run(daily("A", years(0.05, 1.5)[:700]), hold, cash=1100), "one_year")


def test_an_account_that_is_gone_has_no_best_year():
    closes = [10.0, 10.0, *[10.0] * 800, 200.0]
    short = run(
        daily("A", closes), lambda s, b: b.index == 0 and s.order("A", -1000), cash=10_000,
        costs=replace(FREE, margin=ob.REG_T),
    )  # fmt: skip
    assert not of_kind(short, "one_year")
    assert "wiped out" in short.verdict.text


def test_costs_that_eat_the_profit_are_told_with_both_sides():
    closes = np.repeat(10.0 + 0.01 * np.arange(30), 2).tolist()
    dear = replace(FREE, commission=ob.Commission(per_order=0.7))
    found = told(run(daily("A", closes[1:]), turn, costs=dear), "costs")
    assert found.text.startswith("Costs ate ")
    assert found.figure is not None
    assert found.figure > 0.5
    dearer = replace(FREE, commission=ob.Commission(per_order=2.0))
    assert "Costs ate the whole profit" in told(run(daily("A", closes[1:]), turn, costs=dearer), "costs").text
    assert not of_kind(run(daily("A", closes[1:]), turn), "costs")


def test_volume_that_was_taken_is_counted_by_bar():
    result = run(daily("A", [10.0] * 6), turn)
    assert taken(result).tolist() == [100 / 1e6] * 5


def test_an_order_at_the_close_is_of_the_bar_that_ends_then():
    volumes = np.array([1e6, 2e6, 4e6, 8e6])
    data = replace(daily("A", [10.0] * 4), volume=volumes)
    result = run(data, lambda s, b: b.index == 1 and s.order("A", 100, tif="cls"))
    assert taken(result).tolist() == [100 / 4e6]


def test_capacity_is_a_caution_where_the_account_is_past_it_and_a_note_before():
    thin = replace(daily("A", [10.0] * 40), volume=np.full(40, 2_000.0))
    found = told(run(thin, turn), "capacity")
    assert found.level == "caution"
    assert found.text == "Capacity: with more than about 20,000 at the beginning, its orders move prices."
    assert "here, with 100,000, that was 5.00%" in found.detail
    wide = replace(thin, volume=np.full(40, 40_000.0))
    assert told(run(wide, turn), "capacity").level == "note"
    assert not of_kind(run(daily("A", [10.0] * 40), turn), "capacity")


def test_bars_without_volume_say_nothing_of_capacity():
    none = replace(daily("A", [10.0] * 9), volume=np.zeros(9))
    assert not of_kind(run(none, turn), "capacity")


def test_no_month_without_a_gain_in_years_is_not_credible():
    steady = 10.0 * 1.001 ** np.arange(800)
    found = told(run(daily("A", steady.tolist()), hold), "no_losing_month")
    assert found.level == "serious"
    assert found.text.startswith("No month of 2")
    assert run(daily("A", steady.tolist()), hold).verdict.standing == "unsound"


def test_a_record_that_is_too_short_says_how_long_would_do():
    found = told(run(daily("A", years(0.002, 0.002, 0.002)), hold, cash=1100), "track_record")
    assert found.text.startswith("The record is 3.0 years long; ")
    assert found.figure is not None
    assert found.figure > 3.0


def test_no_length_does_where_the_luckiest_of_all_trials_would_be_better():
    result = run(daily("A", years(0.002, 0.002, 0.002)), hold, cash=1100)
    result.tried = Tried(500, 400.0, 0.05)
    found = told(result, "track_record")
    assert found.text == "No length of such a record tells it from the luckiest of what was tried."


def test_several_symbols_were_chosen_with_hindsight_too():
    two = [daily("A", [10.0] * 3), daily("B", [10.0] * 3)]
    assert told(run(two, acting.idle), "hindsight").text.startswith("The 2 symbols were chosen by somebody")
    result = run(two, acting.idle)
    result.engine = "paper"
    assert not of_kind(result, "hindsight")
    assert not of_kind(result, "look_ahead")


def test_every_finding_that_is_more_than_a_note_has_a_name_and_a_remedy():
    costs = replace(FREE, commission=ob.Commission(per_order=2.0))
    for result in (
        run(daily("A", [10.0, 11.0, 10.0, 12.0]), turn, costs=costs),
        run(daily("A", [9.0]), hold),
    ):
        for one in result.findings:
            assert one.kind
            assert one.remedy or one.level == "note"
