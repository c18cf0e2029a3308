"""A tape whose older bars leave memory answers as one that keeps all."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import Halt
from openbell.core.messages import BarMessage
from openbell.core.types import Split
from openbell.data.calendar import sessions
from openbell.data.spill import ROW, Spill
from openbell.data.tape import Tape
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START

CALENDAR = sessions("24/7", START, START + 30 * 86_400_000_000_000)
RECIPES = (ob.EMA(5), ob.RSI(7), ob.BBANDS(6), ob.SMA(3).at("5m"), ob.ATR(4).at("15m"))


def tape_of(folder: Path | None, symbols: int = 2) -> Tape:
    return Tape(INSTRUMENTS[:symbols], timeframe="1m", sessions=CALENDAR, begin=START, folder=folder)


def moments(count: int, *, late: bool = False) -> list[list[BarMessage]]:
    """Return random bars of two symbols, one of which has gaps."""
    random = np.random.default_rng(3)
    made, price = [], 100.0
    for number in range(count):
        bars = []
        for symbol in ("A", "B"):
            if symbol == "B" and number % 7 == 3:
                continue
            price = max(price + round(float(random.standard_normal()), 2), 5.0)
            begin = START + number * MINUTE
            stay = MINUTE if not late or number % 11 else 9 * MINUTE
            bars.append(
                BarMessage(symbol, begin, begin + stay, price, price + 1, price - 1, price, 1e3 + number)
            )
        made.append(bars)
    return made


def values(view: Any, ago: int) -> list[float]:
    parts: list[Any] = list(view.each()) if hasattr(view, "each") else [view]
    return [part[ago] for part in parts]


def read(tape: Tape, number: int) -> list[Any]:
    """Return what a strategy may ask for now, near and far back."""
    found: list[Any] = [values(tape.indicator(r, s), -1) for r in RECIPES for s in ("A", "B")]
    found += tape.history("A", "close", 5).tolist() + tape.slice.history("volume", 4).tolist()
    if number % 50 == 0:
        found += [values(tape.indicator(r, "A"), -40) for r in RECIPES]
        found += tape.history("B", "volume", 120).tolist() + tape.slice.history("close", 90).tolist()
        found += list(tape.tracks["A"].close[3:9]) if number else []
        shown: Any = tape.indicator(RECIPES[0], "A")
        found += shown.last(70).tolist() if number else []
    return found


@pytest.mark.parametrize("late", [False, True])
def test_what_leaves_memory_is_still_answered(
    late: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("lane", "lines", "tail"):
        monkeypatch.setattr(f"openbell.data.{module}.KEPT", 4)
    whole, bounded = tape_of(None), tape_of(tmp_path)
    for number, bars in enumerate(moments(400, late=late)):
        for tape in (whole, bounded):
            tape.receive(bars)
            if number in {120, 250}:
                tape.act(Split("A", START + number * MINUTE, 3, 2))
            tape.advance()
        np.testing.assert_array_equal(
            np.array([x for one in read(bounded, number) for x in np.ravel(one)]),
            np.array([x for one in read(whole, number) for x in np.ravel(one)]),
        )
    assert bounded.lanes["B"].start.held < 300  # what was asked for stays, and no more


def test_memory_does_not_grow_with_the_bars(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, symbols=1)
    views = [tape.indicator(recipe, "A") for recipe in (ob.SMA(20), ob.EMA(30), ob.SMA(5).at("1h"))]
    held = []
    tracemalloc.start()
    try:
        for number in range(6_000):
            begin = START + number * MINUTE
            price = 100.0 + math.sin(number / 9.0)
            tape.receive([BarMessage("A", begin, begin + MINUTE, price, price, price, price, 1.0)])
            tape.advance()
            if number % 1_000 == 999:
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert all(not math.isnan(view[-1]) for view in views)
    assert max(held[2:]) - min(held[2:]) < 30_000, held


def test_a_file_that_is_gone_or_short_halts_and_says_what_to_do(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "deep" / "0.bars")
    row = {name: [1] for name in ROW.names or ()}
    spill.append(row, 1)
    assert spill.read("close", 0, 1).tolist() == [1.0]
    with pytest.raises(Halt, match="1 rows of 2"):
        spill.read("close", 0, 2)
    (tmp_path / "deep" / "0.bars").unlink()
    with pytest.raises(Halt, match="resume the session"):
        spill.read("close", 0, 1)
    (tmp_path / "deep").rmdir()
    with pytest.raises(Halt, match="cannot be written"):
        spill.append(row, 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(Halt, match="cannot be written"):
        Spill(tmp_path / "file" / "0.bars")
