"""The catalog's benchmarks run, and their table says what they found."""

from __future__ import annotations

import pytest
from benchmarks import catalog


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = tmp_path_factory.mktemp("catalog")
    catalog.prepare(made, symbols=2, count=5_000)
    return made


@pytest.mark.parametrize("name", catalog.TASKS)
def test_every_task_measures_something(root, name):
    found = catalog.TASKS[name](root)
    assert all(value > 0 for value in found.values()) if name == "times" else found >= 0


def test_the_table_says_what_was_reached():
    figures = {goal.name: goal.most for goal in catalog.GOALS} | {"append": 99.0, "times": {"a read": 0.01}}
    about = {"processor": "P", "cores": 2}
    text = catalog.section({"date": "D", "machine": about, "pyarrow": "1", "load": 0.5, "figures": figures})
    assert text.count("| yes |") == len(catalog.GOALS) - 1
    assert "**99** s | ≤ 5 s | **no**" in text
    assert "a read 10 ms" in text
