"""What a session risks, by its positions and last bars: exposure, drawdown, tails, correlation."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbell.app import models
from openbell.app.follower import Follower
from openbell.execution.risk.estimates import Floats
from openbell.execution.risk.tails import tail_of_gains
from openbell.portfolio.exposed import look
from openbell.portfolio.exposure import exposure_of
from openbell.portfolio.stress import HISTORICAL

LEVEL = 0.99
_FEWEST = 20  #: returns below which nothing is estimated
_MOST = 30  #: symbols of which correlations are shown: those that weigh most
Times = NDArray[np.int64]
_LIMITS = ("warn", "reduce", "halt")


def risk_of(one: Follower) -> models.Risk:
    """Return what a session's strategies risk together."""
    equity = math.fsum(one.equity(name) for name in one.ledgers)
    values = _values(one)
    peak = math.fsum(max(one.observed.peak.get(n, 0.0), one.equity(n)) for n in one.ledgers)
    sectors, limits = _described(one.observed.begun)
    shares = exposure_of(values, equity, sectors=sectors) if equity > 0.0 else None
    chosen = sorted(values, key=lambda symbol: (-abs(values[symbol]), symbol)) or sorted(one.prices)
    chosen = chosen[:_MOST]
    returns = returns_of(one, chosen)
    held = [values.get(symbol, 0.0) for symbol in chosen]
    gains = returns @ np.array(held) if values and len(returns) >= _FEWEST else np.empty(0)
    tail = tail_of_gains(gains, LEVEL) if len(gains) and equity > 0.0 else None
    return models.Risk(
        equity=equity,
        long=shares.long if shares else 0.0,
        short=shares.short if shares else 0.0,
        gross=shares.gross if shares else 0.0,
        net=shares.net if shares else 0.0,
        largest=shares.largest if shares else 0.0,
        sectors=shares.sectors if shares else {},
        drawdown=1.0 - equity / peak if peak > 0.0 else 0.0,
        drawdown_limits=limits,
        value_at_risk=tail.var / equity if tail else None,
        expected_shortfall=tail.cvar / equity if tail else None,
        bars=len(returns),
        symbols=chosen,
        correlation=correlation_of(returns),
        refusals=dict(one.observed.refused),
    )


def stress_of(one: Follower, shocks: Sequence[str] = ()) -> models.Stress:
    """Return what falls would cost of what a session's strategies hold together, and shocks that are typed.

    Raises:
        ConfigError: A shock is wrong.
    """
    equity = math.fsum(one.equity(name) for name in one.ledgers)
    values, (sectors, _) = _values(one), _described(one.observed.begun)
    symbols = sorted({*values, *one.prices})
    returns = returns_of(one, symbols)
    own = {symbol: returns[:, at] for at, symbol in enumerate(symbols)}
    market = returns.mean(axis=1) if symbols else np.empty(0)
    found = look(values, equity, own, market, {symbol: sectors.get(symbol, "") for symbol in symbols})
    return models.Stress(
        equity=equity, values=values, betas=dict(found.betas), risk=dict(found.risk), bars=found.known,
        losses=[
            models.Loss(
                name=loss.shock.name, span=loss.shock.span, pnl=loss.pnl, parts=loss.parts,
                share=None if math.isnan(loss.share) else loss.share,
            )
            for loss in found.losses((*HISTORICAL, *found.read(shocks)))
        ],
    )  # fmt: skip


def returns_of(one: Follower, symbols: list[str]) -> Floats:
    """Return the (n, symbols) returns of the bars that all of these symbols have."""
    tables = [_table(one.observed.bars.get(symbol, ())) for symbol in symbols]
    if not tables:
        return np.empty((0, 0))
    times = reduce(_common, (table[0] for table in tables))
    if len(times) < 2:
        return np.empty((0, len(symbols)))
    prices = np.column_stack([closes[np.searchsorted(own, times)] for own, closes in tables])
    changes: Floats = prices[1:] / prices[:-1] - 1.0
    return changes


def _table(bars: Collection[Sequence[Any]]) -> tuple[Times, Floats]:
    """Return bars' beginnings (ns), in order, and closes; of two that begin alike the later one counts."""
    times = np.fromiter((bar[0] for bar in bars), np.int64, len(bars))
    closes = np.fromiter((bar[4] for bar in bars), float, len(bars))
    if (times[1:] > times[:-1]).all():
        return times, closes
    own, last = np.unique(times[::-1], return_index=True)
    return own, closes[::-1][last]


def _common(some: Times, others: Times) -> Times:
    """Return the times that are in both; most symbols have the same."""
    return some if np.array_equal(some, others) else np.intersect1d(some, others, assume_unique=True)


def correlation_of(returns: Floats) -> list[list[float | None]]:
    """Return the correlations of columns; None where there are too few rows, or one never moved."""
    count = returns.shape[1]
    if len(returns) < _FEWEST:
        return [[None] * count for _ in range(count)]
    off = returns - returns.mean(axis=0)
    deviation = np.sqrt((off * off).sum(axis=0))
    scale = np.outer(deviation, deviation)
    shares = np.divide(off.T @ off, scale, out=np.full((count, count), np.nan), where=scale > 0.0)
    return [[None if math.isnan(cell) else round(cell, 2) for cell in row] for row in shares.tolist()]


def _values(one: Follower) -> dict[str, float]:
    """Return what is held of each symbol, all strategies together, in money."""
    values: dict[str, float] = {}
    for ledger in one.ledgers.values():
        for symbol, held in ledger.account.positions.items():
            if held.quantity:
                values[symbol] = values.get(symbol, 0.0) + held.quantity * one.price(symbol)
    return values


def _described(begun: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, float]]:
    """Return each symbol's sector, and the strictest stage of drawdown of each name."""
    sectors: dict[str, str] = {}
    limits: dict[str, float] = {}
    for described in begun.get("strategies", ()):
        for instrument in described.get("instruments", ()):
            if instrument.get("sector"):
                sectors[instrument["symbol"]] = instrument["sector"]
        portfolio = (described.get("risk") or {}).get("portfolio", {})
        for name in _LIMITS:
            bound = portfolio.get(f"drawdown_{name}")
            if bound is not None:
                limits[name] = min(bound, limits.get(name, bound))
    return sectors, limits
