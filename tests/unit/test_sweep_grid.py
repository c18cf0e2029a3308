"""Which combinations a sweep tries."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.backtesting import samples
from openbell.backtesting.axes import read_axis, span
from openbell.backtesting.constraint import read_constraint
from openbell.backtesting.grid import Choice, Combinations, combine
from openbell.backtesting.spans import spread
from openbell.core.errors import ConfigError

KNOWN = {"fast": 10, "slow": 30, "share": 0.5}


def made(
    method: str = "grid", samples: int | None = None, where: Any = None, seed: int = 0, **grid: Any
) -> Any:
    axes = [read_axis(name, values) for name, values in grid.items()]
    constraint = None if where is None else read_constraint(where, KNOWN)
    return combine(
        axes,
        Choice(method, samples, seed),
        constraint=constraint,
        check=lambda _, value: int(value) if isinstance(value, str) else value,
        defaults=KNOWN,
    )


def rows(combinations: Combinations) -> list[dict[str, Any]]:
    return combinations.between(0, len(combinations))


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True),
    st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True),
)
def test_a_grid_is_every_combination_in_its_order(fast, slow):
    expected = [{"fast": a, "slow": b} for a, b in itertools.product(fast, slow)]
    assert rows(made(fast=fast, slow=slow)) == expected


def test_a_constraint_keeps_the_order():
    grid = made(fast=[5, 50], slow=[20, 40, 60], where="fast < slow")
    assert rows(grid) == [
        {"fast": 5, "slow": 20},
        {"fast": 5, "slow": 40},
        {"fast": 5, "slow": 60},
        {"fast": 50, "slow": 60},
    ]
    assert grid.column("slow") == [20, 40, 60, 60]


def test_a_constraint_may_speak_of_what_is_not_varied():
    assert made(fast=[5, 50], where="fast < slow").column("fast") == [5]
    assert len(made(fast=[5, 50], where="slow == 30")) == 2


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("fast > slow", "where='fast > slow' excludes all 2 combinations"),
        ("slow != 30", "where='slow != 30' excludes all 2 combinations"),
    ],
)
def test_a_constraint_that_excludes_everything_is_refused(where, said):
    with pytest.raises(ConfigError, match=said):
        made(fast=[5, 10], where=where)


def test_the_only_combination_that_is_excluded_is_refused():
    with pytest.raises(ConfigError, match="excludes the only combination"):
        made(fast=[50], where="fast < slow")


@pytest.mark.parametrize("method", ["random", "latin"])
def test_draws_that_are_all_excluded_are_refused(method):
    with pytest.raises(ConfigError, match=r"excludes all .* draws"):
        made(method, 3, "share > 2", share=span(0.1, 0.5))


def test_nothing_to_try_is_refused():
    with pytest.raises(ConfigError, match="nothing to try"):
        made()


def test_values_that_become_the_same_are_refused():
    with pytest.raises(ConfigError, match="fast: 5 is there twice"):
        made(fast=["5", 5])


def test_too_large_a_grid_says_its_count_and_offers_a_sample():
    with pytest.raises(ConfigError) as error:
        made(fast=range(10**6), slow=range(10**5))
    assert "the grid has 100,000,000,000 combinations (1,000,000 × 100,000)" in str(error.value)
    assert "method='random', samples=1000" in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rando", 5), "method='rando' is unknown; did you mean 'random'?"),
        (("grid", 5), "samples=5: a grid tries all"),
        (("random",), "method='random' needs samples, such as samples=200"),
        (("latin", 0), "samples=0 must be a whole number, one or more"),
        (("latin", True), "samples=True must be"),
        (("latin", 10**7), "samples=10,000,000 must be at most 1,000,000"),
    ],
)
def test_a_choice_that_is_none_is_refused(arguments, said):
    with pytest.raises(ConfigError) as error:
        Choice(*arguments)
    assert said in str(error.value)


@given(st.integers(0, 100), st.integers(1, 12))
def test_a_random_sample_meets_the_constraint_and_repeats_none(seed, samples):
    drawn = rows(made("random", samples, "fast < slow", seed, fast=range(1, 6), slow=range(1, 6)))
    assert len(drawn) == min(samples, 10)
    assert all(one["fast"] < one["slow"] for one in drawn)
    assert len({tuple(one.items()) for one in drawn}) == len(drawn)
    assert drawn == rows(made("random", samples, "fast < slow", seed, fast=range(1, 6), slow=range(1, 6)))


def test_another_seed_draws_another_sample():
    first, second = (made("random", 5, seed=seed, share=span(0.0, 1.0)).column("share") for seed in (1, 2))
    assert first != second


def test_a_sample_of_a_space_without_end_is_drawn_without_listing_it():
    drawn = made("random", 7, fast=range(10**9), slow=range(10**9))
    assert len(drawn) == 7


@given(st.integers(0, 100), st.integers(1, 20))
def test_a_latin_sample_meets_each_share_of_each_parameter_once(seed, samples):
    drawn = made("latin", samples, seed=seed, share=span(0.0, 1.0), fast=span(0.0, 10.0))
    for name, width in (("share", 1.0), ("fast", 10.0)):
        strata = sorted(int(value / width * samples) for value in drawn.column(name))
        assert strata == list(range(samples))


def test_many_drawn_numbers_are_kept_as_numbers_and_come_back_as_they_were():
    few, many = (made("latin", count, seed=3, share=span(-1.0, 1.0)) for count in (1_000, 1_001))
    assert type(few.values[0]) is tuple
    assert many.values[0].itemsize == 8
    assert {type(value) for value in many.column("share")} == {float}
    assert len(set(many.column("share"))) == 1_001


def test_zeros_of_both_signs_are_two_values():
    drawn = made("random", 9, share=[0.0, -0.0, 1.5])
    assert sorted(map(repr, drawn.column("share"))) == ["-0.0", "0.0", "1.5"]


def test_a_value_is_checked_again_where_too_many_are_remembered(monkeypatch):
    monkeypatch.setattr(samples, "_REMEMBERED", 2)
    assert sorted(made("random", 9, fast=["1", "2", "3"], share=[0.5, 1.5]).column("fast")) == [
        1,
        1,
        2,
        2,
        3,
        3,
    ]


def test_a_latin_sample_of_few_values_repeats_no_combination():
    assert len(made("latin", 50, fast=[1, 2], slow=[3])) == 2


def test_kindred_rows_share_what_takes_the_most_values_and_windows_stay_apart():
    codes = np.array([[a, b] for a in range(2) for b in range(3)], np.int32)
    grid = Combinations(("fast", "slow"), ((1, 2), (3, 4, 5)), codes, "grid")
    order = grid.kindred(np.arange(6))
    assert codes[order, 1].tolist() == [0, 0, 1, 1, 2, 2]
    windows = spread(grid, 2)
    assert windows.kindred(np.arange(12)).tolist() == [*order.tolist(), *(order + 6).tolist()]
