"""Answers about arrays are worked out once for as long as an array lives, and cannot go stale."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from numpy.typing import NDArray

from openbell.backtesting.outcome import last_of_sessions
from openbell.data.calendar import sessions
from openbell.data.panel import Panel
from openbell.indicators import batch
from openbell.utils.remembered import Remembered
from tests.unit.bars_by_hand import minutes


class Counted:
    """Sums, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, array: NDArray[np.float64]) -> float:
        """Return the sum."""
        self.asked += 1
        return float(array.sum())


def _fixed(*values: float) -> NDArray[np.float64]:
    made = np.array(values)
    made.setflags(write=False)
    return made


def test_an_array_that_nobody_writes_is_asked_once():
    known: Remembered[float] = Remembered()
    count, array = Counted(), _fixed(1.0, 2.0)
    assert [known.answer(array, count) for _ in range(3)] == [3.0, 3.0, 3.0]
    assert count.asked == 1
    assert known.answer(_fixed(5.0), count) == 5.0


def test_an_array_that_can_be_written_is_asked_each_time():
    known: Remembered[float] = Remembered()
    count, array = Counted(), np.array([1.0, 2.0])
    assert known.answer(array, count) == 3.0
    array[0] = 7.0
    assert (known.answer(array, count), count.asked) == (9.0, 2)


def test_a_read_only_view_of_what_can_be_written_is_asked_each_time():
    known: Remembered[float] = Remembered()
    count, whole = Counted(), np.array([1.0, 2.0])
    view = whole[:]
    view.setflags(write=False)
    assert known.answer(view, count) == 3.0
    whole[0] = 7.0
    assert known.answer(view, count) == 9.0
    whole.setflags(write=False)
    assert [known.answer(view, count) for _ in range(2)] == [9.0, 9.0]
    assert count.asked == 3


def test_another_question_about_an_array_has_its_own_answer():
    known: Remembered[float] = Remembered()
    count, array = Counted(), _fixed(1.0, 2.0)
    one, other = object(), object()
    for about in (one, one, other, None):
        known.answer(array, count, about=about)
    assert count.asked == 3


def test_what_is_known_of_an_array_goes_with_it():
    known: Remembered[float] = Remembered()
    count, array = Counted(), _fixed(1.0)
    gone = weakref.ref(array)
    known.answer(array, count)
    del array
    gc.collect()
    assert gone() is None
    assert not vars(known)["_known"]


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_column_with_a_hole_is_not_taken_for_one_without(hole: float):
    array = _fixed(1.0, 2.0, 3.0)
    assert batch.finite_rows([array]) is None
    rows = batch.finite_rows([array, _fixed(1.0, hole, 3.0)])
    assert rows is not None
    assert rows.tolist() == [True, False, True]


def test_panels_over_the_same_bars_find_the_ends_of_sessions_by_their_own_calendar():
    series = minutes("A", [1.0] * 9, step=480)
    span = int(series.start[0]), int(series.known[-1])
    first, again = (Panel([series], sessions=sessions("24/7", *span)) for _ in range(2))
    assert first.ends is again.ends
    assert last_of_sessions(first.times, first).tolist() == [2, 5, 8]
    assert Panel([series], sessions=sessions("XNYS", *span)).ends.size != first.ends.size
