"""What a run led to: the ledger as it was booked, and the curves that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.replay import Marks
from openbell.core.account import Account, Entry
from openbell.core.orders import Order, Refusal
from openbell.core.types import Fill, Reason
from openbell.data.actions import factors
from openbell.data.bars import Floats, Series, Times
from openbell.data.panel import Panel
from openbell.execution.brokers.simulated import Ambiguity
from openbell.execution.risk.worst import Reached
from openbell.portfolio.trades import Trade, round_trips

_SYMBOL, _CASH, _POSITION = attrgetter("symbol"), attrgetter("cash"), attrgetter("position")


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished run. Arrays have one entry a moment of the panel's timeline, from the first decision on."""

    panel: Panel
    account: Account
    orders: Sequence[Order]
    fills: Sequence[Fill]
    marks: Marks
    ambiguities: Sequence[Ambiguity]
    notes: dict[Reason, int]
    waiting: frozenset[str] = frozenset()  #: symbols whose indicators never had a value
    refused: Sequence[Refusal] = ()  #: what limits of risk held back, and warned of
    reached: Mapping[str, Reached] = field(default_factory=dict)  #: the worst of each measure of risk
    first: int = 0  #: the panel's moment that the run begins at; bars before it served indicators alone

    @property
    def entries(self) -> Sequence[Entry]:
        """Return the ledger."""
        return self.account.entries

    @property
    def times(self) -> Times:
        """(moments,) ns UTC."""
        return self.panel.times[self.first :]

    @cached_property
    def cash(self) -> Floats:
        """(moments,) cash after each moment's bookings, bit for bit as it was booked."""
        balances = np.fromiter(map(_CASH, self.entries), np.float64, len(self.entries))
        booked = balances[np.array(self.marks.entries) - 1]
        return _carried(self._moments, booked, len(self.times), before=float(self.account.initial_cash))

    @cached_property
    def holdings(self) -> dict[str, Floats]:
        """(moments,) signed shares of each symbol that was ever held."""
        return {symbol: self._held(symbol) for symbol in self._changes}

    @cached_property
    def values(self) -> dict[str, Floats]:
        """(moments,) signed value of each symbol that was ever held, at the last known closes."""
        return {symbol: self._value(symbol) for symbol in self._changes}

    @cached_property
    def equity(self) -> Floats:
        """(moments,) cash plus positions. One symbol's value is made at a time, and not kept."""
        curve = self.cash.copy()
        for symbol in self._changes:
            curve += self._value(symbol)
        return curve

    @cached_property
    def _moments(self) -> NDArray[np.int64]:
        """The moments that booked something, counted from the run's first."""
        moments: NDArray[np.int64] = np.maximum(np.array(self.marks.moments) - self.first, 0)
        return moments

    @cached_property
    def _changes(self) -> dict[str, tuple[NDArray[np.int64], Floats]]:
        """Of each symbol that was ever held, the moments that changed the position, and what it was after.

        A moment may be there twice; the last counts.
        """
        counts = np.diff(np.array(self.marks.entries), prepend=0)
        entries = self.entries[: int(counts.sum())]
        names = list(map(_SYMBOL, entries))
        positions = np.fromiter(map(_POSITION, entries), np.float64, len(entries))
        moments = np.repeat(self._moments, counts)
        numbers = {symbol: number for number, symbol in enumerate(dict.fromkeys(names))}
        if len(numbers) == 1:
            return {symbol: (moments, positions) for symbol in numbers if symbol}
        codes = np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))
        turn = np.argsort(codes, kind="stable")  # by symbol, and each symbol's as they were booked
        moments, positions = moments[turn], positions[turn]
        ends = np.cumsum(np.bincount(codes, minlength=len(numbers))).tolist()
        parts = zip(numbers, [0, *ends], ends, strict=False)
        return {symbol: (moments[a:b], positions[a:b]) for symbol, a, b in parts if symbol}

    def _held(self, symbol: str) -> Floats:
        moments, positions = self._changes[symbol]
        return _carried(moments, positions, len(self.times), before=0.0)

    def _value(self, symbol: str) -> Floats:
        value = self._held(symbol)
        return np.multiply(value, self.panel.closes(symbol)[self.first :], out=value, where=value != 0.0)

    @cached_property
    def net(self) -> Floats:
        """(moments,) the positions' value as a share of equity."""
        return _share(sum(self.values.values(), np.zeros(len(self.times))), self.equity)

    @cached_property
    def gross(self) -> Floats:
        """(moments,) the positions' absolute value as a share of equity."""
        return _share(sum((np.abs(v) for v in self.values.values()), np.zeros(len(self.times))), self.equity)

    @cached_property
    def trades(self) -> list[Trade]:
        """Return the round trips; an open one is valued at the last price."""
        last = {symbol: float(self.panel.closes(symbol)[-1]) for symbol in self.holdings}
        return round_trips(self.entries, last)

    @cached_property
    def daily(self) -> NDArray[np.int64]:
        """The moments that are the last of their session: statistics are made of one value a session."""
        return last_of_sessions(self.times, self.panel)

    def hold_benchmark(self) -> Floats:
        """(moments,) the cash split equally over the symbols and held, dividends reinvested, no costs."""
        return hold(self.panel, self.account.initial_cash, first=self.first)

    def growth_of(self, series: Series) -> Floats:
        """(moments,) what one unit of cash has become in another series, dividends reinvested."""
        _, total = factors(series.start, series.close, series.actions)
        value = series.close * total
        at = np.searchsorted(series.known, self.times, side="right") - 1
        grown: Floats = np.where(at >= 0, value[np.maximum(at, 0)] / value[max(int(at[0]), 0)], 1.0)
        return grown


def hold(panel: Panel, cash: float, *, first: int = 0) -> Floats:
    """(moments,) cash that is split equally over a panel's symbols at its moment `first`, and held."""
    total = np.zeros(len(panel) - first)
    for symbol in panel.symbols:
        grown = panel.growth(symbol)[first:]
        # What was worth nothing before the run began could not be bought: its share stays cash.
        total += cash / len(panel.symbols) * (grown / grown[0] if grown[0] > 0.0 else 1.0)
    return total


def last_of_sessions(times: Times, panel: Panel) -> NDArray[np.int64]:
    """Return the index of each session's last moment among a panel's times from one of them on."""
    closes = panel.sessions.closes
    low, high = np.searchsorted(closes, times[0]), np.searchsorted(closes, times[-1], side="right")
    closed = panel.ends[low:high] - (len(panel) - len(times))
    ends = np.concatenate(((-1,), closed, (len(times) - 1,)))  # the last moment ends its session
    return ends[1:][ends[1:] > ends[:-1]]


def _carried(moments: NDArray[np.int64], values: Floats, count: int, *, before: float) -> Floats:
    """(count,) a curve that is `before`, and from each moment on its value; of one moment's, the last."""
    edges = np.concatenate(((0,), moments, (count,)))
    return np.repeat(np.concatenate(((before,), values)), edges[1:] - edges[:-1])


def _share(value: Floats, equity: Floats) -> Floats:
    positive = equity > 0.0
    return np.divide(value, equity, out=np.zeros_like(equity), where=positive)
