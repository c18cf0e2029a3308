"""What a book may lose and what moves it: estimated from the bars so far, for the book after an order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from openbell.execution.risk.estimates import EwmaCovariance, Floats, LedoitWolf, Window
from openbell.execution.risk.limits import Risk, RiskModel
from openbell.execution.risk.tails import NO_TAIL, Tail, normal_factors, tail_of_gains

_NO_CHANGE = -1


def open_forecast(risk: Risk, symbols: Sequence[str]) -> Forecast | None:
    """Return what limits need to know of how symbols move; None where no limit asks."""
    limits, model = risk.portfolio, risk.model
    tails = limits.max_var is not None or limits.max_cvar is not None
    if not tails and limits.max_beta is None and limits.max_correlation is None:
        return None
    benchmark = symbols.index(model.benchmark) if model.benchmark else -1
    return Forecast(model, len(symbols), benchmark=benchmark, tails=tails)


class Forecast:
    """The returns of all symbols, and what they make of a book of exposures.

    An exposure is signed money in one symbol. A bar is one step, and so is an order: the sums over the book
    are changed by it, and not made anew.
    """

    def __init__(self, model: RiskModel, symbols: int, *, benchmark: int = -1, tails: bool = True) -> None:
        """Begin without returns.

        Args:
            model: How to estimate.
            symbols: How many there are.
            benchmark: The symbol that beta is against; -1 is all in equal parts.
            tails: Whether value at risk is asked for, and not correlation and beta alone.
        """
        self._model, self._benchmark, self.has_tails = model, benchmark, tails
        methods = model.methods if tails else ()
        self._historical, self._drawn = "historical" in methods, "monte_carlo" in methods
        self._normal = "ewma" in methods
        self.window = Window(model.window, symbols)
        self.ewma = EwmaCovariance(model.decay, symbols)
        self.shrunk = LedoitWolf(symbols) if "ledoit_wolf" in methods else None
        self._with_market: Floats = np.zeros(
            symbols
        )  # weighted sum of each symbol's return times the market's
        self._market = 0.0  # the same of its square
        generator = np.random.default_rng(model.draw_seed)
        weights = model.decay ** np.arange(model.window)
        shape = (model.draws, model.horizon) if self._drawn else (0, 1)
        self._ages = generator.choice(model.window, size=shape, p=weights / weights.sum())
        self._picked = self._ages
        self._factors = normal_factors(model.level)
        self._root = math.sqrt(model.horizon)
        self.exposures: Floats = np.zeros(symbols)
        self._changes: list[tuple[int, float]] = []  # of the book, and not taken in yet
        self._hold_nothing()

    def push(self, returns: Floats) -> None:
        """Take in a bar's returns, NaN where a symbol has none."""
        window = self.window
        full = window.filled == self._model.window
        gone = window.push(returns)
        last = window.last
        self.ewma.push(last)
        if self.shrunk is not None:
            self.shrunk.push(last, gone if full else None)
        market = self._market_return(returns, last)
        keep = self._model.decay
        self._with_market = keep * self._with_market + ((1.0 - keep) * market) * last
        self._market = keep * self._market + (1.0 - keep) * market * market
        if self._drawn:
            self._picked = (window.head - 1 - self._ages % window.filled) % self._model.window

    def is_known(self, at: int) -> bool:
        """Tell whether enough returns of a symbol are known."""
        return bool(self.window.known[at] >= self._model.minimum)

    def hold(self, exposures: Floats) -> None:
        """Begin with a book: (symbols,) signed money."""
        self.exposures = exposures
        self._changes = []
        if not exposures.any():
            self._hold_nothing()
            return
        filled = self.window.filled
        self._gains: Floats = self.window.rows[:filled] @ exposures
        self._by_ewma: Floats = self.ewma.times(exposures)
        self._variance = float(exposures @ self._by_ewma)
        if self.shrunk is not None:
            self._by_shrunk: Floats = self.shrunk.times(exposures)
            self._shrunk_variance = float(exposures @ self._by_shrunk)
        self._beta = float(self._with_market @ exposures)

    def shift(self, at: int, change: float) -> None:
        """Change one exposure of the book."""
        if change != 0.0:
            self._changes.append((at, change))

    def _take_in(self) -> None:
        """Take in the changes so far: of a moment's last order, the next moment's book has no need of it."""
        changes, self._changes = self._changes, []
        for at, change in changes:
            self._change(at, change)

    def _change(self, at: int, change: float) -> None:
        self._variance = self._variance_after(at, change)
        self._by_ewma += change * self.ewma.column(at)
        if self.shrunk is not None:
            self._shrunk_variance = self._shrunk_after(at, change)
            self._by_shrunk += change * self.shrunk.column(at)
        self._gains = self._gains_after(at, change)
        self._beta += change * float(self._with_market[at])
        self.exposures[at] += change

    def tail(self, at: int = _NO_CHANGE, change: float = 0.0) -> Tail:
        """Return what the book may lose, in money, after a change of one exposure, by the worst method."""
        if self._changes:
            self._take_in()
        var = cvar = 0.0
        if self._historical or self._drawn:
            gains = self._gains_after(at, change)
            if self._historical:
                found = tail_of_gains(gains, self._model.level)
                var, cvar = found.var * self._root, found.cvar * self._root
            if self._drawn and len(gains):
                picked = gains[self._picked]
                drawn = picked[:, 0] if self._model.horizon == 1 else picked.sum(axis=1)
                found = tail_of_gains(drawn, self._model.level)
                var, cvar = max(var, found.var), max(cvar, found.cvar)
        variance = self._variance_after(at, change) if self._normal else 0.0
        if self.shrunk is not None:
            variance = max(variance, self._shrunk_after(at, change))
        if variance > 0.0:
            deviation = math.sqrt(variance) * self._root
            var, cvar = max(var, self._factors[0] * deviation), max(cvar, self._factors[1] * deviation)
        return Tail(var, cvar) if cvar > 0.0 else NO_TAIL

    def correlation(self, at: int, side: int) -> float:
        """Return the correlation of a new position with the rest of the book; 0 where there is no rest."""
        if self._changes:
            self._take_in()
        own, variance = float(self.exposures[at]), self.ewma.entry(at)
        covariance = float(self._by_ewma[at]) - variance * own
        rest = self._variance - 2.0 * own * float(self._by_ewma[at]) + own * own * variance
        product = variance * rest
        if rest <= 1e-12 * self._variance or product <= 0.0:
            return 0.0
        return side * covariance / math.sqrt(product)

    def beta(self, at: int = _NO_CHANGE, change: float = 0.0) -> float:
        """Return the book's beta times its money, after a change of one exposure."""
        if self._changes:
            self._take_in()
        if self._market <= 0.0:
            return 0.0
        added = change * float(self._with_market[at]) if at >= 0 else 0.0
        return (self._beta + added) / self._market

    def _hold_nothing(self) -> None:
        self._gains = np.zeros(self.window.filled)
        self._by_ewma = np.zeros(len(self.exposures))
        self._by_shrunk = np.zeros(len(self.exposures))
        self._variance = self._shrunk_variance = self._beta = 0.0

    def _market_return(self, returns: Floats, last: Floats) -> float:
        if self._benchmark >= 0:
            return float(last[self._benchmark])
        count = int(np.count_nonzero(returns == returns))  # noqa: PLR0124  # NaN is not
        return float(last.sum()) / count if count else 0.0

    def _gains_after(self, at: int, change: float) -> Floats:
        if change == 0.0:
            return self._gains
        after: Floats = self.window.rows[: self.window.filled, at] * change
        after += self._gains
        return after

    def _variance_after(self, at: int, change: float) -> float:
        if change == 0.0:
            return self._variance
        return self._variance + change * (2.0 * float(self._by_ewma[at]) + change * self.ewma.entry(at))

    def _shrunk_after(self, at: int, change: float) -> float:
        if change == 0.0 or self.shrunk is None:
            return self._shrunk_variance
        own = self.shrunk.entry(at)
        return self._shrunk_variance + change * (2.0 * float(self._by_shrunk[at]) + change * own)
