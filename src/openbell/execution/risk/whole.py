"""The account that several strategies trade: what all of them hold and work, for the limits of each.

Every order is held against its own strategy's ledger, as if that were alone, and against the account's.
There, what each strategy has of a symbol counts by itself, as any of them may be closed alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from openbell.core.clock import Sessions
from openbell.core.desk import Desk
from openbell.core.market import Track
from openbell.core.types import Action
from openbell.execution.risk.book import Book
from openbell.execution.risk.conditions import Conditions
from openbell.execution.risk.estimates import Floats
from openbell.execution.risk.forecast import Forecast, open_forecast
from openbell.execution.risk.limits import Risk, RiskModel
from openbell.execution.risk.pulse import Pulse
from openbell.execution.risk.returns import Returns
from openbell.execution.risk.trial import Beside, Scene, Trial

#: What is said of a value that is not one strategy's alone.
TOGETHER = "(all strategies of the account)"
_NONE = Beside()


class Member(NamedTuple):
    """One strategy of an account: its desk, and the book of its gate, where it has limits."""

    desk: Desk
    book: Book | None


class Whole:
    """The account: its strategies, its equity so far, and how all its symbols move together."""

    def __init__(self, members: Sequence[Member], sessions: Sessions, *, pace: Sequence[Track] = ()) -> None:
        """Take the strategies and the exchange's sessions.

        Where bars are of several lengths, `pace` has the tracks of the longest: returns are of those then, of
        every symbol between two of their closes. Else each moment is one.
        """
        self.members, self._pace = tuple(members), tuple(pace)
        self.tracks: dict[str, Track] = {}
        for desk, _ in reversed(self.members):
            self.tracks |= desk.tracks
        self.numbers = {symbol: at for at, symbol in enumerate(self.tracks)}
        self.pulse = Pulse(sessions, self.equity)
        self._returns = Returns(self.tracks)
        self._reached = self._reach()
        self._forecasts: dict[tuple[RiskModel, bool], Forecast] = {}
        self._time = -1

    @property
    def equity(self) -> float:
        """Return what all strategies have together, at the last closes."""
        return math.fsum(desk.equity() for desk, _ in self.members)

    def forecast_of(self, risk: Risk) -> Forecast | None:
        """Return what estimates all symbols for these limits; limits with one model share it."""
        made = open_forecast(risk, list(self.tracks))
        return None if made is None else self._forecasts.setdefault((risk.model, made.has_tails), made)

    def watch(self, time: int) -> None:
        """Take note of a moment, once: the bars of all strategies are known."""
        if time <= self._time:
            return
        self._time = time
        if self._forecasts and self._has_closed():
            returns = self._returns.step()
            for forecast in self._forecasts.values():
                forecast.push(returns)
        self.pulse.mark(time, self.equity)

    def _has_closed(self) -> bool:
        """Tell whether a bar has come since the last return that returns are of."""
        before, self._reached = self._reached, self._reach()
        return not self._pace or before != self._reached

    def _reach(self) -> list[int]:
        return [track.cursor.at for track in self._pace]

    def act(self, action: Action, desk: Desk) -> None:
        """Take note of a corporate action that a strategy books: once, where several hold the symbol."""
        if desk.tracks[action.symbol] is self.tracks[action.symbol]:
            self._returns.act(action)


class Together:
    """The account as one strategy's gate sees it: its own book, and the others' beside it."""

    def __init__(self, whole: Whole, own: Book, risk: Risk, conditions: Conditions) -> None:
        """Take the account, the gate's own book, its limits and its conditions."""
        self.whole, self._own, self._conditions = whole, own, conditions
        limits = risk.portfolio
        self._others = [
            (
                member,
                Book(
                    member.desk.account, member.desk.tracks, limits.asset_classes,
                    credit=limits.credit_closing,
                ),
            )
            for member in whole.members
            if member.book is not own
        ]  # fmt: skip
        self._forecast = whole.forecast_of(risk)
        self._beside: dict[str, Beside] = {}
        self._scene: Scene

    def watch(self, time: int) -> float:
        """Take note of a moment; return how far the account's equity has fallen from its highest."""
        whole = self.whole
        whole.watch(time)
        return whole.pulse.drawdown(whole.equity)

    def look(self) -> None:
        """Count what the others hold and work now: it stays so while this strategy's orders pass."""
        beside: dict[str, Beside] = {}
        for member, book in self._others:
            book.growth = {} if member.book is None else member.book.growth
            book.rebuild()
            for symbol, orders in member.desk.working.items():
                if orders:
                    book.refresh(symbol, orders.values())
            for slot in book.active.values():
                shares, short, reach = beside.get(slot.symbol, _NONE)
                shares, short = shares + abs(slot.worst), short + max(-slot.low, 0.0)
                beside[slot.symbol] = Beside(shares, short, reach + slot.reach)
        self._beside = beside
        whole = self.whole
        if self._forecast is not None:
            self._forecast.hold(self._exposures())
        equity, pulse = whole.equity, whole.pulse
        self._scene = Scene(
            self, pulse, self._forecast, self._conditions, equity, pulse.time,
            pulse.drawdown(equity), pulse.daily_loss(equity),
        )  # fmt: skip

    def trial(self, trial: Trial) -> Trial:
        """Return an order's trial by its own strategy's book as one by the account's."""
        symbol = trial.order.symbol
        return trial.among(self._scene, self._beside.get(symbol, _NONE), self.whole.numbers[symbol])

    def shift(self, symbol: str, change: float) -> None:
        """Change what the own strategy has of a symbol, in signed money."""
        if self._forecast is not None:
            self._forecast.shift(self.whole.numbers[symbol], change)

    # --- what checks read of a book ---------------------------------------------------------------------

    @property
    def gross(self) -> float:
        """Return the sum of every position at its worst."""
        return self._own.gross + sum(book.gross for _, book in self._others)

    @property
    def above(self) -> float:
        """Return the most that long less short can be."""
        return self._own.above + sum(book.above for _, book in self._others)

    @property
    def below(self) -> float:
        """Return the least that long less short can be."""
        return self._own.below + sum(book.below for _, book in self._others)

    @property
    def shorts(self) -> float:
        """Return what is short at most."""
        return self._own.shorts + sum(book.shorts for _, book in self._others)

    @property
    def sectors(self) -> Mapping[str, float]:
        """Return what is in each sector."""
        return _summed([book.sectors for book in self._books()])

    @property
    def groups(self) -> Mapping[str, float]:
        """Return what is in each asset class."""
        return _summed([book.groups for book in self._books()])

    @property
    def positions(self) -> int:
        """Return how many symbols there are."""
        return len(self._reaches())

    def largest(self, count: int, *, instead: float = 0.0, reach: float = 0.0) -> float:
        """Return the sum of the largest positions, with one of them at another value; 0 is none."""
        found = sorted(self._reaches().values())
        if instead > 0.0:
            del found[min(range(len(found)), key=lambda at: abs(found[at] - instead))]
        return sum(sorted([*found, reach])[-count:])

    def _reaches(self) -> dict[str, float]:
        """Return the money in each symbol at its worst, where there is any."""
        found = {symbol: one.reach for symbol, one in self._beside.items() if one.reach > 0.0}
        for slot in self._own.active.values():
            if slot.reach > 0.0:
                found[slot.symbol] = found.get(slot.symbol, 0.0) + slot.reach
        return found

    def _exposures(self) -> Floats:
        found: Floats = np.zeros(len(self.whole.numbers))
        for book in self._books():
            for slot in book.active.values():
                found[self.whole.numbers[slot.symbol]] += slot.money
        return found

    def _books(self) -> Iterator[Book]:
        yield self._own
        for _, book in self._others:
            yield book


def _summed(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            found[name] = found.get(name, 0.0) + value
    return found
