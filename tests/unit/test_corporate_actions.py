"""Spin-offs, delistings, new names, stock dividends: the rules of `docs/explanation/corporate-actions.md`."""

import math
from typing import Any

import numpy as np
import pytest

from openbell.core.account import Account
from openbell.core.errors import BadData
from openbell.core.types import (
    Action,
    Delisting,
    Dividend,
    Instrument,
    SpinOff,
    Split,
    SymbolChange,
    turn_of,
)
from openbell.data.actions import factors
from openbell.data.bars import Series
from tests.unit.fill_desk import SHORT, days, series, trade

FLAT = "100 101 99 100"
LESS = "80 81 79 80"
SPUN = "40 41 39 40"


def ex(bar: int) -> int:
    return days(bar + 1)[bar][0]


def bars(rows: list[str], *actions: Action, symbol: str = "X") -> Series:
    return series(rows, symbol, actions=actions)


def late(rows: list[str], symbol: str, first: int) -> Series:
    """Return bars whose first is on the `first`-th day."""
    return series(rows, symbol, spans=days(first + len(rows))[first:])


SPIN_OFF = SpinOff("X", ex(2), "C", 1, 2, 40.0)
GONE = Delisting("X", ex(2), 30.0)


def entries(run: Any) -> list[tuple[str, str, float, float]]:
    return [(e.kind.value, e.symbol, e.quantity, e.amount) for e in run.account.entries]


# --- stock dividends -----------------------------------------------------------------------------------


def test_a_stock_dividend_is_a_split():
    run = trade([bars([FLAT, FLAT, FLAT], Split("X", ex(2), 105, 100))], {0: lambda s: s.order("X", 100)})
    assert run.account.quantity("X") == 105


# --- spin-offs -----------------------------------------------------------------------------------------


def test_a_holder_receives_the_child_and_a_fraction_in_cash():
    data = [bars([FLAT, FLAT, LESS], SPIN_OFF), late([SPUN], "C", 2)]
    run = trade(data, {0: lambda s: s.order("X", 11)}, cash=10_000)
    assert entries(run)[1:] == [("spin_off", "X", 0.0, 220.0), ("spin_off", "C", 5.0, -200.0)]
    assert run.account.quantity("C") == 5
    assert run.account.equity(run.panel.price) == 10_000  # 11 at 80, 5 at 40, and half a share in cash


def test_a_child_that_is_not_traded_in_the_run_is_paid_in_cash():
    run = trade([bars([FLAT, FLAT, LESS], SPIN_OFF)], {0: lambda s: s.order("X", 11)}, cash=10_000)
    assert entries(run)[1:] == [("spin_off", "X", 0.0, 220.0)]
    assert run.account.equity(run.panel.price) == 10_000


def test_who_holds_nothing_or_too_little_receives_no_child():
    data = [bars([FLAT, FLAT, LESS], SPIN_OFF), late([SPUN], "C", 2)]
    assert trade(data, {}).account.entries == []
    run = trade(data, {0: lambda s: s.order("X", 1)})
    assert entries(run)[1:] == [("spin_off", "X", 0.0, 20.0)]  # half a share, in cash


def test_a_short_owes_the_child():
    data = [bars([FLAT, FLAT, LESS], SPIN_OFF), late([SPUN], "C", 2)]
    run = trade(data, {0: lambda s: s.order("X", -11)}, costs=SHORT, cash=10_000)
    assert entries(run)[1:] == [("spin_off", "X", 0.0, -220.0), ("spin_off", "C", -5.0, 200.0)]
    assert run.account.shorts == 2
    assert run.account.equity(run.panel.price) == 10_000


def test_a_child_is_worth_its_stated_price_until_its_first_bar():
    data = [bars([FLAT, FLAT, LESS, LESS, LESS], SPIN_OFF), late([SPUN], "C", 4)]
    seen: dict[int, float] = {}
    script = {0: lambda s: s.order("X", 10)} | {
        i: lambda s, i=i: seen.update({i: s.equity}) for i in (1, 2, 3, 4)
    }
    run = trade(data, script, cash=10_000)
    assert seen == {1: 10_000, 2: 10_000, 3: 10_000, 4: 10_000}
    assert run.panel.closes("C").tolist()[2:] == [40.0, 40.0, 40.0]
    assert np.isnan(run.panel.closes("C")[:2]).all()


def test_an_order_that_rests_over_a_spin_off_is_cancelled():
    script = {0: lambda s: s.order("X", 10, limit=90, stop_loss=70)}
    run = trade([bars([FLAT, FLAT, LESS], SPIN_OFF)], script)
    assert run.ends == [("cancelled", "spin_off"), ("cancelled", "parent_ended")]


def test_a_spin_off_lowers_the_past_by_what_left():
    one = bars([FLAT, FLAT, LESS], SPIN_OFF)
    split, total = factors(one.start, one.close, one.actions)
    assert split.tolist() == [1, 1, 1]
    assert total.tolist() == [1, 1, 1.25]
    with pytest.raises(BadData, match=r"X: the spin-off of 120\.0 on 2024-01-04 is not below the price"):
        factors(one.start, one.close, [SpinOff("X", ex(2), "C", 3, 1, 40.0)])


# --- delistings ----------------------------------------------------------------------------------------


def others(rows: int = 4) -> Series:
    return bars([FLAT] * rows, symbol="Y")


def test_a_delisting_closes_the_position_at_its_price():
    run = trade([bars([FLAT, FLAT], GONE), others()], {0: lambda s: s.order("X", 10)}, cash=10_000)
    assert run.booked("delisting") == [(2, 300.0)]
    assert run.account.quantity("X") == 0
    assert run.account.positions["X"].realised == -700
    assert run.account.cash == 9_300


@pytest.mark.parametrize(("price", "paid"), [(None, 1000.0), (math.nan, 1000.0), (0.0, 0.0)])
def test_without_a_price_a_delisting_pays_the_last_close_and_zero_is_worthless(
    price: float | None, paid: float
):
    gone = Delisting("X", ex(2), price)
    run = trade([bars([FLAT, FLAT], gone), others()], {0: lambda s: s.order("X", 10)})
    assert run.booked("delisting") == [(2, paid)]


def test_a_short_buys_back_at_the_delistings_price():
    data = [bars([FLAT, FLAT], GONE), others()]
    run = trade(data, {0: lambda s: s.order("X", -10)}, costs=SHORT, cash=10_000)
    assert run.booked("delisting") == [(2, -300.0)]
    assert (run.account.cash, run.account.shorts) == (10_700, 0)


def test_a_delisting_ends_what_rests():
    script = {0: lambda s: s.order("X", 10, stop_loss=50), 1: lambda s: s.order("X", 10, limit=20)}
    run = trade([bars([FLAT, FLAT], GONE), others()], script)
    assert run.ends == [("filled", ""), ("cancelled", "delisted"), ("cancelled", "delisted")]


def test_nothing_can_be_ordered_after_a_delisting():
    script = {2: lambda s: s.order("X", 10), 3: lambda s: s.order("X", 10, limit=20)}
    run = trade([bars([FLAT, FLAT], GONE), others()], script)
    assert run.ends == [("rejected", "delisted")] * 2


def test_a_delisting_after_the_last_bars_counts_to_the_last_moment():
    run = trade([bars([FLAT, FLAT], GONE)], {0: lambda s: s.order("X", 10)}, cash=10_000)
    assert run.booked("delisting") == [(2, 300.0)]
    assert run.account.equity(run.panel.price) == 9_300


def test_a_replay_up_to_a_moment_knows_nothing_of_a_later_delisting():
    run = trade([bars([FLAT, FLAT], GONE)], {0: lambda s: s.order("X", 10)}, until=2)
    assert run.booked("delisting") == []


def test_bars_after_a_delisting_are_refused():
    with pytest.raises(BadData, match=r"X: a bar on 2024-01-04 is after the delisting on 2024-01-04; drop"):
        trade([bars([FLAT] * 3, GONE)], {})


def test_what_holding_brought_ends_at_the_delistings_price():
    run = trade([bars([FLAT, FLAT], GONE), others()], {})
    assert run.panel.growth("X").tolist() == [1, 1, 0.3, 0.3]
    kept = trade([bars([FLAT, FLAT], Delisting("X", ex(2))), others()], {})
    assert kept.panel.growth("X").tolist() == [1, 1, 1, 1]
    alone = trade([bars([FLAT, FLAT], GONE)], {})
    assert alone.panel.growth("X").tolist() == [1, 0.3]


# --- new names -----------------------------------------------------------------------------------------


def test_a_position_and_an_order_outlive_a_new_name():
    renamed = SymbolChange("OLD", ex(2), "X")
    script = {0: lambda s: s.order("X", 10, stop_loss=85)}
    run = trade([bars([FLAT, FLAT, FLAT, "90 91 84 85"], renamed)], script)
    assert run.fills == [(1, 10, 100), (3, -10, 85)]
    assert [e.kind.value for e in run.account.entries] == ["fill", "fill"]
    one = bars([FLAT] * 4)
    assert factors(one.start, one.close, [renamed])[1].tolist() == [1] * 4


# --- dividends -----------------------------------------------------------------------------------------


def test_a_dividend_leaves_the_prices_of_orders_as_they_are():
    run = trade(
        [bars([FLAT, FLAT, "98 99 97 98", "96 97 95 96"], Dividend("X", ex(2), 2.0))],
        {0: lambda s: s.order("X", 10, limit=96)},
    )
    assert run.fills == [(3, 10, 96)]
    assert run.orders[0].limit == 96


# --- records -------------------------------------------------------------------------------------------


def test_on_one_date_what_is_owed_on_the_old_shares_comes_first():
    given: list[Action] = [
        Delisting("X", 1), SymbolChange("O", 1, "X"), Split("X", 1, 2, 1), SpinOff("X", 1, "C", 1, 1, 1.0),
        Dividend("X", 1, 1.0),
    ]  # fmt: skip
    assert sorted(given, key=turn_of) == given[::-1]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SpinOff("X", 1, "", 1, 1, 1.0), "X: spin-off of ''; name the company"),
        (lambda: SpinOff("X", 1, "X", 1, 1, 1.0), "X: spin-off of 'X'; name the company"),
        (lambda: SpinOff("X", 1, "C", 0, 1, 1.0), "X: spin-off of 0:1 C; both sides must be 1 or more"),
        (lambda: SpinOff("X", 1, "C", 1, 1, 0.0), r"X: spin-off of C at 0\.0; its price must be positive"),
        (lambda: SymbolChange("X", 1, " "), "X: change to ' '; name the new symbol"),
        (lambda: SymbolChange("X", 1, "X"), "X: change to itself"),
        (lambda: Delisting("X", 1, -1.0), r"X: delisting at -1\.0; its price must be 0 or more"),
        (lambda: Delisting("X", 1, "one"), "X: delisting at 'one'; its price"),  # type: ignore[arg-type]  # that is the test
    ],
)
def test_an_action_that_cannot_be_is_refused(make: Any, said: str):
    with pytest.raises(BadData, match=said):
        make()


def test_a_spin_off_of_parts_of_a_share_keeps_them_where_they_are_traded():
    account = Account(0.0)
    account._position("X").quantity = 11.0  # without a fill that would have led to it
    account.book_spin_off(SPIN_OFF, time=1, child=Instrument("C", lot=0.1))
    assert account.quantity("C") == 5.5
    assert account.cash == 0.0


def test_each_kind_of_action_is_in_the_identity_of_a_series():
    def identity(*actions: Action) -> str:
        return bars([FLAT, FLAT], *actions).content_hash

    kinds: list[Action] = [
        Delisting("X", ex(3)), Delisting("X", ex(3), 0.0), Delisting("X", ex(3), 1.0),
        SpinOff("X", ex(1), "C", 1, 1, 1.0), SpinOff("X", ex(1), "D", 1, 1, 1.0),
        SymbolChange("O", ex(1), "X"), SymbolChange("P", ex(1), "X"), Split("X", ex(1), 2, 1),
        Dividend("X", ex(1), 1.0),
    ]  # fmt: skip
    assert len({identity(), *(identity(one) for one in kinds)}) == len(kinds) + 1
