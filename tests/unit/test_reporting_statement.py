"""Statements: every change of equity and of cash is the sum of its parts, for each day, week and month."""

import math
from itertools import pairwise

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.portfolio.holdings import Holdings
from openbell.portfolio.rolling import monthly_returns
from openbell.reporting import statementpage
from openbell.reporting.period import read_period
from openbell.reporting.statement import state

MARGIN = ob.Costs(margin=ob.Margin(initial=0.5, short=True, borrow_rate=0.02, interest_rate=0.03))


class Turning(ob.Strategy):
    """Long, short through zero, and out: through a split and dividends."""

    def on_bar(self, bar):
        step = bar.index % 9
        if step == 0:
            self.order(bar.symbol, 300, tag="in")
        elif step == 4:
            self.order(bar.symbol, -500, tag="over")
        elif step == 7:
            self.close(bar.symbol)


@pytest.fixture(scope="module")
def result():
    return ob.backtest(Turning, ["AAPL", "MSFT"], start="2005-01-01", end="2005-12-31", costs=MARGIN)


def month(number):
    return read_period({"month": f"2005-{number:02d}"})


def test_each_month_begins_where_the_one_before_ended_and_all_add_up(result):
    found = [state(result, month(number)) for number in range(1, 13)]
    assert found[0].opening.equity == result.plan.cash
    for before, after in pairwise(found):
        assert after.opening == before.closing
    assert found[-1].closing.equity == result.final_equity
    assert math.fsum(one.pnl for one in found) == pytest.approx(
        result.final_equity - result.plan.cash, abs=1e-6
    )
    assert sum(len(one.trades.rows) for one in found) == sum(not t.is_open for t in result.outcome.trades)
    assert sum(len(one.fills.rows) for one in found) == len(result.outcome.fills)


@pytest.mark.parametrize(
    "asked",
    [
        {"day": "2005-02-28"},
        {"week": "2005-W09"},
        {"month": "2005-02"},
        {"month": "2005-05"},
        {"year": "2005"},
    ],
    ids=str,
)
def test_profit_and_cash_are_the_sums_of_their_parts_to_the_cent(result, asked):
    one = state(result, read_period(asked))
    assert math.fsum(one.profit.values()) == pytest.approx(one.pnl, abs=1e-6)
    assert math.fsum(one.cash.values()) == pytest.approx(one.closing.cash - one.opening.cash, abs=1e-6)
    by_symbol = math.fsum(row[-1] for row in one.symbols.rows) + one.profit["interest"]
    assert by_symbol == pytest.approx(one.pnl, abs=1e-6)
    for at in (one.opening, one.closing):
        assert math.fsum(row[5] for row in at.positions.rows) == pytest.approx(at.invested, abs=1e-6)


def test_a_months_return_is_that_of_the_table_of_months(result):
    table = {(y, m): value for y, m, value in monthly_returns(result.daily_equity, result.daily_times)}
    for number in range(2, 13):
        assert state(result, month(number)).gain == pytest.approx(table[2005, number], abs=1e-12)


def test_what_a_ledger_holds_is_what_the_account_holds(result):
    held = Holdings().add(result.outcome.entries)
    account = result.outcome.account
    for symbol, position in account.positions.items():
        own = held.positions[symbol]
        for name in ("quantity", "realised", "fees", "dividends", "borrow"):
            assert getattr(own, name) == getattr(position, name), (symbol, name)
        assert own.average == pytest.approx(position.average, rel=1e-14)
    assert held.interest == account.interest


def test_a_period_without_a_bar_and_wrong_periods_are_refused(result):
    for asked, said in (
        ({"day": "2005-01-01"}, "no bar in 2005-01-01; it has some from 2005-01-03 to 2005-12-30"),
        ({"month": "2005-13"}, "--month: '2005-13' is not in the calendar"),
        ({"month": "March"}, "--month: 'March' is no month; write it as 2012-03"),
        ({"week": "2005-W60"}, "--week: '2005-W60' is not in the calendar"),
        ({"day": None}, "none was given"),
        ({"day": "2005-01-03", "year": "2005"}, "--day and --year was given"),
    ):
        with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
            state(result, read_period(asked))


def test_the_last_day_of_a_period_is_in_it():
    assert [str(day) for day in read_period({"month": "2012-02"})[2:]] == ["2012-02-01", "2012-02-29"]
    assert [str(day) for day in read_period({"month": "2012-12"})[2:]] == ["2012-12-01", "2012-12-31"]
    assert [str(day) for day in read_period({"week": "2012-W10"})[2:]] == ["2012-03-05", "2012-03-11"]


def test_the_page_has_a_caption_for_each_table_and_every_amount(result):
    one = state(result, month(2))
    text = statementpage.render([one, one])
    assert text.count("<table") == text.count("<caption>")
    assert f"{one.closing.equity:,.2f}" in text
    assert "script-src" in text
    assert "<script" not in text


def test_a_print_of_a_statement_has_the_same_bytes_again(result):
    one = state(result, month(2))
    printed = statementpage.print_pdf([one])
    assert printed.startswith(b"%PDF")
    assert printed == statementpage.print_pdf([one])


def test_slippage_of_trades_adds_up_to_that_of_fills(result):
    slips = [row[-1] for row in result.trade_table.rows]
    assert list(result.trade_table.columns)[-1] == "slippage"
    assert math.fsum(slips) == pytest.approx(
        sum(f.slippage * f.quantity for f in result.outcome.fills), abs=1e-9
    )
    assert np.min(slips) > 0
