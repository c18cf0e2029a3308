"""A desk for tests of fills: a handful of bars written by hand, orders at given bars, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import openbell as ob
from openbell.backtesting.replay import replay
from openbell.core.account import Account
from openbell.core.costs import NO_COSTS, Costs, Margin
from openbell.core.engine import Engine
from openbell.core.orders import Order
from openbell.core.ports import Sizer
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, Fill, Instrument, Phase
from openbell.data.bars import Series, Source
from openbell.data.calendar import sessions
from openbell.data.panel import Panel
from openbell.execution.brokers.simulated import Ambiguity, SimulatedBroker
from openbell.portfolio.sizing import ShareOfEquity

MINUTE = 60 * NANOS_PER_SECOND
#: An account that may be short and pays nothing for it.
SHORT = replace(NO_COSTS, margin=Margin(short=True, borrow_rate=0.0, interest_rate=0.0))
Span = tuple[int, int]
Act = Callable[[Any], object]
Script = Mapping[int, Act]


def costs(**changes: Any) -> Costs:
    """Return no costs but those given."""
    return replace(NO_COSTS, **changes)


def days(count: int, first: str = "2024-01-02") -> list[Span]:
    """Return when `count` New York sessions open and close."""
    begin = _day(first)
    known = sessions("XNYS", begin * NANOS_PER_DAY, (begin + 2 * count + 9) * NANOS_PER_DAY)
    at = int(np.searchsorted(known.dates, begin))
    rows = slice(at, at + count)
    return list(zip(known.opens[rows].tolist(), known.closes[rows].tolist(), strict=True))


def intraday(count: int, day: str = "2024-01-02", *, step: int = 30, first: int = 0) -> list[Span]:
    """Return when `count` bars of `step` minutes begin and end, `first` bars after a session's open."""
    opens, closes = days(1, day)[0]
    starts = [opens + (first + i) * step * MINUTE for i in range(count)]
    return [(start, min(start + step * MINUTE, closes)) for start in starts]


def series(
    rows: Sequence[str],
    symbol: str = "X",
    *,
    spans: Sequence[Span] = (),
    timeframe: str = "1d",
    actions: Sequence[Action] = (),
) -> Series:
    """Return bars, each written as `open high low close` and, where it matters, the volume."""
    table = [[float(word) for word in row.split()] for row in rows]
    full = np.array([row if len(row) == 5 else [*row, 1e6] for row in table])
    when = np.array(spans or days(len(rows)), dtype=np.int64)[: len(rows)]
    source = Source("test", "by hand")
    open_, high, low, close, volume = full.T
    return Series(
        symbol, timeframe, when[:, 0], when[:, 1], open_, high, low, close, volume, source, tuple(actions)
    )


class Scripted(ob.Strategy):
    """Does at each moment what its script says; `-1` is before the first bar."""

    def __init__(self, script: Mapping[int, Act], answer: Act | None) -> None:
        super().__init__()
        self.script = script
        self.answer = answer
        self.moment = -1
        self.last: Fill | None = None

    def on_start(self) -> None:
        """Do what is due before the first bar."""
        self._do()

    def on_bars(self, bars: Any) -> None:
        """Do what is due now."""
        self._do()

    def on_fill(self, fill: Fill) -> None:
        """Answer a fill, which is `self.last` then."""
        self.last = fill
        if self.answer is not None:
            self.answer(self)

    def made(self, number: int) -> Order:
        """Return the order that was made as the `number`-th, counted from 0."""
        return list(self.desk.orders.values())[number]

    def _do(self) -> None:
        act = self.script.get(self.moment)
        self.moment += 1
        if act is not None:
            act(self)


@dataclass(frozen=True)
class Outcome:
    """What came of a script."""

    engine: Engine
    panel: Panel
    ambiguities: list[Ambiguity]

    @property
    def account(self) -> Account:
        """The account at the end."""
        return self.engine.account

    @property
    def orders(self) -> list[Order]:
        """All orders, in the order in which they were made."""
        return list(self.engine.desk.orders.values())

    @property
    def fills(self) -> list[tuple[int, float, float]]:
        """(index of the symbol's bar, signed quantity, price) of each fill."""
        return [(self.bar_of(f), f.side * f.quantity, f.price) for f in self.engine.fills]

    @property
    def ends(self) -> list[tuple[str, str]]:
        """(status, reason) of each order."""
        return [(order.status.value, order.reason.value) for order in self.orders]

    def life(self, number: int) -> list[str]:
        """Return the statuses of an order's life."""
        return [step.status.value for step in self.orders[number].life]

    def bar_of(self, fill: Fill) -> int:
        """Return the index of the bar that a fill happened in."""
        track = self.panel.tracks[fill.symbol]
        return list(track.start if fill.phase is Phase.OPEN else track.known).index(fill.time)

    def booked(self, kind: str) -> list[tuple[int, Any]]:
        """Return (days since the first bar, amount of cash) of the ledger's entries of a kind."""
        first = int(self.panel.times[0]) // NANOS_PER_DAY
        return [(e.time // NANOS_PER_DAY - first, e.amount) for e in self.account.entries if e.kind == kind]


def trade(
    data: Sequence[str] | Sequence[Series],
    script: Script,
    *,
    cash: float = 1e6,
    costs: Costs = NO_COSTS,
    sizer: Sizer | None = None,
    finer: Series | None = None,
    instrument: Instrument | None = None,
    answer: Act | None = None,
    until: int | None = None,
) -> Outcome:
    """Run a script over bars (rows are daily bars of `X`) through the engine, the broker and the replay."""
    given = [one for one in data if isinstance(one, Series)]
    if not given:
        given = [series([row for row in data if isinstance(row, str)])]
    known = sessions("XNYS", min(int(s.start[0]) for s in given), max(int(s.known[-1]) for s in given))
    instruments = {instrument.symbol: instrument} if instrument is not None else {}
    panel: Any = Panel(given, sessions=known, instruments=instruments)
    strategy = Scripted(script, answer)
    engine = Engine(
        strategy, market=panel, cash=cash, sizer=sizer or ShareOfEquity(1.0), short=costs.margin.short
    )
    strategy.bind(engine.desk, seed=0)
    broker = SimulatedBroker(
        strategy="scripted",
        account=engine.account,
        market=panel,
        sessions=panel.calendar,
        costs=costs,
        detail=None if finer is None else _detail(finer),
    )
    replay(engine, broker, panel, until=until)
    return Outcome(engine, panel, broker.ambiguities)


def _detail(finer: Series) -> Callable[[str, int, int], list[tuple[float, float, float]]]:
    def bars(symbol: str, start: int, known: int) -> list[tuple[float, float, float]]:
        part = finer.between(start, known)
        return list(zip(part.open.tolist(), part.high.tolist(), part.low.tolist(), strict=True))

    return bars


def _day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))
