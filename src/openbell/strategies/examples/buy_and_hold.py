"""What every other strategy must beat."""

import openbell as ob


class BuyAndHold(ob.Strategy):
    """Buy every symbol once, in equal parts, and hold."""

    invest: float = ob.param(0.95, gt=0, le=1)

    def on_bar(self, bar: ob.Bar) -> None:
        if not self.position(bar.symbol):
            self.target_weight(bar.symbol, self.invest / len(self.symbols))
