"""basana: it computes in Decimal; bars are made before the clock, and the averages are the strategy's own."""

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version

import basana
from basana.backtesting import exchange, fees, liquidity
from shared import CASH, FAST, MINUTES, SIZE, SLOW, TIE, load, main, result, timed

PAIR = basana.Pair("X", "USD")
BUY, SELL = basana.OrderOperation.BUY, basana.OrderOperation.SELL
logging.getLogger("basana").setLevel(logging.WARNING)


class Cross:
    def __init__(self, market):
        self.market, self.shares, self.entries = market, Decimal(0), 0
        self.fast, self.slow = deque([0.0] * FAST), deque([0.0] * SLOW)
        self.fast_sum = self.slow_sum = 0.0
        self.bars = 0
        market.subscribe_to_bar_events(PAIR, self.on_bar)
        market.subscribe_to_order_events(self.on_order)

    async def on_order(self, event):
        order = event.order
        if not order.is_open and order.amount_filled:
            bought = order.operation is BUY
            self.shares += order.amount_filled if bought else -order.amount_filled
            self.entries += bought

    async def on_bar(self, event):
        close = float(event.bar.close)
        self.fast_sum += close - self.fast.popleft()
        self.slow_sum += close - self.slow.popleft()
        self.fast.append(close)
        self.slow.append(close)
        self.bars += 1
        if self.bars < SLOW:
            return
        gap = self.fast_sum / FAST - self.slow_sum / SLOW
        if gap > TIE:
            if not self.shares:
                await self.market.create_market_order(BUY, PAIR, Decimal(SIZE))
        elif gap < -TIE and self.shares:
            await self.market.create_market_order(SELL, PAIR, self.shares)


def events(kept, minutes):
    lasts, cents = timedelta(minutes=minutes), Decimal(100)
    prices = [
        [Decimal(round(price * 100)) / cents for price in kept[name].tolist()]
        for name in ("open", "high", "low", "close")
    ]
    found = []
    for at, *ohlc, volume in zip(kept["start"].tolist(), *prices, kept["volume"].tolist(), strict=True):
        begins = datetime.fromtimestamp(at // 10**9, UTC)
        found.append(basana.BarEvent(begins + lasts, basana.Bar(begins, PAIR, *ohlc, Decimal(volume), lasts)))
    return found


def single(count):
    kept = load("W1", count)
    bars = events(kept, MINUTES["W1"])

    async def run():
        dispatcher = basana.backtesting_dispatcher()
        market = exchange.Exchange(
            dispatcher, {"USD": Decimal(int(CASH))},
            liquidity_strategy_factory=liquidity.InfiniteLiquidity,
            fee_strategy=fees.Percentage(Decimal("0.1")),
        )  # fmt: skip
        strategy = Cross(market)
        market.add_bar_source(basana.FifoQueueEventSource(events=bars))
        await dispatcher.run()
        return strategy, (await market.get_balance("USD")).total

    seconds, (strategy, cash) = timed(lambda: asyncio.run(run()))
    equity = float(cash) + float(strategy.shares) * float(kept["close"][-1])
    result(version("basana"), seconds, bars=len(kept["close"]), trades=strategy.entries, equity=equity)


if __name__ == "__main__":
    main({"W1": single})
