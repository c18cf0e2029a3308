"""Entries that come late or never: what of an order is hindered, and what is as ever."""

import pytest

import openbell as ob
from openbell import run
from openbell.core.errors import ConfigError
from openbell.execution.brokers.hindered import Hindrance
from tests.unit.fill_desk import costs, series

ROWS = [f"{p} {p + 2} {p - 2} {p + 1}" for p in range(100, 130)]


def fills(script, hindrance, *, symbols=("X",), cash=100_000.0):
    """Return where each fill is, (bar, side), and the outcome; bars open at 100 plus their number."""

    class Acts(ob.Strategy):
        def on_start(self):
            self.at = -1

        def on_bars(self, bars):
            self.at += 1
            if self.at in script:
                script[self.at](self)

    plan, found, data = run.prepare(
        Acts, [series(ROWS, symbol) for symbol in symbols], costs=costs(), cash=cash
    )
    outcome = run.simulate(plan, found, data, hindrance=hindrance)
    return [(int(fill.price) - 100, fill.side) for fill in outcome.fills], outcome


def buy(desk):
    desk.order("X", 10)


def sell(desk):
    desk.order("X", -10)


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_an_entry_is_late_by_so_many_bars_and_an_exit_is_in_time(delay):
    found, _ = fills({2: buy, 10: sell}, Hindrance(delay=delay))
    assert found == [(3 + delay, 1), (11, -1)]


def test_a_signal_that_ends_before_its_late_entry_came_takes_it_back():
    script = {2: lambda s: s.buy("X"), 3: lambda s: s.sell("X")}
    found, outcome = fills(script, Hindrance(delay=2))
    assert found == []
    assert [order.status.value for order in outcome.orders] == ["cancelled"]


def test_a_dropped_signal_is_missed_as_a_whole_though_it_is_repeated():
    script = {at: lambda s: s.buy("X") for at in range(2, 9)}
    found, outcome = fills(script, Hindrance(drop=1.0))
    assert found == []
    assert [order.reason.value for order in outcome.orders] == ["end_of_data"]


def test_a_dropped_entry_ties_up_no_money():
    script = {2: lambda s: s.order("X", 900), 4: lambda s: s.order("Y", 900)}
    _, outcome = fills(script, Hindrance(drop=0.5, seed=1), symbols="XY")  # which drops the first alone
    assert {order.symbol: order.filled for order in outcome.orders} == {"X": 0.0, "Y": 900.0}


def test_a_late_entry_of_the_day_runs_out_a_day_later_too():
    found, _ = fills({2: lambda s: s.order("X", 10, tif="day")}, Hindrance(delay=2))
    assert found == [(5, 1)]


def test_a_late_entry_that_is_changed_is_late_again():
    script = {
        2: lambda s: setattr(s, "sent", s.order("X", 10, limit=200.0)),
        3: lambda s: s.replace(s.sent, limit=150.0),
    }
    assert fills(script, Hindrance(delay=2))[0] == [(6, 1)]


def test_the_exits_of_a_late_entry_live_from_its_fill_on():
    script = {2: lambda s: s.buy("X", take_profit=108.0)}
    assert fills(script, Hindrance(delay=1))[0] == [(4, 1), (8, -1)]


def test_an_entry_that_would_come_after_the_data_never_comes():
    found, outcome = fills({28: buy}, Hindrance(delay=3))
    assert found == []
    assert outcome.orders[0].status.value == "expired"


def test_no_hindrance_is_the_run_as_it_was():
    result = ob.backtest("sma_cross", "AAPL", start="2008-01-01", end="2010-12-31")
    outcome = run.simulate(result.plan, result.found, result.outcome.panel.series, hindrance=Hindrance())
    assert outcome.entries == result.outcome.entries


@pytest.mark.parametrize("wrong", [{"delay": -1}, {"delay": 1.5}, {"delay": True}, {"drop": 1.1}])
def test_a_hindrance_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Hindrance(**wrong)
