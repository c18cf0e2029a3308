"""What a portfolio is exposed to: gross, net, by sector; and what each part adds to its risk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from openbell.core.errors import BadData
from openbell.portfolio.construction import contributions
from openbell.portfolio.metrics import FloatArray


class Exposure(NamedTuple):
    """Shares of equity; shorts count negative in `short`, `net` and `sectors`."""

    long: float
    short: float
    gross: float
    net: float
    largest: float  #: of one position, without its sign
    sectors: dict[str, float]


def exposure_of(
    values: Mapping[str, float], equity: float, *, sectors: Mapping[str, str] | None = None
) -> Exposure:
    """Return the exposure of positions worth `values`, signed, in money.

    Raises:
        BadData: The equity is not positive, so that nothing is a share of it.
    """
    if not equity > 0.0:
        raise BadData(f"exposure: equity={equity!r} must be positive")
    known, by_sector = sectors or {}, dict[str, list[float]]()
    for symbol, value in values.items():
        by_sector.setdefault(known.get(symbol) or "none", []).append(value / equity)
    long = math.fsum(value for value in values.values() if value > 0.0) / equity
    short = math.fsum(value for value in values.values() if value < 0.0) / equity
    largest = max((abs(value) for value in values.values()), default=0.0) / equity
    shares = {sector: math.fsum(parts) for sector, parts in by_sector.items()}
    return Exposure(long, short, long - short, long + short, largest, shares)


def risk_by_symbol(weights: Mapping[str, float], returns: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return what each position adds to the portfolio's deviation of one return; the sum is all of it.

    Args:
        weights: Shares of equity, signed.
        returns: Of each symbol that is held, (n,), paired.

    Raises:
        BadData: A symbol has no returns, they do not pair up, or it never moved.
    """
    missing = [symbol for symbol in weights if symbol not in returns]
    if missing:
        raise BadData(f"risk_by_symbol: no returns of {missing[0]!r}; give those of every position")
    if not weights:
        return {}
    columns = [returns[symbol] for symbol in weights]
    if len({len(column) for column in columns}) > 1:
        raise BadData(f"risk_by_symbol: returns of lengths {[len(c) for c in columns]} do not pair up")
    covariance = np.atleast_2d(np.cov(np.array(columns)))
    parts = contributions(np.array(list(weights.values())), covariance)
    return dict(zip(weights, parts.tolist(), strict=True))
