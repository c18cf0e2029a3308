"""Estimates of how symbols move together, kept bar by bar: each bar is one step, nothing is begun anew.

Returns have mean zero here, as is usual for days and less: the mean is small beside its own error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Window:
    """The last bars' returns, a row each, in a ring."""

    def __init__(self, width: int, symbols: int) -> None:
        self.rows: Floats = np.zeros((width, symbols), order="F")  # a symbol's returns lie together
        self.filled = 0
        self.head = 0  #: where the next row goes
        self.known: NDArray[np.int64] = np.zeros(symbols, dtype=np.int64)  #: returns of each symbol so far

    def push(self, returns: Floats) -> Floats:
        """Take in a bar's returns, NaN where there is none; return the row that leaves."""
        seen = returns == returns  # noqa: PLR0124  # NaN is not
        self.known += seen
        old: Floats = self.rows[self.head].copy()
        self.rows[self.head] = np.where(seen, returns, 0.0)
        self.head = (self.head + 1) % len(self.rows)
        self.filled = min(self.filled + 1, len(self.rows))
        return old

    @property
    def last(self) -> Floats:
        """(symbols,) the returns that came last."""
        newest: Floats = self.rows[self.head - 1]
        return newest


class EwmaCovariance:
    """Exponentially weighted covariance: `S ← λS + (1−λ)rr'`, over the weights so far.

    Source: J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th ed., 1996, ch. 5.
    """

    def __init__(self, decay: float, symbols: int) -> None:
        self._decay = decay
        self._sum: Floats = np.zeros((symbols, symbols))
        self._weight = 0.0

    def push(self, returns: Floats) -> None:
        """Take in a bar's returns."""
        self._sum *= self._decay
        self._sum += np.multiply.outer((1.0 - self._decay) * returns, returns)
        self._weight = self._decay * self._weight + (1.0 - self._decay)

    @property
    def matrix(self) -> Floats:
        """(symbols, symbols) the covariance, made new."""
        made: Floats = self._sum / self._weight if self._weight > 0.0 else self._sum.copy()
        return made

    def times(self, vector: Floats) -> Floats:
        """(symbols,) the covariance times a vector."""
        made: Floats = self._sum @ vector
        if self._weight > 0.0:
            made /= self._weight
        return made

    def column(self, at: int) -> Floats:
        """(symbols,) one column of the covariance."""
        made: Floats = self._sum[at] / self._weight if self._weight > 0.0 else self._sum[at].copy()
        return made

    def entry(self, at: int) -> float:
        """Return one symbol's variance."""
        return float(self._sum[at, at]) / self._weight if self._weight > 0.0 else 0.0


class LedoitWolf:
    """Covariance of a window, shrunk towards a multiple of the identity by as much as its error asks for.

    With `S = Σrr'/T`, `μ = tr(S)/n`: `δ² = ‖S − μI‖²/n`, `β² = min(δ², (Σ‖r‖⁴/T − ‖S‖²)/(nT))`, and the
    estimate is `(1 − β²/δ²)S + (β²/δ²)μI`. All sums are kept by rank-one steps.

    Source: O. Ledoit, M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices,
    Journal of Multivariate Analysis 88 (2004), 365-411, Lemma 3.2 ff.
    """

    def __init__(self, symbols: int) -> None:
        self._sum: Floats = np.zeros((symbols, symbols))
        self._count = 0
        self._norm = 0.0  # ‖Σrr'‖²
        self._fourth = 0.0  # Σ‖r‖⁴
        self._trace = 0.0
        self._parts = (0.0, 0.0)  # the factor of the sum, and what is added on the diagonal

    def push(self, returns: Floats, gone: Floats | None) -> None:
        """Take in a bar's returns, and take out those that leave the window, if any do."""
        if gone is not None:
            self._step(gone, -1.0)
            self._count -= 1
        self._step(returns, 1.0)
        self._count += 1
        shrinkage = self.shrinkage
        self._parts = (
            (1.0 - shrinkage) / self._count,
            shrinkage * self._trace / self._count / len(self._sum),
        )

    def _step(self, row: Floats, sign: float) -> None:
        square = float(row @ row)
        self._norm += sign * 2.0 * float(row @ (self._sum @ row)) + square * square
        self._fourth += sign * square * square
        self._trace += sign * square
        self._sum += np.multiply.outer(sign * row, row)

    @property
    def shrinkage(self) -> float:
        """Return how much of the estimate is the identity, from 0 to 1."""
        size, count = len(self._sum), self._count
        if count == 0:
            return 0.0
        mean = self._trace / count / size
        norm = self._norm / count**2
        distance = norm / size - mean * mean
        error = min((self._fourth / count - norm) / (size * count), distance)
        return error / distance if error > 0.0 and distance > 0.0 else 0.0

    @property
    def matrix(self) -> Floats:
        """(symbols, symbols) the covariance, made new."""
        factor, diagonal = self._parts
        made: Floats = factor * self._sum + diagonal * np.eye(len(self._sum))
        return made

    def times(self, vector: Floats) -> Floats:
        """(symbols,) the covariance times a vector."""
        factor, diagonal = self._parts
        made: Floats = factor * (self._sum @ vector) + diagonal * vector
        return made

    def column(self, at: int) -> Floats:
        """(symbols,) one column of the covariance."""
        factor, diagonal = self._parts
        made: Floats = factor * self._sum[at]
        made[at] += diagonal
        return made

    def entry(self, at: int) -> float:
        """Return one symbol's variance."""
        factor, diagonal = self._parts
        return factor * float(self._sum[at, at]) + diagonal
