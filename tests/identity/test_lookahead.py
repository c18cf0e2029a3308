"""Every leaking strategy of the corpus is caught and its input named; every honest one passes."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell import indicators
from openbell.backtesting.verdict import Kind, Verdict
from openbell.data import bundled
from openbell.data.bars import Floats, Series, Source
from openbell.data.calendar import sessions
from openbell.indicators.table import TABLE

LEAKS = Path(__file__).parent.parent / "fixtures" / "leaks"
TRIO = ["AAPL", "IBM", "MSFT"]
SHORT: dict[str, Any] = {"end": "2002-12-31"}  # three years of AAPL, with a split and no dividend

SINCE, UNTIL = 1_040_000_000_000_000_000, 1_200_000_000_000_000_000  # December 2002 to January 2008
CODE = "the strategy's own code"

#: File and name, what must be named, and what it reads.
INDICATORS = {
    "scalers.py": {
        "range_place": "min_max() on close", "cheap_by_z_score": "z_score() on close",
        "fitted_scaler": "scaled_returns() on close", "fitted_regression": "trend_residual() on close",
        "principal_component": "first_component() on open, high, low, close, volume",
        "percentile_rank": "rank_of_all() on close", "busy_volume": "volume_z_score() on volume",
        "quartile_bins": "quartile_of_all() on close", "weekday_effect": "weekday_target() on close",
    },
    "windows.py": {
        "centred_average": "centred_mean() on close", "same_convolution": "smoothed() on close",
        "shifted_back": "tomorrow() on close", "reversed_maximum": "highest_from_here() on high",
        "future_return": "coming_return() on close", "centred_smoother": "local_polynomial() on close",
        "backward_fill": "filled_from_behind() on close", "gap_interpolation": "interpolated() on close",
        "fourier_filter": "low_pass() on close", "time_of_the_top": "bars_to_the_top() on high",
        "forward_backward_filter": "both_ways() on close", "unconfirmed_pivot": "pivots() on low",
        "unfinished_week": "week_close() on close",
    },
}  # fmt: skip
OWN_CODE = {
    "NextClose": "prices of AAPL", "NextCloseUnguarded": "prices of AAPL", "HiddenField": "prices of AAPL",
    "LastRow": "prices of", "Survivors": "prices of", "WholeSampleSharpe": "prices of",
    "FutureVolatility": "prices of AAPL", "FutureStop": "prices of AAPL", "FinalEquity": "prices of AAPL",
    "BestParameter": "prices of AAPL", "KnownSplit": "corporate actions of AAPL",
    "KnowsTheEnd": "how many bars come later", "KnowingCancel": "prices of AAPL",
    "KnowingRefusal": "prices of AAPL", "OrderBeforeTheFirstBar": "prices of AAPL",
}  # fmt: skip
ACROSS = {"LastRow", "Survivors", "WholeSampleSharpe"}
EXAMPLES = {
    "sma_cross": "AAPL", "rsi_reversion": "AAPL", "bollinger_breakout": "AAPL", "donchian_trend": "AAPL",
    "pairs_trade": ["MSFT", "IBM"], "momentum_rotation": TRIO, "dollar_cost_averaging": TRIO,
    "buy_and_hold": TRIO, "volatility_trend": TRIO, "risk_parity": TRIO, "drawdown_staged": TRIO,
    "sector_neutral_momentum": [*TRIO, "GOOG"], "mined_noise": "AAPL",
}  # fmt: skip


def leak(file: str, name: str, data: Any = "AAPL") -> Verdict:
    return ob.check_lookahead(f"{LEAKS / file}:{name}", data, **({} if isinstance(data, list) else SHORT))


@pytest.mark.parametrize(
    ("file", "name", "named"),
    [(f, n, named) for f, table in INDICATORS.items() for n, named in table.items()],
)
def test_a_leaking_indicator_is_caught_and_named(file, name, named):
    verdict = leak(file, name)
    assert (verdict.clean, verdict.kind) == (False, Kind.LEAK)
    (found,) = verdict.inputs
    assert found.startswith(f"{named} ({file}:")
    assert named in verdict.text


@pytest.mark.parametrize(("name", "reads"), OWN_CODE.items())
def test_a_leak_of_the_strategys_own_code_is_caught_and_what_it_reads_is_named(name, reads):
    verdict = leak("peeks.py", name, TRIO if name in ACROSS else "AAPL")
    assert (verdict.clean, verdict.kind) == (False, Kind.LEAK)
    assert verdict.inputs[0].startswith(f"{CODE} (peeks.py:")
    assert reads in verdict.text


@pytest.mark.parametrize(
    ("file", "name", "said"),
    [
        ("refused.py", "NextBar", "bar[1] of AAPL asks for a bar that is not known yet"),
        ("refused.py", "FirstOfSeries", "[0] of an indicator is not known yet"),
        ("refused.py", "NegativeAgo", "ago(-1) is look-ahead"),
        ("refused.py", "UnfinishedWeek", "[0] of an indicator is not known yet"),
        ("negative_shift.py", "negative_shift", "ago(-2) is look-ahead"),
    ],
)
def test_what_the_interface_refuses_is_a_verdict(file, name, said):
    verdict = leak(file, name)
    assert (verdict.clean, verdict.kind) == (False, Kind.REFUSED)
    assert said in verdict.text


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("ClassMemory", "ClassMemory.seen"),
        ("BestOfTheLastRun", "BestOfTheLastRun.top"),
        ("module_memory", "SEEN"),
    ],
)
def test_what_is_kept_between_runs_is_caught_and_named(name, kept):
    verdict = leak("memories.py", name)
    assert (verdict.clean, verdict.kind, verdict.inputs) == (False, Kind.UNREPEATABLE, (kept,))


def test_a_filled_memory_is_caught_too():
    for _ in range(2):
        result = ob.backtest(f"{LEAKS / 'memories.py'}:ClassMemory", "AAPL", **SHORT)
    assert ob.check_lookahead(result).kind is Kind.UNREPEATABLE


def test_chance_is_not_called_look_ahead():
    verdict = leak("memories.py", "Dice")
    assert (verdict.kind, verdict.inputs[0][:23]) == (Kind.UNREPEATABLE, CODE)
    assert "not self.random" in verdict.text
    assert leak("memories.py", "OwnDice").kind is Kind.CLEAN


# --- bars of two timeframes ----------------------------------------------------------------------------


@cache
def minutes_and_days() -> tuple[Series, Series]:
    """Forty sessions of 30-minute bars, and the daily bars that they make."""
    open_sessions = sessions("XNYS", 1_600_000_000_000_000_000, 1_600_000_000_000_000_001)
    opens, closes = open_sessions.opens[100:140], open_sessions.closes[100:140]
    start = np.concatenate([np.arange(a, b, 1_800_000_000_000) for a, b in zip(opens, closes, strict=True)])
    day = np.searchsorted(opens, start, side="right") - 1
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.006, len(start))))
    open_ = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    source = Source("made", "made")
    fine = Series(
        "X", "30m", start, np.minimum(start + 1_800_000_000_000, closes[day]), open_, high, low, close,
        np.full(len(start), 1e6), source,
    )  # fmt: skip
    first = np.flatnonzero(np.diff(day, prepend=-1))
    last = np.append(first[1:], len(day)) - 1
    daily = Series(
        "X", "1d", opens, closes, open_[first], np.maximum.reduceat(high, first),
        np.minimum.reduceat(low, first), close[last], np.full(len(opens), 13e6), source,
    )  # fmt: skip
    return fine, daily


@pytest.mark.parametrize("name", ["DailyBarByStart", "HighOfTheDay"])
def test_a_daily_bar_of_an_unfinished_session_is_caught(name):
    verdict = ob.check_lookahead(f"{LEAKS / 'peeks.py'}:{name}", list(minutes_and_days()))
    assert (verdict.kind, verdict.inputs[0][:23]) == (Kind.LEAK, CODE)
    assert "prices of X" in verdict.text


class AboveYesterday(ob.Strategy):
    def on_start(self):
        self.day = self.indicator(ob.field("high"), timeframe="1d")
        self.week = self.indicator(ob.SMA(2), timeframe="1w")

    def on_bar(self, bar):
        self.target_weight(bar.symbol, 0.9 if bar.close > min(self.day[-1], self.week[-1]) else 0.0)


def test_finished_daily_bars_under_intraday_ones_pass():
    assert ob.check_lookahead(AboveYesterday, list(minutes_and_days())).kind is Kind.CLEAN
    assert ob.check_lookahead(AboveYesterday, [minutes_and_days()[0]]).kind is Kind.CLEAN


def test_daily_bars_that_are_said_to_be_known_at_their_open_are_caught():
    fine, daily = minutes_and_days()
    verdict = ob.check_lookahead(AboveYesterday, [fine, replace(daily, known=daily.start)])
    assert verdict.kind is Kind.LEAK
    assert verdict.inputs == ("the 1d bars of X, which are said to be known when they begin",)


# --- columns that came with the bars -------------------------------------------------------------------


def joined(**columns: Callable[[Series], Floats]) -> Series:
    series = bundled.load("AAPL").between(None, 1_100_000_000_000_000_000)
    return replace(series, extra={name: make(series) for name, make in columns.items()})


def ahead(values: Floats, bars: int) -> Floats:
    return np.append(values[bars:], np.full(bars, np.nan))


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("ReadsAhead", lambda s: ahead(s.close, 1), "close 1 bar(s) ahead"),
        ("ReadsAhead", lambda s: ahead(s.open, 3), "open 3 bar(s) ahead"),
        (
            "ReadsHistory",
            lambda s: ahead(s.close, 5) / s.close - 1,
            "the return from the close to the one 5 bar(s)",
        ),
        (
            "ReadsHistory",
            lambda s: ahead(np.diff(s.close, prepend=0.0), 1),
            "the change from the close to the one 1",
        ),
        ("ReadsHistory", lambda s: np.sign(ahead(s.close, 1) - s.close), "the direction from the close"),
        (
            "ReadsHistory",
            lambda s: (s.close - s.close.mean()) / s.close.std(),
            "close scaled by the whole sample",
        ),
    ],
)
def test_a_shifted_join_is_caught_and_named(name, make, said):
    verdict = ob.check_lookahead(f"{LEAKS / 'columns.py'}:{name}", joined(ahead=make))
    assert verdict.kind is Kind.LEAK
    assert f"column 'ahead' of AAPL, which is {said}" in verdict.inputs[0]


def test_the_high_of_the_whole_day_on_its_first_bars_is_caught():
    fine, daily = minutes_and_days()
    day = np.searchsorted(daily.start, fine.start, side="right") - 1
    verdict = ob.check_lookahead(
        f"{LEAKS / 'columns.py'}:ReadsAhead", replace(fine, extra={"ahead": daily.close[day]})
    )
    assert verdict.inputs == ("column 'ahead' of X, which is the close of the whole day",)


@pytest.mark.parametrize(
    "make",
    [
        lambda s: np.append(np.nan, s.close[:-1]),  # a join with the right shift
        lambda s: np.sign(np.diff(s.close, prepend=s.close[0])),
        lambda s: np.full(len(s), 1.0),
        lambda s: np.full(len(s), np.nan),
        lambda s: np.arange(len(s)) % 7.0,
    ],
)
def test_an_honest_column_passes(make):
    verdict = ob.check_lookahead(f"{LEAKS / 'columns.py'}:ReadsHistory", joined(ahead=make))
    assert verdict.kind is Kind.CLEAN


def test_a_leaking_column_that_is_not_read_is_no_leak():
    data = joined(ahead=lambda s: s.volume * 0, label=lambda s: ahead(s.close, 1))
    assert ob.check_lookahead(f"{LEAKS / 'columns.py'}:ReadsHistory", data).kind is Kind.CLEAN


# --- what is honest ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "data"), EXAMPLES.items())
def test_every_example_passes(name, data):
    costs = ob.Costs(margin=ob.REG_T) if name == "pairs_trade" else None
    verdict = ob.check_lookahead(ob.backtest(name, data, costs=costs))
    assert (verdict.clean, verdict.kind, verdict.inputs) == (True, Kind.CLEAN, ())
    assert verdict.cuts >= 3


@cache
def real_columns() -> dict[str, Floats]:
    series = bundled.load("MSFT").between(None, 1_000_000_000_000_000_000)
    columns = {name: getattr(series, name) for name in ("open", "high", "low", "close", "volume")}
    return columns | {"periods": 2.0 + np.arange(len(series)) % 20}


@pytest.mark.parametrize("name", TABLE)
def test_every_indicator_of_talib_passes_on_real_prices(name):
    assert indicators.leak(indicators.make(name), real_columns(), cuts=[60, 151, 380]) is None


class Weekly(ob.Strategy):
    def on_start(self):
        self.slow = self.indicator(ob.SMA(5), timeframe="1w")
        self.month = self.indicator(ob.field("high"), timeframe="1mo")
        self.bands = self.indicator(ob.BBANDS(20), timeframe="1w")

    def on_bar(self, bar):
        if bar.index % 4:
            return
        weight = 0.4 * (bar.close > self.slow[-1]) + 0.4 * (self.bands.upperband[-1] > self.month[-1])
        self.target_weight(bar.symbol, weight / len(self.symbols))


class Brackets(ob.Strategy):
    """Orders of every kind, some of them sent when another fills."""

    def on_bar(self, bar):
        if bar.index % 15 == 0 and not self.position(bar.symbol):
            self.buy(
                bar.symbol, limit=0.99 * bar.close, stop_loss=0.95 * bar.close, take_profit=1.05 * bar.close
            )
        elif bar.index % 40 == 7:
            for order in self.working:
                if order.limit == order.limit and not order.reduce_only:
                    self.replace(order, limit=bar.close)

    def on_fill(self, fill):
        if fill.side > 0:
            self.order(fill.symbol, -1, stop=0.9 * fill.price, reduce_only=True)


def gappy() -> list[Series]:
    """Three symbols of which one has holes, one begins late and one ends early."""
    cuts = {"AAPL": slice(None, None), "IBM": slice(300, None), "MSFT": slice(None, 900)}
    made = []
    for symbol, rows in cuts.items():
        series = bundled.load(symbol).between(SINCE, UNTIL)
        times = np.arange(len(series))[rows]
        times = times[times % 11 != 3] if symbol == "AAPL" else times
        made.append(select(series, times))
    return made


def select(series: Series, rows: Any) -> Series:
    names = ("start", "known", "open", "high", "low", "close", "volume")
    return replace(series, **{name: getattr(series, name)[rows] for name in names})


@pytest.mark.parametrize("strategy", [Weekly, Brackets], ids=lambda s: s.__name__)
@pytest.mark.parametrize("data", ["MSFT", TRIO, gappy()], ids=["one", "three", "gaps"])
def test_coarser_bars_gaps_splits_and_dividends_pass(strategy, data):
    given: dict[str, Any] = (
        {} if isinstance(data[0], Series) else {"start": "2003-01-01", "end": "2007-12-31"}
    )
    verdict = ob.check_lookahead(strategy, data, **given)
    assert (verdict.kind, verdict.text) == (Kind.CLEAN, verdict.text)


@pytest.mark.parametrize(
    "name", ["momentum_rotation", "risk_parity", "dollar_cost_averaging", "buy_and_hold"]
)
def test_an_example_passes_on_symbols_with_gaps(name):
    assert ob.check_lookahead(name, gappy()).kind is Kind.CLEAN
