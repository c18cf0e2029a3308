"""Target weights become the fewest trades, when a rule says so."""

import math
from datetime import UTC, datetime

import pytest

import openbell as ob
from openbell.core.clock import Sessions
from openbell.core.errors import ConfigError, StrategyError
from openbell.core.types import NANOS_PER_SECOND, Reason
from openbell.data import calendar
from openbell.portfolio.rebalance import (
    Holding,
    Rebalancing,
    drifted,
    is_due,
    target_quantities,
    trades_to,
)
from openbell.strategies import rebalancing
from tests.unit.market_by_hand import Seat


def nanos(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NANOS_PER_SECOND


def held(*quantities: float, price: float = 10.0) -> dict[str, Holding]:
    return {name: Holding(quantity, price) for name, quantity in zip("ABC", quantities, strict=False)}


def targets(weights: dict[str, float], holding: dict[str, Holding], **rule) -> dict[str, float]:
    return target_quantities(weights, holding, 1_000.0, Rebalancing(**rule))


def test_positions_are_brought_to_their_weights_and_what_is_not_named_is_closed():
    assert targets({"A": 0.5, "B": 0.3}, held(10, 0, 20)) == {"A": 50.0, "B": 30.0, "C": 0.0}
    assert targets({"A": -0.5}, held(10)) == {"A": -50.0}


def test_a_position_in_its_band_is_left_alone_but_none_stays_unopened_or_unclosed():
    assert targets({"A": 0.5, "B": 0.01}, held(49, 0, 1), band=0.02) == {"A": 49.0, "B": 1.0, "C": 0.0}


def test_a_small_trade_is_left_out_unless_it_closes():
    assert targets({"A": 0.5, "B": 0.3}, held(45, 0, 2), minimum=60.0) == {"A": 45.0, "B": 30.0, "C": 0.0}


def test_what_stays_is_taken_off_the_money_for_the_rest():
    book = {"A": Holding(52, 10.0), "B": Holding(0, 96.0)}
    assert targets({"A": 0.5, "B": 0.48}, book, band=0.05) == {"A": 52.0, "B": 4.0}
    assert targets({"A": 0.5, "B": 0.48}, book) == {"A": 50.0, "B": 5.0}


def test_lots_are_the_nearest_that_the_money_allows():
    book = {"A": Holding(0, 70.0), "B": Holding(0, 30.0)}
    assert targets({"A": 0.5, "B": 0.5}, book) == {"A": 7.0, "B": 17.0}
    assert targets({"A": 0.5, "B": 0.5}, book, lots="down") == {"A": 7.0, "B": 16.0}


def test_a_buffer_stays_in_cash():
    assert targets({"A": 0.5, "B": 0.5}, held(0, 0), buffer=0.1) == {"A": 45.0, "B": 45.0}
    assert targets({"A": 0.5, "B": 0.2}, held(0, 0), buffer=0.1) == {"A": 50.0, "B": 20.0}


def test_what_is_suspended_stays_and_the_others_make_room():
    book = held(0, 0, 40)
    book["C"] = book["C"]._replace(tradable=False)
    assert targets({"A": 0.5, "B": 0.5}, book) == {"A": 30.0, "B": 30.0}
    assert targets({"A": 0.3, "B": 0.3, "C": 0.4}, book) == {"A": 30.0, "B": 30.0}
    book["C"] = Holding(0.0, math.nan, tradable=False)
    assert targets({"A": 0.5, "C": 0.5}, book) == {"A": 50.0, "B": 0.0}
    assert targets({}, book) == {"A": 0.0, "B": 0.0}


def test_trades_free_money_first():
    book = held(50, 20, 0)
    found = trades_to({"C": 30.0, "A": 20.0, "B": -10.0}, book)
    assert [tuple(trade) for trade in found] == [("A", -30.0), ("B", -30.0), ("C", 30.0)]


def test_the_drift_is_that_of_the_farthest_position():
    assert drifted({"A": 0.5, "B": 0.1}, held(45, 20), 1_000.0) == pytest.approx(0.1)
    assert drifted({}, {}, 1_000.0) == 0.0


@pytest.mark.parametrize(("rule", "message"), [
    ({"every": "monht"}, "rebalancing.every='monht' is unknown; did you mean 'month'?"),
    ({"at": "end"}, "rebalancing.at='end' is unknown; valid names: first, last"),
    ({"band": 5}, "rebalancing.band=5 must be 0 or more and below 1 (0.05 is 5 %)"),
    ({"buffer": True}, "rebalancing.buffer=True must be 0 or more and below 1 (0.05 is 5 %)"),
    ({"minimum": -1.0}, "rebalancing.minimum=-1.0 must be 0 or more"),
])  # fmt: skip
def test_a_wrong_rule_is_named(rule, message):
    with pytest.raises(ConfigError) as raised:
        Rebalancing(**rule)
    assert str(raised.value) == message


# --- by the calendar -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def year() -> Sessions:
    found = calendar.sessions("XNYS", nanos("2024-01-01"), nanos("2024-12-31"))
    return Sessions("XNYS", found.opens.tolist(), found.closes.tolist())


def dates(year: Sessions, rule: Rebalancing) -> list[str]:
    """Return the days on which a rule that is asked at each close says that it is time."""
    last, found = year.closes[0], []
    for close in year.closes[1:]:
        if is_due(rule, year, close, last):
            last = close
            found.append(datetime.fromtimestamp(close // NANOS_PER_SECOND, UTC).date().isoformat())
    return [day for day in found if day.startswith("2024")]


def test_first_and_last_sessions_are_those_of_the_exchange(year):
    months = dates(year, Rebalancing(every="month"))
    assert len(months) == 12
    assert {"2024-01-02", "2024-06-03", "2024-09-03"} <= set(months)  # after New Year, a weekend, Labor Day
    ends = dates(year, Rebalancing(every="month", at="last"))
    assert {"2024-03-28", "2024-05-31", "2024-06-28"} <= set(ends)  # before Good Friday and a weekend
    assert len(ends) == 12
    assert dates(year, Rebalancing(every="quarter")) == [
        "2024-01-02",
        "2024-04-01",
        "2024-07-01",
        "2024-10-01",
    ]
    assert dates(year, Rebalancing(every="year")) == ["2024-01-02"]
    assert len(dates(year, Rebalancing(every="week"))) == 53
    assert len(dates(year, Rebalancing(every="day"))) == 252


def test_it_is_time_at_first_and_after_a_missed_end(year):
    rule = Rebalancing(every="month", at="last")
    assert is_due(rule, year, nanos("2024-05-15"), -1)
    assert is_due(rule, year, nanos("2024-06-10T20:00"), nanos("2024-05-15T20:00"))
    assert not is_due(rule, year, nanos("2024-06-10T20:00"), nanos("2024-05-31T20:00"))


# --- by a strategy ---------------------------------------------------------------------------------------


class Thirds(ob.Strategy):
    every: str = ob.param("")
    drift: float = ob.param(0.0)
    band: float = ob.param(0.0)

    def on_bars(self, bars):
        rule = ob.Rebalancing(every=self.every, drift=self.drift, band=self.band, buffer=0.02)
        self.rebalance(dict.fromkeys(self.symbols, 1 / 3), rule)


def run(**parameters) -> ob.Result:
    return ob.backtest(
        Thirds, ["AAPL", "IBM", "MSFT"], parameters=parameters, start="2008-01-01", end="2008-12-31"
    )


def test_a_calendar_trades_on_its_days_and_a_band_trades_less():
    monthly, banded = run(every="month"), run(every="month", band=0.03)
    assert len({order.decided for order in monthly.outcome.orders}) == 12
    assert 3 <= len(banded.orders) < len(monthly.orders)


def test_a_drift_trades_when_a_weight_is_off_and_with_a_calendar_then_too():
    drift, both = run(drift=0.05), run(every="quarter", drift=0.05)
    assert 3 < len(drift.orders) < len(run().orders)
    assert len({order.decided for order in both.outcome.orders}) >= 4


def test_what_has_no_bar_now_is_not_traded():
    seat = Seat("A", "B", cash=1_000.0)
    seat.market.move(A=10.0)
    orders, done = rebalancing.rebalance(seat.desk, {"A": 0.5, "B": 0.5}, Rebalancing(), last=-1)
    assert done
    assert [(order.symbol, order.quantity) for order in orders] == [("A", 50.0)]
    assert seat.desk.notes == {Reason.NO_PRICE: 1}
    again, _ = rebalancing.rebalance(seat.desk, {"A": 0.5, "B": 0.5}, Rebalancing(), last=-1)
    assert again == orders
    assert seat.sent() == orders


def test_an_account_that_owes_more_than_it_has_is_not_rebalanced():
    seat = Seat("A", cash=1_000.0)
    seat.account.cash = -1.0
    assert rebalancing.rebalance(seat.desk, {"A": 1.0}, Rebalancing(), last=-1) == ([], False)


def test_a_rule_must_be_one():
    with pytest.raises(StrategyError, match=r"rebalance: how='month' must be ob\.Rebalancing"):
        rebalancing.rebalance(Seat("A").desk, {}, "month", last=-1)
