"""What holds of every run, whatever the bars and the orders: gaps, ties, no volume, odd scripts."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.fill_desk import Outcome, Span, days, intraday, series, trade

from openbell.core import rules
from openbell.core.account import EntryKind
from openbell.core.costs import NO_COSTS, REG_T, Commission, Costs, Slippage
from openbell.core.orders import TERMINAL, TRANSITIONS
from openbell.core.types import Action, Dividend, Fill, OrderStatus, OrderType, Reason, Split, TimeInForce
from openbell.data.bars import Series

TICK = 0.25
MOST = 9  #: bars of a run
DAILY = days(MOST)
THIRD_DAY = intraday(6, "2024-01-04")
HALF_HOURS = [*intraday(4, "2024-01-05"), *intraday(5, "2024-01-08")]  # over a weekend

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# --- random runs ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Op:
    """One thing that a strategy does at a moment."""

    kind: str
    symbol: str
    side: int
    shares: int
    type: OrderType
    near: int  #: how far its prices are from the last close, in percent
    tif: TimeInForce
    hours: int
    flags: tuple[bool, bool, bool, bool]  #: reduce-only, exits, after, oco


@dataclass(frozen=True)
class Case:
    """A whole run."""

    rows: tuple[tuple[str, ...], tuple[str, ...]]
    finer: tuple[str, ...] | None  #: half-hours of X on the third day, which need not agree with its bar
    missing: frozenset[int]  #: bars that Y does not have
    spans: list[Span]
    actions: tuple[Action, ...]
    ops: tuple[tuple[int, Op], ...]
    costs: Costs
    cash: float

    def run(
        self, rows: tuple[str, ...] | None = None, *, answer: Any = None, until: int | None = None
    ) -> Outcome:
        """Run it, with other rows of X where they are given."""
        first = rows or self.rows[0]
        present = [i for i in range(len(self.rows[1])) if i not in self.missing]
        data: list[Series] = [series(first, spans=self.spans, actions=self.actions)]
        if present:
            spans = [self.spans[i] for i in present]
            data.append(series([self.rows[1][i] for i in present], "Y", spans=spans))
        script = {
            moment: functools.partial(act, [op for at, op in self.ops if at == moment], bool(present))
            for moment, _ in self.ops
        }
        finer = series(self.finer, spans=THIRD_DAY, timeframe="30m") if self.finer else None
        return trade(data, script, costs=self.costs, cash=self.cash, finer=finer, answer=answer, until=until)


def act(ops: list[Op], has_two: bool, s: Any) -> None:
    """Do what a list of operations says."""
    for op in ops:
        symbol = op.symbol if has_two else "X"
        price = s.price(symbol)
        if math.isnan(price):
            s.order(symbol, op.side * op.shares)
        else:
            DO[op.kind](op, symbol, price, s)


def order(op: Op, symbol: str, price: float, s: Any) -> None:
    reduce_only, exits, after, oco = op.flags
    near = price * (1 + op.near / 100)
    fields: dict[str, Any] = {"reduce_only": reduce_only, "tif": op.tif}
    if op.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        fields["limit"] = near
    if op.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        fields["stop"] = price * (1 + abs(op.near) / 100 * op.side)
    if op.type is OrderType.TRAILING_STOP:
        fields |= {"trail": 0.03, "trail_percent": True} if op.near > 0 else {"trail": 2.0}
    if op.type not in (OrderType.MARKET, OrderType.LIMIT) and op.tif in (TimeInForce.OPG, TimeInForce.CLS):
        fields["tif"] = TimeInForce.GTC
    if fields["tif"] is TimeInForce.GTD:
        fields["good_till"] = s.now + timedelta(hours=op.hours)
    if exits:
        fields |= {"stop_loss": price * (1 - 0.03 * op.side), "take_profit": price * (1 + 0.03 * op.side)}
    others = [one for one in s.working if one.symbol == symbol]
    if others and after:
        fields["after"] = others[op.shares % len(others)]
    elif others and oco:
        fields["oco"] = others[op.shares % len(others)]
    s.order(symbol, op.side * op.shares, **fields)


def change(op: Op, symbol: str, price: float, s: Any) -> None:
    if s.working:
        one = s.working[op.shares % len(s.working)]
        fields = {
            n: price * (1 + op.near / 100) for n in ("limit", "stop") if not math.isnan(getattr(one, n))
        }
        s.replace(one, quantity=float(op.shares), **(fields if op.flags[1] else {}))


def cancel(op: Op, symbol: str, price: float, s: Any) -> None:
    if s.working:
        s.cancel(s.working[op.shares % len(s.working)])


def aim(op: Op, symbol: str, price: float, s: Any) -> None:
    s.target_quantity(symbol, op.side * op.shares)


def signal(op: Op, symbol: str, price: float, s: Any) -> None:
    exits = {"trailing_stop": 0.04, "stop_loss": price * (1 - 0.05 * op.side)} if op.flags[1] else {}
    (s.buy if op.side > 0 else s.sell)(symbol, confidence=op.shares % 11 / 10, **exits)


DO = {"order": order, "change": change, "cancel": cancel, "aim": aim, "signal": signal}


@st.composite
def bars(draw: st.DrawFn, /, count: int) -> tuple[str, ...]:
    """Bars on a coarse grid, so that ties are common, with gaps and without volume here and there."""
    rows, close = [], 100.0
    for gap, body, up, down, volume in draw(st.lists(SHAPES, min_size=count, max_size=count)):
        open_ = max(close + gap * TICK, 20.0)
        close = max(open_ + body * TICK, 20.0)
        high, low = max(open_, close) + up * TICK, min(open_, close) - down * TICK
        rows.append(f"{open_} {high} {low} {close} {volume}")
    return tuple(rows)


SHAPES = st.tuples(
    st.sampled_from([0, 0, 0, -20, -12, 12, 20]),
    st.integers(-12, 12),
    st.sampled_from([0, 0, 4, 12, 20]),
    st.sampled_from([0, 0, 4, 12, 20]),
    st.sampled_from([1e6, 1e6, 1000, 60, 7, 0]),
)
ops = st.builds(
    Op,
    kind=st.sampled_from(["order", "order", "order", "order", "change", "cancel", "aim", "signal"]),
    symbol=st.sampled_from(["X", "X", "X", "Y"]),
    side=st.sampled_from([1, 1, -1]),
    shares=st.sampled_from([1, 4, 10, 50, 95, 190, 400]),
    type=st.sampled_from(list(OrderType)),
    near=st.integers(-5, 5),
    tif=st.sampled_from([*TimeInForce, *[TimeInForce.GTC] * 4]),
    hours=st.sampled_from([1, 3, 24, 30]),
    flags=st.tuples(*(st.sampled_from([False] * often + [True]) for often in (4, 1, 3, 3))),
)
models = st.builds(
    Costs,
    commission=st.sampled_from([NO_COSTS.commission, Commission(), Commission(taker_bps=20, maker_bps=5)]),
    slippage=st.sampled_from([NO_COSTS.slippage, Slippage(), Slippage(bps=50, impact=0.1, per_share=0.01)]),
    margin=st.sampled_from([NO_COSTS.margin, REG_T, replace(REG_T, initial=1.0)]),
    volume_share=st.sampled_from([0.0, 0.1, 1.0]),
    unaffordable=st.sampled_from(["reject", "cut"]),
)


@st.composite
def cases(draw: st.DrawFn, /, **fixed: Any) -> Case:
    """A run that begins with a position, mostly."""
    count = draw(st.integers(4, MOST))
    spans = draw(st.sampled_from([DAILY, HALF_HOURS]))
    starts = st.sampled_from([start for start, _ in spans[1:count]])
    first = Op("order", "X", draw(st.sampled_from([1, 1, -1])), 50, OrderType.MARKET, 0, TimeInForce.GTC, 1,
               (False, draw(st.booleans()), False, False))  # fmt: skip
    actions: list[Action] = []
    if draw(st.sampled_from([False, False, True])):
        actions.append(Split("X", draw(starts), *draw(st.sampled_from([(2, 1), (3, 2), (1, 4)]))))
    if draw(st.sampled_from([False, False, True])):
        actions.append(Dividend("X", draw(starts), 0.5))
    return Case(
        rows=(draw(bars(count)), draw(bars(count))),
        finer=draw(st.none() | bars(6)),
        missing=draw(st.frozensets(st.integers(0, count - 1), max_size=4)),
        spans=spans,
        actions=tuple(actions),
        ops=((0, first), *draw(st.lists(st.tuples(st.integers(0, count - 2), ops), max_size=10))),
        costs=fixed.get("costs") or draw(models),
        cash=draw(st.sampled_from([1e4, 1e5])),
    )


# --- fills ---------------------------------------------------------------------------------------------


def touched(fill: Fill) -> float:
    """Return a fill's price before slippage."""
    return fill.price - fill.side * fill.slippage


@few
@given(cases())
def test_before_slippage_a_fill_lies_inside_its_bar(case):
    run = case.run()
    for fill, (at, _, _) in zip(run.engine.fills, run.fills, strict=True):
        track = run.panel.tracks[fill.symbol]
        assert track.low[at] - 1e-9 <= touched(fill) <= track.high[at] + 1e-9


@few
@given(cases())
def test_a_limit_is_never_worse_than_its_price(case):
    def check(s):
        order = s.desk.orders[s.last.order_id]
        if order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
            assert order.side * (order.limit - s.last.price) >= 0

    case.run(answer=check)


@few
@given(cases())
def test_a_bars_fills_take_no_more_than_their_share_of_its_volume(case):
    run = case.run()
    taken: dict[tuple[str, int], float] = {}
    for fill, (at, _, _) in zip(run.engine.fills, run.fills, strict=True):
        assert fill.quantity > 0
        taken[fill.symbol, at] = taken.get((fill.symbol, at), 0.0) + fill.quantity
    for (symbol, at), quantity in taken.items():
        volume = run.panel.tracks[symbol].volume[at]
        assert quantity <= rules.volume_left(volume, case.costs.volume_share, 0.0, 1.0)


@few
@given(cases())
def test_an_order_that_may_only_reduce_never_opens_or_turns_a_position(case):
    run = case.run()
    fills = [entry for entry in run.account.entries if entry.kind is EntryKind.FILL]
    for fill, entry in zip(run.engine.fills, fills, strict=True):
        if run.engine.desk.orders[fill.order_id].reduce_only:
            before = entry.position - entry.quantity
            assert abs(entry.position) < abs(before)
            assert entry.position * before >= 0


# --- money ---------------------------------------------------------------------------------------------


@few
@given(cases())
def test_cash_is_the_initial_cash_and_every_amount_to_the_bit(case):
    run = case.run()
    cash = run.account.initial_cash
    for entry in run.account.entries:
        cash += entry.amount
        assert entry.cash == cash
    assert run.account.cash == cash


@few
@given(cases())
def test_positions_are_the_sum_of_what_was_booked(case):
    run = case.run()
    held: dict[str, float] = {}
    for entry in run.account.entries:
        if entry.symbol:
            held[entry.symbol] = held.get(entry.symbol, 0.0) + entry.quantity
            assert entry.position == held[entry.symbol]
    assert held == {symbol: p.quantity for symbol, p in run.account.positions.items()}


@few
@given(cases())
def test_an_orders_fees_are_those_of_its_whole(case):
    run = case.run()
    c = case.costs.commission
    for order in run.orders:
        fills = [fill for fill in run.engine.fills if fill.order_id == order.id]
        if fills and c.maker_bps == c.taker_bps:
            value = sum(fill.quantity * fill.price for fill in fills)
            raw = rules.charge_raw(order.filled, value, c.per_share, c.taker_bps)
            whole = rules.order_fee(raw, value, c.per_order, c.minimum, c.maximum_share)
            assert math.isclose(order.fees, whole, abs_tol=1e-9)
        assert all(fill.fee >= -1e-12 for fill in fills)


@few
@given(cases(costs=Costs(slippage=Slippage(bps=50), volume_share=0.5, unaffordable="cut")))
def test_a_cash_account_never_uses_leverage(case):
    run = case.run()
    assert all(entry.cash >= -1e-6 for entry in run.account.entries)
    assert all(entry.position >= 0 for entry in run.account.entries)


@few
@given(cases())
def test_what_opens_a_position_leaves_its_margin_free(case):
    initial = case.costs.margin.initial

    def check(s):
        fill, account = s.last, s.desk.account
        signed = fill.side * fill.quantity
        if rules.opening_part(account.quantity(fill.symbol) - signed, signed) > 0:
            prices = {fill.symbol: touched(fill)}

            def price(symbol: str) -> float:
                return prices.get(symbol) or s.price(symbol)

            assert rules.free_equity(account.equity(price), account.gross(price), initial) >= -1e-6

    case.run(answer=check)


# --- lives ---------------------------------------------------------------------------------------------


@few
@given(cases())
def test_an_orders_life_is_a_walk_in_the_table_and_ends_with_a_reason(case):
    for order in case.run().orders:
        steps = order.life
        assert steps[0].status is OrderStatus.NEW
        for before, after in itertools.pairwise(steps):
            noted = before.status is after.status and after.reason is not Reason.NONE
            assert noted or after.status in TRANSITIONS[before.status]
        assert order.status in TERMINAL
        whole = order.filled >= order.quantity - rules.DUST
        assert (order.status is OrderStatus.FILLED) is (whole and order.filled > 0)
        assert order.reason or order.status is OrderStatus.FILLED


@few
@given(cases())
def test_a_fok_order_fills_whole_or_not_at_all(case):
    for order in case.run().orders:
        if order.tif is TimeInForce.FOK:
            assert order.filled in (0, order.quantity)


@few
@given(cases(), st.data())
def test_what_happened_until_a_bar_does_not_change_when_later_bars_do(case, data):
    now = data.draw(st.integers(0, len(case.rows[0]) - 1))
    rows = case.rows[0][: now + 1] + data.draw(bars(len(case.rows[0])))[now + 1 :]
    one, other = (
        (run.account.entries, [(repr(order), order.life) for order in run.orders])
        for run in (case.run(until=now + 1), case.run(rows, until=now + 1))
    )
    assert one == other
