"""What a fill costs, and how much of a bar it may take. `docs/explanation/fills.md` draws each of these."""

from dataclasses import replace
from typing import Any

import pytest

from openbell.core.costs import NO_COSTS, Commission, Costs, Slippage
from openbell.core.types import Instrument
from tests.unit.fill_desk import SHORT, Script, costs, series, trade

FLAT = "100 101 99 100"


# --- volume --------------------------------------------------------------------------------------------


def test_a_fill_takes_at_most_a_share_of_the_bars_volume_and_the_rest_waits():
    rows = [FLAT, "100 101 99 100 1000", "101 102 100 101 99", "102 103 101 102 1000"]
    run = trade(rows, {0: lambda s: s.order("X", 130)}, costs=costs(volume_share=0.1))
    assert run.fills == [(1, 100, 100), (2, 9, 101), (3, 21, 102)]
    assert run.life(0)[3:] == ["partially_filled", "partially_filled", "filled"]


def test_all_orders_of_a_symbol_share_one_cap_in_a_bar():
    rows = [FLAT, "100 101 95 100 1000", FLAT]
    script = {0: lambda s: (s.order("X", 60), s.order("X", 60), s.order("X", 60, limit=97))}
    run = trade(rows, script, costs=costs(volume_share=0.1))
    assert run.fills[:2] == [(1, 60, 100), (1, 40, 100)]
    assert sum(quantity for bar, quantity, _ in run.fills if bar == 1) == 100


def test_symbols_do_not_share_their_caps():
    rows = [FLAT, "100 101 95 100 1000"]
    script = {0: lambda s: (s.order("X", 200), s.order("Y", 200))}
    run = trade([series(rows), series(rows, "Y")], script, costs=costs(volume_share=0.1))
    assert run.fills == [(1, 100, 100), (1, 100, 100)]


def test_the_cap_is_whole_lots():
    rows = [FLAT, "100 101 99 100 999"]
    run = trade(
        rows,
        {0: lambda s: s.order("X", 100)},
        costs=costs(volume_share=0.1),
        instrument=Instrument("X", lot=10),
    )
    assert run.fills == [(1, 90, 100)]


def test_a_bar_without_volume_fills_nothing_where_volume_is_capped():
    rows = [FLAT, "100 101 99 100 0", "101 102 100 101"]
    assert trade(rows, {0: lambda s: s.order("X", 10)}, costs=costs(volume_share=0.1)).fills == [(2, 10, 101)]
    assert trade(rows, {0: lambda s: s.order("X", 10)}).fills == [(1, 10, 100)]


# --- slippage ------------------------------------------------------------------------------------------

MODELS = [
    (Slippage(bps=0, per_share=0.03), 0.03),
    (Slippage(bps=20), 0.2),
    (Slippage(bps=0, spread_bps=30), 0.15),
    (Slippage(bps=0, impact=0.1), 100 * 0.1 * 0.5),  # a quarter of the volume
    (Slippage(per_share=0.03, bps=20, spread_bps=30, impact=0.1), 0.03 + 0.2 + 0.15 + 5.0),
]


@pytest.mark.parametrize(("model", "cost"), MODELS)
@pytest.mark.parametrize("side", [1, -1])
def test_slippage_is_the_sum_of_a_fixed_amount_basis_points_half_a_spread_and_impact(model, cost, side):
    run = trade(
        [FLAT, "100 101 99 100 400"],
        {0: lambda s: s.order("X", side * 100)},
        costs=replace(SHORT, slippage=model),
    )
    assert run.fills[0][2] == pytest.approx(100 + side * cost, rel=1e-12)
    assert run.engine.fills[0].slippage == pytest.approx(cost, rel=1e-12)


SLIP = costs(slippage=Slippage(bps=100))


def test_stops_and_trailing_stops_slip():
    assert trade([FLAT, "100 103 99 100"], {0: lambda s: s.order("X", 10, stop=102)}, costs=SLIP).fills == [
        (1, 10, 103.02)
    ]


def test_a_limit_does_not_slip():
    script = {
        0: lambda s: (
            s.order("X", 10, limit=98),
            s.order("X", 10, limit=100),
            s.order("X", 10, limit=97, tif="cls"),
        )
    }
    run = trade([FLAT, "99 100 96 97"], script, costs=SLIP)
    assert run.fills == [(1, 10, 99), (1, 10, 98), (1, 10, 97)]


def test_slippage_never_breaks_the_limit_of_a_stop_limit():
    run = trade([FLAT, "100 105 99 104"], {0: lambda s: s.order("X", 10, stop=102, limit=102.5)}, costs=SLIP)
    assert run.fills == [(1, 10, 102.5)]
    run = trade([FLAT, "100 105 99 104"], {0: lambda s: s.order("X", 10, stop=102, limit=104)}, costs=SLIP)
    assert run.fills == [(1, 10, 103.02)]


def test_slippage_never_makes_a_price_negative():
    rows = ["1 1 1 1", "1 1 1 1", "1 1 1 1"]
    script = {0: lambda s: s.order("X", 10), 1: lambda s: s.order("X", -10)}
    run = trade(rows, script, costs=costs(slippage=Slippage(bps=0, per_share=3)))
    assert run.fills == [(1, 10, 4), (2, -10, 0)]


# --- commission ----------------------------------------------------------------------------------------


def fees(script: Script, *rows: str, **commission: float) -> list[float]:
    none = {"per_share": 0.0, "minimum": 0.0, "maximum_share": 0.0}
    model = costs(commission=Commission(**(none | commission)), volume_share=1.0)
    return [fill.fee for fill in trade([FLAT, *rows], script, costs=model).engine.fills]


def buy(quantity: float, **fields: Any) -> Script:
    return {0: lambda s: s.order("X", quantity, **fields)}


def test_a_commission_per_share():
    assert fees(buy(400), FLAT, per_share=0.01) == [4.0]


def test_a_commission_has_a_floor():
    assert fees(buy(50), FLAT, per_share=0.01, minimum=1.0) == [1.0]


def test_a_commission_has_a_cap_that_goes_before_the_floor():
    assert fees(buy(50), "1 1 1 1", per_share=0.1, minimum=1.0, maximum_share=0.01) == [0.5]


def test_a_commission_per_order():
    assert fees(buy(50), FLAT, per_order=2.5) == [2.5]


def test_taker_and_maker_pay_basis_points_of_their_own():
    assert fees(buy(10), FLAT, taker_bps=20, maker_bps=10) == [2.0]
    assert fees(buy(10, limit=100), FLAT, taker_bps=20, maker_bps=10) == [2.0]  # at the open, it takes
    assert fees(buy(10, limit=99), FLAT, taker_bps=20, maker_bps=10) == [0.99]  # at its limit, it makes
    assert fees(buy(10, stop=101, limit=101), FLAT, taker_bps=20, maker_bps=10) == [2.02]  # a stop takes


def test_a_stop_limit_that_rested_as_a_limit_makes():
    rows = ["103 104 102.5 103", "103 103 102 103"]
    assert fees(buy(10, stop=102, limit=102), *rows, taker_bps=20, maker_bps=10) == [1.02]


def test_a_minimum_counts_once_an_order_however_many_fills_it_took():
    rows = ["100 101 99 100 30", "100 101 99 100 30", "100 101 99 100 100"]
    assert fees(buy(100), *rows, per_share=0.02, minimum=1.0) == pytest.approx([1.0, 0.2, 0.8])


def test_what_an_order_pays_in_parts_is_what_it_pays_at_once():
    rows = ["100 101 99 100 30", "100 101 99 100 30", "100 101 99 100 100"]
    model = {"per_share": 0.01, "per_order": 0.5, "minimum": 1.0, "maximum_share": 0.01}
    assert sum(fees(buy(100), *rows, **model)) == pytest.approx(fees(buy(100), FLAT, **model)[0])


def test_an_order_knows_its_fees():
    run = trade([FLAT, FLAT], buy(300), costs=costs(commission=Commission()))
    assert run.orders[0].fees == run.account.positions["X"].fees == 1.5


def test_costs_are_on_by_default_and_a_run_without_them_is_known():
    assert not Costs().free
    assert NO_COSTS.free
