"""How a timeline is divided for a walk-forward."""

from itertools import pairwise

import numpy as np
import pytest

from openbell.backtesting.windows import Scheme, Window
from openbell.core.errors import BadData, ConfigError

DAYS = np.arange("2001-01-01", "2005-01-01", dtype="datetime64[D]").astype("datetime64[ns]").astype(np.int64)


def day(at):
    return str(np.datetime64(int(DAYS[at]), "ns").astype("datetime64[D]"))


def test_bars_roll():
    assert Scheme(10, 4).windows(DAYS[:20]) == [
        Window(0, 10, 10, 14),
        Window(4, 14, 14, 18),
        Window(8, 18, 18, 20),
    ]


def test_a_gap_lies_between_choosing_and_testing():
    assert Scheme(10, 4, gap=3).windows(DAYS[:20]) == [Window(0, 10, 13, 17), Window(4, 14, 17, 20)]


def test_an_embargo_lengthens_the_distance_that_a_gap_makes():
    both = Scheme(10, 4, gap=2, embargo=1)
    assert both.windows(DAYS[:20]) == Scheme(10, 4, gap=3).windows(DAYS[:20])


def test_the_newest_window_ends_before_bars_that_are_still_to_come():
    assert Scheme(10, 4).newest(DAYS[:20]) == Window(10, 20, 20, 20)
    assert Scheme(10, 4, gap=2, embargo=1).newest(DAYS[:20]) == Window(7, 17, 20, 20)
    assert Scheme(10, 4, anchored=True).newest(DAYS[:10]) == Window(0, 10, 10, 10)
    with pytest.raises(BadData, match="12 bars are too few for train=10, gap=2, embargo=1"):
        Scheme(10, 4, gap=2, embargo=1).newest(DAYS[:12])


def test_anchored_windows_begin_at_the_first_bar():
    assert [one.begin for one in Scheme(10, 4, anchored=True).windows(DAYS[:20])] == [0, 0, 0]


@pytest.mark.parametrize("anchored", [False, True])
def test_tests_follow_each_other_and_choosing_ends_before_them(anchored):
    found = Scheme("1y", "3m", gap=5, anchored=anchored).windows(DAYS)
    assert found[-1].last == len(DAYS)
    for before, after in pairwise(found):
        assert after.test == before.last
    assert all(one.begin < one.end == one.test - 5 for one in found)


def test_calendar_lengths_are_those_of_the_calendar():
    first, second, *_ = Scheme("2y", "6m").windows(DAYS)
    assert (day(first.begin), day(first.test)) == ("2001-01-01", "2003-01-01")
    assert (day(second.test), day(second.begin)) == ("2003-07-01", "2001-07-01")
    (weeks, *_) = Scheme("4w", "10d").windows(DAYS)
    assert (weeks.test, weeks.last) == (28, 38)


def test_a_month_ends_on_the_last_day_that_it_has():
    from_the_31st = DAYS[30:]
    (first, *_) = Scheme("1m", 5).windows(from_the_31st)
    assert str(np.datetime64(int(from_the_31st[first.test]), "ns"))[:10] == "2001-03-01"


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        (Scheme(0, 4), "train=0 must be a number of bars"),
        (Scheme(10, 2.5), "test=2.5 must be a number of bars"),  # type: ignore[arg-type]
        (Scheme(10, True), "test=True must be a number of bars"),
        (Scheme("2 years", 4), "train='2 years' is no length"),
        (Scheme("0y", 4), "train='0y' is no length"),
        (Scheme(10, 4, gap=-1), "gap=-1 must be a number of bars"),
        (Scheme(10, 4, embargo=True), "embargo=True must be a number of bars"),
        (Scheme(10, 1), "makes more than 1,000 windows"),
    ],
)
def test_a_wrong_length_is_named(scheme, said):
    with pytest.raises(ConfigError, match=said):
        scheme.windows(DAYS)


def test_too_few_bars_are_refused():
    with pytest.raises(BadData, match="20 bars are too few for train='1y'"):
        Scheme("1y", "1m").windows(DAYS[:20])
