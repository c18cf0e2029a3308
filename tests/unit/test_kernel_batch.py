"""Many combinations in compiled code: their figures, what failed of them, threads, memory."""

import numpy as np
import pytest

import openbell as ob
from openbell import run
from openbell.backtesting.kernel import batch as batches
from openbell.backtesting.kernel.batch import Batch
from openbell.backtesting.kernel.convictions import WAITING
from openbell.backtesting.kernel.exact import LARGE, CannotCompile
from openbell.backtesting.kernel.records import REASONS
from openbell.backtesting.measures import MEASURES, measure
from openbell.backtesting.plan import Plan
from openbell.core.errors import StrategyError
from openbell.core.types import Reason
from tests.unit.bars_by_hand import daily
from tests.unit.kernel_by_hand import asserting, interpreted

random = np.random.default_rng(7)
CLOSES = (100.0 + np.cumsum(random.normal(0.0, 1.0, 300))).tolist()
OTHER = (50.0 + np.cumsum(random.normal(0.0, 0.5, 280))).tolist()
BARS = daily("A", CLOSES)
TWO = [BARS, daily("B", OTHER, first_day=20)]


@ob.signal(fast=ob.SMA(2), slow=ob.SMA(8), least=ob.param(0.0, ge=-5.0), stop_loss=0.05)
def cross(fast, slow, least):
    return 1.0 if fast > slow + least else 0.0


awkward = ob.signal(fast=ob.SMA(2), level=ob.param(100.0), many=1)(asserting)


def make(form, data, *, threads=1, judge=None, **settings):
    plan, found, series = run.prepare(form, data, **settings)
    return Batch(run.panel_of(plan, series), plan, found.form, threads=threads, judge=judge)  # type: ignore[arg-type]  # a signal


GRID = [
    {"fast": fast, "slow": slow, "stop_loss": stop}
    for fast in (2, 3, 5)
    for slow in (8, 21, 34)
    for stop in (0.0, 0.03)
]


@pytest.mark.parametrize("data", [BARS, TWO])
def test_figures_are_those_of_the_event_engine(data):
    values, failed = make(cross, data).examine(GRID)
    assert failed == {}
    for row, parameters in zip(values, GRID, strict=True):
        plan, found, series = run.prepare(cross, data, parameters=parameters)
        assert row == pytest.approx(measure(run.simulate(plan, found, series)), rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("data", [BARS, TWO])
def test_several_threads_give_the_bits_of_one(data):
    one, other = make(cross, data).examine(GRID * 4)[0], make(cross, data, threads=3).examine(GRID * 4)[0]
    assert one.tobytes() == other.tobytes()


def test_as_many_threads_as_processors_unless_it_is_said(monkeypatch):
    monkeypatch.setattr(batches, "processors", lambda: 5)
    assert make(cross, BARS, threads=None).threads == 5
    assert make(cross, BARS, threads=2).threads == 2


def test_symbols_share_the_cash():
    together = make(cross, TWO, cash=1_000.0)
    alone = [make(cross, one, cash=1_000.0) for one in TWO]
    equity = MEASURES.index("equity")
    gains = [each.examine([{}])[0][0, equity] - 1_000.0 for each in alone]
    assert together.examine([{}])[0][0, equity] - 1_000.0 != pytest.approx(sum(gains))
    notes = together.trace().notes[REASONS.index(Reason.SIZE_ZERO)]
    assert notes == run.simulate(*run.prepare(cross, TWO, cash=1_000.0)).notes.get(Reason.SIZE_ZERO, 0)


def test_no_combination_has_no_figures():
    values, failed = make(cross, BARS).examine([])
    assert (values.shape, failed) == ((0, len(MEASURES)), {})


# --- what failed -----------------------------------------------------------------------------------------

WRONG = [{}, {"level": 0.0}, {"level": 1.0}, {"level": 2.0}, {"many": LARGE}, {"fast": 400}, {"level": 200.0}]
WHY = {
    1: "ZeroDivisionError in the decision", 2: "a conviction is no number from -1 to 1",
    3: "AssertionError in the decision", 4: "OverflowError in the decision", 5: WAITING,
}  # fmt: skip


def test_what_fails_leaves_the_others_alone():
    values, failed = make(awkward, BARS).examine(WRONG)
    assert failed == WHY
    assert [bool(np.isnan(row[-1])) for row in values] == [row in WHY for row in range(len(WRONG))]


def test_a_price_that_no_order_can_have_fails():
    instruments = [ob.Instrument("A", tick=50.0)]
    small = make(cross, BARS, instruments=instruments)
    _, failed = small.examine([{"stop_loss": 0.9}])
    assert failed == {0: "an order has a price or a quantity that no order can have"}
    with pytest.raises(StrategyError, match=r"strategy cross: an order has a price"):
        make(cross, BARS, instruments=instruments, parameters={"stop_loss": 0.9}).trace()


@pytest.mark.parametrize("parameters", [{"level": 0.0}, {"level": 1.0}, {"level": 2.0}])
def test_a_single_run_that_fails_says_why(parameters):
    with pytest.raises(StrategyError, match="strategy asserting: "):
        make(awkward, BARS, parameters=parameters).trace()


def test_a_single_run_without_a_decision_is_a_run():
    never = make(awkward, BARS, parameters={"fast": 400})
    assert never.trace().run.trades == 0
    assert never.waiting() == {"A"}
    assert make(cross, TWO, parameters={"slow": 290}).waiting() == {"B"}


@pytest.mark.parametrize("settings", [
    {"instruments": [ob.Instrument("A", tick=50.0)], "parameters": {"stop_loss": 0.9}},  # a stop at zero
    {"instruments": [ob.Instrument("A", lot=2.5)], "sizer": ob.FixedQuantity(2.5)},  # exits take whole shares
])  # fmt: skip
def test_exits_that_no_order_can_have_are_not_simulated_the_short_way(settings):
    with interpreted():
        _, failed = make(cross, BARS, **settings).examine([{}])
    assert failed == {0: "an order has a price or a quantity that no order can have"}


class Judge:
    """Knows one combination, and says of the others what the event engine would."""

    def __init__(self):
        self.asked = []

    def examine(self, combinations):
        self.asked += combinations
        known = combinations[0] == {"level": 2.0}
        return np.full((1, len(MEASURES)), 7.0 if known else np.nan), {} if known else {0: "said"}


def test_what_fails_is_judged_by_another():
    judge = Judge()
    values, failed = make(awkward, BARS, judge=judge).examine(WRONG)
    assert judge.asked == [WRONG[row] for row in WHY]
    assert failed == {row: "said" for row in WHY if row != 3}
    assert values[3].tolist() == [7.0] * len(MEASURES)


# --- memory ----------------------------------------------------------------------------------------------


def test_indicators_are_kept_up_to_a_bound(monkeypatch):
    size = len(CLOSES) * 8
    monkeypatch.setattr(batches, "KEPT", 5 * size)
    few = make(cross, BARS)
    made = []
    revealed = few._panel.revealed

    def watched(recipe, symbol):
        made.append(recipe)
        return revealed(recipe, symbol)

    monkeypatch.setattr(few._panel, "revealed", watched)
    periods = range(2, 20)
    expected, _ = make(cross, BARS).examine([{"fast": n, "slow": n + 1} for n in periods])
    values, _ = few.examine([{"fast": n, "slow": n + 1} for n in periods])
    assert values.tobytes() == expected.tobytes()
    assert len(few.shelf._rows) <= 5
    assert few.shelf._kept == sum(row.nbytes for row in few.shelf._rows.values()) <= 5 * size
    assert len(made) == len(set(made)) == 19  # each once, as it was kept for the next combination


def test_one_indicator_is_kept_whatever_its_size(monkeypatch):
    monkeypatch.setattr(batches, "KEPT", 1)
    few = make(cross, BARS)
    few.examine([{}])
    assert len(few.shelf._rows) == 1


def test_memory_grows_with_threads_and_combinations():
    one, two = make(cross, BARS), make(cross, BARS, threads=2)
    assert one.bytes_for(1_000) < two.bytes_for(1_000) < two.bytes_for(2_000)


# --- what has no compiled form ---------------------------------------------------------------------------


class Mine:
    def size(self, conviction, *, instrument, price, equity):
        return 1.0


def by_name(*, fast):
    return 1.0 if fast > 0 else 0.0


def test_what_has_no_compiled_form_says_so():
    with pytest.raises(CannotCompile, match=r"^sizing by Mine is Python's, so it cannot"):
        make(cross, BARS, sizer=Mine())
    with pytest.raises(CannotCompile, match=r"^strategy by_name takes its inputs by name alone"):
        make(ob.signal(fast=ob.SMA(2))(by_name), BARS)
    with pytest.raises(CannotCompile, match=r"^finer bars decide"):
        Batch(run.panel_of(*_prepared()), Plan("x", ("A",), finer=("A",)), cross, threads=1)


def _prepared():
    plan, _, series = run.prepare(cross, BARS)
    return plan, series
