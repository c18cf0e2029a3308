"""Splits and dividends: orders, positions and cash. `docs/explanation/fills.md` draws each of these."""

from openbell.core.types import Action, Dividend, Instrument, Split
from openbell.data.bars import Series
from tests.unit.fill_desk import SHORT, costs, days, series, trade

FLAT = "100 101 99 100"
HALF = "50 50.5 49.5 50"


def ex(bar: int) -> int:
    return days(bar + 1)[bar][0]


def bars(rows: list[str], *actions: Action) -> list[Series]:
    return [series(rows, actions=actions)]


SPLIT = Split("X", ex(2), 2, 1)


def test_a_split_restates_an_order_that_rests():
    run = trade(bars([FLAT, FLAT, HALF, "47 48 46 47"], SPLIT), {0: lambda s: s.order("X", 10, limit=96)})
    assert run.fills == [(3, 20, 47)]
    assert (run.orders[0].quantity, run.orders[0].limit) == (20, 48)
    assert run.ends == [("filled", "split")]


def test_a_split_restates_a_stop_and_its_target():
    script = {0: lambda s: s.order("X", 10, stop_loss=90, take_profit=120)}
    run = trade(bars([FLAT, FLAT, HALF, "50 51 44 46"], SPLIT), script)
    assert run.fills == [(1, 10, 100), (3, -20, 45)]


def test_a_split_restates_a_trailing_stop():
    script = {
        0: lambda s: s.order("X", 10),
        1: lambda s: (s.order("X", -5, trail=4), s.order("X", -5, trail=0.06, trail_percent=True)),
    }
    run = trade(bars([FLAT, FLAT, "50 50 49 50", "50 50 46 47"], SPLIT), script)
    assert run.fills[1:] == [(3, -10, 48), (3, -10, 47)]
    assert [order.trail for order in run.orders[1:]] == [2, 0.06]


def test_a_market_order_sent_before_a_split_buys_as_many_new_shares():
    assert trade(bars([FLAT, FLAT, HALF], SPLIT), {1: lambda s: s.order("X", 10)}).fills == [(2, 20, 50)]


def test_what_a_market_order_promised_is_restated_as_well():
    script = {
        0: lambda s: s.order("X", 10),
        1: lambda s: s.order("X", -10),
        2: lambda s: s.order("X", -10, limit=60),
    }
    rows = [FLAT, FLAT, "50 51 49 50 0", "50 60 49 50 0"]
    run = trade(bars(rows, SPLIT), script, costs=costs(volume_share=1.0))
    assert run.ends[2] == ("rejected", "short_not_allowed")  # all 20 are promised already


def test_a_split_restates_what_is_left_of_a_partly_filled_bracket():
    rows = [FLAT, "100 101 99 100 4", "50 51 49 50 12", "50 51 44 45"]
    script = {0: lambda s: s.order("X", 10, stop_loss=90)}
    run = trade(bars(rows, SPLIT), script, costs=costs(volume_share=1.0))
    assert run.fills == [(1, 4, 100), (2, 12, 50), (3, -20, 45)]


def test_a_split_with_a_fraction_floors_an_order_to_whole_lots():
    three_for_two = Split("X", ex(2), 3, 2)
    run = trade(bars([FLAT, FLAT, FLAT], three_for_two), {1: lambda s: s.order("X", 5)})
    assert run.fills == [(2, 7, 100)]


def test_a_reverse_split_cancels_orders_that_rest():
    reverse = Split("X", ex(2), 1, 10)
    script = {0: lambda s: s.order("X", 10, limit=90, stop_loss=80)}
    run = trade(bars([FLAT, FLAT, "1000 1001 999 1000"], reverse), script)
    assert run.ends == [("cancelled", "split"), ("cancelled", "parent_ended")]


def test_a_split_leaves_other_symbols_orders_alone():
    data = [series([FLAT, FLAT, HALF], actions=[SPLIT]), series([FLAT] * 3, "Y")]
    assert trade(data, {1: lambda s: s.order("Y", 10)}).fills == [(2, 10, 100)]


def test_the_fraction_of_a_share_is_paid_in_cash_at_the_previous_close():
    three_for_two = Split("X", ex(2), 3, 2)
    run = trade(
        bars([FLAT, "100 101 89 90", "60 61 59 60"], three_for_two), {0: lambda s: s.order("X", 5)}, cash=1000
    )
    assert run.account.quantity("X") == 7
    assert run.booked("split") == [(2, 0.5 * 60)]  # the close of 90 in new shares
    assert run.account.cash == 1000 - 500 + 30


def test_a_fractional_lot_keeps_its_fraction():
    three_for_two = Split("X", ex(2), 3, 2)
    run = trade(
        bars([FLAT, FLAT, FLAT], three_for_two),
        {0: lambda s: s.order("X", 5)},
        instrument=Instrument("X", lot=0.1),
    )
    assert run.account.quantity("X") == 7.5


def test_a_split_changes_nothing_in_the_value_held():
    run = trade(bars([FLAT, FLAT, HALF], SPLIT), {0: lambda s: s.order("X", 10)}, cash=1000)
    assert run.account.equity(run.panel.price) == 1000
    assert run.account.positions["X"].average == 50


def test_a_holder_receives_a_dividend_on_its_ex_date():
    run = trade(bars([FLAT, FLAT, "98 99 97 98"], Dividend("X", ex(2), 2.0)), {0: lambda s: s.order("X", 10)})
    assert run.booked("dividend") == [(2, 20.0)]
    assert run.account.entries[-1].time == ex(2)


def test_a_purchase_on_the_ex_date_receives_none():
    run = trade(bars([FLAT, FLAT, "98 99 97 98"], Dividend("X", ex(2), 2.0)), {1: lambda s: s.order("X", 10)})
    assert run.booked("dividend") == []


def test_a_short_pays_the_dividend():
    data = bars([FLAT, FLAT, "98 99 97 98"], Dividend("X", ex(2), 2.0))
    assert trade(data, {0: lambda s: s.order("X", -10)}, costs=SHORT).booked("dividend") == [(2, -20.0)]
