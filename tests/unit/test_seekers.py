"""Searches that learn: where they go, and that they go there each time."""

import numpy as np
import pytest

from openbell.backtesting.axes import read_axis, span
from openbell.backtesting.constraint import read_constraint
from openbell.backtesting.grid import Choice, combine
from openbell.backtesting.seekers import CoordinateSearch, TreeSearch
from openbell.core.errors import ConfigError


def grid(where=None, **values):
    axes = [read_axis(name, given) for name, given in values.items()]
    constraint = None if where is None else read_constraint(where, dict.fromkeys(values, 0))
    return combine(axes, Choice(), constraint=constraint, check=lambda _, value: value, defaults={})


def follow(seeker, score):
    """Let a search run to its end; return what it tried, round by round."""
    rounds = []
    while asked := seeker.propose():
        rounds.append([tuple(one.values()) for one in asked])
        seeker.learn([(score(**one),) for one in asked])
    return rounds


def hill(a, b, kind="x"):
    return -((a - 13) ** 2) - (b - 4) ** 2 + (5.0 if kind == "y" else 0.0)


def tree(samples, seed=0, meets=lambda _: True, **values):
    axes = [read_axis(name, given) for name, given in values.items()]
    return TreeSearch(axes, samples, seed, check=lambda _, value: value, meets=meets)


def test_a_coordinate_search_begins_in_the_middle_and_ends_on_the_top():
    rounds = follow(CoordinateSearch(grid(a=range(21), b=range(9))), hill)
    assert rounds[0] == [(10, 4)]
    tried = [one for asked in rounds for one in asked]
    assert len(set(tried)) == len(tried) < 21 * 9 / 3
    assert max(tried, key=lambda one: hill(*one)) == (13, 4)
    assert {(12, 4), (14, 4), (13, 3), (13, 5)} <= set(tried)  # no step helps from there


def test_the_order_of_values_as_they_were_listed_does_not_matter():
    mixed = CoordinateSearch(grid(a=[20, 3, 13, 7, 0, 10, 17], b=[4]))
    assert (13, 4) in [one for asked in follow(mixed, hill) for one in asked]


def test_values_without_an_order_are_all_tried_from_where_it_stands():
    tried = follow(CoordinateSearch(grid(a=[11, 12, 13], b=[4], kind=["x", "y", "z"])), hill)
    assert (13, 4, "y") in [one for asked in tried for one in asked]


def test_what_a_condition_excludes_is_not_tried():
    rounds = follow(CoordinateSearch(grid("a < b", a=range(10), b=range(10))), lambda a, b: -a - b)
    assert all(a < b for asked in rounds for a, b in asked)


def test_a_search_leaves_what_has_no_figure():
    def score(a, b):
        return -np.inf if a < 12 else hill(a, b)

    tried = [one for asked in follow(CoordinateSearch(grid(a=range(21), b=range(9))), score) for one in asked]
    assert (13, 4) in tried


def test_a_tree_search_is_the_same_each_time_and_tries_nothing_twice():
    first, second, other = (
        follow(tree(40, seed, a=range(21), b=range(9), kind=["x", "y"]), hill) for seed in (1, 1, 2)
    )
    assert first == second != other
    tried = [one for asked in first for one in asked]
    assert len(tried) == len(set(tried)) == 40
    assert [len(asked) for asked in first] == [8, 8, 8, 8, 8]
    late = np.mean([hill(*one) for one in tried[24:]])
    assert late > np.mean([hill(*one) for one in tried[:8]])


def test_a_tree_search_ends_where_nothing_new_is_left():
    tried = follow(tree(30, a=[12, 13], b=[4, 5]), hill)
    assert sorted(one for asked in tried for one in asked) == [(12, 4), (12, 5), (13, 4), (13, 5)]


def test_a_tree_search_draws_from_spans_and_keeps_to_conditions():
    rounds = follow(
        tree(16, meets=lambda named: named["a"] < 10.0, a=span(1.0, 100.0, log=True), b=span(0.0, 8.0)), hill
    )
    tried = [one for asked in rounds for one in asked]
    assert tried
    assert all(1.0 <= a < 10.0 and 0.0 <= b <= 8.0 for a, b in tried)


def test_a_tree_search_learns_that_some_have_no_figure():
    rounds = follow(tree(24, a=range(21), b=range(9)), lambda a, b: -np.inf if a < 10 else hill(a, b))
    assert sum(len(asked) for asked in rounds) == 24


def test_a_package_that_is_missing_is_named(monkeypatch):
    def none(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", none)
    with pytest.raises(ConfigError, match=r'pip install "openbell\[research\]"'):
        tree(4, a=[1, 2])
