"""backtesting.py: its documented way, indicators made once by `self.I`, market orders at the next open."""

import backtesting
import pandas as pd
from backtesting import Backtest, Strategy
from shared import CASH, FAST, FEE, SIZE, SLOW, STOP, TARGET, TIE, frame, grid, load, main, result, timed

backtesting.backtesting._tqdm = lambda steps, **_: steps


def average(values, count):
    return pd.Series(values).rolling(count).mean()


class Cross(Strategy):
    fast, slow = FAST, SLOW

    def init(self):
        self.fast_line = self.I(average, self.data.Close, self.fast)
        self.slow_line = self.I(average, self.data.Close, self.slow)

    def next(self):
        gap = self.fast_line[-1] - self.slow_line[-1]
        if gap > TIE:
            if not self.position:
                self.buy(size=SIZE)
        elif gap < -TIE and self.position:
            self.position.close()


class Bracket(Cross):
    def next(self):
        if not self.position and self.fast_line[-1] - self.slow_line[-1] > TIE:
            close = self.data.Close[-1]
            self.buy(size=SIZE, sl=round(close * (1 - STOP), 2), tp=round(close * (1 + TARGET), 2))


def single(workload, strategy, count):
    bars = frame(load(workload, count), capital=True)
    seconds, stats = timed(lambda: Backtest(bars, strategy, cash=CASH, commission=FEE).run())
    made = stats["_strategy"]
    entries = len(made.closed_trades) + len(made.trades)
    result(backtesting.__version__, seconds, bars=len(bars), trades=entries, equity=stats["Equity Final [$]"])


def sweep(count):
    bars = frame(load("W3"), capital=True)
    fast, slow = grid(count)

    def run():
        test = Backtest(bars, Cross, cash=CASH, commission=FEE)
        return test.optimize(fast=fast, slow=slow, maximize="Equity Final [$]", return_heatmap=True)[1]

    seconds, heat = timed(run)
    result(
        backtesting.__version__, seconds, bars=len(bars), trades=None, equity=heat.mean(), combinations=count
    )


if __name__ == "__main__":
    main(
        {
            "W1": lambda count: single("W1", Cross, count),
            "W3": sweep,
            "W4": lambda count: single("W4", Bracket, count),
        }
    )
