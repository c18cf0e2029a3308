"""Sizers that look at the stop, at past bars and at what else is held."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import openbell as ob
from openbell.backtesting.plan import Plan, plan_from_json
from openbell.core.errors import ConfigError, StrategyError
from openbell.core.ports import InformedSizer
from openbell.core.requests import NO_EXITS, Exits, Ticket
from openbell.core.situation import Situation, Size, situate
from openbell.core.types import Reason
from openbell.portfolio.sizing import (
    SIZERS,
    AverageTrueRange,
    ConfidenceScaled,
    EqualWeight,
    InverseVolatility,
    Kelly,
    RiskPerTrade,
    VolatilityTarget,
)
from openbell.portfolio.sizing.kelly import kelly_of_bet, kelly_of_returns
from tests.unit.market_by_hand import Seat

INFORMED = (
    RiskPerTrade(0.02), AverageTrueRange(0.02, period=3), VolatilityTarget(0.2, window=4),
    VolatilityTarget(0.2, "rolling", window=4), VolatilityTarget(0.2, "garman_klass", window=4),
    Kelly(window=4), EqualWeight(), InverseVolatility(window=4), ConfidenceScaled(),
    ConfidenceScaled(threshold=0.3, power=2.0),
)  # fmt: skip


two_and_a_half: Any = 2.5


class Everyone:
    """A universe of one."""

    def at(self, _time):
        return frozenset({"A"})


def situation(seat: Seat, symbol: str = "A", conviction: float = 1.0, exits: Exits = NO_EXITS) -> Situation:
    desk = seat.desk
    return situate(
        desk.tracks[symbol], conviction=conviction, limit=None, exits=exits, equity=desk.equity(),
        market=desk.market, account=desk.account, working=desk.working,
    )  # fmt: skip


def seat_after(*closes: float, symbols: tuple[str, ...] = ("A",), **settings) -> Seat:
    seat = Seat(*symbols, **settings)
    for close in closes:
        seat.market.move(**dict.fromkeys(symbols, close))
    return seat


def size(sizer: InformedSizer, seat: Seat, conviction: float = 1.0, **more) -> Size:
    return sizer.size_in(conviction, situation(seat, conviction=conviction, **more))


# --- each formula ----------------------------------------------------------------------------------------


def test_the_risk_per_trade_is_lost_when_the_stop_is_hit():
    found = size(RiskPerTrade(0.01), Seat(), exits=Exits(stop_loss=96.0))
    assert found == (250.0, "0.01 of equity 100,000 at risk, stop 4 away")
    assert size(RiskPerTrade(0.01), Seat(), -1.0, exits=Exits(stop_loss=104.0)).shares == -250.0
    assert size(RiskPerTrade(0.01), Seat(), exits=Exits(trailing_stop=0.02)).shares == 500.0
    assert size(RiskPerTrade(0.01), Seat(), exits=Exits(stop_loss=90.0, trailing_stop=0.02)).shares == 500.0


def test_the_risk_counts_from_the_limit_that_an_entry_waits_for():
    seat = Seat()
    seat.desk._informed = RiskPerTrade(0.01)
    order = seat.desk.signal("A", 1.0, Exits(stop_loss=90.0), Ticket(limit=95.0))
    assert order is not None
    assert order.quantity == 200.0


@pytest.mark.parametrize(("conviction", "exits", "message"), [
    (1.0, NO_EXITS, ("sizing by risk_per_trade needs the stop of A: give the signal a stop_loss or a"
     " trailing_stop")),
    (1.0, Exits(stop_loss=101.0), ("sizing by risk_per_trade: the stop 101 of a long A must be below its"
     " entry 100")),
    (-1.0, Exits(stop_loss=100.0), ("sizing by risk_per_trade: the stop 100 of a short A must be above its"
     " entry 100")),
])  # fmt: skip
def test_a_risk_without_a_stop_of_its_side_is_refused(conviction, exits, message):
    with pytest.raises(StrategyError) as raised:
        size(RiskPerTrade(), Seat(), conviction, exits=exits)
    assert str(raised.value) == message


def test_a_position_moves_by_the_risk_when_the_price_moves_by_its_ranges():
    seat = seat_after(104.0, 102.0, 104.0)  # true ranges 4, 2, 2 from closes alone
    found = size(AverageTrueRange(0.01, multiple=2.0, period=2), seat)
    assert found == (250.0, "0.01 of equity 100,000 at risk, 2 ranges of 2")
    assert size(AverageTrueRange(period=4), seat) == (0.0, "fewer than 5 bars are known")


def test_a_volatility_target_divides_by_the_forecast():
    seat = seat_after(110.0, 99.0, 108.9, 98.01)  # returns of plus and minus 10 %
    for forecast, deviation in (("rolling", math.sqrt(0.04 / 3)), ("ewma", 0.1)):
        sizer = VolatilityTarget(0.5, forecast, window=4, bars_per_year=252.0)
        expected = 0.5 / (deviation * math.sqrt(252)) * 100_000 // 98.01
        assert size(sizer, seat).shares == expected
    assert size(VolatilityTarget(window=5), seat) == (0.0, "fewer than 6 bars are known")


def test_what_never_moved_is_limited_alone():
    seat = seat_after(100.0, 100.0, 100.0, 100.0)
    for sizer in (VolatilityTarget(forecast="garman_klass", window=4), AverageTrueRange(period=4)):
        found = size(sizer, seat)
        assert found.shares == 950.0
        assert found.why.endswith("by the 95,000 left of 0.95 of equity")


def test_kelly_by_published_examples():
    assert kelly_of_bet(0.53, 1.0) == pytest.approx(0.06)  # Thorp 2006, section 2: 2p - 1
    assert kelly_of_bet(0.5, 2.0) == pytest.approx(0.25)
    assert kelly_of_bet(0.4, 1.0) == pytest.approx(-0.2)
    assert kelly_of_returns(0.11, 0.15, rate=0.06) == pytest.approx(2.2222, abs=1e-4)  # Thorp 2006, 7.1
    assert kelly_of_returns(0.1, 0.0) == math.inf
    assert kelly_of_returns(-0.1, 0.0) == -math.inf
    assert kelly_of_returns(0.0, 0.0) == 0.0
    with pytest.raises(ConfigError, match=r"probability=1\.2 must be from 0 to 1"):
        kelly_of_bet(1.2, 1.0)
    with pytest.raises(ConfigError, match=r"odds=0\.0 must be a positive number"):
        kelly_of_bet(0.5, 0.0)


def test_kelly_buys_a_fraction_up_to_its_cap_and_nothing_against_the_mean():
    seat = seat_after(110.0, 99.0, 110.0, 100.0)
    past = np.array([0.1, -0.1, 110 / 99 - 1, 100 / 110 - 1])
    full = past.mean() / past.var(ddof=1)
    assert size(Kelly(fraction=0.5, cap=0.5, window=4), seat).shares == 500 * full // 1
    assert size(Kelly(fraction=10.0, cap=0.5, window=4), seat).shares == 500.0
    assert size(Kelly(window=4), seat, -1.0).shares == 0.0
    assert size(Kelly(window=5), seat) == (0.0, "fewer than 6 bars are known")


def test_equal_parts_are_of_the_symbols_that_may_be_bought():
    seat = Seat("A", "B", "C", "D")
    assert size(EqualWeight(0.8), seat).shares == 200.0
    seat.market.members = Everyone()  # type: ignore[assignment]  # None at first
    assert size(EqualWeight(0.8), seat).shares == 800.0


def test_what_moves_half_as_much_gets_twice_the_weight():
    seat = Seat("A", "B", "C")
    for step in (1, -1, 1, -1):
        last = {s: seat.market.price(s) for s in "AB"}
        seat.market.move(A=last["A"] * (1 + 0.02 * step), B=last["B"] * (1 + 0.01 * step), C=100.0)
    sizer, equity = InverseVolatility(share=0.9, window=4), seat.desk.equity()
    assert size(sizer, seat).shares == 0.3 * equity // seat.market.price("A")
    assert size(sizer, seat, symbol="B").shares == 0.6 * equity // seat.market.price("B")
    assert size(sizer, seat, symbol="C") == (0.0, "no volatility over 4 bars is known")
    assert size(InverseVolatility(window=9), seat).shares == 0.0


def test_confidence_counts_from_its_threshold():
    sizer = ConfidenceScaled(share=0.8, threshold=0.5, power=2.0)
    assert size(sizer, Seat(), 0.75).shares == 200.0
    assert size(sizer, Seat(), -1.0).shares == -800.0
    assert size(sizer, Seat(), 0.5) == (0.0, "confidence 0.5 is not above 0.5")


# --- what all of them keep -------------------------------------------------------------------------------


@given(
    st.lists(st.floats(-0.2, 0.2), min_size=5, max_size=5), st.floats(0, 1), st.floats(0, 1),
    st.sampled_from([1.0, 0.001, 100.0]), st.floats(0, 800),
)  # fmt: skip
def test_no_more_than_can_be_paid_for_and_more_with_more_confidence(moves, one, other, lot, held):
    seat = Seat("A", "B", lot=lot)
    seat.hold("B", held)
    for move in moves:
        seat.market.move(A=seat.market.price("A") * (1 + move), B=100.0)
    price, equity = seat.market.price("A"), seat.desk.equity()
    low, high = sorted((one, other))
    for sizer in INFORMED:
        few, many = (size(sizer, seat, c, exits=Exits(trailing_stop=0.05)).shares for c in (low, high))
        assert 0.0 <= few <= many
        assert many * price <= max(0.95 * equity - held * 100.0, 0.0) + 1e-6
        for shares in (few, many):
            assert abs(shares / lot - round(shares / lot)) < 1e-6


def test_the_other_positions_and_orders_leave_less_room():
    seat = Seat("A", "B", "C", short=True)
    seat.hold("B", -100)
    seat.desk.order("C", 200, NO_EXITS, Ticket())
    seat.desk.order("B", 50, NO_EXITS, Ticket(reduce_only=True))
    seat.desk.order("B", -30, NO_EXITS, Ticket())
    assert situation(seat).others() == 33_000.0
    found = size(EqualWeight(0.6), seat)
    assert found.shares == 200.0
    assert size(ConfidenceScaled(0.6), seat).shares == 270.0


def test_a_symbol_without_a_price_takes_no_room():
    seat = Seat("A", "B")
    seat.desk.order("B", 200, NO_EXITS, Ticket())
    seat.market.tracks["B"].cursor.at = -1
    assert situation(seat).others() == 0.0


@pytest.mark.parametrize(("make", "message"), [
    (lambda: RiskPerTrade(1.0), "sizing.risk=1.0 must be above 0 and below 1 (0.01 is 1 %)"),
    (lambda: RiskPerTrade(True), "sizing.risk=True must be above 0 and below 1 (0.01 is 1 %)"),
    (lambda: AverageTrueRange(period=0), "sizing.period=0 must be a whole number, 1 or more"),
    (lambda: AverageTrueRange(period=True), "sizing.period=True must be a whole number, 1 or more"),
    (lambda: AverageTrueRange(period=two_and_a_half), "sizing.period=2.5 must be a whole number, 1 or more"),
    (lambda: VolatilityTarget(forecast="ewna"), "sizing.forecast='ewna' is unknown; did you mean 'ewma'?"),
    (lambda: ConfidenceScaled(threshold=1.0), ("sizing.threshold=1.0 must be 0 or more and below 1 (0.01 is"
     " 1 %)")),
    (lambda: Kelly(cap=-1.0), "sizing.cap=-1.0 must be a positive number"),
])  # fmt: skip
def test_a_wrong_setting_is_named(make, message):
    with pytest.raises(ConfigError) as raised:
        make()
    assert str(raised.value) == message


# --- at the desk -----------------------------------------------------------------------------------------


class Trend(ob.Strategy):
    def on_start(self):
        self.mean = self.indicator(ob.SMA(50))

    def on_bar(self, bar):
        if bar.close > self.mean[-1]:
            self.buy(bar.symbol, stop_loss=0.9 * bar.close)
        else:
            self.close(bar.symbol)


@pytest.mark.parametrize("name", [name for name, kind in SIZERS.items() if issubclass(kind, InformedSizer)])
def test_a_run_tells_why_each_order_has_its_size(name):
    result = ob.backtest(Trend, ["IBM", "MSFT"], sizer=SIZERS[name](), start="2008-01-01", end="2009-12-31")
    entries = [order for order in result.outcome.orders if order.side > 0]
    assert entries
    assert all("equity" in order.tag or "volatility" in order.tag for order in entries)
    assert not any(r.value in ("no_buying_power", "gap_unaffordable") for r in result.refusals)
    assert result.plan.as_json()["sizing"]["method"] == name


def test_the_tag_of_a_signal_stays():
    seat = Seat()
    seat.desk._informed = EqualWeight()
    order = seat.desk.signal("A", 1.0, NO_EXITS, Ticket(tag="mine"))
    assert order is not None
    assert order.tag == "mine"


def test_a_size_of_zero_is_noted():
    seat = Seat()
    seat.desk._informed = Kelly()
    assert seat.desk.signal("A", 1.0, NO_EXITS, Ticket()) is None
    assert seat.desk.notes == {Reason.SIZE_ZERO: 1}


class Own:
    def size_in(self, conviction, situation):
        return "many"


def test_an_answer_that_is_no_size_is_named():
    with pytest.raises(
        StrategyError, match=r"the sizer Own made 'many' .* must return ob\.Size\(shares, why"
    ):
        ob.backtest(Trend, "IBM", sizer=Own())


def test_the_compiled_engine_says_which_sizer_it_cannot_compile():
    with pytest.raises(ConfigError, match="sizing by EqualWeight is Python's"):
        ob.backtest("sma_cross", "IBM", sizer=EqualWeight(), engine="compiled")


def test_a_sizer_must_take_what_the_engine_gives():
    class Wrong:
        def size_in(self):
            return None

    wrong: Any = Wrong()
    with pytest.raises(ConfigError, match=r"its size_in must take \(conviction, situation\)"):
        ob.backtest("sma_cross", "IBM", sizer=wrong)


def test_paper_sizes_as_the_backtest_does(tmp_path):
    settings: dict[str, Any] = {"sizer": VolatilityTarget(), "start": "2008-01-01", "end": "2008-12-31"}
    backtest = ob.backtest(Trend, "IBM", **settings)
    paper = ob.paper(Trend, "IBM", state=tmp_path, **settings)
    assert [(o.quantity, o.tag) for o in paper.strategies[0].orders] == [
        (o.quantity, o.tag) for o in backtest.outcome.orders
    ]


def test_a_sizer_sees_nothing_of_what_follows():
    settings: dict[str, Any] = {"sizer": InverseVolatility(), "start": "2008-01-01", "end": "2009-12-31"}
    assert ob.check_lookahead(Trend, ["IBM", "MSFT"], **settings).clean


@pytest.mark.parametrize(("name", "kind"), SIZERS.items())
def test_a_plan_keeps_its_sizer(name, kind):
    sizer = kind(5.0) if name.startswith("fixed") else kind()
    plan = Plan("sma_cross", ("IBM",), sizer=sizer)
    assert plan_from_json(plan.as_json()).sizer == sizer
