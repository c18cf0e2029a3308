"""A breakout with a bracket: the stop and the target live from the entry's fill on."""

import openbell as ob


class BollingerBreakout(ob.Strategy):
    """Buy a close above the upper band; stop below, target above."""

    period: int = ob.param(20, ge=2, le=250)
    width: float = ob.param(2.0, gt=0, le=5)
    stop: float = ob.param(0.05, gt=0, lt=1)
    target: float = ob.param(0.10, gt=0)

    def on_start(self) -> None:
        self.bands = self.indicator(ob.BBANDS(self.period, self.width, self.width))

    def on_bar(self, bar: ob.Bar) -> None:
        if bar.close > self.bands.upperband[-1]:
            self.buy(
                bar.symbol, stop_loss=bar.close * (1 - self.stop), take_profit=bar.close * (1 + self.target)
            )
