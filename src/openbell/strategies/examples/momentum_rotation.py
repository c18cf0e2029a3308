"""Cross-sectional momentum, rebalanced once a month."""

import numpy as np

import openbell as ob


class MomentumRotation(ob.Strategy):
    """Hold the symbols with the best return over the lookback, equally weighted."""

    lookback: int = ob.param(126, ge=5, le=500)
    top: int = ob.param(2, ge=1)
    invest: float = ob.param(0.95, gt=0, le=1)

    def on_start(self) -> None:
        self.month = 0

    def on_bars(self, bars: ob.CrossSection) -> None:
        if self.now.month == self.month:
            return
        self.month = self.now.month
        window = bars.history("close", self.lookback + 1)
        growth = window[-1] / window[0]
        if len(window) <= self.lookback or np.isnan(growth).all():
            return
        best = np.argsort(-np.nan_to_num(growth, nan=-1.0), kind="stable")[: self.top]
        held = [i for i in best if growth[i] > 0]
        self.rebalance({self.symbols[i]: self.invest / len(held) for i in held})
