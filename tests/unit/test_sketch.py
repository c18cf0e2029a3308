import numpy as np
import pytest

from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio.sketch import FEWEST, MOST, Part, Sketch, correlation_of, sketch_of
from openbell.portfolio.tried import tried_of

RNG = np.random.default_rng(11)
DAYS = (14_000 + np.arange(2521)) * NANOS_PER_DAY
COMMON = RNG.normal(0.0, 0.01, 2520)


def curves(count: int, *, shared: float = 0.7, days: int = 2520) -> np.ndarray:
    own = RNG.normal(0.0, 0.01, (count, days))
    returns = np.sqrt(shared) * COMMON[:days] + np.sqrt(1.0 - shared) * own
    grown: np.ndarray = np.exp(np.cumsum(np.hstack([np.zeros((count, 1)), returns]), axis=1))
    return grown


def part(grown: np.ndarray, size: int | None = None, *, first: int = 0) -> Part:
    return Part(len(grown) if size is None else size, sketch_of(DAYS[first : first + grown.shape[1]], grown))


def test_a_sketch_is_small_and_says_how_alike_trials_are():
    grown = curves(30)
    drawn = sketch_of(DAYS, grown)
    assert drawn is not None
    assert len(drawn.total) <= MOST
    assert correlation_of([Part(30, drawn)]) == pytest.approx(0.7, abs=0.05)


def test_trials_one_by_one_come_to_the_same_as_together():
    grown = curves(12)
    together = correlation_of([part(grown)])
    assert correlation_of([part(row[None, :]) for row in grown]) == pytest.approx(together)
    assert correlation_of([part(grown[:5]), part(grown[5:])]) == pytest.approx(together)
    exact = tried_of(np.zeros(12), np.diff(np.log(grown), axis=1)).independent
    assert 12 - 11 * together == pytest.approx(exact, abs=0.5)


def test_a_part_of_a_large_sweep_stands_for_all_of_it():
    grown = curves(32)
    assert correlation_of([part(grown, 10_000)]) == pytest.approx(0.7, abs=0.05)


def test_what_has_no_sketch_counts_as_independent():
    grown = curves(2)
    both = correlation_of([part(grown)])
    assert correlation_of([part(grown), Part(2, None)]) == pytest.approx(both * 2 / 12)
    assert correlation_of([Part(5, None)]) == 0.0
    assert correlation_of([part(grown[:1])]) == 0.0


def test_trials_of_other_years_have_nothing_in_common():
    grown = curves(2, shared=1.0, days=1200)
    assert correlation_of([part(grown[:1]), part(grown[1:], first=1300)]) == pytest.approx(0.0, abs=1e-9)


def test_shorter_records_fit_onto_longer_ones():
    short, long = curves(1, shared=1.0, days=300), curves(1, shared=1.0)
    fine, coarse = part(short), part(long)
    assert fine.sketch is not None
    assert coarse.sketch is not None
    assert fine.sketch.shift < coarse.sketch.shift
    found = correlation_of([fine, coarse])
    assert found == pytest.approx(np.sqrt(300 / 2520), abs=0.15)  # alike for as long as both last


def test_returns_within_a_day_make_stretches_of_a_day():
    minutes = 14_000 * NANOS_PER_DAY + np.arange(1001) * 60_000_000_000
    drawn = sketch_of(minutes, curves(1, days=1000))
    assert drawn is not None
    assert 128 <= len(drawn.total) <= MOST


@pytest.mark.parametrize(
    "grown",
    [
        np.ones((2, 2521)),  # never traded
        np.full((2, 2521), np.nan),  # failed
        np.linspace(1.0, -1.0, 2521)[None, :],  # wiped out
        curves(1, days=FEWEST - 1),  # too short
    ],
)
def test_what_has_no_course_has_no_sketch(grown):
    assert sketch_of(DAYS[: grown.shape[1]], grown) is None


def test_marks_that_all_lie_in_few_stretches_say_nothing():
    times = np.concatenate([np.arange(20), [10**18]])
    assert sketch_of(times, curves(1, days=20)) is None


def test_a_sketch_of_one_row_has_length_one():
    drawn = sketch_of(DAYS, curves(1))
    assert isinstance(drawn, Sketch)
    assert drawn.total @ drawn.total == pytest.approx(1.0)
