"""The strategies of the workloads, as a user of Openbell writes them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import openbell as ob
from benchmarks.data import FAST, INVEST, LOOKBACK, SLOW, STOP, TARGET, TIE, TOP


class Cross(ob.Strategy):
    """W1: long while the fast average is above the slow one; a tie changes nothing."""

    def on_start(self) -> None:
        """Declare the averages."""
        self.fast = self.indicator(ob.SMA(FAST))
        self.slow = self.indicator(ob.SMA(SLOW))
        self.long = False

    def on_bar(self, bar: ob.Bar) -> None:
        """Buy once when they part upwards, sell once when they part downwards."""
        gap = self.fast[-1] - self.slow[-1]
        if gap > TIE:
            if not self.long:
                self.long = True
                self.buy(bar.symbol)
        elif gap < -TIE and self.long:
            self.long = False
            self.close(bar.symbol)


class Bracket(ob.Strategy):
    """W4: while flat and the fast average is above the slow one, enter with a stop and a target."""

    def on_start(self) -> None:
        """Declare the averages."""
        self.fast = self.indicator(ob.SMA(FAST))
        self.slow = self.indicator(ob.SMA(SLOW))

    def on_bar(self, bar: ob.Bar) -> None:
        """Enter; the bracket leaves."""
        if self.fast[-1] - self.slow[-1] > TIE and not self.position(bar.symbol):
            close = bar.close
            self.buy(bar.symbol, stop_loss=close * (1.0 - STOP), take_profit=close * (1.0 + TARGET))


class Rotation(ob.Strategy):
    """W2 and W6: at month ends hold the symbols with the best return in equal parts."""

    top: int = ob.param(TOP, ge=1)
    ends: ClassVar[frozenset[int]] = frozenset()  #: when month ends are known, ns UTC

    def on_bars(self, bars: ob.CrossSection) -> None:
        """Rank and rebalance at a month's last close."""
        if bars.time not in self.ends:
            return
        window = bars.history("close", LOOKBACK + 1)
        if len(window) <= LOOKBACK:
            return
        best = np.argsort(-(window[-1] / window[0]), kind="stable")[: self.top]
        self.rebalance({self.symbols[i]: INVEST / self.top for i in best})


def rotation(ends: frozenset[int]) -> type[Rotation]:
    """Return the rotation over a market's own month ends."""
    return type("Rotation", (Rotation,), {"ends": ends, "__module__": __name__})


@ob.signal(fast=ob.SMA(FAST), slow=ob.SMA(SLOW))
def cross(fast: float, slow: float) -> float:
    """W1 and W3, compiled: as `Cross`, but a tie is flat, as a decision has no memory."""
    return 1.0 if fast - slow > 5e-8 else 0.0


@ob.signal(
    fast=ob.SMA(FAST),
    slow=ob.SMA(SLOW),
    stop_loss=STOP,
    take_profit=TARGET,
    reenter=True,
    entries_only=True,
)
def bracket(fast: float, slow: float) -> float:
    """W4, compiled: as `Bracket`."""
    return 1.0 if fast - slow > 5e-8 else 0.0


@ob.signal(fast=ob.SMA(FAST), slow=ob.SMA(SLOW), stop_loss=0.01, take_profit=0.01, trailing_stop=0.01)
def protected(fast: float, slow: float) -> float:
    """W7: the cross with three exits, each of which is varied."""
    return 1.0 if fast - slow > 5e-8 else 0.0


def costs() -> Any:
    """Return what the workloads trade at: 0.1 % of a fill's value, and nothing else."""
    return ob.Costs(
        commission=ob.Commission(
            per_share=0.0, minimum=0.0, maximum_share=0.0, taker_bps=10.0, maker_bps=10.0
        ),
        slippage=ob.Slippage(bps=0.0),
        volume_share=0.0,
    )
