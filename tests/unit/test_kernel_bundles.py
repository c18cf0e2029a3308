"""Many combinations in one call: the bits of one by one, whatever fails, overflows or is of another kind."""

from collections import Counter

import numpy as np
import pytest

import openbell as ob
from openbell import run
from openbell.backtesting.kernel import bundles, decider
from openbell.backtesting.kernel.batch import Batch, _Runner
from openbell.backtesting.kernel.bundles import BUNDLE, Table, shares
from openbell.backtesting.kernel.pointers import entry_of
from openbell.backtesting.measures import MEASURES, TRADE_MEASURES
from openbell.backtesting.trials import EventEvaluator
from openbell.core.errors import ConfigError
from tests.unit.bars_by_hand import daily

random = np.random.default_rng(11)
CLOSES = (100.0 + np.cumsum(random.normal(0.0, 1.0, 5_000))).tolist()
BARS = daily("A", CLOSES)


@ob.signal(fast=ob.SMA(2), slow=ob.SMA(8), least=ob.param(0.0, ge=-5.0), stop_loss=0.0)
def cross(fast, slow, least):
    return 1.0 if fast > slow + least else 0.0


@ob.signal(close=ob.SMA(1), level=100.0)
def near(close, level):
    return min(close / level, 1.0) - 0.5


GRID = [
    {"fast": fast, "slow": slow, "least": least}
    for fast in range(2, 14)
    for slow in range(20, 32)
    for least in (0.0, 0.5)
]


def make(form, data=BARS, **settings):
    more = {name: settings.pop(name) for name in ("threads", "judge", "figures", "keep") if name in settings}
    plan, found, series = run.prepare(form, data, **settings)
    panel = run.panel_of(plan, series)
    return Batch(panel, plan, found.form, **{"threads": 1, **more})  # type: ignore[arg-type]  # a signal


def one_by_one(of, combinations):
    results = np.full((len(combinations), len(MEASURES)), np.nan)
    runner = _Runner(of, results)
    for row, combination in enumerate(combinations):
        assert runner.one(of._wanted(combination), row * len(MEASURES)) == ""
    return results


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("keep", [None, 1])
def test_a_bundle_gives_the_bits_of_one_by_one(threads, keep):
    of = make(cross, threads=threads, keep=keep)
    values, failed = of.examine(GRID)
    assert failed == {}
    assert values.tobytes() == one_by_one(of, GRID).tobytes()


def test_exits_are_each_combinations_own():
    of = make(cross)
    grid = [{"fast": fast, "stop_loss": stop} for stop in (0.0, 0.01, 0.03) for fast in (2, 3)]
    values, _ = of.examine(grid)
    assert values.tobytes() == one_by_one(of, grid).tobytes()
    assert len(set(values[:, MEASURES.index("equity")].tolist())) == len(grid)


def test_a_bundle_that_ends_early_has_many_combinations_for_its_indicators():
    of = make(cross, keep=10 * 5_000 * 8)
    grid = [{"fast": fast, "slow": slow} for slow in range(20, 40) for fast in range(2, 14)]
    table = Table(of, grid)
    first = next(iter(of.gather(table, table.tiled())))
    assert (len(first.columns), len(first.rows)) == (
        8,
        15,
    )  # three of the slow ones with each of five fast ones


def test_more_changes_than_there_is_room_for_run_apart(monkeypatch):
    expected, _ = make(cross).examine(GRID[:20])
    monkeypatch.setattr(decider, "_ROOM", 1)
    assert decider.new_lists(5_000, 2).whens.shape == (2, 157 + decider.WORD)
    values, failed = make(cross).examine(GRID[:20])
    assert failed == {}
    assert values[:, MEASURES.index("trades")].max() > 157
    assert values.tobytes() == expected.tobytes()


def test_decisions_that_raise_leave_the_others_of_their_bundle_alone():
    levels = [100.0, 0.0, 90.0, 0.0, 50.0]
    values, failed = make(near).examine([{"level": level} for level in levels])
    assert failed == dict.fromkeys((1, 3), "ZeroDivisionError in the decision")
    alone, _ = make(near).examine([{"level": 50.0}])
    assert values[4].tobytes() == alone[0].tobytes()
    assert np.isnan(values[[1, 3]]).all()


def test_an_indicator_in_a_numbers_place_is_the_event_engines():
    plan, found, series = run.prepare(near, BARS)
    judge = EventEvaluator(run.simulate, plan, found, series)
    tried = [{"level": 100.0}, {"level": ob.SMA(5)}, {"close": 3.0}, {"level": 90.0}]
    assert set(make(near).examine(tried)[1]) == {1}
    values, failed = make(near, judge=judge).examine(tried)
    assert failed == {}
    assert values[1].tobytes() == judge.examine([tried[1]])[0][0].tobytes()


def test_rows_that_share_indicators_are_near_to_each_other():
    of = make(cross)
    rows = Table(of, GRID).tiled().tolist()
    assert sorted(rows) == list(range(len(GRID)))
    first = [GRID[row] for row in rows[: 12 * 10 * 2]]
    assert {one["fast"] for one in first} == set(range(2, 14))
    assert {one["slow"] for one in first} == set(range(20, 30))


def test_each_indicator_of_a_sweep_is_computed_once(monkeypatch):
    of = make(cross)
    asked: Counter[object] = Counter()
    revealed = of._panel.revealed

    def counted(recipe, symbol):
        asked[recipe] += 1
        return revealed(recipe, symbol)

    monkeypatch.setattr(of._panel, "revealed", counted)
    of.shelf.room = 8 * len(BARS) * (12 + 8)  # those of one input, and some of the other's
    of.examine(GRID)
    assert list(asked.values()) == [1] * 24


@pytest.mark.parametrize(("count", "threads"), [(0, 2), (1, 2), (7, 3), (100, 1), (1_000, 2)])
def test_shares_are_all_rows_and_end_small(count, threads):
    made = [list(rows) for rows in shares(np.arange(count), threads)]
    assert [row for rows in made for row in rows] == list(range(count))
    assert all(len(rows) <= BUNDLE for rows in made)
    if threads > 1 and count > BUNDLE:
        assert len(made[-1]) <= bundles._LEAST


def test_a_kernel_has_an_address_to_be_called_at():
    from openbell.backtesting.kernel.loop import replay

    make(cross)
    assert entry_of(replay) > 0


# --- figures of the trades alone -------------------------------------------------------------------------


def test_figures_of_the_trades_are_those_of_all():
    all_, _ = make(cross).examine(GRID)
    few = make(cross, figures="trades")
    values, failed = few.examine(GRID)
    assert (few.measures, few.marks, failed) == (TRADE_MEASURES, 2, {})
    picked = all_[:, [MEASURES.index(name) for name in TRADE_MEASURES]]
    assert values.tobytes() == np.ascontiguousarray(picked).tobytes()


@pytest.mark.parametrize(("engine", "workers"), [("compiled", 1), ("event", 1), ("event", 2)])
def test_a_sweep_is_asked_for_the_trades_alone(engine, workers):
    made = ob.sweep(cross, BARS, figures="trades", engine=engine, workers=workers, fast=[2, 5], slow=[20])
    everything = ob.sweep(cross, BARS, engine=engine, workers=1, fast=[2, 5], slow=[20])
    assert made.results.measures == TRADE_MEASURES
    assert made.objective == "total_return"
    assert made.table[list(TRADE_MEASURES)].equals(everything.table[list(TRADE_MEASURES)])
    assert made.identity["figures"] == "trades"
    assert "figures" not in everything.identity


def test_what_is_not_measured_cannot_be_the_objective():
    with pytest.raises(ConfigError, match=r"^objective='sharpe' is not measured with figures='trades'"):
        ob.sweep(cross, BARS, figures="trades", objective="sharpe", fast=[2, 5])
    with pytest.raises(ConfigError, match=r"^figures='trade' is unknown; did you mean 'trades'\?$"):
        ob.sweep(cross, BARS, figures="trade", fast=[2, 5])
