"""The look-ahead check's parts: other futures, the comparison of two runs, suspects, and what is said."""

import json
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import openbell as ob
from openbell.backtesting import hindsight, suspects
from openbell.backtesting.cuts import CUTS, choose_cuts
from openbell.backtesting.evidence import Trace, compare, moved
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.perturbation import Future, change, known_until
from openbell.backtesting.verdict import Kind
from openbell.core.account import Entry, EntryKind
from openbell.core.errors import ConfigError, StrategyError
from openbell.core.orders import Order
from openbell.core.types import BUY, SELL, Action, Dividend, Split
from openbell.data.bars import COLUMNS, Floats, Series, Source
from openbell.run import prepare, simulate
from openbell.strategies.signal import Signal

DAY = 86_400_000_000_000
WEIGHTS = np.linspace(0, 1, 200)
ALLOWED = dict.fromkeys(range(100), 1.0)


def walk(
    bars: int = 300,
    *,
    symbol: str = "X",
    seed: int = 0,
    actions: tuple[Action, ...] = (),
    **extra: Floats,
) -> Series:
    random = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, bars)))
    open_ = np.concatenate([[50.0], close[:-1]]) * np.exp(random.normal(0, 0.003, bars))
    start = DAY * np.arange(15_000, 15_000 + bars)
    return Series(
        symbol, "1d", start, start + DAY,
        open_, np.maximum(open_, close) * 1.01, np.minimum(open_, close) * 0.99, close,
        random.integers(1000, 9000, bars).astype(np.float64) * 100.0, Source("made", "made", calendar="24/7"),
        actions=actions, extra=extra,
    )  # fmt: skip


# --- other futures -------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(-1, 61), st.sampled_from(Future), st.integers(0, 9))
def test_another_future_leaves_what_is_known_and_is_made_of_valid_bars(bars, known, future, seed):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 3, bars).astype(float)
    true = [walk(bars, symbol=s, seed=seed + i, code=codes) for i, s in enumerate("AB")]
    time = int(true[0].start[0]) + known * DAY
    for old, new in zip(true, change(true, time, future), strict=True):
        keep = known_until(old, time)
        for name in ("start", "known", *COLUMNS):
            assert np.array_equal(getattr(old, name)[:keep], getattr(new, name)[:keep])
        assert np.array_equal(old.extra["code"][:keep], new.extra["code"][:keep])
        assert len(new) == (max(keep, 1) if future is Future.NONE else bars)
        assert np.array_equal(old.start[: len(new)], new.start)
        assert (new.low > 0).all()
        assert (new.high >= np.maximum(new.open, new.close)).all()
        assert (new.low <= np.minimum(new.open, new.close)).all()
        assert set(new.extra["code"]) <= set(codes)
        if future is not Future.NONE:
            assert not np.isclose(new.close[keep:], old.close[keep:]).any() or keep == bars


def test_the_two_ways_are_mirror_images_and_symbols_go_against_each_other():
    true = [walk(symbol="A"), walk(symbol="B", seed=1)]
    time = int(true[0].known[99])
    one, other = (change(true, time, way) for way in (Future.ONE_WAY, Future.OTHER_WAY))
    rises = [[np.sign(np.diff(series.close[100:])) for series in way] for way in (one, other)]
    assert np.array_equal(rises[0][0], -rises[1][0])
    assert one[0].open[100] > true[0].close[99] > one[1].open[100] * true[0].close[99] / true[1].close[99]


def test_a_gap_in_hand_made_bars_does_not_spoil_what_follows():
    true = walk(60)
    close = true.close.copy()
    close[40] = np.nan
    (changed,) = change([replace(true, close=close)], int(true.known[20]), Future.ONE_WAY)
    assert np.isfinite(changed.close[21:]).all()


def test_actions_that_have_happened_are_kept_with_the_bar_that_they_wait_for():
    true = walk(50, actions=(Split("X", 15_010 * DAY, 2, 1), Dividend("X", 15_030 * DAY, 0.1)))
    (cut,) = change([true], 15_010 * DAY, Future.NONE)
    assert (len(cut), cut.actions) == (11, true.actions[:1])
    (cut,) = change([true], 15_009 * DAY, Future.NONE)
    assert (len(cut), cut.actions) == (9, ())


# --- the moments that are tested -----------------------------------------------------------------------


def outcome_of(strategy: str, data: str) -> Outcome:
    return simulate(*prepare(strategy, data))


def test_half_of_the_moments_have_orders_and_none_is_the_last():
    outcome = outcome_of("sma_cross", "AAPL")
    decided = set(np.searchsorted(outcome.times, [order.decided for order in outcome.orders]).tolist())
    cuts = choose_cuts(outcome, len(outcome.times), 3270, CUTS)
    assert cuts == sorted(set(cuts))
    assert sum(cut in decided for cut in cuts) >= len(cuts) // 2 >= 4
    assert cuts[-1] < len(outcome.times) - 1


@pytest.mark.parametrize("bars", [3_270, 50_000, 1_000_000])
def test_the_work_is_bounded_by_eight_runs_or_some_bars(bars):
    outcome = outcome_of("sma_cross", "AAPL")
    moments = len(outcome.times)
    cuts = choose_cuts(outcome, moments, bars, CUTS)
    work = (sum(4 * (cut + 2) for cut in cuts) / moments + 4 / 3) * bars
    assert len(cuts) >= 3
    assert work <= max(8 * bars, 40_000)
    assert len(choose_cuts(outcome, moments, bars, 10 * CUTS)) > 5 * len(cuts)


# --- the comparison of two runs ------------------------------------------------------------------------

ENTRY = Entry(1, EntryKind.FILL, "X", 5.0, 10.0, 1.0, 949.0, 5.0, 0.0, -51.0)


def test_ledgers_that_differ_are_told_apart():
    other = ENTRY._replace(cash=950.0)
    difference = compare(Trace(entries=[ENTRY]), Trace(entries=[other]))
    assert difference is not None
    assert difference.detail == "cash 949 became 950"
    missing = compare(Trace(entries=[]), Trace(entries=[ENTRY]))
    assert missing is not None
    assert (missing.before, missing.after) == ("nothing booked", "fill of 5 at 10")
    assert compare(Trace(entries=[ENTRY]), Trace(entries=[ENTRY._replace(cash=949.0 * (1 + 1e-12))])) is None
    assert compare(Trace(entries=[ENTRY]), Trace(entries=[ENTRY._replace(time=2)])) is not None


def test_indicators_are_the_same_to_within_rounding_and_in_number():
    key = ("X", ob.SMA(3), "real")
    values = np.array([np.nan, 1.0, 2.0, np.inf])
    for other in (values.copy(), values * (1 + 1e-12)):
        assert moved({key: values}, {key: other}) == []
    for other in (values[:3], values + 1e-6, np.nan_to_num(values)):
        assert moved({key: values}, {key: other}) == [key[1]]


def test_an_order_the_other_way_round_is_said_in_words():
    bought, sold = (Order(1, "s", "X", side, 5.0, decided=3) for side in (BUY, SELL))
    difference = compare(Trace(orders=[bought]), Trace(orders=[sold]))
    assert difference is not None
    assert difference.detail == "side buy became sell"


def test_errors_are_compared_by_what_they_say():
    failed = Trace(error=StrategyError("no"))
    assert compare(failed, failed) is None
    for before, after in ((failed, Trace(time=7)), (Trace(time=7), failed)):
        difference = compare(before, after)
        assert difference is not None
        assert (difference.time, {difference.before, difference.after}) == (7, {"no error", "the error 'no'"})


# --- what is suspected ---------------------------------------------------------------------------------


class Base(ob.Strategy):
    table: ClassVar[list[float]] = [1.0] * 50
    note = "text"

    @property
    def share(self):
        return WEIGHTS[3]


class Suspicious(Base):
    period: int = 5
    limits = (1.0, 2.0)
    last: ClassVar[float] = 0.0

    def on_bar(self, bar, few=np.ones(3)):  # noqa: B008  # what is looked for
        def inner() -> float:
            return helper(bar.index)

        self.target_weight(bar.symbol, inner())


def helper(index: int) -> float:
    return ALLOWED.get(index, 0.0)


def test_tables_and_memories_are_found_where_the_code_names_them():
    assert sorted(suspects.outside(Suspicious)) == [
        "ALLOWED: dict of 100", "Base.table: list of 50", "WEIGHTS: ndarray of 200",
    ]  # fmt: skip
    assert sorted(suspects.kept(Suspicious)) == ["ALLOWED", "Base.table", "Suspicious.last"]


def test_places_are_named_if_there_are_any():
    assert suspects.place(helper).startswith("test_lookahead_parts.py:")
    assert suspects.place(Base).startswith("test_lookahead_parts.py:")
    assert suspects.place(len) == ""
    exec("class Typed: pass", space := {"__name__": "nowhere"})  # noqa: S102  # as at a prompt
    assert suspects.place(space["Typed"]) == ""
    assert suspects.describe(ob.SMA(3)) == "SMA(3)"
    assert suspects.describe(ob.indicator(np.log)) == "log() on close"


def made_of(table: pd.DataFrame) -> Signal:
    @ob.signal(close=ob.field("close"))
    def follows(close: float) -> float:
        return 1.0 if table["close"].max() > 1.5 * close else 0.0

    return follows


def test_a_strategy_made_of_its_data_passes_and_the_text_names_the_table():
    table = pd.DataFrame({"close": walk().close})
    verdict = ob.check_lookahead(made_of(table), walk())
    assert (verdict.clean, verdict.kind, verdict.inputs) == (True, Kind.SUSPECT, ("table: DataFrame of 300",))
    assert "Not tested: table" in verdict.text


def recursive() -> list[str]:
    def decide(close: float) -> float:
        return decide(close - 100.0) if close > 1000.0 else later

    signal = ob.signal(close=ob.field("close"))(decide)
    found = suspects.outside(signal)
    later = 1.0
    return found


def test_a_variable_that_is_not_set_yet_is_no_table():
    assert recursive() == []


# --- verdicts ------------------------------------------------------------------------------------------


def centred(close):
    return np.convolve(np.pad(close, 1, mode="edge"), np.ones(3) / 3, mode="valid")


class Settled(ob.Strategy):
    """Reads a centred average only where it is settled."""

    ago: int = 2

    def on_start(self):
        self.mean = self.indicator(ob.indicator(centred))

    def on_bar(self, bar):
        self.target_weight(bar.symbol, 0.9 if bar.close > self.mean[-self.ago] else 0.0)


def test_an_indicator_that_is_read_late_enough_is_suspect_and_no_leak():
    verdict = ob.check_lookahead(Settled, walk())
    assert (verdict.clean, verdict.kind) == (True, Kind.SUSPECT)
    assert verdict.inputs[0].startswith("centred() on close (test_lookahead_parts.py:")
    assert "safe only if" in verdict.text
    assert ob.check_lookahead(Settled, walk(), parameters={"ago": 1}).kind is Kind.LEAK
    settled = ob.signal(mean=ob.indicator(centred).ago(1), close=ob.field("close"))(
        lambda mean, close: close > mean
    )
    assert ob.check_lookahead(settled, walk()).kind is Kind.CLEAN


def windows(close):
    view = np.lib.stride_tricks.sliding_window_view(close, 50)
    return np.append(np.full(49, np.nan), view.mean(axis=1))


@ob.signal(mean=ob.indicator(windows), close=ob.field("close"))
def needs_fifty_bars(mean, close):
    return 1.0 if close > mean else 0.0


def test_a_function_that_needs_more_bars_than_a_cut_leaves_is_no_leak():
    verdict = ob.check_lookahead(needs_fifty_bars, walk())
    assert (verdict.kind, verdict.cuts) == (Kind.CLEAN, CUTS)


def noise(close):
    return close * (1 + np.random.random(len(close)))  # noqa: NPY002  # what is looked for


class Unused(ob.Strategy):
    def on_start(self):
        self.noise = self.indicator(ob.indicator(noise))

    def on_bar(self, bar):
        self.hold(bar.symbol)


def test_an_indicator_of_chance_is_named_even_if_no_order_follows_it():
    verdict = ob.check_lookahead(Unused, walk())
    assert (verdict.kind, verdict.first) == (Kind.UNREPEATABLE, None)
    assert "noise() on close" in verdict.text


class Idle(ob.Strategy):
    def on_bar(self, bar):
        self.hold(bar.symbol)


def test_a_run_without_an_order_or_a_future_says_that_little_was_tested():
    assert "no order, so that little" in ob.check_lookahead(Idle, walk()).text
    one = ob.check_lookahead(Idle, walk(1))
    assert (one.kind, one.cuts) == (Kind.SUSPECT, 0)
    assert one.text.startswith("nothing was tested")


class Faulty(ob.Strategy):
    at: int = 200

    def on_bar(self, bar):
        if bar.index >= self.at:
            raise ValueError("a fault of its own")
        self.target_weight(bar.symbol, 0.5)


@pytest.mark.parametrize("at", [0, 200])
def test_an_honest_strategy_that_fails_is_not_called_a_leak(at):
    with pytest.raises(StrategyError, match="a fault of its own"):
        ob.check_lookahead(Faulty, walk(), parameters={"at": at})


def test_a_verdict_is_json():
    leaking = ob.check_lookahead(Settled, walk(), parameters={"ago": 1})
    for verdict in (leaking, ob.check_lookahead("sma_cross", walk())):
        read = json.loads(json.dumps(verdict.as_json()))
        assert list(read) == ["clean", "kind", "cuts", "first", "inputs", "text"]
        assert read["kind"] == verdict.kind.value
    assert leaking.as_json()["first"]["symbol"] == "X"
    assert ob.check_lookahead(Settled, walk(), parameters={"ago": 1}) == leaking


def test_wrong_settings_are_refused():
    result = ob.backtest("sma_cross", walk())
    with pytest.raises(ConfigError, match="cuts=0 must be at least 1"):
        ob.check_lookahead(result, cuts=0)
    with pytest.raises(ConfigError, match="leave out data, cash"):
        ob.check_lookahead(result, walk(), cash=5)
    with pytest.raises(ConfigError, match="unknown strategy 'sma_cros'; did you mean"):
        ob.check_lookahead("sma_cros", walk())


def test_columns_are_compared_with_weeks_of_daily_bars_and_needs_rows():
    series = walk(70)
    week = (series.start // DAY + 3) // 7
    totals = np.array([series.volume[week == w].sum() for w in week])
    found = list(hindsight.foretelling(replace(series, extra={"total": totals})))
    assert found == [("total", "the volume of the whole week")]
    short = replace(walk(20), extra={"next": np.append(walk(20).close[1:], np.nan)})
    assert list(hindsight.foretelling(short)) == []
    weekly = replace(series, start=series.start * 7, known=series.known * 7, extra={"high": series.high})
    assert list(hindsight.foretelling(weekly)) == []
    lone = hindsight.delayed(walk(1))
    assert lone.known[0] == lone.start[0] + DAY


# --- any honest rule passes, any that reads ahead does not ---------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["SMA", "EMA", "RSI", "ATR", "MAX", "LINEARREG"]),
    st.integers(3, 20),
    st.integers(0, 99),
    st.integers(0, 3),
)
def test_a_rule_over_past_values_passes_and_the_same_over_coming_ones_is_caught(name, period, seed, ago):
    recipe = getattr(ob, name)(period)

    def rule(value, before):
        return 1.0 if value > before else 0.0

    def coming(close):
        return np.append(close[ago + 1 :], np.full(min(ago + 1, len(close)), np.nan))

    def greedy(later, close):
        return 1.0 if later > close else 0.0

    data = [walk(160, symbol="A", seed=seed), walk(120, symbol="B", seed=seed + 1)]
    honest = ob.signal(value=recipe.ago(ago), before=recipe.ago(ago + 1))(rule)
    assert ob.check_lookahead(honest, data, cuts=6).kind is Kind.CLEAN
    dishonest = ob.signal(later=ob.indicator(coming), close=ob.field("close"))(greedy)
    assert ob.check_lookahead(dishonest, data, cuts=6).kind is Kind.LEAK
