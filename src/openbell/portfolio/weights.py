"""A portfolio's weights from what is known of its symbols, in one line of a strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from openbell.core.errors import StrategyError, nearest
from openbell.portfolio import construction
from openbell.portfolio.metrics import FloatArray
from openbell.portfolio.optimised import KEEPS, Limits, optimise

_OWN: dict[str, Callable[[FloatArray], FloatArray]] = {
    "equal_weight": construction.equal_weight,
    "inverse_volatility": construction.inverse_volatility,
    "minimum_variance": construction.minimum_variance,
    "maximum_diversification": construction.maximum_diversification,
    "risk_parity": construction.risk_parity,
}
METHODS = tuple(dict.fromkeys([*_OWN, *KEEPS]))


class Bars(Protocol):
    """What `on_bars` is given."""

    @property
    def symbols(self) -> Sequence[str]:
        """Return the symbols, in the arrays' order."""

    def history(self, column: str, count: int) -> Any:
        """Return the last `count` moments of a column, shape (count, symbols), adjusted as of now."""


def weights(  # noqa: PLR0913  # a limit for each argument, all named and all with a default
    bars: Bars,
    method: str = "risk_parity",
    window: int = 126,
    *,
    invest: float = 0.95,
    most: float = 1.0,
    sectors: Mapping[str, str] | None = None,
    sector_most: Mapping[str, float] | None = None,
    turnover: float = 0.0,
    held: Mapping[str, float] | None = None,
    **settings: float,
) -> dict[str, float]:
    """Return each symbol's share of equity by a method, from the covariance of its last `window` returns.

    Symbols without a bar at each of those moments, and those that never moved, are left out. Empty before
    `window` + 1 moments are known.

    Args:
        bars: What `on_bars` is given.
        method: `equal_weight`, `inverse_volatility`, `minimum_variance`, `maximum_diversification`,
            `risk_parity`; with the extra `portfolio` also `hierarchical_risk_parity` and `mean_cvar`.
        window: Moments to look back.
        invest: What the weights add up to.
        most: The most of one symbol, as a share of what is invested. A limit needs the extra `portfolio`.
        sectors: The sector of each symbol.
        sector_most: The most of each sector.
        turnover: How far a weight may be from the one that is held; 0 is any.
        held: The weights that are held, shares of equity.
        **settings: `aversion` and `level` of `mean_cvar`.

    Raises:
        StrategyError: The method is unknown, or no weights keep the limits.
        ConfigError: skfolio is needed and not installed, or the method cannot keep a limit.
    """
    if method not in METHODS:
        raise StrategyError(f"weights: method={method!r} is unknown{nearest(str(method), METHODS)}")
    close = np.asarray(bars.history("close", window + 1), np.float64)
    if len(close) <= window:
        return {}
    with np.errstate(invalid="ignore"):
        returns = np.diff(close, axis=0) / close[:-1]
        usable = np.isfinite(returns).all(axis=0) & (returns.max(axis=0) > returns.min(axis=0))
    chosen = np.flatnonzero(usable)
    if not len(chosen):
        return {}
    names = [bars.symbols[i] for i in chosen.tolist()]
    past = returns[:, chosen]
    limits = Limits(most, dict(sector_most or {}), turnover)
    if method in _OWN and not limits:
        made = _OWN[method](np.atleast_2d(np.cov(past, rowvar=False)))
    elif len(names) == 1:
        made = np.ones(1)
    else:
        of, now = sectors or {}, held or {}
        made = optimise(
            method, past, limits=limits, sectors=[of.get(name, "") for name in names],
            held=np.array([now.get(name, 0.0) / invest for name in names]), **settings,
        )  # fmt: skip
    return {name: invest * float(weight) for name, weight in zip(names, made, strict=True) if weight > 1e-9}
