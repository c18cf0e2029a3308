"""vectorbt: `Portfolio.from_signals` on whole arrays; the second run is timed, as the first one compiles."""

import numpy as np
import pandas as pd
import vectorbt as vbt
from shared import (
    CASH, FAST, FEE, INVEST, LOOKBACK, SIZE, SLOW, STOP, TARGET, TIE, TOP, frame, grid, load, main, result,
    timed,
)  # fmt: skip

MONEY = {"fees": FEE, "init_cash": CASH}


def later(signals):
    """Move signals to the next bar, at whose open they fill."""
    return signals.vbt.signals.fshift(1)


def cross(bars, fast, slow, freq):
    """Trade the cross; equally long lists of windows are a column each."""
    close = bars["close"]
    fast_line = vbt.MA.run(close, fast, short_name="fast", run_unique=True)
    slow_line = vbt.MA.run(close, slow, short_name="slow", run_unique=True)
    gap = fast_line.ma.to_numpy() - slow_line.ma.to_numpy()
    wrap = slow_line.wrapper.wrap
    portfolio = vbt.Portfolio.from_signals(
        close,
        later(wrap(gap > TIE)),
        later(wrap(gap < -TIE)),
        price=bars["open"],
        size=SIZE,
        freq=freq,
        **MONEY,
    )
    return portfolio, portfolio.final_value()


def brackets(bars):
    close = bars["close"]
    gap = vbt.MA.run(close, FAST).ma - vbt.MA.run(close, SLOW).ma
    portfolio = vbt.Portfolio.from_signals(
        close, later(gap > TIE), False, price=bars["open"], open=bars["open"], high=bars["high"],
        low=bars["low"], val_price=close.shift(1).bfill(), sl_stop=STOP, tp_stop=TARGET,
        stop_entry_price="valprice", stop_exit_price="stoplimit", size=SIZE, freq="15min", **MONEY,
    )  # fmt: skip
    return portfolio, portfolio.final_value()


def rotation(opens, closes, ends):
    growth = closes / closes.shift(LOOKBACK)
    rows = np.flatnonzero(ends & (np.arange(len(closes)) >= LOOKBACK))
    rank = growth.iloc[rows].rank(axis=1, ascending=False, method="first")
    weights = pd.DataFrame(np.nan, index=closes.index, columns=closes.columns)
    weights.iloc[rows + 1] = np.where(rank <= TOP, INVEST / TOP, 0.0)
    portfolio = vbt.Portfolio.from_orders(
        closes, size=weights, size_type="targetpercent", price=opens, val_price=closes.shift(1).bfill(),
        group_by=True, cash_sharing=True, call_seq="auto", size_granularity=1.0, freq="1D", **MONEY,
    )  # fmt: skip
    return portfolio, portfolio.final_value()


def single(workload, run, count):
    bars = frame(load(workload, count))
    run(bars)
    seconds, (portfolio, value) = timed(lambda: run(bars))
    bought = int(portfolio.orders.buy.count())
    result(vbt.__version__, seconds, bars=len(bars), trades=bought, equity=value)


def many(_):
    kept = load("W2")
    times = pd.DatetimeIndex(kept["start"].astype("datetime64[ns]"))
    opens, closes = (pd.DataFrame(kept[name], index=times) for name in ("open", "close"))
    rotation(opens, closes, kept["month_end"])
    seconds, (portfolio, value) = timed(lambda: rotation(opens, closes, kept["month_end"]))
    days, symbols = closes.shape
    fills = int(portfolio.orders.count())
    result(vbt.__version__, seconds, bars=days, symbols=symbols, trades=fills, equity=value)


def sweep(count):
    bars = frame(load("W3"))
    pairs = [(fast, slow) for fast in grid(count)[0] for slow in grid(count)[1]]

    def run(part):
        fast, slow = map(list, zip(*part, strict=True))
        return cross(bars, fast, slow, "5min")

    run(pairs[:4])
    seconds, (_, value) = timed(lambda: run(pairs))
    result(vbt.__version__, seconds, bars=len(bars), trades=None, equity=value.mean(), combinations=count)


if __name__ == "__main__":
    main(
        {
            "W1": lambda count: single("W1", lambda bars: cross(bars, FAST, SLOW, "1min"), count),
            "W2": many,
            "W3": sweep,
            "W4": lambda count: single("W4", brackets, count),
        }
    )
