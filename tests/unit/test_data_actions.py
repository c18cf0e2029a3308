import numpy as np
import pytest

from openbell.core.errors import BadData
from openbell.core.types import Action, Dividend, Split
from openbell.data import bundled
from openbell.data.actions import factors

START = np.array([10, 20, 30, 40], np.int64)
CLOSE = np.array([100.0, 100.0, 50.0, 49.0])


def test_without_actions_nothing_changes():
    split, total = factors(START, CLOSE, ())
    assert split.tolist() == total.tolist() == [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("ex", [21, 30])
def test_a_split_multiplies_both_from_the_first_bar_at_or_after_its_ex_date(ex):
    split, total = factors(START, CLOSE, [Split("A", ex, 2, 1)])
    assert split.tolist() == total.tolist() == [1.0, 1.0, 2.0, 2.0]


def test_a_dividend_multiplies_the_total_by_what_reinvesting_it_gives():
    split, total = factors(START, CLOSE, [Dividend("A", 40, 5.0)])
    assert split.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert total.tolist() == pytest.approx([1.0, 1.0, 1.0, 1.0 / (1.0 - 5.0 / 50.0)])


@pytest.mark.parametrize("ex", [0, 10, 41])
def test_actions_outside_the_bars_change_nothing(ex):
    for action in (Split("A", ex, 2, 1), Dividend("A", ex, 1e9)):
        _, total = factors(START, CLOSE, [action])
        assert total.tolist() == [1.0, 1.0, 1.0, 1.0]


def test_a_dividend_on_the_day_of_a_split_is_paid_on_the_shares_before_it():
    both: tuple[Action, ...] = (Split("A", 30, 2, 1), Dividend("A", 30, 10.0))
    for actions in (both, both[::-1]):
        split, total = factors(START, CLOSE, actions)
        assert split[2] == 2.0
        assert total[2] == pytest.approx(2.0 * 100.0 / 90.0)


def test_a_dividend_after_a_split_between_the_same_bars_is_paid_on_the_shares_after_it():
    _, total = factors(START, CLOSE, [Split("A", 25, 2, 1), Dividend("A", 26, 5.0)])
    assert total[2] == pytest.approx(2.0 * 50.0 / 45.0)


def test_two_dividends_of_one_day_count_as_their_sum():
    _, two = factors(START, CLOSE, [Dividend("A", 20, 3.0), Dividend("A", 20, 0.08)])
    _, one = factors(START, CLOSE, [Dividend("A", 20, 3.08)])
    assert two == pytest.approx(one, rel=1e-15)


@pytest.mark.parametrize("amount", [50.0, 60.0])
def test_a_dividend_that_is_not_below_the_price_is_refused(amount):
    with pytest.raises(BadData, match=rf"A: the dividend of {amount} on 1970-01-01 .* \(50\)"):
        factors(START, CLOSE, [Dividend("A", 40, amount)])


def test_a_bars_own_price_is_never_changed():
    series = bundled.load("MSFT")
    _, total = factors(series.start, series.close, series.actions)
    assert np.all(series.close * (total / total) == series.close)


def test_no_factors_for_no_bars():
    split, total = factors(START[:0], CLOSE[:0], [Split("A", 30, 2, 1)])
    assert len(split) == len(total) == 0
