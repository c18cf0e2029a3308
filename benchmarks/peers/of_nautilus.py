"""NautilusTrader's second engine: its core is Rust, the strategy Python; bars are made before the clock.

Netting, and the risk engine passed by: with either the other way its time grows with the square of the
number of trades. What a market order fills at is said by the comparison with the expected money.
"""

from collections import deque
from decimal import Decimal

from nautilus_trader import __version__
from nautilus_trader.core import nautilus_pyo3 as nautilus
from shared import (
    CASH, FAST, FEE, INVEST, LOOKBACK, MINUTES, SIZE, SLOW, STOP, TARGET, TIE, TOP, load, main, result, timed,
)  # fmt: skip

VENUE, DOLLAR = nautilus.Venue("SIM"), nautilus.Currency.from_str("USD")
BUY, SELL = nautilus.OrderSide.BUY, nautilus.OrderSide.SELL
DAY = 86_400_000_000_000


def stock(name):
    return nautilus.Equity(
        instrument_id=nautilus.InstrumentId.from_str(f"{name}.SIM"), raw_symbol=nautilus.Symbol(name),
        currency=DOLLAR, price_precision=2, price_increment=nautilus.Price.from_str("0.01"), ts_event=0,
        ts_init=0, lot_size=nautilus.Quantity.from_int(1), maker_fee=Decimal(str(FEE)),
        taker_fee=Decimal(str(FEE)),
    )  # fmt: skip


class Quiet(nautilus.Strategy):
    def __new__(cls, *_):
        return super().__new__(cls, nautilus.StrategyConfig(log_events=False, log_commands=False))


class Cross(Quiet):
    def __init__(self, kind):
        self.kind, self.stock = kind, kind.instrument_id
        self.fast, self.slow = nautilus.SimpleMovingAverage(FAST), nautilus.SimpleMovingAverage(SLOW)
        self.size, self.entries = nautilus.Quantity.from_int(SIZE), 0

    def on_start(self):
        for line in (self.fast, self.slow):
            self.register_indicator_for_bars(self.kind, line)
        self.subscribe_bars(self.kind)

    def on_bar(self, bar):
        if self.slow.initialized:
            self.decide(self.fast.value - self.slow.value, bar)

    def decide(self, gap, _bar):
        if gap > TIE:
            if self.portfolio.is_flat(self.stock):
                self.submit_order(self.order_factory.market(self.stock, BUY, self.size))
                self.entries += 1
        elif gap < -TIE and self.portfolio.is_net_long(self.stock):
            self.close_all_positions(self.stock)


class Bracket(Cross):
    def decide(self, gap, bar):
        if gap > TIE and self.portfolio.is_flat(self.stock):
            close = float(bar.close)
            orders = self.order_factory.bracket(
                instrument_id=self.stock, order_side=BUY, quantity=self.size,
                entry_order_type=nautilus.OrderType.MARKET,
                sl_trigger_price=nautilus.Price(close * (1 - STOP), 2),
                tp_price=nautilus.Price(close * (1 + TARGET), 2), tp_post_only=False,
            )  # fmt: skip
            self.submit_order_list(orders)
            self.entries += 1


class Rotation(Quiet):
    def __init__(self, kinds, ends):
        self.kinds, self.ends, self.row, self.seen, self.fills = kinds, ends, 0, 0, 0
        self.closes = {kind.instrument_id: deque(maxlen=LOOKBACK + 1) for kind in kinds}
        self.held = dict.fromkeys(self.closes, 0)

    def on_start(self):
        for kind in self.kinds:
            self.subscribe_bars(kind)

    def on_bar(self, bar):
        self.closes[bar.bar_type.instrument_id].append(float(bar.close))
        self.seen += 1
        if self.seen == len(self.kinds):
            self.seen = 0
            if self.ends[self.row] and self.row >= LOOKBACK:
                self.rebalance()
            self.row += 1

    def on_order_filled(self, event):
        self.fills += 1
        shares = int(float(event.last_qty))
        self.held[event.instrument_id] += shares if event.order_side == BUY else -shares

    def rebalance(self):
        last = {name: closes[-1] for name, closes in self.closes.items()}
        best = set(sorted(last, key=lambda name: self.closes[name][0] / last[name])[:TOP])
        cash = self.portfolio.account(VENUE).balance_total(DOLLAR).as_double()
        equity = cash + sum(shares * last[name] for name, shares in self.held.items() if shares)
        wanted = {name: int(equity * INVEST / TOP / last[name]) if name in best else 0 for name in last}
        changes = [(wanted[name] - self.held[name], name) for name in last]
        for change, name in sorted((one for one in changes if one[0]), key=lambda one: one[0] > 0):
            size = nautilus.Quantity.from_int(abs(change))
            self.submit_order(self.order_factory.market(name, BUY if change > 0 else SELL, size))


def new_engine():
    engine = nautilus.BacktestEngine(
        nautilus.BacktestEngineConfig(
            run_analysis=False, logging=nautilus.LoggerConfig(bypass_logging=True),
            risk_engine=nautilus.RiskEngineConfig(bypass=True),
        )
    )  # fmt: skip
    money = [nautilus.Money(CASH, DOLLAR)]
    engine.add_venue(VENUE, nautilus.OmsType.NETTING, nautilus.AccountType.CASH, money, base_currency=DOLLAR)
    return engine


def bars_of(kind, kept, lasts, column=None):
    names = ("open", "high", "low", "close", "volume")
    columns = [(kept[name] if column is None else kept[name][:, column]).tolist() for name in names]
    price, times = nautilus.Price, (kept["start"] + lasts).tolist()
    return [
        nautilus.Bar(
            kind, price(o, 2), price(h, 2), price(low, 2), price(c, 2), nautilus.Quantity(v, 0), at, at
        )
        for o, h, low, c, v, at in zip(*columns, times, strict=True)
    ]


def cash_of(engine):
    return engine.portfolio.account(VENUE).balance_total(DOLLAR).as_double()


def single(workload, form, count):
    kept, minutes = load(workload, count), MINUTES[workload]
    kind = nautilus.BarType.from_str(f"X.SIM-{minutes}-MINUTE-LAST-EXTERNAL")
    bars, asset = bars_of(kind, kept, minutes * 60_000_000_000), stock("X")

    def run():
        engine, strategy = new_engine(), form(kind)
        engine.add_instrument(asset)
        engine.add_data(bars)
        engine.add_strategy(strategy)
        engine.run()
        held = float(engine.portfolio.net_position(asset.id))
        return strategy, cash_of(engine) + held * float(kept["close"][-1])

    seconds, (strategy, equity) = timed(run)
    result(__version__, seconds, bars=len(bars), trades=strategy.entries, equity=equity)


def many(_):
    kept = load("W2")
    days, symbols = kept["close"].shape
    names = [f"S{j:03d}" for j in range(symbols)]
    kinds = [nautilus.BarType.from_str(f"{name}.SIM-1-DAY-LAST-EXTERNAL") for name in names]
    assets = [stock(name) for name in names]
    bars = [bars_of(kind, kept, DAY, j) for j, kind in enumerate(kinds)]

    def run():
        engine, strategy = new_engine(), Rotation(kinds, kept["month_end"].tolist())
        for asset, one in zip(assets, bars, strict=True):
            engine.add_instrument(asset)
            engine.add_data(one, sort=False)
        engine.sort_data()
        engine.add_strategy(strategy)
        engine.run()
        last = zip(assets, kept["close"][-1].tolist(), strict=True)
        return strategy, cash_of(engine) + sum(strategy.held[asset.id] * price for asset, price in last)

    seconds, (strategy, equity) = timed(run)
    result(__version__, seconds, bars=days, symbols=symbols, trades=strategy.fills, equity=equity)


if __name__ == "__main__":
    main(
        {
            "W1": lambda count: single("W1", Cross, count),
            "W2": many,
            "W4": lambda count: single("W4", Bracket, count),
        }
    )
