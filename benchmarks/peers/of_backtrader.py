"""backtrader: preloaded, indicators vectorised, no observers: the fastest mode that its documents give."""

import backtrader as bt
import pandas as pd
from shared import (
    CASH, FAST, FEE, INVEST, LOOKBACK, SIZE, SLOW, STOP, TARGET, TIE, TOP, frame, load, main, result, timed,
)  # fmt: skip


class Cross(bt.Strategy):
    def __init__(self):
        self.fast, self.slow = bt.ind.SMA(period=FAST), bt.ind.SMA(period=SLOW)
        self.bought = self.fills = 0

    def next(self):
        gap = self.fast[0] - self.slow[0]
        if gap > TIE:
            if not self.position:
                self.buy(size=SIZE)
        elif gap < -TIE and self.position:
            self.close()

    def notify_order(self, order):
        if order.status == order.Completed:
            self.fills += 1
            self.bought += order.isbuy()


class Bracket(Cross):
    def next(self):
        if not self.position and self.fast[0] - self.slow[0] > TIE:
            close = self.data.close[0]
            self.buy_bracket(
                size=SIZE, exectype=bt.Order.Market, stopprice=round(close * (1 - STOP), 2),
                limitprice=round(close * (1 + TARGET), 2),
            )  # fmt: skip


class Rotation(bt.Strategy):
    params = (("ends", ()),)

    def __init__(self):
        self.row, self.fills = -1, 0

    def prenext(self):
        self.next()

    def next(self):
        self.row += 1
        if self.row < LOOKBACK or not self.p.ends[self.row]:
            return
        ranked = sorted(self.datas, key=lambda data: data.close[-LOOKBACK] / data.close[0])
        each = self.broker.getvalue() * INVEST / TOP
        for data in ranked[TOP:]:
            if self.getposition(data).size:
                self.close(data)
        for data in ranked[:TOP]:
            self.order_target_size(data, int(each / data.close[0]))

    def notify_order(self, order):
        self.fills += order.status == order.Completed


def run(strategy, frames, **settings):
    brain = bt.Cerebro(stdstats=False)
    brain.broker.setcash(CASH)
    brain.broker.setcommission(FEE)
    for name, one in frames.items():
        brain.adddata(bt.feeds.PandasData(dataname=one), name=name)
    brain.addstrategy(strategy, **settings)
    made = brain.run()[0]
    return made, brain.broker.getvalue()


def single(workload, strategy, count):
    bars = frame(load(workload, count))
    seconds, (made, equity) = timed(lambda: run(strategy, {"X": bars}))
    result(bt.__version__, seconds, bars=len(bars), trades=made.bought, equity=equity)


def many(_):
    kept = load("W2")
    days, symbols = kept["close"].shape
    times = pd.DatetimeIndex(kept["start"].astype("datetime64[ns]"))
    columns = ("open", "high", "low", "close", "volume")
    frames = {
        f"S{j:03d}": pd.DataFrame({name: kept[name][:, j] for name in columns}, index=times)
        for j in range(symbols)
    }
    seconds, (made, equity) = timed(lambda: run(Rotation, frames, ends=kept["month_end"].tolist()))
    result(bt.__version__, seconds, bars=days, symbols=symbols, trades=made.fills, equity=equity)


if __name__ == "__main__":
    main(
        {
            "W1": lambda count: single("W1", Cross, count),
            "W2": many,
            "W4": lambda count: single("W4", Bracket, count),
        }
    )
