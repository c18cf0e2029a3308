"""Parts of the kernel that a signal's own run rarely asks, or never: they are called by hand here."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.backtesting.kernel import book, fills, funds, log, matching, measures, memory, quiet, swift
from openbell.backtesting.kernel.memory import Memory, order_at, symbol_at
from openbell.backtesting.kernel.records import (
    ACTIVE,
    ASLEEP,
    CANCELLED,
    ENDED,
    FILL,
    LIMIT,
    MARKET,
    NONE,
    OPEN,
    PARENT_ENDED,
    REJECTED,
    SHORT_NOT_ALLOWED,
    SLOTS,
    STOP,
    UPDATE,
)  # fmt: skip
from openbell.backtesting.measures import MEASURES
from openbell.core.account import Account
from openbell.core.types import Fill, Phase, Side
from openbell.portfolio import drawdown, metrics
from openbell.portfolio.trades import round_trips

BARS = 3


def memory_of(*, price=100.0, lot=1.0, short=0, lines=32):
    """Return the memory of a run over one symbol's flat bars, of which the first is known."""
    flat, times = np.full(BARS, price), np.arange(BARS, dtype=np.int64) * 10
    columns = {name: flat.copy() for name in ("open", "high", "low", "close", "volume")}
    whole = {"start": times, "known": times + 5, "slots": np.arange(BARS, dtype=np.int64), "times": times + 5}
    made = Memory({**columns, **whole}, symbols=1, log=lines)
    run, symbol = made.run, made.symbols[0]
    run.cash = run.initial_cash = 10_000.0
    run.initial, run.short, run.moments = 1.0, short, BARS
    symbol.tick, symbol.lot, symbol.unit, symbol.bars, symbol.shortable = 0.01, lot, 1.0, BARS, 1
    return made


def put_order(made, *, side=1.0, quantity=10.0, kind=MARKET, **fields):
    """Put an order that works into the next slot."""
    run, symbol = made.run, made.symbols[0]
    slot = int(symbol.orders)
    symbol.orders += 1
    order = order_at(run, slot)
    order.id, order.side, order.quantity, order.kind, order.lot = slot + 1, side, quantity, kind, symbol.lot
    order.limit = order.stop = order.level = math.nan
    order.state, order.working = ACTIVE, 1
    for name, value in fields.items():
        setattr(order, name, value)
    if order.state == ACTIVE:
        memory.put(run.resting_at, run.resting, slot)
        run.resting += 1
    return slot


def told(made):
    """Return what the log says: kind, order, status and reason of each line."""
    lines = made.log[: made.run.logged]
    return [(int(one["kind"]), int(one["order"]), int(one["code"]), int(one["reason"])) for one in lines]


# --- the ledger ------------------------------------------------------------------------------------------

SIGNED = st.lists(st.tuples(st.integers(-20, 20).filter(bool), st.integers(50, 150)), min_size=1, max_size=12)


@given(SIGNED)
def test_bookings_are_those_of_the_account_through_zero_as_well(booked):
    made, account = memory_of(), Account(10_000.0)
    symbol = made.symbols[0]
    for time, (signed, price) in enumerate(booked, 1):
        fee = abs(signed) * 0.01
        funds.book_fill(made.run, 0, float(signed), float(price), fee)
        side: Side = 1 if signed > 0 else -1
        account.book_fill(
            Fill(1, "s", "X", side, float(abs(signed)), float(price), fee, 0.0, time, Phase.OPEN)
        )
        position = account.positions["X"]
        assert symbol.position == position.quantity
        assert (made.run.cash, made.run.shorts) == (account.cash, account.shorts)
    done = [trade.pnl for trade in round_trips(account.entries, {"X": 1.0}) if not trade.is_open]
    assert made.run.trades == len(done)
    assert made.run.wins == sum(pnl > 0 for pnl in done)
    assert made.run.won == pytest.approx(sum(pnl for pnl in done if pnl > 0))
    assert made.run.lost == pytest.approx(sum(pnl for pnl in done if pnl <= 0))


def test_an_order_for_nothing_reserves_nothing():
    made = memory_of()
    slot = put_order(made, reduce_only=1, side=-1.0)
    assert funds.refusal(made.run, slot) == NONE  # there is no position that it could reduce
    assert (made.run.holds, made.run.reserved) == (0, 0.0)
    funds.release(made.run, slot, 0.0)
    assert made.run.holds == 0


# --- orders ----------------------------------------------------------------------------------------------


def test_a_sale_that_became_short_is_rejected_at_its_fill():
    made = memory_of(short=0)
    slot = put_order(made, side=-1.0)
    fills.fill(made.run, slot, 100.0, OPEN, False)
    assert told(made) == [(UPDATE, 1, REJECTED, SHORT_NOT_ALLOWED)]
    assert made.symbols[0].position == 0.0


def test_a_child_gives_up_nothing_where_nothing_is_missing():
    made = memory_of()
    child = put_order(made, state=ASLEEP, pending=4.0)
    book.give_up(made.run, child, 0.0, 7)
    assert (order_at(made.run, child).quantity, told(made)) == (10.0, [])
    book.give_up(made.run, child, 4.0, 7)
    assert (order_at(made.run, child).quantity, told(made)) == (6.0, [(UPDATE, 1, -1, PARENT_ENDED)])


def test_a_cut_reaches_its_own_living_children_alone():
    made = memory_of()
    parent = put_order(made)
    children = [
        put_order(made, kind=STOP, side=-1.0, state=state, parent=of, pending=10.0)
        for state, of in ((ENDED, 1), (ASLEEP, 99), (ASLEEP, 1))
    ]
    book.cut(made.run, parent, 5.0, 7)
    assert [order_at(made.run, slot).quantity for slot in (parent, *children)] == [5.0, 10.0, 10.0, 5.0]


def test_an_orders_end_ends_what_has_not_begun():
    made = memory_of()
    parent = put_order(made)
    put_order(made, kind=LIMIT, side=-1.0, state=ASLEEP, parent=1, pending=10.0)
    book.end(made.run, parent, CANCELLED, 7, NONE)
    assert told(made) == [(UPDATE, 1, CANCELLED, NONE), (UPDATE, 2, CANCELLED, PARENT_ENDED)]
    assert made.symbols[0].orders == made.run.resting == 0


def test_orders_work_by_age():
    made = memory_of()
    for number in (3, 1, 2):
        slot = put_order(made, state=ASLEEP)
        order_at(made.run, slot).id = number
        book.insert(made.run, slot)
    slots = [memory.item(made.run.resting_at, k) for k in range(made.run.resting)]
    assert [order_at(made.run, slot).id for slot in slots] == [1, 2, 3]


def test_bars_are_not_passed_by_where_an_order_is_younger():
    made = memory_of()
    made.run.dense = 1
    put_order(made, kind=LIMIT, limit=90.0, since=11)
    assert quiet.next_touch(made.run, 1, BARS) == 1
    order_at(made.run, 0).since = 5
    assert quiet.next_touch(made.run, 1, BARS) == BARS
    assert matching.bar_of(made.run, 0) == 1


def test_the_short_way_leaves_what_is_no_whole_lot():
    made = memory_of()
    symbol_at(made.run, 0).position = 10.5
    made.run.dense = 1
    assert swift.foresee_order(made.run, 0, 10.5, 0.0) == swift.LONG_WAY


# --- memory and figures ----------------------------------------------------------------------------------


def test_addresses_lead_to_what_was_given():
    made = memory_of()
    run = memory.run_at(made.address)
    assert memory.value(run.close_at, 2) == 100.0
    memory.put_value(run.close_at, 2, 7.5)
    assert made._kept["close"][2] == 7.5
    memory.put(run.slots_at, 1, 41)
    assert made._kept["slots"][1] == memory.item(run.slots_at, 1) == 41
    run.cash = 3.0
    assert made.run.cash == 3.0
    made.point("close", np.array([1.0, 2.0]))
    assert memory.value(run.close_at, 1) == 2.0
    order_at(run, SLOTS - 1).id = 9
    assert made.orders[SLOTS - 1].id == 9


def test_a_log_that_is_full_only_counts():
    made = memory_of(lines=1)
    for number in range(3):
        log.tell(made.run, number, CANCELLED, NONE, 7)
    assert (made.run.logged, told(made)[0][1]) == (3, 0)
    made.begin_log(4)
    assert (len(made.log), made.run.log_size, FILL) == (4, 4, 2)


@pytest.mark.parametrize(("growth", "years", "yearly"), [
    (-1.0, 2.0, -1.0), (-1.5, 2.0, math.nan), (0.1, 0.0, math.nan), (9.0, 1e-3, math.nan), (0.21, 2.0, 0.1),
    (math.nan, 1.0, math.nan),
])  # fmt: skip
def test_a_growth_is_a_yearly_one_where_there_is_any(growth, years, yearly):
    assert measures.compound(growth, years) == pytest.approx(yearly, nan_ok=True)


def test_a_figure_that_is_no_float_is_undefined():
    assert math.isnan(measures.finite(math.inf))
    assert measures.finite(2.0) == 2.0


@pytest.mark.parametrize("curve", [
    [1.0], [0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 2.0], [1.0, 2.0, -1.0, 3.0],
    [1.0, 1.1, 1.2, 1.0],
    [2.0, 1.9, 1.9, 2.5, 2.4],
])  # fmt: skip
def test_a_curves_figures_are_those_of_the_metrics(curve):
    made = memory_of()
    made.point("curve", np.array(curve))
    made.run.mark_count, made.run.periods = len(curve), 252.0
    returns = metrics.simple_returns(np.array(curve)) if len(curve) > 1 else np.array([])
    expected = [
        metrics.volatility(returns, periods_per_year=252.0), metrics.sharpe(returns, periods_per_year=252.0),
        metrics.sortino(returns, periods_per_year=252.0), drawdown.max_drawdown(np.array(curve)),
    ]  # fmt: skip
    results = np.zeros(len(MEASURES))
    made.point("results", results)
    measures.measure(made.run, 0)
    figures = dict(zip(MEASURES, results.tolist(), strict=True))
    got = [figures[name] for name in ("volatility", "sharpe", "sortino", "max_drawdown")]
    assert got == pytest.approx(expected, rel=1e-9, nan_ok=True)
