"""What the machine allows plain Python: the workloads as loops over lists, with nothing general in them.

One loop has everything written into it. The other calls a strategy's `on_bar`, the very function that
Openbell calls, and gives it views that look indicators up: what is left to save is the framework.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import talib

from benchmarks.data import CASH, FAST, FEE, SIZE, SLOW, TIE, Bars
from benchmarks.strategies import Bracket, Cross

#: Entries, final equity, and the shares held at last.
Traded = tuple[int, float, float]


class Booked(NamedTuple):
    """One line of a hand-written ledger."""

    bar: int
    shares: float
    price: float
    fee: float
    cash: float


def cross_inlined(bars: Bars) -> Traded:
    """Trade W1 in one loop: running sums, the strategy and the ledger written into it."""
    cash, shares, order, entries = CASH, 0.0, 0, 0
    fast_sum = slow_sum = 0.0
    fast_window: deque[float] = deque([0.0] * FAST)
    slow_window: deque[float] = deque([0.0] * SLOW)
    closes = bars.close.tolist()
    price = 0.0
    for i, (open_, price) in enumerate(zip(bars.open.tolist(), closes, strict=True)):
        if order:
            value = SIZE * open_
            if order > 0:
                cash -= value + value * FEE
                shares = SIZE
                entries += 1
            else:
                cash += value - value * FEE
                shares = 0.0
            order = 0
        fast_sum += price - fast_window.popleft()
        slow_sum += price - slow_window.popleft()
        fast_window.append(price)
        slow_window.append(price)
        if i >= SLOW - 1:
            gap = fast_sum / FAST - slow_sum / SLOW
            if gap > TIE:
                if not shares:
                    order = 1
            elif gap < -TIE and shares:
                order = -1
    return entries, cash + shares * price, shares


class _View:
    """An indicator's values up to the current bar: what `self.fast[-1]` looks up."""

    __slots__ = ("at", "values")

    def __init__(self, values: Any) -> None:
        self.values = values.data
        self.at = -1

    def __getitem__(self, ago: int) -> float:
        found: float = self.values[self.at + 1 + ago]
        return found


class _Running:
    """An average of the last closes, kept up in Python."""

    __slots__ = ("count", "now", "total", "window")

    def __init__(self, count: int) -> None:
        self.count, self.total, self.now = count, 0.0, 0.0
        self.window: deque[float] = deque([0.0] * count)

    def update(self, price: float) -> None:
        self.total += price - self.window.popleft()
        self.window.append(price)
        self.now = self.total / self.count

    def __getitem__(self, _ago: int) -> float:
        return self.now


class _Bar:
    """The bar that is being decided on."""

    __slots__ = ("close", "symbol")

    close: float

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol


class _CrossByHand:
    """W1's strategy at a desk that takes one order at a time."""

    on_bar = Cross.on_bar

    def __init__(self, fast: _View | _Running, slow: _View | _Running) -> None:
        self.fast, self.slow, self.long, self.order = fast, slow, False, 0

    def buy(self, _symbol: str) -> None:
        self.order = 1

    def close(self, _symbol: str) -> None:
        self.order = -1


def cross_by_hand(bars: Bars) -> Traded:
    """Trade W1 in a loop that calls the strategy's `on_bar` and keeps a ledger."""
    fast, slow = _View(talib.SMA(bars.close, FAST)), _View(talib.SMA(bars.close, SLOW))
    strategy: Any = _CrossByHand(fast, slow)
    on_bar, bar, opens, closes = strategy.on_bar, _Bar("X"), bars.open.data, bars.close.data
    cash, shares = CASH, 0.0
    ledger: list[Booked] = []
    for i in range(len(closes)):
        if strategy.order:
            price, signed = opens[i], strategy.order * SIZE
            fee = SIZE * price * FEE
            cash -= signed * price + fee
            shares += signed
            ledger.append(Booked(i, signed, price, fee, cash))
            strategy.order = 0
        if i >= SLOW - 1:
            fast.at = slow.at = i
            bar.close = closes[i]
            on_bar(bar)
    return sum(line.shares > 0 for line in ledger), cash + shares * closes[-1], shares


def cross_running(bars: Bars) -> Traded:
    """Trade W1 in a loop that calls the strategy's `on_bar`; the averages are kept up in Python as well."""
    fast, slow = _Running(FAST), _Running(SLOW)
    strategy: Any = _CrossByHand(fast, slow)
    on_bar, bar, opens, closes = strategy.on_bar, _Bar("X"), bars.open.data, bars.close.data
    cash, shares = CASH, 0.0
    ledger: list[Booked] = []
    for i, close in enumerate(closes):
        if strategy.order:
            price, signed = opens[i], strategy.order * SIZE
            fee = SIZE * price * FEE
            cash -= signed * price + fee
            shares += signed
            ledger.append(Booked(i, signed, price, fee, cash))
            strategy.order = 0
        fast.update(close)
        slow.update(close)
        if i >= SLOW - 1:
            bar.close = close
            on_bar(bar)
    return sum(line.shares > 0 for line in ledger), cash + shares * closes[-1], shares


class _BracketByHand:
    """W4's strategy at a desk that takes one bracket at a time."""

    on_bar = Bracket.on_bar

    def __init__(self, fast: _View, slow: _View) -> None:
        self.fast, self.slow, self.shares = fast, slow, 0.0
        self.order: tuple[float, float] | None = None

    def position(self, _symbol: str) -> float:
        return self.shares

    def buy(self, _symbol: str, *, stop_loss: float, take_profit: float) -> None:
        self.order = _cent(stop_loss), _cent(take_profit)


def _cent(price: float) -> float:
    return (price * 100.0 + 0.5) // 1.0 / 100.0


def brackets_by_hand(bars: Bars) -> Traded:
    """Trade W4 in a loop that calls the strategy's `on_bar`, watches one bracket and keeps a ledger."""
    fast, slow = _View(talib.SMA(bars.close, FAST)), _View(talib.SMA(bars.close, SLOW))
    strategy: Any = _BracketByHand(fast, slow)
    on_bar, bar = strategy.on_bar, _Bar("X")
    opens, highs, lows, closes = bars.open.data, bars.high.data, bars.low.data, bars.close.data
    cash, stop, target, price = CASH, 0.0, 0.0, 0.0
    ledger: list[Booked] = []
    for i in range(len(closes)):
        if strategy.order:
            (stop, target), strategy.order = strategy.order, None
            price = opens[i]
            fee = SIZE * price * FEE
            cash -= SIZE * price + fee
            strategy.shares = SIZE
            ledger.append(Booked(i, SIZE, price, fee, cash))
        if strategy.shares:
            price = 0.0
            if lows[i] <= stop:
                price = min(opens[i], stop)
            elif highs[i] >= target:
                price = max(opens[i], target)
            if price:
                fee = SIZE * price * FEE
                cash += SIZE * price - fee
                strategy.shares = 0.0
                ledger.append(Booked(i, -SIZE, price, fee, cash))
        if i >= SLOW - 1:
            fast.at = slow.at = i
            bar.close = closes[i]
            on_bar(bar)
    entries = sum(line.shares > 0 for line in ledger)
    return entries, cash + strategy.shares * closes[-1], strategy.shares
