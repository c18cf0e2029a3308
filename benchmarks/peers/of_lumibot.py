"""LumiBot: one iteration a minute over a frame of pandas; reports, plots and logs are off."""

import os
from importlib.metadata import version

os.environ.setdefault("IS_BACKTESTING", "True")
os.environ.setdefault("BACKTESTING_QUIET_LOGS", "True")

import pandas as pd
from lumibot.backtesting import PandasDataBacktesting
from lumibot.entities import Asset, Data, Order, TradingFee
from lumibot.strategies import Strategy
from shared import CASH, FAST, FEE, SIZE, SLOW, TIE, load, main, result, timed

STOCK = Asset("X", Asset.AssetType.STOCK)
MADE = []


class Cross(Strategy):
    def initialize(self):
        self.sleeptime = "1M"
        self.set_market("24/7")
        self.entries = 0
        MADE.append(self)

    def on_trading_iteration(self):
        found = self.get_historical_prices(STOCK, SLOW, "minute")
        if found is None or len(found.df) < SLOW:
            return
        closes = found.df["close"].to_numpy()
        gap = closes[-FAST:].mean() - closes.mean()
        position = self.get_position(STOCK)
        held = position is not None and float(position.quantity) > 0
        if gap > TIE:
            if not held:
                self.submit_order(self.create_order(STOCK, SIZE, Order.OrderSide.BUY))
                self.entries += 1
        elif gap < -TIE and held:
            self.submit_order(self.create_order(STOCK, position.quantity, Order.OrderSide.SELL))


def single(count):
    kept = load("W1", count)
    times = pd.DatetimeIndex(kept["start"].astype("datetime64[ns]")).tz_localize("UTC")
    columns = ("open", "high", "low", "close", "volume")
    bars = pd.DataFrame({name: kept[name] for name in columns}, index=times)
    fee = TradingFee(percent_fee=FEE)

    def run():
        Cross.run_backtest(
            PandasDataBacktesting, times[0].to_pydatetime(), times[-1].to_pydatetime(),
            pandas_data={STOCK: Data(STOCK, bars, timestep="minute")}, budget=CASH, benchmark_asset=None,
            risk_free_rate=0.01, analyze_backtest=False, show_plot=False, show_tearsheet=False,
            save_tearsheet=False, show_indicators=False, save_logfile=False, show_progress_bar=False,
            quiet_logs=True, save_stats_file=False, buy_trading_fees=[fee], sell_trading_fees=[fee],
        )  # fmt: skip
        return MADE[-1]

    seconds, strategy = timed(run)
    equity = strategy.portfolio_value
    result(version("lumibot"), seconds, bars=len(bars), trades=strategy.entries, equity=equity)


if __name__ == "__main__":
    main({"W1": single})
