"""The worst that was reached: of each measure the highest value, and when."""

from __future__ import annotations

import math
from typing import NamedTuple

from openbell.execution.risk.book import Book
from openbell.execution.risk.forecast import Forecast
from openbell.execution.risk.pulse import Pulse


class Reached(NamedTuple):
    """The highest value of a measure, and when it was first reached, ns UTC."""

    value: float
    time: int


class Worst:
    """The highest values so far, by name."""

    def __init__(self) -> None:
        self.reached: dict[str, Reached] = {}

    def note(self, name: str, value: float, time: int) -> None:
        """Take in a value."""
        before = self.reached.get(name)
        if before is None or value > before.value:
            self.reached[name] = Reached(value, time)

    def measure(
        self, book: Book, pulse: Pulse, forecast: Forecast | None, *, equity: float, time: int
    ) -> None:
        """Take in what a moment's book comes to; what it may lose is asked of a forecast that holds it."""
        self.note("drawdown", pulse.drawdown(equity), time)
        self.note("daily_loss", pulse.daily_loss(equity), time)
        if not book.positions:
            return
        part = 1.0 / equity if equity > 0.0 else math.inf
        self.note("gross_exposure", book.gross, time)
        self.note("leverage", book.gross * part, time)
        self.note("net_exposure", max(book.above, -book.below) * part, time)
        self.note("position_share", book.largest(1) * part, time)
        self.note("position_count", book.positions, time)
        if forecast is not None:
            tail = forecast.tail()
            self.note("value_at_risk", tail.var * part, time)
            self.note("expected_shortfall", tail.cvar * part, time)
            self.note("beta", abs(forecast.beta()) * part, time)
