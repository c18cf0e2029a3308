"""Random runs of a signal: bars, costs, sizing and exits that meet as many rules as a few dozen bars can."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests.unit.bars_by_hand import MONDAY
from tests.unit.kernel_by_hand import Prepared, prepared

import openbell as ob
from openbell.core.costs import Commission, Costs, Margin, Slippage
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, Dividend, Instrument, Split
from openbell.data.bars import Series, Source
from openbell.data.calendar import sessions
from openbell.indicators.spec import make

MINUTE = 60 * NANOS_PER_SECOND
SPLITS = ((2, 1), (3, 2), (7, 3), (1, 2), (2, 3), (1, 10))
Random = np.random.Generator
Choose = Callable[..., Any]  #: returns one of its arguments


@dataclass(frozen=True)
class Market:
    """How bars are made: chances for each bar, and how long and how many they are."""

    count: int = 40
    symbols: int = 1
    grid: str = "daily"  #: daily, always (a market that never closes), minutes
    tick: float = 0.01
    lot: float = 1.0
    wild: float = 0.05  #: of a jump
    holes: float = 0.0  #: of a bar that is missing
    volume: int = 100_000  #: the most lots in a bar; some have none
    actions: float = 0.0  #: of a split or a dividend


@dataclass(frozen=True)
class Case:
    """A whole run."""

    seed: int
    market: Market = Market()
    decision: str = "script"
    levels: tuple[float, ...] = (0.0, 1.0)
    turning: float = 0.2  #: the chance that a bar changes the conviction
    exits: tuple[tuple[str, Any], ...] = ()
    costs: Costs = field(default_factory=Costs)
    sizer: Any = ob.ShareOfEquity()  # noqa: RUF009  # it is frozen
    cash: float = 10_000.0

    def prepare(self) -> Prepared:
        """Return what both engines take."""
        random = np.random.default_rng(self.seed)
        market = self.market
        series = [_series(f"S{k}", self, random) for k in range(market.symbols)]
        traded = [
            Instrument(one.symbol, market.tick, market.lot, shortable=bool(random.random() < 0.9))
            for one in series
        ]
        form = _DECISIONS[self.decision](**dict(self.exits))
        settings = {"costs": self.costs, "cash": self.cash, "sizer": self.sizer, "instruments": traded}
        return prepared(form, series, **settings)


# --- decisions -------------------------------------------------------------------------------------------


def follow(want):
    """Do what a column of the bars says."""
    return want


def cross(fast, slow, near, part):
    """Long above, short below, less of it where the averages are near each other."""
    if abs(fast - slow) < near * slow:
        return part if fast > slow else 0.0
    return 1.0 if fast > slow else -1.0


def slower(fast, slow):
    """Compare bars of two timeframes."""
    return (fast > slow) - (fast < slow)


_SMA = functools.partial(make, "SMA")
_DECISIONS: dict[str, Any] = {
    "script": lambda **exits: ob.signal(want=ob.field("want"), **exits)(follow),
    "cross": lambda **exits: ob.signal(fast=_SMA(2), slow=_SMA(5), near=0.02, part=0.5, **exits)(cross),
    "weekly": lambda **exits: ob.signal(fast=_SMA(2), slow=_SMA(2).at("1w"), **exits)(slower),
    "hourly": lambda **exits: ob.signal(fast=_SMA(2), slow=_SMA(3).at("2h"), **exits)(slower),
}


# --- bars ------------------------------------------------------------------------------------------------


@functools.cache
def _new_york() -> Any:
    return sessions("XNYS", MONDAY, MONDAY + 300 * NANOS_PER_DAY)


def _spans(market: Market) -> tuple[Any, Any]:
    """Return when the bars of a market begin and end, those of all symbols together."""
    count = market.count
    if market.grid == "always":
        start = MONDAY + np.arange(count, dtype=np.int64) * NANOS_PER_DAY
        return start, start + NANOS_PER_DAY
    known = _new_york()
    at = int(np.searchsorted(known.opens, MONDAY))
    if market.grid == "daily":
        return known.opens[at : at + count].copy(), known.closes[at : at + count].copy()
    starts = [
        np.arange(known.opens[k], known.closes[k], 30 * MINUTE) for k in range(at, at + 1 + count // 13)
    ]
    start = np.concatenate(starts)[:count]
    return start, start + 30 * MINUTE


def _series(symbol: str, case: Case, random: Random) -> Series:
    market = case.market
    start, known = _spans(market)
    here = random.random(len(start)) >= market.holes
    if market.holes and random.random() < 0.5:  # it begins later, or ends earlier
        first, last = np.sort(random.integers(0, len(start), 2))
        here[:first] = False
        here[last + 2 :] = False
    here[random.integers(0, len(start) - 1) :][:2] = True
    start, known = start[here], known[here]
    actions = _actions(symbol, start, known, market, random)
    open_, high, low, close = _prices(start, actions, market, random)
    volume = np.where(random.random(len(start)) < 0.9, random.integers(0, market.volume, len(start)), 0)
    return Series(
        symbol, "30m" if market.grid == "minutes" else "1d", start, known, open_, high, low, close,
        volume * market.lot,
        Source("test", "random", calendar="24/7" if market.grid == "always" else "XNYS"), actions,
        extra={"want": _wanted(len(start), case, random)},
    )  # fmt: skip


def _wanted(count: int, case: Case, random: Random) -> Any:
    want, now = np.empty(count), 0.0
    for k in range(count):
        if random.random() < case.turning:
            now = float(random.choice(case.levels))
        want[k] = now
    want[: random.integers(0, 3)] = np.nan
    return want


def _actions(symbol: str, start: Any, known: Any, market: Market, random: Random) -> tuple[Action, ...]:
    found: list[Action] = []
    for k in range(1, len(start)):
        if random.random() >= market.actions:
            continue
        at_open = random.random() < 0.6
        if random.random() < 0.5:  # a split lies between bars
            new, old = SPLITS[random.integers(len(SPLITS))]
            ex = int(start[k]) if at_open else int(random.integers(known[k - 1], start[k] + 1))
            found.append(Split(symbol, ex, new, old))
        else:
            ex = int(start[k]) if at_open else int(random.integers(start[k - 1] + 1, start[k] + 1))
            found.append(Dividend(symbol, ex, round(float(random.uniform(0.1, 3.0)), 2)))
    return tuple(sorted(found, key=lambda action: (action.ex, isinstance(action, Split))))


def _prices(start: Any, actions: tuple[Action, ...], market: Market, random: Random) -> Any:
    """Return bars on the tick grid, or beside it; ties are common, as steps are a few coarse ones."""
    unit, price, rows, due = max(market.tick, 0.25), 100.0, [], list(actions)
    least = 8.0
    for begin in start:
        while due and due[0].ex <= begin:
            action = due.pop(0)
            price = price - action.amount if isinstance(action, Dividend) else price / action.ratio  # type: ignore[union-attr]  # the kernel has no others
        jump = float(random.choice([0.6, 0.85, 1.2, 1.6])) if random.random() < market.wild else 1.0
        open_ = max(price * jump + unit * random.integers(-4, 5) * (random.random() < 0.5), least)
        if random.random() < 0.8:
            open_ = round(open_ / unit) * unit
        close = max(open_ + unit * random.integers(-12, 13), least)
        high = max(open_, close) + unit * random.integers(0, 6)
        low = max(min(open_, close) - unit * random.integers(0, 6), 1.0)
        rows.append((open_, high, low, close))
        price = close
    return np.array(rows).T


# --- settings --------------------------------------------------------------------------------------------


def case_by(one: Choose, seed: int) -> Case:
    """Return a run in which `one` chooses each setting of those it is given, the mildest first."""
    grid, lot = one("daily", "always", "minutes"), one(1.0, 10.0, 0.001)
    market = Market(
        count=one(30, 9, 16, 45, 69), symbols=one(1, 2, 3), grid=grid, tick=one(0.01, 0.05, 1.0), lot=lot,
        wild=one(0.0, 0.05, 0.2), holes=one(0.0, 0.0, 0.1, 0.4),
        volume=int(one(100_000, 400, 60, 8) if lot >= 1.0 else one(100_000_000, 200_000)),
        actions=one(0.0, 0.1, 0.3),
    )  # fmt: skip
    exits = {
        "stop_loss": one(0.0, 0.02, 0.06), "take_profit": one(0.0, 0.02, 0.08),
        "trailing_stop": one(0.0, 0.02, 0.05), "limit": one(0.0, 0.0, 0.005, 0.02),
        "reenter": one(False, True), "entries_only": one(False, False, True),
    }  # fmt: skip
    if one(False, False, True):
        exits = {}
    cash = one(10_000.0, 3_000.0, 100_000.0)
    share, several = one(0.95, 0.3, 1.0, 1.9, 5.0, 15.0), one(0.2, 1.0, 3.0)
    sizer = one(
        ob.ShareOfEquity(share), ob.ShareOfEquity(share), ob.FixedQuantity(one(25.0, 1.0, 200.0)),
        ob.FixedNotional(cash * several),
    )  # fmt: skip
    decision = one("script", "script", "script", "cross", "hourly" if grid == "minutes" else "weekly")
    levels = one(
        (0.0, 1.0), (0.0, 1.0, -1.0), (0.0, 0.3, 0.55, 1.0, -0.4, -1.0), (1.0, -1.0), (0.4, 0.8, 1.0)
    )
    return Case(
        seed, market, decision, levels, one(0.3, 0.1, 0.6), tuple(exits.items()), _costs(one), sizer, cash
    )


def _costs(one: Choose) -> Costs:
    """Return costs in which each term is there or not."""
    initial = one(1.0, 1.0, 0.5, 0.1, 0.05)
    return Costs(
        Commission(
            per_share=one(0.0, 0.005, 0.05), per_order=one(0.0, 0.0, 1.5), taker_bps=one(0.0, 0.0, 12.0),
            maker_bps=one(0.0, 3.0), minimum=one(0.0, 1.0, 7.0), maximum_share=one(0.0, 0.01, 0.002),
        ),
        Slippage(
            per_share=one(0.0, 0.0, 0.02), bps=one(0.0, 5.0, 50.0), spread_bps=one(0.0, 0.0, 8.0),
            impact=one(0.0, 0.0, 0.1),
        ),
        Margin(
            initial=initial, maintenance=initial * one(0.5, 0.0, 1.0), short=one(True, True, False),
            borrow_rate=one(0.0, 0.01, 0.4), interest_rate=one(0.0, 0.06, 0.5),
        ),
        volume_share=one(0.0, 0.1, 0.1, 1.0), unaffordable=one("reject", "cut"),
    )  # fmt: skip


def guarded_by(one: Choose, seed: int) -> Case:
    """Return a run of one symbol with exits and without debts: its figures mostly come the short way."""
    case = case_by(one, seed)
    exits = {
        "stop_loss": one(0.06, 0.15, 0.02, 0.0), "take_profit": one(0.08, 0.25, 0.02, 0.0),
        "trailing_stop": one(0.0, 0.12, 0.06, 0.001), "reenter": one(False, True),
        "entries_only": one(False, True),
    }  # fmt: skip
    whole = replace(case.costs.margin, initial=1.0, maintenance=one(0.0, 1.0), short=one(False, False, True))
    return replace(
        case,
        market=replace(case.market, symbols=1, holes=0.0, actions=one(0.0, 0.0, 0.05), count=one(45, 30, 69)),
        levels=one((0.0, 1.0), (0.0, 1.0, -1.0), (0.0, 0.4, 1.0)), exits=tuple(exits.items()),
        costs=replace(case.costs, margin=whole, volume_share=one(0.0, 0.0, 0.1)),
        sizer=one(ob.FixedQuantity(20.0), ob.ShareOfEquity(0.95), ob.ShareOfEquity(0.3), case.sizer),
    )  # fmt: skip


def parts_by(one: Choose, seed: int) -> Case:
    """Return a run in small parts of shares, whose sums no float holds exactly."""
    case, lot, cash = case_by(one, seed), one(1e-6, 0.001, 1e-8), one(1e5, 1e3, 1e7)
    sizer = one(ob.ShareOfEquity(0.5), ob.FixedQuantity(700.123), ob.FixedNotional(cash / 3))
    market = replace(case.market, lot=lot, volume=one(10**12, 10**10, 10**8))
    return replace(case, market=market, cash=cash, sizer=sizer, levels=(0.0, 0.3, 0.55, 1.0, -0.4, -1.0))


def plain_by(one: Choose, seed: int) -> Case:
    """Return such a run without exits, which changes its mind often: it mostly takes the shortest way."""
    case = guarded_by(one, seed)
    return replace(
        case,
        levels=one((0.0, 1.0), (0.0, 0.4, 1.0), (0.0, 0.3, 0.55, 1.0), (0.0, 1.0, -1.0)), exits=(),
        turning=one(0.6, 0.3, 0.9), market=replace(case.market, actions=one(0.0, 0.1, 0.3)),
        costs=replace(case.costs, margin=replace(case.costs.margin, short=False)),
        sizer=one(ob.FixedQuantity(one(20.0, 60.0)), ob.ShareOfEquity(one(0.95, 1.0)), case.sizer),
    )  # fmt: skip


def random_case(seed: int, kind: Callable[[Choose, int], Case] = case_by) -> Case:
    """Return a run of which everything is drawn by a number."""
    random = np.random.default_rng([seed, 1])
    return kind(lambda *values: values[random.integers(len(values))], seed)


@st.composite
def cases(draw: st.DrawFn, kind: Callable[[Choose, int], Case] = case_by) -> Case:
    """Return a run whose settings Hypothesis chooses, and so makes as few as it can where one fails."""
    return kind(lambda *values: draw(st.sampled_from(values)), draw(st.integers(0, 2**32 - 1)))
