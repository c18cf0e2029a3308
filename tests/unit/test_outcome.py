import numpy as np
import pytest

import openbell as ob
from openbell.core.account import Account
from openbell.core.types import BUY, Dividend, Fill, Instrument, Phase, Split
from openbell.data import bundled
from openbell.reporting.result import Result
from tests.unit.bars_by_hand import DAY, MONDAY, daily

FREE = ob.NO_COSTS


def bought(symbol: str, quantity: float, price: float, time: int) -> Fill:
    return Fill(1, "test", symbol, BUY, quantity, price, 0.0, 0.0, time, Phase.CLOSE)


class Scripted(ob.Strategy):
    """Orders by bar index, the same for each symbol."""

    script: str = ""

    def on_bar(self, bar):
        for step in self.script.split():
            at, quantity = step.split(":")
            if int(at) == bar.index:
                self.order(bar.symbol, float(quantity))


def run(series, script: str, **settings) -> Result:
    return ob.backtest(
        Scripted, series, parameters={"script": script}, costs=settings.pop("costs", FREE), **settings
    )


def test_cash_and_equity_follow_the_ledger_moment_by_moment():
    outcome = run(daily("A", [10, 11, 12, 13, 14]), "0:100 2:-100", cash=10_000).outcome
    assert outcome.cash.tolist() == [10_000, 9_000, 9_000, 10_200, 10_200]
    assert outcome.equity.tolist() == [10_000, 10_100, 10_200, 10_200, 10_200]
    assert outcome.holdings["A"].tolist() == [0, 100, 100, 0, 0]


def test_a_run_without_orders_keeps_its_cash():
    outcome = run(daily("A", [10, 11, 12]), "").outcome
    assert outcome.equity.tolist() == [100_000] * 3
    assert outcome.trades == []
    assert outcome.gross.tolist() == [0, 0, 0]


def test_exposure_counts_shorts_against_net_and_for_gross():
    costs = ob.Costs(
        commission=FREE.commission, slippage=FREE.slippage, volume_share=0, margin=ob.Margin(short=True)
    )
    outcome = run(
        [daily("A", [10, 10, 10]), daily("B", [10, 10, 10])], "0:100", cash=10_000, costs=costs
    ).outcome
    assert outcome.net[1] == pytest.approx(0.2)
    outcome = run(daily("A", [10, 10, 10]), "0:-100", cash=10_000, costs=costs).outcome
    assert (outcome.net[1], outcome.gross[1]) == pytest.approx((-0.1, 0.1))


def test_holding_through_splits_equals_the_adjusted_series():
    series = bundled.load("AAPL").between(None, None)
    before_dividends = series.between(None, int(series.actions[-3].ex))
    result = run(before_dividends, "0:100", cash=20_000)
    outcome = result.outcome
    adjusted = bundled.adjusted_close("AAPL")[: len(before_dividends)]
    assert outcome.holdings["AAPL"][-1] == 400
    held = outcome.values["AAPL"][1:]
    assert held / held[0] == pytest.approx(adjusted[1:] / adjusted[1], rel=2e-9)


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
def test_reinvested_dividends_equal_the_adjusted_series(symbol):
    """The source reinvests at the ex-date's close; so does this holder, through the real ledger."""
    series = bundled.load(symbol)
    fractional = Instrument(symbol, lot=1e-12)
    closes, known = series.close.tolist(), series.known.tolist()
    account = Account(cash=closes[0])
    account.book_fill(bought(symbol, 1.0, closes[0], known[0]))
    actions = {int(np.searchsorted(series.start, action.ex)): action for action in series.actions}
    worth = [closes[0]]
    for at in range(1, len(series)):
        action = actions.get(at)
        if isinstance(action, Split):
            account.book_split(action, time=action.ex, previous_close=closes[at - 1], instrument=fractional)
        elif isinstance(action, Dividend):
            account.book_dividend(action, time=action.ex)
            account.book_fill(bought(symbol, account.cash / closes[at], closes[at], known[at]))
        worth.append(account.equity(lambda _: closes[at]))  # noqa: B023  # asked at once
    adjusted = bundled.adjusted_close(symbol)
    assert np.array(worth) / worth[0] == pytest.approx(adjusted / adjusted[0], rel=1e-9)


def test_the_benchmark_splits_the_cash_equally_and_holds():
    result = run([daily("A", [10, 20]), daily("B", [10, 10])], "")
    assert result.benchmark_curve.tolist() == [100_000, 150_000]


def test_a_named_benchmark_grows_from_the_same_cash():
    result = ob.backtest("buy_and_hold", "AAPL", benchmark="IBM", start="2010-01-01", end="2010-12-31")
    closes = bundled.adjusted_close("IBM")
    assert result.benchmark_curve[0] == 100_000
    assert 1.0 < result.benchmark_curve[-1] / 100_000 < closes.max() / closes.min()


def test_statistics_are_made_of_one_value_a_session():
    result = run(daily("A", [10, 11, 12]), "")
    assert len(result.daily_equity) == 3
    assert result.periods_per_year == pytest.approx(366)  # 2024, and open every day


def test_a_dividend_is_booked_and_a_split_is_paid_out_in_the_curve():
    actions: list[Dividend | Split] = [
        Dividend("A", MONDAY + 2 * DAY, 1.0),
        Split("A", MONDAY + 3 * DAY, 3, 2),
    ]
    outcome = run(daily("A", [10, 10, 10, 6, 6], actions=actions), "0:101", cash=10_000).outcome
    assert outcome.holdings["A"].tolist() == [0, 101, 101, 151, 151]
    in_lieu = 0.5 * 10 / 1.5
    assert outcome.cash.tolist() == pytest.approx([10_000, 8_990, 9_091, 9_091 + in_lieu, 9_091 + in_lieu])


def test_equity_is_the_sum_of_cash_and_values_for_symbols_that_come_and_go():
    series = [daily("A", [10, 12, 14, 16]), daily("B", [5, 6], days=[1, 3])]
    outcome = run(series, "0:10", cash=1_000).outcome
    total = outcome.cash + sum(outcome.values.values())
    assert outcome.equity == pytest.approx(total)
    assert not np.isnan(outcome.equity).any()


def test_orders_on_a_symbol_without_further_bars_end_with_the_data():
    series = [daily("A", [10, 11, 12, 13]), daily("B", [5], days=[0])]
    orders = run(series, "0:10", cash=1_000).outcome.orders
    assert {order.symbol: str(order.status) for order in orders} == {"A": "filled", "B": "expired"}
    assert {order.symbol: str(order.reason) for order in orders}["B"] == "end_of_data"


def test_the_same_run_has_the_same_hash_and_another_has_another():
    series = daily("A", [10, 11, 12, 13, 14])
    assert run(series, "0:100").hash == run(series, "0:100").hash
    assert run(series, "0:100").hash != run(series, "1:100").hash


def test_dates_are_those_of_the_bars_where_a_day_ends_at_midnight():
    assert "2024-01-01 to 2024-01-03" in repr(run(daily("A", [10, 11, 12]), ""))


def test_a_quantity_below_a_lot_is_a_slip_of_the_strategy():
    with pytest.raises(ob.StrategyError, match="quantity 1e-09 is not a whole number of lots"):
        run(daily("A", [10, 11, 12]), "0:1e-9")
