"""Kills at any moment, lost answers, muddled events: no order doubled, none orphaned, no fill lost.

A life ends at the n-th point that a call or an event of the broker passes: everything in memory is dropped,
what the journal had not committed too. The exchange trades on meanwhile. In the end its books and the
strategies' agree to the cent, and the journal's fold is the live state.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.loopback.direct import BARE, EVERYTHING
from tests.unit.trading_chaos import trade_through

KILLS = 5  #: in each run


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", ["everything", "bare"])
async def test_two_hundred_kills(tmp_path: Path, seed: int, kind: str) -> None:
    broker = EVERYTHING if kind == "everything" else BARE
    assert await trade_through(tmp_path, seed, capabilities=broker, kills=KILLS, faults=0.05) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["everything", "bare"])
async def test_two_thousand_kills(tmp_path: Path, kind: str) -> None:
    broker = EVERYTHING if kind == "everything" else BARE
    for seed in range(1_000, 1_200):
        folder = tmp_path / str(seed)
        wrong = await trade_through(folder, seed, capabilities=broker, kills=KILLS, faults=0.1)
        assert wrong == [], seed


@pytest.mark.parametrize("seed", range(5))
async def test_faults_alone(tmp_path: Path, seed: int) -> None:
    assert await trade_through(tmp_path, 50 + seed, kills=0, faults=0.25, moments=15) == []
