"""PyBroker: indicators by numba, orders filled at the next open; timed after a short run that compiles."""

import numpy as np
import pandas as pd
import pybroker
from numba import njit
from pybroker import FeeMode, PriceType, Strategy, StrategyConfig
from shared import (
    CASH, FAST, INVEST, LOOKBACK, SIZE, SLOW, STOP, TARGET, TIE, TOP, load, main, result, timed,
)  # fmt: skip

COLUMNS = ("open", "high", "low", "close", "volume")
pybroker.disable_logging()
pybroker.disable_progress_bar()


@njit(cache=True)
def average(values, count):
    found = np.full(values.size, np.nan)
    total = 0.0
    for i in range(values.size):
        total += values[i]
        if i >= count:
            total -= values[i - count]
        if i >= count - 1:
            found[i] = total / count
    return found


def close_average(bars, count):
    return average(bars.close, count)


def gap_of(context):
    return context.indicator("fast")[-1] - context.indicator("slow")[-1]


def cross(context):
    gap = gap_of(context)
    if gap > TIE:
        if not context.long_pos():
            context.buy_shares, context.buy_fill_price = SIZE, PriceType.OPEN
    elif gap < -TIE and context.long_pos():
        context.sell_fill_price = PriceType.OPEN
        context.sell_all_shares()


def bracket(context):
    if gap_of(context) > TIE and not context.long_pos():
        context.buy_shares, context.buy_fill_price = SIZE, PriceType.OPEN
        context.stop_loss_pct, context.stop_profit_pct = STOP * 100, TARGET * 100


def table(kept, symbol, column=None):
    picked = {name: kept[name] if column is None else kept[name][:, column] for name in COLUMNS}
    times = pd.DatetimeIndex(kept["start"].astype("datetime64[ns]"))
    return pd.DataFrame({"symbol": symbol, "date": times, **picked})


def strategy_on(bars):
    settings = StrategyConfig(initial_cash=CASH, fee_mode=FeeMode.ORDER_PERCENT, fee_amount=0.1)
    return Strategy(bars, bars["date"].min(), bars["date"].max(), settings)


def run(bars, decide):
    strategy = strategy_on(bars)
    lines = [
        pybroker.indicator("fast", close_average, count=FAST),
        pybroker.indicator("slow", close_average, count=SLOW),
    ]
    strategy.add_execution(decide, ["X"], indicators=lines)
    return strategy.backtest(warmup=SLOW - 1)


def single(workload, decide, count):
    bars = table(load(workload, count), "X")
    run(bars.iloc[:2000], decide)
    seconds, found = timed(lambda: run(bars, decide))
    bought = int((found.orders["type"] == "buy").sum())
    equity = found.portfolio["equity"].iloc[-1]
    result(pybroker.__version__, seconds, bars=len(bars), trades=bought, equity=equity)


def many(_):
    kept = load("W2")
    days, symbols = kept["close"].shape
    names = [f"S{j:03d}" for j in range(symbols)]
    bars = pd.concat([table(kept, name, j) for j, name in enumerate(names)], ignore_index=True)

    def rebalance(contexts):
        row = next(iter(contexts.values())).bars - 1
        if row < LOOKBACK or not kept["month_end"][row]:
            return
        growth = {name: one.close[-1 - LOOKBACK] / one.close[-1] for name, one in contexts.items()}
        best = set(sorted(growth, key=growth.get)[:TOP])
        for name, one in contexts.items():
            if name in best:
                one.set_target_shares(INVEST / TOP, dir="long")
                one.buy_fill_price = PriceType.OPEN if one.buy_shares is not None else one.buy_fill_price
                one.sell_fill_price = PriceType.OPEN if one.sell_shares is not None else one.sell_fill_price
            elif one.long_pos():
                one.sell_fill_price = PriceType.OPEN
                one.sell_all_shares()

    def rotate(part, members):
        strategy = strategy_on(part)
        strategy.add_execution(None, members)
        strategy.set_after_exec(rebalance)
        return strategy.backtest()

    rotate(bars[bars["symbol"].isin(names[:60])], names[:60])
    seconds, found = timed(lambda: rotate(bars, names))
    equity = found.portfolio["equity"].iloc[-1]
    fills = len(found.orders)
    result(pybroker.__version__, seconds, bars=days, symbols=symbols, trades=fills, equity=equity)


if __name__ == "__main__":
    main(
        {
            "W1": lambda count: single("W1", cross, count),
            "W2": many,
            "W4": lambda count: single("W4", bracket, count),
        }
    )
