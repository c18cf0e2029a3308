"""The report's sections on sizes and on where the profit came from."""

import openbell as ob
from openbell.reporting.html import portfolio


class Trend(ob.Strategy):
    def on_start(self):
        self.mean = self.indicator(ob.SMA(20))

    def on_bar(self, bar):
        if bar.close > self.mean[-1]:
            self.buy(bar.symbol)
        else:
            self.close(bar.symbol)


def run(data, strategy=Trend, sizer=None) -> ob.Result:
    return ob.backtest(strategy, data, sizer=sizer, start="2008-01-01", end="2009-12-31")


def test_a_report_says_why_orders_have_their_sizes_and_where_the_profit_came_from(tmp_path):
    result = run(["IBM", "MSFT"], sizer=ob.VolatilityTarget(0.1))
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    for anchor in ("sizes", "origins"):
        assert f"<section id='{anchor}'" in page
    assert "<td>volatility 0.1 wanted, 0." in page


def test_a_report_of_one_symbol_and_a_plain_sizer_has_one_rule_and_no_origins(tmp_path):
    result = run("IBM")
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<section id='sizes'" in page
    assert "<section id='origins'" not in page  # the page shows this file's text too


def test_many_sizes_are_cut_and_none_is_said(monkeypatch):
    result = run("IBM", sizer=ob.EqualWeight())
    monkeypatch.setattr(portfolio, "SIZES_SHOWN", 2)
    assert "The first 2 of" in portfolio.sizes(result)
    assert "No signal was sized" in portfolio.sizes(run("IBM", "buy_and_hold", ob.EqualWeight()))


def test_one_symbol_on_one_side_has_one_origin():
    assert "All of it came from one position" in portfolio.origins(run("IBM"))
