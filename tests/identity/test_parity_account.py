"""A strategy's backtest knows no others: what limits of their account refuse is explained by them."""

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.operation.parity import find_parity
from openbell.papering import Part, run_paper
from openbell.run import prepare
from openbell.trading.parity import Word

PARTS = {"apple": ("buy_and_hold", ["AAPL"]), "cross": ("sma_cross", ["IBM"])}


def play(state: Path, **risks: ob.Risk) -> None:
    settings: dict[str, Any] = {"start": "2008-01-02", "end": "2008-12-31"}
    parts = [
        Part(name, *prepare(kind, data, risk=risks.get(name, ob.Risk()), **settings))
        for name, (kind, data) in PARTS.items()
    ]
    asyncio.run(run_paper(parts, speed=math.inf, folder=state, environ={}))


@pytest.mark.parametrize("cut", [False, True])
def test_what_the_accounts_limits_refuse_or_cut_is_explained_with_what_follows(
    tmp_path: Path, *, cut: bool
) -> None:
    play(tmp_path, cross=ob.Risk(portfolio=ob.PortfolioLimits(max_gross=140_000), cut=cut))
    found = find_parity(tmp_path)
    assert found.simulated
    assert found.unexplained == []
    assert {one.strategy for one in found.differences} == {"cross"}
    first = found.differences[0]
    assert (first.word, first.cause) == (Word.EXTRA if cut else Word.REJECTION, "the other strategies")


def test_a_fall_of_the_account_is_explained_too(tmp_path: Path) -> None:
    play(tmp_path, cross=ob.Risk(portfolio=ob.PortfolioLimits(drawdown_halt=0.25)))
    found = find_parity(tmp_path)
    assert found.unexplained == []
    assert {one.strategy for one in found.differences} == {"cross"}


def test_where_no_limit_of_the_account_binds_nothing_differs(tmp_path: Path) -> None:
    play(tmp_path, cross=ob.Risk(portfolio=ob.PortfolioLimits(max_gross=1e9)))
    assert find_parity(tmp_path).differences == []
