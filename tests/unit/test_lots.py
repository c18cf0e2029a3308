"""Tax lots and attribution by hand."""

import pytest

import openbell as ob
from openbell.core.account import Account
from openbell.core.errors import ConfigError
from openbell.core.types import BUY, NANOS_PER_DAY, SELL, Fill, Instrument, Phase, SpinOff, Split
from openbell.portfolio.attribution import attribute, divide, in_cents
from openbell.portfolio.lots import Lot, choose_lots, export, lots_of, take_lots
from openbell.portfolio.rebalance import Holding, Rebalancing, target_quantities, trades_to

DAY = NANOS_PER_DAY


def trade(account: Account, day: int, signed: float, price: float, fee: float = 0.0, symbol: str = "A"):
    side = BUY if signed > 0 else SELL
    account.book_fill(Fill(1, "t", symbol, side, abs(signed), price, fee, 0.0, day * DAY, Phase.OPEN))


@pytest.fixture
def account() -> Account:
    """Three purchases, then a sale out of them."""
    account = Account(100_000.0)
    trade(account, 1, 100, 10.0, 1.0)
    trade(account, 2, 100, 14.0, 1.0)
    trade(account, 3, 100, 12.0, 1.0)
    trade(account, 400, -150, 13.0, 3.0)
    return account


@pytest.mark.parametrize(("method", "gains", "left"), [
    ("fifo", [297.0, -51.5], [(50, 14.0), (100, 12.0)]),
    ("lifo", [97.0, -51.5], [(100, 10.0), (50, 14.0)]),
    ("highest", [-103.0, 48.5], [(100, 10.0), (50, 12.0)]),
    ("average", [97.0, 48.5], [(50, 12.0), (100, 12.0)]),
])  # fmt: skip
def test_a_method_chooses_which_lots_are_sold(account, method, gains, left):
    lots = lots_of(account.entries, method)
    assert [one.gain for one in lots.closed] == pytest.approx(gains)
    assert [(lot.quantity, lot.price) for lot in lots.open] == left


def test_the_average_method_realises_what_the_ledger_does(account):
    prices = sum(d.quantity * (d.exit - d.entry) for d in lots_of(account.entries, "average").closed)
    assert prices == pytest.approx(account.positions["A"].realised)


def test_a_short_sale_is_a_lot_too_and_a_flip_closes_it():
    account = Account(100_000.0)
    trade(account, 1, -100, 20.0, 2.0)
    trade(account, 800, 150, 15.0, 3.0)
    lots = lots_of(account.entries)
    (one,) = lots.closed
    assert (one.side, one.proceeds, one.cost, one.gain, one.term) == (-1, 1998.0, 1502.0, 496.0, "short")
    assert lots.open == [Lot("A", 1, 50, 15.0, 1.0, 800 * DAY)]
    assert export([one]).splitlines()[1] == "A,short,100,1972-03-11,1970-01-02,1998.00,1502.00,496.00,short"


def test_a_split_counts_lots_anew_and_its_fraction_is_sold():
    account = Account(100_000.0)
    trade(account, 1, 3, 10.0)
    trade(account, 2, 2, 20.0)
    split = Split("A", 3, 3, 2)
    account.book_split(split, time=3 * DAY, previous_close=30.0, instrument=Instrument("A"))
    lots = lots_of(account.entries)
    assert [(lot.quantity, lot.price) for lot in lots.open] == [(4.0, 10 / 1.5), (3.0, 20 / 1.5)]
    (one,) = lots.closed
    assert one.quantity == 0.5
    assert one.proceeds == pytest.approx(10.0)


def test_a_child_that_is_spun_off_is_a_lot_of_its_own():
    account = Account(100_000.0)
    trade(account, 1, 100, 10.0)
    account.book_spin_off(SpinOff("A", 2, "B", 1, 4, 6.0), time=2 * DAY, child=Instrument("B"))
    assert [(lot.symbol, lot.quantity, lot.price) for lot in lots_of(account.entries).open] == [
        ("A", 100, 10.0), ("B", 25, 6.0),
    ]  # fmt: skip
    sides = divide(attribute({"one": account.entries}, {"A": 8.5, "B": 6.0}), "side")
    assert sides == {"long": 0.0}


@pytest.mark.parametrize(("closed", "term"), [(366, "short"), (367, "long"), (32, "short"), (800, "long")])
def test_more_than_a_year_is_long(closed, term):
    account = Account(100_000.0)
    trade(account, 1, 1, 10.0)
    trade(account, closed, -1, 10.0)
    assert lots_of(account.entries).closed[0].term == term


def test_lots_are_exported_with_their_days(account):
    rows = export(lots_of(account.entries).closed).splitlines()
    assert rows[0] == "symbol,side,quantity,acquired,sold,proceeds,cost,gain,term"
    assert rows[1] == "A,long,100,1970-01-02,1971-02-05,1298.00,1001.00,297.00,long"


def test_lots_to_sell_are_chosen_before_a_sale():
    lots = [Lot("A", 1, 10, 5.0, 0.0, 1), Lot("A", 1, 10, 9.0, 0.0, 2)]
    assert take_lots(lots, 15, "highest") == [(lots[1], 10), (lots[0], 5)]
    assert take_lots(lots, 99) == [(lots[0], 10), (lots[1], 10)]
    assert take_lots(lots, 10) == [(lots[0], 10)]
    with pytest.raises(ConfigError, match="lots: method='fivo' is unknown; did you mean 'fifo'"):
        take_lots(lots, 1, "fivo")


def test_the_lots_that_a_rebalance_closes_are_known_before_it_is_sent(account):
    held = lots_of(account.entries).open
    holding = {"A": Holding(150.0, 13.0), "B": Holding(0.0, 10.0)}
    targets = target_quantities({"A": 0.05, "B": 0.05}, holding, 10_000.0, Rebalancing())
    trades = trades_to(targets, holding)
    assert trades == [("A", -112.0), ("B", 50.0)]
    found = choose_lots(trades, held, "highest")
    assert [(lot.price, quantity) for lot, quantity in found.pop("A")] == [(14.0, 50.0), (12.0, 62.0)]
    assert found == {}
    short = [Lot("B", -1, 10, 5.0, 0.0, 1)]
    assert choose_lots([("B", 4.0)], short) == {"B": [(short[0], 4.0)]}


def test_no_cent_is_lost():
    assert in_cents({"a": 0.005, "b": 0.005}) == {"a": 0.01, "b": 0.0}
    assert in_cents({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}) == {"a": 0.34, "b": 0.33, "c": 0.33}
    assert in_cents({"a": -1.005, "b": 1.0}) == {"a": -1.0, "b": 1.0}
    assert in_cents({}) == {}


def test_long_and_short_of_several_strategies_are_told_apart():
    one, two = Account(1_000.0), Account(1_000.0)
    trade(one, 1, 10, 10.0)
    trade(one, 2, -20, 11.0, 2.0)
    trade(two, 1, 10, 10.0, symbol="B")
    parts = attribute({"one": one.entries, "two": two.entries}, {"A": 9.0, "B": 12.0}, sectors={"A": "Oil"})
    assert divide(parts, "side") == {"long": 29.0, "short": 19.0}
    assert divide(parts, "strategy") == {"one": 28.0, "two": 20.0}
    assert divide(parts, "sector") == {"Oil": 28.0, "none": 20.0}
    with pytest.raises(ConfigError, match="attribution: by='sectr' is unknown; did you mean 'sector'"):
        divide(parts, "sectr")


def test_a_result_tells_its_lots_and_where_its_profit_came_from():
    result = ob.backtest("momentum_rotation", ["AAPL", "IBM", "MSFT"], start="2008-01-01")
    whole = round(result.final_equity - 100_000.0, 2)
    for by in ("strategy", "symbol", "sector", "side"):
        assert round(float(result.attribution(by).pnl.sum()), 2) == whole
    lots = result.tax_lots("lifo")
    assert set(lots.term) == {"short", "long"} or set(lots.term) == {"short"}
    assert float(lots.gain.sum()) == pytest.approx(float((lots.proceeds - lots.cost).sum()))
