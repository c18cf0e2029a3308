"""Mean reversion on a daily oscillator."""

import openbell as ob


class RsiReversion(ob.Strategy):
    """Buy when the RSI says oversold, leave when it has recovered."""

    period: int = ob.param(14, ge=2, le=100)
    oversold: float = ob.param(30.0, gt=0, lt=100)
    recovered: float = ob.param(55.0, gt=0, lt=100)

    def on_start(self) -> None:
        self.rsi = self.indicator(ob.RSI(self.period))

    def on_bar(self, bar: ob.Bar) -> None:
        if self.rsi[-1] < self.oversold:
            self.buy(bar.symbol)
        elif self.rsi[-1] > self.recovered:
            self.close(bar.symbol)
