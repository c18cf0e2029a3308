"""The benchmark of the copy: how it tells the copy's effect from the rounds' own noise."""

from __future__ import annotations

import numpy as np
from benchmarks.replication import Case, in_turns


def test_a_case_is_held_against_the_median_of_the_rounds_alone() -> None:
    taken: list[Case] = []
    scale = {"alone": 1.0, "again": 1.5, "copied": 2.5, "backlog": 5.0}

    def take(case: Case) -> np.ndarray:
        taken.append(case)
        return scale[case] * np.linspace(0.0, 100.0, 101)

    found = in_turns(("alone", "again", "copied", "backlog"), 2, take)
    assert taken == ["backlog", "copied", "again", "alone", "alone", "again", "copied", "backlog"]
    assert (found["alone"], found["again"]) == ({"p50": 50.0, "p99": 99.0}, {"p50": 75.0, "p99": 148.5})
    assert found["copied"] == {"p50": 125.0, "p99": 247.5, "moved": 2.0}
    assert found["backlog"]["moved"] == 4.0
    assert (found["noise"], found["apart"]) == (1.5, 1.5)


def test_one_round_that_the_machine_disturbed_moves_nothing() -> None:
    calls = iter([1.0, 1.0, 1.0, 90.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    found = in_turns(("alone", "again", "copied"), 3, lambda _: np.full(100, next(calls)))
    assert (found["copied"]["moved"], found["noise"]) == (1.0, 1.0)
