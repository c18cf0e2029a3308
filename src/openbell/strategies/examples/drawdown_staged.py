"""A portfolio that is made smaller in stages as it loses, and larger again after a rest."""

import openbell as ob


class DrawdownStaged(ob.Strategy):
    """Hold all in equal parts: half of it below the first fall from the peak, nothing below the second."""

    first: float = ob.param(0.10, gt=0, lt=1)
    second: float = ob.param(0.20, gt=0, lt=1)
    rest: int = ob.param(60, ge=1)
    invest: float = ob.param(0.95, gt=0, le=1)

    def on_start(self) -> None:
        self.peak, self.stage, self.idle = self.equity, -1.0, 0

    def on_bars(self, bars: ob.CrossSection) -> None:
        self.idle = 0 if self.stage else self.idle + 1
        self.peak = max(self.peak, self.equity) if self.idle <= self.rest else self.equity
        fall = 1.0 - self.equity / self.peak
        stage = 1.0 if fall < self.first else 0.5 if fall < self.second else 0.0
        listed = [s for s, close in zip(self.symbols, bars.history("close", 1)[-1], strict=True) if close > 0]
        weights = {s: stage * self.invest / len(listed) for s in listed}
        how = ob.Rebalancing(band=0.02) if stage != self.stage else ob.Rebalancing(every="month", band=0.02)
        self.rebalance(weights, how)
        self.stage = stage
