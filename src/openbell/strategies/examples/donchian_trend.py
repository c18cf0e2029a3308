"""The turtles' channel, left by a trailing stop."""

import openbell as ob


class DonchianTrend(ob.Strategy):
    """Buy a close above the highest high of the bars before; trail a stop behind the best price."""

    lookback: int = ob.param(20, ge=2, le=250)
    trail: float = ob.param(0.10, gt=0, lt=1)

    def on_start(self) -> None:
        self.top = self.indicator(ob.MAX(self.lookback), "high")

    def on_bar(self, bar: ob.Bar) -> None:
        if bar.close > self.top[-2]:
            self.buy(bar.symbol, trailing_stop=self.trail)
