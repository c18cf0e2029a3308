"""bt: it trades at the one price a row has, so it is given opens, and signals that are a row late."""

import bt
import numpy as np
import pandas as pd
from shared import CASH, FAST, FEE, INVEST, LOOKBACK, SIZE, SLOW, TIE, TOP, load, main, result, timed


class Trade(bt.Algo):
    def __init__(self, gap):
        super().__init__()
        self.gap, self.row, self.entries = gap, -1, 0

    def __call__(self, target):
        self.row += 1
        gap = self.gap[self.row]
        if abs(gap) <= TIE:
            return True
        held = target.children.get("X")
        shares = 0 if held is None else held.position
        if gap > 0 and not shares:
            if held is None:
                target._create_child_if_needed("X")
            target.children["X"].transact(SIZE)
            self.entries += 1
        elif gap < 0 and shares:
            held.transact(-shares)
        return True


def backtest(strategy, prices):
    return bt.Backtest(
        strategy, prices, initial_capital=CASH, commissions=lambda shares, price: abs(shares) * price * FEE,
        integer_positions=True, progress_bar=False,
    )  # fmt: skip


def single(count):
    bars = load("W1", count)
    prices = pd.DataFrame({"X": bars["open"]}, index=pd.DatetimeIndex(bars["start"].astype("datetime64[ns]")))

    def run():
        close = pd.Series(bars["close"])
        gap = (close.rolling(FAST).mean() - close.rolling(SLOW).mean()).shift(1).fillna(0.0).to_numpy()
        test = backtest(bt.Strategy("cross", [Trade(gap)], children=["X"]), prices)
        test.run()
        return test.strategy

    seconds, strategy = timed(run)
    equity = strategy.capital + strategy.children["X"].position * bars["close"][-1]
    entries = strategy.stack.algos[0].entries
    result(bt.__version__, seconds, bars=len(prices), trades=entries, equity=equity)


def many(_):
    kept = load("W2")
    days, symbols = kept["close"].shape
    names = [f"S{j:03d}" for j in range(symbols)]
    times = pd.DatetimeIndex(kept["start"].astype("datetime64[ns]"))
    opens, closes = (pd.DataFrame(kept[name], index=times, columns=names) for name in ("open", "close"))

    def run():
        rows = np.flatnonzero(kept["month_end"] & (np.arange(days) >= LOOKBACK))
        growth = (closes / closes.shift(LOOKBACK)).iloc[rows]
        chosen = pd.DataFrame(data=False, index=times, columns=names)
        chosen.iloc[rows + 1] = (growth.rank(axis=1, ascending=False, method="first") <= TOP).to_numpy()
        steps = [
            bt.algos.RunOnDate(*times[rows + 1]), bt.algos.SelectWhere(chosen), bt.algos.WeighEqually(),
            bt.algos.ScaleWeights(INVEST), bt.algos.Rebalance(),
        ]  # fmt: skip
        test = backtest(bt.Strategy("rotation", steps), opens)
        return test.strategy, bt.run(test)

    seconds, (_, report) = timed(run)
    strategy = next(iter(report.backtests.values())).strategy
    last = dict(zip(names, kept["close"][-1], strict=True))
    equity = strategy.capital + sum(child.position * last[name] for name, child in strategy.children.items())
    fills = len(report.get_transactions())
    result(bt.__version__, seconds, bars=days, symbols=symbols, trades=fills, equity=equity)


if __name__ == "__main__":
    main({"W1": single, "W2": many})
