"""Conditions on a sweep's parameters are read, never run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.backtesting.constraint import read_constraint
from openbell.core.errors import ConfigError

KNOWN = {"fast": 10, "slow": 30, "kind": "sma", "flag": True}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("fast < slow", True),
        ("fast >= slow", False),
        ("5 <= fast <= 10 < slow", True),
        ("fast * 3 == slow and kind == 'sma'", True),
        ("fast > slow or not fast != 10", True),
        ("kind in ('sma', 'ema')", True),
        ("kind not in ['sma', 'ema']", False),
        ("slow / fast > 2.9 and slow // fast == 3 and slow % fast == 0", True),
        ("abs(fast - slow) > max(fast, 5) + min(1, 2)", True),
        ("-fast < +slow", True),
        ("flag", True),
        ("not flag", False),
        ("flag == True and fast < slow", True),
    ],
)
def test_a_condition_is_what_it_says(text, holds):
    assert read_constraint(text, KNOWN).holds(KNOWN) is holds


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_a_condition_agrees_with_python(fast, slow):
    text = "fast * 2 - slow <= 3 and (fast == slow or slow > fast - 1)"
    expected = fast * 2 - slow <= 3 and (fast == slow or slow > fast - 1)
    assert read_constraint(text, KNOWN).holds({**KNOWN, "fast": fast, "slow": slow}) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fst < slow", "'fst' is no parameter of the strategy; did you mean 'fast'?"),
        ("__import__('os').system('true')", "is no condition; compare"),
        ("fast < open('x')", "may not stand in a condition"),
        ("fast < slow.real", "may not stand in a condition"),
        ("fast < [x for x in slow]", "may not stand in a condition"),
        ("fast < (lambda: 1)()", "may not stand in a condition"),
        ("fast < max(*slow)", "may not stand in a condition"),
        ("fast < max(1, default=2)", "may not stand in a condition"),
        ("fast < 2 ** slow", "may not stand in a condition"),
        ("fast < ~slow", "may not stand in a condition"),
        ("kind * 9 == 'x' * 9", "may not stand in a condition"),
        ("fast is slow", "may not stand in a condition"),
        ("fast < None", "may not stand in a condition"),
        ("fast - slow", "'fast - slow' is no condition; compare, as in 'fast < slow'"),
        ("fast", "'fast' is no condition"),
        ("fast <", "cannot be read; write it as 'fast < slow'"),
        ("fast = 5", "cannot be read"),
        ("(" * 300 + "fast" + ")" * 300, "cannot be read"),
        ("fast < " + "1" * 1_000, "has 1,007 characters; 1,000 are the most"),
        ("1 < 2", "names no parameter"),
        ("", "where='' is no condition; write one such as 'fast < slow'"),
        (5, "where=5 is no condition"),
    ],
)
def test_what_is_no_condition_is_refused_in_one_line(text, said):
    with pytest.raises(ConfigError) as error:
        read_constraint(text, KNOWN)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slow % (fast - 10) == 0", "cannot be told for slow=30, fast=10: ZeroDivisionError"),
        ("kind < fast", "cannot be told for kind='sma', fast=10: TypeError"),
    ],
)
def test_a_condition_that_fails_says_for_what(text, said):
    with pytest.raises(ConfigError, match=said):
        read_constraint(text, KNOWN).holds(KNOWN)


def test_a_function_is_called_with_what_it_names():
    assert read_constraint(lambda slow, fast=0: fast < slow, KNOWN).holds(KNOWN)
    assert not read_constraint(lambda **values: values["fast"] > values["slow"], KNOWN).holds(KNOWN)
    other = read_constraint(lambda fast, limit=10: fast > limit, KNOWN)
    assert other.names == ("fast",)
    assert not other.holds(KNOWN)


def test_a_function_that_asks_for_what_is_no_parameter_is_refused():
    def near(fst: int) -> bool:
        return fst > 0

    with pytest.raises(ConfigError, match=r"the function near asks for 'fst'.*did you mean 'fast'"):
        read_constraint(near, KNOWN)


def test_a_function_that_does_not_tell_what_it_takes_is_refused():
    with pytest.raises(ConfigError, match="where: max does not tell which parameters it takes"):
        read_constraint(max, KNOWN)


def test_a_function_that_raises_says_for_what():
    with pytest.raises(ConfigError, match="cannot be told for fast=10: ZeroDivisionError"):
        read_constraint(lambda fast: fast / 0, KNOWN).holds(KNOWN)
