"""What a compiled sweep takes for each combination: its row of figures and parameters, and little else."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest

import openbell as ob
from openbell.searching import Course

YEAR: dict[str, Any] = {"start": "2011-01-01", "end": "2011-12-31", "engine": "compiled", "workers": 1}
FEW, MANY = 20, 200  #: values of `band`
#: 14 figures and 3 parameters of 8 bytes, 3 codes of 4, and what sorting and saying why one failed take.
MOST = 240


@ob.signal(fast=ob.SMA(10), slow=ob.SMA(30), band=0.0)
def banded(fast, slow, band):
    return 1.0 if fast > slow + band else 0.0


def swept(bands: int, **settings: Any) -> Any:
    grid: dict[str, Any] = {
        "fast": range(2, 12),
        "slow": range(20, 30),
        "band": [at / 1_000 for at in range(bands)],
    }
    made = ob.sweep(banded, "AAPL", **YEAR, **grid, **settings)
    assert len(made.table) == 100 * bands
    return made


def peak(bands: int, settings: Mapping[str, Any]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        swept(bands, **settings)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calm(measures: Mapping[str, float]) -> float:
    return measures["max_drawdown"]


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({}, MOST),
        ({"where": "fast < slow + band"}, MOST),
        ({"require": "max_drawdown > -2"}, MOST),
        ({"objective": calm}, MOST + 8 * 15),  # with a column more, of which there is none to fill in place
    ],
    ids=["grid", "where", "require", "objective"],
)
def test_a_combination_takes_little_more_than_its_row(settings, most):
    swept(FEW, **settings)  # what is loaded and made once
    taken = (peak(MANY, settings) - peak(FEW, settings)) / (100 * (MANY - FEW))
    assert taken < most, f"{taken:.0f} bytes a combination"


def test_a_sweep_that_is_held_holds_no_indicators(monkeypatch):
    shelves = []
    opened = Course.open_engine

    def noted(self):
        found = opened(self)
        shelves.append(self._chosen.here.shelf)
        return found

    monkeypatch.setattr(Course, "open_engine", noted)
    made = swept(1)
    assert not shelves[0]._rows
    made.rerun.draw([0, 1])
    assert not shelves[0]._rows
