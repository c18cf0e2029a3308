"""The compiled kernel gives the event engine's ledger, orders, marks, notes and curve, bit for bit."""

import functools
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity import kernel_directed as directed
from tests.identity.kernel_cases import cases, guarded_by, parts_by, plain_by, random_case
from tests.identity.kernel_mutants import MUTANTS
from tests.unit.kernel_by_hand import Prepared, by_events, by_kernel, differences, interpreted, mutated, tally

from openbell.backtesting.kernel import bracket, loop
from openbell.core.errors import StrategyError

thorough = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
some = settings(thorough, max_examples=40)
#: Of the fixed runs below, and how often each thing that can happen is to happen in them at least.
SEEDS = range(180)
GUARDED = range(60)
PLAIN = range(60)
KINDS = (
    (False, False),
    (True, False),
    (True, True),
)  #: a sale at the market, of a limit order, of one that waited
FEATURES = {
    "fill": 300, "several fills, market": 15, "several fills, limit": 4, "several fills, stop": 2,
    "several fills, trailing_stop": 3, "child filled": 80, "triggered": 12, "ambiguity": 6,
    "accepted oco": 25, "partially_filled oco": 1, "cancelled oco": 100, "cancelled position_closed": 1,
    "cancelled replaced": 100, "cancelled split": 10, "accepted split": 20, "partially_filled split": 5,
    "held split": 20, "partially_filled parent_ended": 3, "cancelled parent_ended": 100,
    "accepted cut_to_affordable": 1, "rejected gap_unaffordable": 2, "rejected no_buying_power": 100,
    "rejected short_not_allowed": 5, "rejected parent_ended": 150, "expired end_of_data": 30, "short": 80,
    "dividend": 30, "dividend paid by a short": 5, "split up": 5, "split up with a fraction": 3,
    "split down": 3, "split down with a fraction": 5, "borrow": 50, "interest": 20, "note margin_call": 1,
    "note size_zero": 50, "note short_not_allowed": 50,
}  # fmt: skip


@functools.cache
def fixed() -> list[Prepared]:
    guarded = [random_case(seed, guarded_by).prepare() for seed in GUARDED]
    plain = [random_case(seed, plain_by).prepare() for seed in PLAIN]
    return [random_case(seed).prepare() for seed in SEEDS] + guarded + plain + list(directed.ALL.values())


def figures(given_run: Prepared) -> tuple[object, ...]:
    try:
        _, found = by_kernel(given_run)
    except StrategyError as error:
        return (str(error),)
    return found.figures.tobytes(), found.curve.tobytes(), found.notes, found.why


# --- random runs -----------------------------------------------------------------------------------------


@thorough
@given(cases())
def test_compiled_runs_are_those_of_the_event_engine(case):
    assert differences(case.prepare()) == []


@thorough
@given(cases(guarded_by))
def test_compiled_positions_with_exits_are_those_of_the_event_engine(case):
    assert differences(case.prepare()) == []


@thorough
@given(cases(plain_by))
def test_compiled_plain_changes_are_those_of_the_event_engine(case):
    assert differences(case.prepare()) == []


@some
@given(cases(parts_by))
def test_compiled_runs_in_parts_of_shares_are_those_of_the_event_engine(case):
    given_run = case.prepare()
    by_events(given_run)  # is not refused
    assert differences(given_run) == []


@some
@given(cases())
def test_interpreted_runs_are_those_of_the_event_engine(case):
    with interpreted():
        assert differences(case.prepare()) == []


@some
@given(st.one_of(cases(guarded_by), cases(plain_by)))
def test_figures_by_the_short_way_have_the_bits_of_the_long_way(case):
    given_run = case.prepare()
    short = figures(given_run)
    with mutated("swift.is_swift", "run.figures_only != 0", "False"):
        assert figures(given_run) == short


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_thousands_of_runs_are_those_of_the_event_engine():
    first = int.from_bytes(os.urandom(4), "big")
    for seed in range(first, first + 20_000):
        assert differences(random_case(seed).prepare()) == [], seed
        assert differences(random_case(seed, guarded_by).prepare()) == [], seed
        assert differences(random_case(seed, plain_by).prepare()) == [], seed


# --- fixed runs ------------------------------------------------------------------------------------------


def test_fixed_runs_meet_every_rule_and_are_those_of_the_event_engine():
    happened: dict[str, int] = {}
    with interpreted():
        for seed, given_run in zip(SEEDS, fixed(), strict=False):
            assert differences(given_run) == [], seed
            tally(by_events(given_run), happened)
    assert {name for name, least in FEATURES.items() if happened.get(name, 0) < least} == set()


def watch(monkeypatch, home, name):
    """Return a list of what a function of the interpreted kernel is given from now on, and returns."""
    loop.prepare()  # what is compiled must not see the watch
    function, seen = getattr(home, name), []

    def watched(*given):
        seen.append((given, function(*given)))
        return seen[-1][1]

    monkeypatch.setattr(home, name, watched)
    return seen


def test_fixed_runs_end_positions_the_short_way_by_every_kind_of_sale(monkeypatch):
    sales = watch(monkeypatch, bracket, "foresee_sale")
    ends = watch(monkeypatch, loop, "foresee_end")
    with interpreted():
        for seed in GUARDED:
            assert differences(random_case(seed, guarded_by).prepare()) == [], seed
    kinds = Counter((rests, maker, taken > 0) for (*_, rests, maker, taken), sold in sales if sold)
    assert min(kinds[rests, maker, at_entry] for rests, maker in KINDS for at_entry in (True, False)) >= 5
    ways = Counter(end == bracket.NOWHERE for _, end in ends)
    assert ways[False] >= 150
    assert ways[True] >= 10


@pytest.mark.parametrize(("name", "ends"), [
    ("GAPPED", [2]), ("SOARED", [2]), ("REACHED", [2]), ("AT_ENTRY", [1]), ("TRAILED", [4]),
    ("CLOSED", [3, 6]), ("OVERTAKEN", [2, 6]), ("IGNORED", [5]), ("AGAIN", [2, 4, 7]), ("TOO_LATE", [-1]),
    ("THIN", [-1]), ("RESIZED", [-1]), ("PAID", [-1]), ("IN_DEBT", [-1]), ("BESIDE", [-1]), ("ABOVE", [-1]),
])  # fmt: skip
def test_positions_end_the_short_way_where_nothing_else_can_happen(monkeypatch, name, ends):
    seen = watch(monkeypatch, loop, "foresee_end")
    with interpreted():
        assert differences(directed.ALL[name]) == []
    assert [end for _, end in seen] == ends


@pytest.mark.parametrize("name", directed.ALL)
@pytest.mark.parametrize("compiled", [True, False])
def test_a_run_by_hand_is_that_of_the_event_engine(name, compiled):
    if compiled:
        assert differences(directed.ALL[name]) == []
    else:
        with interpreted():
            assert differences(directed.ALL[name]) == []


@pytest.mark.parametrize(("name", "words"), [
    ("CALLED", {"note margin_call": 1}), ("CUT", {"filled cut_to_affordable": 1, "held parent_ended": 2}),
    ("TOO_DEAR", {"rejected gap_unaffordable": 1, "cancelled parent_ended": 2}),
    ("BIT_BY_BIT", {"several fills, market": 1, "several fills, stop": 1}), ("BOTH", {"ambiguity": 1}),
    ("AGAIN", {"child filled": 2, "filled": 5}),
    ("SPLIT_UP", {"accepted split": 3, "split up with a fraction": 1}),
    ("SPLIT_DOWN", {"cancelled split": 2}), ("GONE", {"split down with a fraction": 1}),
    ("SPENT", {"cancelled nothing_to_reduce": 1}),
])  # fmt: skip
def test_a_run_by_hand_shows_what_it_is_for(name, words):
    happened = tally(by_events(directed.ALL[name]), {})
    assert {word: happened.get(word) for word in words} == words


@pytest.mark.parametrize("given_run", directed.REFUSED)
def test_what_no_run_can_have_is_refused_by_both_engines(given_run):
    for engine in (by_events, by_kernel):
        with pytest.raises(StrategyError):
            engine(given_run)


# --- wrong kernels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_kernel_is_noticed(name):
    with mutated(*MUTANTS[name]):
        assert any(differences(given_run) for given_run in reversed(fixed()))
