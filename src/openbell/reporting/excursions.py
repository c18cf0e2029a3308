"""How far the price went against a trade, and for it, while the trade was open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openbell.core.types import Fill, Phase
from openbell.data.panel import Panel
from openbell.portfolio.trades import Trade
from openbell.reporting.bars import Bars, bars_of

#: The worst and the best move of the price, as shares of the average entry: never above, never below 0.
Excursion = tuple[float, float]


def excursions(trades: Sequence[Trade], fills: Mapping[int, Fill], panel: Panel) -> list[Excursion]:
    """Return the maximum adverse and favourable excursion of each trade (Sweeney 1997).

    Prices alone, in the shares of the trade's last booking: no fees and no dividends. A bar counts with its
    whole range when the position was held through all of it. Of the bar of an entry inside it only the close
    counts, of the bar of an exit only the price of the exit: what came before and after is not known.

    Args:
        trades: Round trips of a run.
        fills: The fill of each ledger entry that books one, by the entry's index.
        panel: The run's market.
    """
    known: dict[str, Bars] = {}
    found = []
    for trade in trades:
        bars = known.get(trade.symbol)
        if bars is None:
            bars = known[trade.symbol] = bars_of(panel, trade.symbol)
        found.append(_excursion(trade, bars, fills.get(trade.first), fills.get(trade.last)))
    return found


def _excursion(trade: Trade, bars: Bars, entry: Fill | None, exit_: Fill | None) -> Excursion:
    end = len(bars.close) - 1
    first = (
        bars.at(entry) if entry else bars.from_(trade.opened)
    )  # a spin-off brought it, at a session's open
    if trade.is_open:
        last = whole_until = end
    elif exit_:
        last = bars.at(exit_)
        whole_until = last if exit_.phase is Phase.CLOSE else last - 1
    else:  # a split paid out what was left before a bar's open, or a delisting closed it after the last
        opens = int(bars.start.searchsorted(trade.closed))
        last, whole_until = min(opens, end), opens - 1
    whole_from = first if entry is None or entry.phase is Phase.OPEN else first + 1
    prices = [trade.exit] if trade.exit else []
    if whole_from > first and (first < last or trade.is_open):
        prices.append(float(bars.close[first] * bars.split[first] / bars.split[last]))
    if whole_from <= whole_until:
        held = slice(whole_from, whole_until + 1)
        scale = bars.split[held] / bars.split[last]
        prices += [float((bars.low[held] * scale).min()), float((bars.high[held] * scale).max())]
    moves = [0.0, *(trade.side * (price / trade.entry - 1.0) for price in prices)]
    return min(moves), max(moves)
