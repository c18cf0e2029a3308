"""The same amount every month, whatever the price."""

import openbell as ob


class DollarCostAveraging(ob.Strategy):
    """Buy for a fixed amount at each month's first close."""

    amount: float = ob.param(500.0, gt=0)

    def on_start(self) -> None:
        self.months: dict[str, int] = {}

    def on_bar(self, bar: ob.Bar) -> None:
        if self.months.get(bar.symbol) == bar.time.month:
            return
        self.months[bar.symbol] = bar.time.month
        shares = min(self.amount, self.cash * 0.95) // bar.close
        if shares > 0:
            self.order(bar.symbol, shares)
