"""Trend following whose positions are as large as they are calm."""

import numpy as np

import openbell as ob


class VolatilityTrend(ob.Strategy):
    """Hold what has risen over the lookback, each as much as fluctuates by its part of the target a year."""

    lookback: int = ob.param(126, ge=20, le=500)
    window: int = ob.param(60, ge=10, le=250)
    target: float = ob.param(0.20, gt=0, le=1)

    def on_bars(self, bars: ob.CrossSection) -> None:
        close = bars.history("close", max(self.lookback, self.window) + 1)
        if len(close) <= max(self.lookback, self.window):
            return
        recent = close[-self.window - 1 :]
        volatility = np.std(np.diff(recent, axis=0) / recent[:-1], axis=0, ddof=1) * 252**0.5
        part = np.minimum(self.target / volatility, 1.0) / len(self.symbols)
        rises = close[-1] > close[-self.lookback - 1]
        weights = {s: float(part[i]) for i, s in enumerate(self.symbols) if rises[i]}
        self.rebalance(weights, ob.Rebalancing(every="week", band=0.02, buffer=0.02))
