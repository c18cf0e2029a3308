"""A strategy that does what a test says, on each bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openbell as ob


def run(data: Any, act: Callable[[Any, Any], Any], **settings: Any) -> ob.Result:
    """Run a strategy that does `act(strategy, bar)` on each bar; without costs unless some are given."""

    class Acting(ob.Strategy):
        def on_bar(self, bar: ob.Bar) -> None:
            act(self, bar)

    return ob.backtest(Acting, data, **{"costs": ob.NO_COSTS, **settings})


def idle(strategy: ob.Strategy, bar: ob.Bar) -> None:
    """Do nothing."""
