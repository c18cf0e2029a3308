"""zipline-reloaded: data go through a bundle, which is written before the clock; fills at the next open."""

import os
import shutil
import tempfile
from collections import deque

ROOT = tempfile.mkdtemp(prefix="zipline-")
os.environ["ZIPLINE_ROOT"] = ROOT

import pandas as pd  # noqa: E402
import zipline  # noqa: E402
from shared import (  # noqa: E402
    CASH, FAST, FEE, INVEST, LOOKBACK, SIZE, SLOW, TIE, TOP, load, main, result, timed,
)  # fmt: skip
from zipline import run_algorithm  # noqa: E402
from zipline.api import order, order_target, set_commission, set_slippage, symbol  # noqa: E402
from zipline.data import bundles  # noqa: E402
from zipline.finance import commission, slippage  # noqa: E402
from zipline.utils.calendar_utils import get_calendar  # noqa: E402

COLUMNS = ("open", "high", "low", "close", "volume")
STATE = []


class NextOpen(slippage.SlippageModel):
    def process_order(self, data, one):
        return data.current(one.asset, "open"), one.amount


def begin(context):
    set_slippage(us_equities=NextOpen())
    set_commission(us_equities=commission.PerDollar(FEE))
    context.entries = context.rows = 0
    context.fast, context.slow = deque([0.0] * FAST), deque([0.0] * SLOW)
    context.fast_sum = context.slow_sum = 0.0
    STATE.append(context)


def write(frames, frequency, calendar, first, last):
    def ingest(_environ, assets, minutes, days, adjustments, *_):
        names = list(frames)
        count = len(names)
        assets.write(
            equities=pd.DataFrame(
                {
                    "symbol": names, "asset_name": names, "start_date": [first] * count,
                    "end_date": [last] * count, "exchange": ["X"] * count,
                    "auto_close_date": [last + pd.Timedelta(days=1)] * count,
                }
            ),
            exchanges=pd.DataFrame({"exchange": ["X"], "canonical_name": ["X"], "country_code": ["US"]}),
        )  # fmt: skip
        writer = minutes if frequency == "minute" else days
        writer.write(list(enumerate(frames.values())), show_progress=False)
        adjustments.write()

    bundles.register(
        "bench", ingest, calendar_name=calendar, start_session=first, end_session=last,
        minutes_per_day=1440 if calendar == "24/7" else 390, create_writers=True,
    )  # fmt: skip
    bundles.ingest("bench", show_progress=False)


def run(start, decide, first, last, frequency, calendar):
    exchange = get_calendar(calendar)
    nothing = pd.Series(0.0, index=exchange.sessions_in_range(first, last).tz_localize("UTC"))
    return run_algorithm(
        start=first, end=last, initialize=start, handle_data=decide, capital_base=CASH, bundle="bench",
        data_frequency=frequency, trading_calendar=exchange, benchmark_returns=nothing,
    )  # fmt: skip


def start_cross(context):
    begin(context)
    context.stock = symbol("X")


def cross(context, data):
    close = data.current(context.stock, "close")
    context.rows += 1
    context.fast_sum += close - context.fast.popleft()
    context.slow_sum += close - context.slow.popleft()
    context.fast.append(close)
    context.slow.append(close)
    if context.rows < SLOW:
        return
    gap, held = context.fast_sum / FAST - context.slow_sum / SLOW, context.portfolio.positions
    if gap > TIE:
        if context.stock not in held:
            order(context.stock, SIZE)
            context.entries += 1
    elif gap < -TIE and context.stock in held:
        order_target(context.stock, 0)


def single(count):
    count = (count or 999_360) // 1440 * 1440
    kept = load("W1", count)
    times = pd.DatetimeIndex(kept["start"].astype("datetime64[ns]")).tz_localize("UTC")
    first, last = times[0].tz_localize(None), times[-1].tz_localize(None).normalize()
    bars = pd.DataFrame({name: kept[name] for name in COLUMNS}, index=times)
    write({"X": bars}, "minute", "24/7", first, last)
    seconds, found = timed(lambda: run(start_cross, cross, first, last, "minute", "24/7"))
    equity = found["portfolio_value"].iloc[-1]
    result(zipline.__version__, seconds, bars=count, trades=STATE[-1].entries, equity=equity)


def many(_):
    kept = load("W2")
    days, symbols = kept["close"].shape
    dates = pd.DatetimeIndex(kept["start"].astype("datetime64[ns]")).normalize()
    ends = dict(zip(dates.date, kept["month_end"].tolist(), strict=True))
    frames = {
        f"S{j:03d}": pd.DataFrame({name: kept[name][:, j] for name in COLUMNS}, index=dates)
        for j in range(symbols)
    }
    write(frames, "daily", "XNYS", dates[0], dates[-1])

    def start(context):
        begin(context)
        context.stocks = [symbol(name) for name in frames]

    def rotate(context, data):
        context.rows += 1
        if context.rows <= LOOKBACK or not ends[data.current_dt.date()]:
            return
        window = data.history(context.stocks, "close", LOOKBACK + 1, "1d")
        last = window.iloc[-1]
        best = (window.iloc[0] / last).sort_values(kind="stable").index[:TOP]
        each = context.portfolio.portfolio_value * INVEST / TOP
        for stock in set(context.portfolio.positions) - set(best):
            order_target(stock, 0)
        for stock in best:
            order_target(stock, int(each / last[stock]))

    seconds, found = timed(lambda: run(start, rotate, dates[0], dates[-1], "daily", "XNYS"))
    fills = sum(len(day) for day in found["transactions"])
    equity = found["portfolio_value"].iloc[-1]
    result(zipline.__version__, seconds, bars=days, symbols=symbols, trades=fills, equity=equity)


if __name__ == "__main__":
    try:
        main({"W1": single, "W2": many})
    finally:
        shutil.rmtree(ROOT, ignore_errors=True)
