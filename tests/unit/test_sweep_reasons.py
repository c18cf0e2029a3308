"""Why combinations have no figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.backtesting.reasons import Reasons

GIVEN = st.dictionaries(st.integers(0, 19), st.sampled_from(["short", "zero", "", "é\n"]))


def made(known):
    reasons = Reasons(20)
    reasons.update(known)
    return reasons


@given(GIVEN, GIVEN)
def test_they_are_what_a_dictionary_of_them_is(first, second):
    reasons, more = made(first), made(second)
    reasons.update(second)
    assert reasons == {**first, **second}
    assert list(reasons) == sorted({**first, **second})
    assert len(reasons) == len({**first, **second})
    other = made(first)
    other.update(more)
    assert other == reasons
    assert eval(repr(reasons)) == dict(reasons)  # noqa: S307  # a dictionary's text


@given(GIVEN, st.lists(st.integers(0, 19), unique=True))
def test_those_of_some_rows_follow_their_order(known, rows):
    found = made(known).picked(np.array(rows, np.int64))
    assert found == {at: known[row] for at, row in enumerate(rows) if row in known}
    found.update({0: "fresh"} if rows else {})
    assert made(known) == known


@given(GIVEN, st.slices(20))
def test_a_column_has_a_text_for_each_row(known, rows):
    assert made(known).column(rows).tolist() == [known.get(row, "") for row in range(20)[rows]]


@given(GIVEN, GIVEN)
def test_those_of_windows_follow_on_each_other(first, second):
    assert Reasons.joined([made(first), made(second)]) == first | {
        20 + row: why for row, why in second.items()
    }


def test_a_row_keeps_the_reason_that_it_has():
    reasons = made({3: "first"})
    reasons.fill(np.array([2, 3]), "second")
    assert reasons == {2: "second", 3: "first"}


@pytest.mark.parametrize("row", [-1, 0, 20])
def test_a_row_that_has_none_is_not_in_it(row):
    assert row not in made({1: "x"})
    assert row not in Reasons(20)
