"""Findings on what a profit rests on: one trade, one symbol, one year, low costs, a small account."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np

from openbell.core.market import Track
from openbell.core.types import Fill, Phase
from openbell.data.bars import Floats
from openbell.portfolio.concentration import capacity, cost_share, growth_of_years, largest_of
from openbell.reporting.notices import Notice
from openbell.reporting.portfolio import parts
from openbell.reporting.result import Result
from openbell.reporting.words import count, date, money, percent

#: A part that makes more than this of a profit makes it: without it less than half is left.
MOST_OF_ONE = 0.5
#: With fewer symbols or years one of them has half of the profit even where all are alike.
FEWEST_PARTS = 3
#: Costs that eat more than this of the profit before them would leave nothing if they were twice as high.
MOST_EATEN = 0.5
#: By the square-root law of impact, an order of 1 % of a day's volume moves the price by about a tenth of a
#: day's volatility (Almgren, Thum, Hauptmann and Li, 2005); the default costs know of no impact.
MOST_VOLUME = 0.01
#: Of the bars that are traded in, so many are to stay below it.
COVERED = 0.95
#: An account may be this many times as large before its orders are too large: below, it is said.
ROOM = 10.0


def one_trade(result: Result) -> Iterator[Notice]:
    """Say that one trade makes the profit."""
    closed = [trade for trade in result.outcome.trades if not trade.is_open]
    best = largest_of(list(enumerate(trade.pnl for trade in closed)))
    if best is None or best.share <= MOST_OF_ONE:
        return
    trade = closed[best.name]
    left = math.fsum(one.pnl for one in closed) - best.amount
    yield Notice(
        "caution",
        f"One trade made {percent(best.share)} of the closed trades' profit.",
        f"{trade.symbol}, {date(trade.opened)} to {date(trade.closed)}: {money(best.amount)}. "
        f"Without it {money(left)} is left.",
        "one_trade",
        best.share,
        "Run it on more symbols and more years: a rule that works finds such a trade more than once.",
    )


def one_symbol(result: Result) -> Iterator[Notice]:
    """Say that one symbol of several makes the profit."""
    sums: dict[str, float] = {}
    for part in parts(result):
        sums[part.symbol] = sums.get(part.symbol, 0.0) + part.pnl
    best = largest_of(list(sums.items()))
    if best is None or len(result.outcome.panel.symbols) < FEWEST_PARTS or best.share <= MOST_OF_ONE:
        return
    left = math.fsum(sums.values()) - best.amount
    symbols = count(len(result.outcome.panel.symbols), "symbol")
    yield Notice(
        "caution",
        f"{best.name} made {percent(best.share)} of the profit of {symbols}.",
        f"{money(best.amount)}; without it {money(left)} is left.",
        "one_symbol",
        best.share,
        f"Run it without {best.name}: what is left is what the rule is worth.",
    )


def one_year(result: Result) -> Iterator[Notice]:
    """Say that one year of several makes the profit."""
    years = growth_of_years(result.daily_equity, result.daily_times)
    if len(years) < FEWEST_PARTS or not all(math.isfinite(growth) for growth in years.values()):
        return
    best = largest_of(list(years.items()))
    if best is None or best.share <= MOST_OF_ONE:
        return
    left = math.expm1(math.fsum(years.values()) - best.amount)
    yield Notice(
        "caution",
        f"{best.name} made {percent(best.share)} of the growth of {len(years)} years.",
        f"It brought {percent(math.expm1(best.amount))}; the other years together {percent(left)}.",
        "one_year",
        best.share,
        "Ask what was special about that year, and what the rule earns in the years that were not.",
    )


def eaten(result: Result) -> Iterator[Notice]:
    """Say that costs eat the profit."""
    paid = result.metrics["costs_paid"]
    profit = result.final_equity - result.plan.cash
    share = cost_share(profit, paid)
    if not share > MOST_EATEN:
        return
    much = "the whole profit" if share >= 1.0 else f"{percent(share)} of the profit"
    text = f"Costs ate {much}: {money(profit + paid)} before them, {money(profit)} after."
    yield Notice(
        "caution",
        text,
        "If they were a little higher than is assumed here, nothing would be left.",
        "costs",
        share,
        "Trade less often, hold longer, or leave out what is dear to trade.",
    )


def volume(result: Result) -> Iterator[Notice]:
    """Say from which size on the account's orders take too much of the volume."""
    shares = taken(result)
    times = capacity(shares, most=MOST_VOLUME, covered=COVERED)
    if not times < ROOM:
        return
    limit = _rounded(times * result.plan.cash)
    share = float(np.quantile(shares[np.isfinite(shares)], COVERED))
    yield Notice(
        "caution" if times < 1.0 else "note",
        f"Capacity: with more than about {money(limit)} at the beginning, its orders move prices.",
        f"Then one bar in twenty that it trades in has more than {percent(MOST_VOLUME)} of its volume from "
        f"it; here, with {money(result.plan.cash)}, that was {share:.2%}.",
        "capacity",
        limit,
        "Count an impact in the costs (slippage.impact), trade what is more liquid, or stay small.",
    )


def taken(result: Result) -> Floats:
    """Return the share of the volume of each bar that was traded in; NaN where it had none."""
    outcome = result.outcome
    sums: dict[tuple[str, int], float] = {}
    for fill in outcome.fills:
        place = fill.symbol, _bar_of(fill, outcome.panel.tracks[fill.symbol])
        sums[place] = sums.get(place, 0.0) + fill.quantity
    volumes = np.array([outcome.panel.tracks[symbol].volume[at] for symbol, at in sums], np.float64)
    quantities = np.array(list(sums.values()), np.float64)
    shares: Floats = np.divide(quantities, volumes, out=np.full(len(sums), np.nan), where=volumes > 0.0)
    return shares


def _bar_of(fill: Fill, track: Track) -> int:
    if fill.phase is Phase.CLOSE:
        return bisect_left(track.known, fill.time)
    return bisect_right(track.start, fill.time) - 1


def _rounded(value: float) -> float:
    """Return a number with two digits that say something."""
    scale = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(value / scale) * scale
