"""The formulas, one by one. What they lead to in a run is tested in `test_fills_*`."""

import ast
import inspect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.core import rules

ALLOWED_CALLS = {"abs", "min", "max", "math.isnan", "math.sqrt"}
ALLOWED_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
FUNCTIONS = {name: f for name, f in vars(rules).items() if inspect.isfunction(f)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_formula_uses_only_what_gives_the_same_bits_when_compiled(name):
    tree = ast.parse(inspect.getsource(FUNCTIONS[name]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called in ALLOWED_CALLS or called in FUNCTIONS
        elif isinstance(node, ast.BinOp):
            assert isinstance(node.op, ALLOWED_OPERATORS)
        else:
            assert not isinstance(node, ast.For | ast.While | ast.List | ast.Dict | ast.comprehension)


# --- grids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "tick", "expected"),
    [
        (99.994, 0.01, 99.99),
        (99.995, 0.01, 100.0),
        (1.005, 0.01, 1.0),  # the float is below the half
        (100.03, 0.05, 100.05),
        (0.00123, 0.0001, 0.0012),
        (101.2, 0.5, 101.0),
        (101.25, 0.5, 101.5),
        (1234.0, 5.0, 1235.0),
        (100.0, 1.0, 100.0),
        (1.0, 0.4, 3 * 0.4),  # 2.5 ticks: no whole number of them makes 1
        (0.004, 0.01, 0.0),
    ],
)
def test_a_price_goes_to_the_nearest_tick(price, tick, expected):
    assert rules.on_tick(price, tick) == expected


def test_no_price_stays_none():
    assert math.isnan(rules.on_tick(math.nan, 0.01))
    assert math.isnan(rules.on_tick(math.nan, 5.0))


@pytest.mark.parametrize(
    ("quantity", "lot", "expected"),
    [
        (10.9, 1.0, 10.0),
        (0.99, 1.0, 0.0),
        (250.0, 100.0, 200.0),
        (1.29, 0.1, 1.2),
        (0.1 + 0.2, 0.1, 0.3),  # 0.30000000000000004
        (0.3 - 0.1, 0.1, 0.2),  # 0.19999999999999998
        (0.9, 0.4, 0.8),
        (0.0, 1.0, 0.0),
        (129.169414, 1e-6, 129.169414),  # 129169413.99999999 millionths
        (3.1234567890123456, 1e-18, 3.1234567890123456),  # finer than a float
    ],
)
def test_a_quantity_is_floored_to_whole_lots(quantity, lot, expected):
    assert rules.whole_lots(quantity, lot) == expected


@given(st.integers(0, 10**14), st.sampled_from([1.0, 0.1, 0.01, 1e-4, 1e-6, 1e-8, 1e-9, 100.0, 0.25]))
def test_a_number_of_whole_lots_holds_as_many(count, lot):
    quantity = count / rules.per_unit(lot) if rules.per_unit(lot) else count * lot
    assert rules.whole_lots(quantity, lot) == quantity


# --- prices --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "limit", "at_open", "touched"),
    [
        (1, 101, True, True), (1, 100, True, True), (1, 99, False, True), (1, 98, False, True),
        (1, 97, False, False),
        (-1, 99, True, True), (-1, 100, True, True), (-1, 101, False, True), (-1, 102, False, True),
        (-1, 103, False, False),
    ],
)  # fmt: skip
def test_a_limit_against_a_bar(side, limit, at_open, touched):
    assert rules.limit_at_open(side, limit, 100) is at_open
    assert rules.limit_touched(side, limit, 102, 98) is touched


@pytest.mark.parametrize(
    ("side", "stop", "at_open", "touched"),
    [
        (1, 99, True, True), (1, 100, True, True), (1, 101, False, True), (1, 102, False, True),
        (1, 103, False, False),
        (-1, 101, True, True), (-1, 100, True, True), (-1, 99, False, True), (-1, 98, False, True),
        (-1, 97, False, False),
    ],
)  # fmt: skip
def test_a_stop_against_a_bar(side, stop, at_open, touched):
    assert rules.stop_at_open(side, stop, 100) is at_open
    assert rules.stop_touched(side, stop, 102, 98) is touched


def test_a_comparison_with_no_price_is_never_true():
    for side in (1, -1):
        assert not rules.limit_at_open(side, math.nan, 100)
        assert not rules.limit_touched(side, math.nan, 102, 98)
        assert not rules.stop_at_open(side, math.nan, 100)
        assert not rules.stop_touched(side, math.nan, 102, 98)


@pytest.mark.parametrize(
    ("side", "trail", "percent", "level"),
    [(-1, 2, False, 98), (1, 2, False, 102), (-1, 0.05, True, 95), (1, 0.05, True, 105)],
)
def test_a_trailing_stop_is_an_amount_or_a_share_from_its_mark(side, trail, percent, level):
    assert rules.trailing_stop(side, 100, trail, percent) == level


def test_a_trailing_mark_only_improves():
    assert rules.trailing_mark(-1, 100, 105, 95) == 105
    assert rules.trailing_mark(-1, 100, 99, 95) == 100
    assert rules.trailing_mark(1, 100, 105, 95) == 95
    assert rules.trailing_mark(1, 100, 105, 101) == 100


# --- costs ---------------------------------------------------------------------------------------------


def test_slippage_is_a_sum_of_its_terms():
    assert rules.slippage(100, 50, 200, 0.01, 5, 10, 0.0) == pytest.approx(0.01 + 0.05 + 0.05)
    assert rules.slippage(100, 50, 200, 0.0, 0.0, 0.0, 0.1) == pytest.approx(100 * 0.1 * 0.5)
    assert rules.slippage(100, 50, 0, 0.01, 0.0, 0.0, 0.1) == 0.01  # no volume, no impact to speak of


def test_a_slipped_price_is_worse_and_never_negative():
    assert rules.slipped(1, 100, 0.25) == 100.25
    assert rules.slipped(-1, 100, 0.25) == 99.75
    assert rules.slipped(-1, 1, 3) == 0


@pytest.mark.parametrize(
    ("raw", "value", "per_order", "minimum", "cap", "fee"),
    [(5, 1e4, 0, 1, 0.01, 5), (0.5, 1e4, 0, 1, 0.01, 1), (0.5, 50, 0, 1, 0.01, 0.5), (0.5, 50, 2, 1, 0, 2.5)],
)
def test_the_fee_of_an_order(raw, value, per_order, minimum, cap, fee):
    assert rules.order_fee(raw, value, per_order, minimum, cap) == fee


def test_what_a_fill_adds_to_the_raw_fee():
    assert rules.charge_raw(100, 5000, 0.01, 10) == pytest.approx(1 + 5)


def test_the_volume_that_is_left_is_whole_lots_and_without_a_cap_endless():
    assert rules.volume_left(1000, 0.1, 30, 1) == 70
    assert rules.volume_left(1000, 0.1, 30, 50) == 50
    assert rules.volume_left(1000, 0.1, 130, 1) == 0
    assert rules.volume_left(0, 0.0, 130, 1) == math.inf


# --- booking -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "average", "signed", "price", "after", "new_average", "gain"),
    [
        (0, 0, 10, 100, 10, 100, 0),  # opens
        (10, 100, 10, 110, 20, 105, 0),  # adds
        (20, 105, -5, 115, 15, 105, 50),  # reduces
        (15, 105, -15, 100, 0, 0, -75),  # closes
        (10, 100, -25, 110, -15, 110, 100),  # turns around
        (-10, 100, -10, 110, -20, 105, 0),
        (-20, 105, 5, 95, -15, 105, 50),
        (-10, 100, 25, 110, 15, 110, -100),
    ],
)
def test_a_fill_changes_position_average_and_profit(
    position, average, signed, price, after, new_average, gain
):
    assert rules.booked_position(position, signed) == after
    assert rules.booked(position, average, signed, price) == (after, new_average, gain)


def test_float_dust_is_flat():
    assert rules.booked_position(0.1 + 0.2, -0.3) == 0.0


def test_the_dust_of_ten_million_shares_is_flat_as_well():
    held = 9_057_840.6 + 4e-9
    assert held != 9_057_840.6
    assert rules.booked_position(held, -9_057_840.6) == 0.0
    assert rules.booked(held, 5.0, -9_057_840.6, 5.0) == (0.0, 0.0, 0.0)
    assert rules.booked_position(1e7, -9_999_999.999) == pytest.approx(0.001)


def test_a_fill_changes_cash_by_its_value_and_its_fee():
    assert rules.fill_amount(5, 100, 1.5) == -501.5
    assert rules.fill_amount(-5, 100, 1.5) == 498.5


# --- buying power --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "signed", "opening"),
    [(0, 10, 10), (5, 10, 10), (10, -4, 0), (10, -10, 0), (10, -15, 5), (-10, 15, 5), (-10, -5, 5)],
)
def test_the_opening_part_of_an_order(position, signed, opening):
    assert rules.opening_part(position, signed) == opening


def test_free_equity_is_what_no_position_ties_up():
    assert rules.free_equity(10_000, 12_000, 0.5) == 4_000


@pytest.mark.parametrize("initial", [0.5, 1.0])
@pytest.mark.parametrize(
    ("position", "signed"), [(0, 10), (0, -10), (20, 10), (20, -10), (20, -30), (-20, 30), (-20, -10)]
)
def test_what_an_order_requires_is_what_free_equity_loses(initial, position, signed):
    price, mark, fee, cash = 103.0, 100.0, 2.0, 5000.0

    def free(cash: float, position: float) -> float:
        return rules.free_equity(cash + position * mark, abs(position) * mark, initial)

    opening = rules.opening_part(position, signed)
    side = 1.0 if signed > 0 else -1.0
    need = rules.required(opening, abs(signed) - opening, price, mark, side, initial, fee)
    after = free(cash + rules.fill_amount(signed, price, fee), rules.booked_position(position, signed))
    assert free(cash, position) - after == pytest.approx(need)


@pytest.mark.parametrize("position", [20, -20])
def test_free_equity_with_a_position_at_another_price(position):
    before = rules.free_equity(5000 + position * 100, abs(position) * 100, 0.5)
    after = rules.free_equity(5000 + position * 90, abs(position) * 90, 0.5)
    assert rules.revalued_free(before, position, 100, 90, 0.5) == after


def test_what_is_affordable_fits():
    assert rules.affordable(1000, 99, 10, 1) == 10
    assert rules.affordable(1000, 99, 10.1, 1) == 9
    assert rules.affordable(5, 99, 10, 1) == 0


def test_carry_is_actual_over_365():
    assert rules.carry(36_500, 0.01, 3) == 3


# --- sizing and corporate actions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "price", "lot", "expected"),
    [(1000, 99, 1, 10), (1000, 99, 100, 0), (1000, 99, 0.01, 10.1), (-5, 99, 1, 0), (1000, 0, 1, 0)],
)
def test_a_value_buys_whole_lots(value, price, lot, expected):
    assert rules.sized_by_value(value, price, lot) == expected


def test_a_split_is_exact():
    assert rules.split_shares(101, 3, 2) == 151.5
    assert rules.split_shares(3, 1, 3) == 1.0
    assert rules.split_price(90, 3, 2) == 60
