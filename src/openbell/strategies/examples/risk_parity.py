"""A portfolio whose symbols contribute equally to its risk."""

import openbell as ob


class RiskParity(ob.Strategy):
    """Hold every symbol, what fluctuates less the more of it; brought back once a month."""

    window: int = ob.param(126, ge=20, le=500)
    band: float = ob.param(0.02, ge=0, lt=1)
    invest: float = ob.param(0.95, gt=0, le=1)

    def on_bars(self, bars: ob.CrossSection) -> None:
        weights = ob.weights(bars, "risk_parity", self.window, invest=self.invest)
        if weights:
            self.rebalance(weights, ob.Rebalancing(every="month", band=self.band, minimum=500.0))
