"""What is held, what moves it, and what a fall would cost, for reports, sessions and the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from openbell.portfolio.benchmark_metrics import beta
from openbell.portfolio.exposure import risk_by_symbol
from openbell.portfolio.metrics import FloatArray
from openbell.portfolio.stress import HISTORICAL, Loss, Shock, read_shock, stress

FEWEST = 20  #: returns below which nothing is estimated


class Exposed(NamedTuple):
    """Positions, and by how much each moves with the market and the whole; nothing where that is not known.

    `betas` and `risk` are of the symbols whose returns are known; `risk` is what each adds to the deviation
    of one return, a share of equity, and adds up to it.
    """

    equity: float
    values: Mapping[str, float]  #: signed, in money
    sectors: Mapping[str, str]
    betas: Mapping[str, float]
    risk: Mapping[str, float]
    known: int  #: returns that both are estimated from

    def losses(self, shocks: Sequence[Shock] = HISTORICAL) -> list[Loss]:
        """Return what shocks would do; a symbol without a beta moves with the market, one to one."""
        return stress(self.values, self.equity, shocks=tuple(shocks), betas=self.betas, sectors=self.sectors)

    def read(self, texts: Sequence[str]) -> list[Shock]:
        """Return shocks that somebody typed.

        Raises:
            ConfigError: One is wrong.
        """
        sectors = [sector for sector in self.sectors.values() if sector]
        return [read_shock(text, self.values, sectors) for text in texts]


def look(
    values: Mapping[str, float], equity: float, returns: Mapping[str, FloatArray], market: FloatArray,
    sectors: Mapping[str, str],
) -> Exposed:  # fmt: skip
    """Return what is held and what moves it.

    Args:
        values: Of each position, signed, in money.
        equity: Of the account.
        returns: (n,) of symbols, paired.
        market: (n,) of what beta is measured against.
        sectors: Of each symbol; empty where it has none.
    """
    betas: dict[str, float] = {}
    risk: dict[str, float] = {}
    if len(market) >= FEWEST and equity > 0.0:
        moved = {s: own for s, own in returns.items() if s in values and np.isfinite(own).all() and own.any()}
        slopes = {symbol: beta(own, market) for symbol, own in moved.items()}
        betas = {symbol: slope for symbol, slope in slopes.items() if math.isfinite(slope)}
        risk = risk_by_symbol({symbol: values[symbol] / equity for symbol in moved}, moved)
    return Exposed(equity, dict(values), dict(sectors), betas, risk, len(market))
