"""A chart of each symbol's price with the trades on it."""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

import numpy as np

from openbell.core.types import Fill
from openbell.data.bars import Floats, Times
from openbell.data.calendar import Sessions
from openbell.portfolio.trades import Trade
from openbell.reporting import tables
from openbell.reporting.bars import Bars, bars_of
from openbell.reporting.html.charts import Figure, axis, base, line
from openbell.reporting.html.charts import scale as scaling
from openbell.reporting.html.points import MOST, Indices, days, decimals_of, minutes, numbers, thin
from openbell.reporting.result import Result
from openbell.reporting.words import count, percent, plain, signed, span

#: Most bars that are drawn as candles; more of them would be thinner than a pixel.
CANDLES = 800
#: Most symbols that get a chart.
SYMBOLS = 12
#: Most trades that are marked on one chart.
MARKED = 1_000


class PriceChart(NamedTuple):
    """One symbol's chart and the words below it."""

    symbol: str
    figure: Figure
    caption: str


class _Marks(NamedTuple):
    """Where the trades of one symbol begin and end: trade, why it ended, entry and exit as (label, price)."""

    trade: Trade
    reason: str
    entry: tuple[str, float]
    exit: tuple[str, float] | None


def charted(result: Result) -> list[str]:
    """Return the symbols that get a chart: those with the most trades, in the run's order."""
    symbols = result.outcome.panel.symbols
    traded = dict.fromkeys(symbols, 0)
    for trade in result.outcome.trades:
        traded[trade.symbol] += 1
    chosen = sorted(symbols, key=lambda symbol: -traded[symbol])[:SYMBOLS]
    return [symbol for symbol in symbols if symbol in chosen]


def price_charts(result: Result) -> list[PriceChart]:
    """Return the charts of the symbols that get one."""
    by_entry = tables.fills_by_entry(result.outcome)
    reasons = tables.exit_reasons(result.outcome, by_entry)
    return [_chart(result, symbol, by_entry, reasons) for symbol in charted(result)]


def _chart(result: Result, symbol: str, by_entry: dict[int, Fill], reasons: list[str]) -> PriceChart:
    panel = result.outcome.panel
    bars = bars_of(panel, symbol)
    axis_of_time = _TimeAxis(bars, panel.sessions)
    scale = bars.split / bars.split[-1]
    candles = len(scale) <= CANDLES
    decimals = max(2, decimals_of(bars.close, digits=5))
    own = [(t, r) for t, r in zip(result.outcome.trades, reasons, strict=True) if t.symbol == symbol]
    marks = [_marked(trade, reason, by_entry, bars, scale, axis_of_time) for trade, reason in own[:MARKED]]
    at: Indices = np.arange(len(scale)) if candles else axis_of_time.line(bars.close * scale)
    x = axis_of_time.labels(at)
    price = _candles(bars, scale, x, decimals) if candles else _close(bars, scale, at, x, decimals)
    up = {**axis(title="price", tickformat=",~r"), "type": scaling(bars.close * scale)}
    layout = {**base(), "hovermode": "closest", "xaxis": axis(), "yaxis": up}
    layout["xaxis"] |= {"rangeslider": {"visible": False}, "range": [x[0], x[-1]]}
    if candles and axis_of_time.intraday:  # no room for nights: each bar has the same
        layout["xaxis"] |= {"type": "category", "nticks": 6, "tickangle": 0, "range": [-1, len(x)]}
    data = [price, *_paths(marks, decimals), *_entries(marks, decimals), *_exits(marks, decimals)]
    return PriceChart(symbol, {"data": data, "layout": layout}, _caption(bars, len(marks), len(own), len(at)))


class _TimeAxis:
    """Labels of bars: dates of sessions, or minutes where a session has several bars."""

    def __init__(self, bars: Bars, sessions: Sessions) -> None:
        self._known = bars.known
        self._sessions = sessions
        session = np.searchsorted(sessions.closes, bars.known)
        self._ends = np.flatnonzero(np.append(session[1:] != session[:-1], True))  # the last bar ends its own
        self.intraday = len(self._ends) < len(bars.known)

    def labels(self, at: Indices) -> list[str]:
        times: Times = self._known[at]
        return minutes(times) if self.intraday else days(times, self._sessions)

    def line(self, close: Floats) -> Indices:
        """Return the bars that a line is drawn through."""
        at: Indices = np.arange(len(close)) if len(close) <= MOST else self._ends
        found: Indices = at[thin([close[at]])]
        return found


def _candles(bars: Bars, scale: Floats, x: list[str], decimals: int) -> dict[str, Any]:
    columns = {
        name: numbers(getattr(bars, name) * scale, decimals) for name in ("open", "high", "low", "close")
    }
    rising = {"line": {"color": "$price", "width": 1}, "fillcolor": "$card"}
    falling = {"line": {"color": "$price", "width": 1}, "fillcolor": "$price"}
    return {
        "type": "candlestick", "name": "Price", "x": x, **columns, "increasing": rising,
        "decreasing": falling, "showlegend": False,
    }  # fmt: skip


def _close(bars: Bars, scale: Floats, at: Indices, x: list[str], decimals: int) -> dict[str, Any]:
    trace = line("Close", numbers((bars.close * scale)[at], decimals), "price", hover="%{x}: %{y:,.2f}")
    return {**trace, "x": x, "line": {"color": "$price", "width": 1.2}}


def _marked(
    trade: Trade, reason: str, by_entry: dict[int, Fill], bars: Bars, scale: Floats, labels: _TimeAxis
) -> _Marks:
    def place(fill: Fill) -> tuple[str, float]:
        at = bars.at(fill)
        return labels.labels(np.array([at]))[0], float(fill.price * scale[at])

    def arrive() -> tuple[str, float]:  # a spin-off brought it, at a session's open
        at = bars.from_(trade.opened)
        return labels.labels(np.array([at]))[0], float(trade.entry * scale[at])

    first, last = by_entry.get(trade.first), by_entry.get(trade.last)
    ended = not trade.is_open and last is not None
    entry = arrive() if first is None else place(first)
    return _Marks(trade, reason, entry, place(last) if ended and last else None)


def _paths(marks: list[_Marks], decimals: int) -> list[dict[str, Any]]:
    """Return lines from entries to exits, gains and losses apart."""
    traces = []
    for won, colour in ((True, "gain"), (False, "loss")):
        x: list[str | None] = []
        y: list[float | None] = []
        for mark in marks:
            if mark.exit and (mark.trade.pnl > 0) is won:
                x += [mark.entry[0], mark.exit[0], None]
                y += [round(mark.entry[1], decimals), round(mark.exit[1], decimals), None]
        if x:
            traces.append(
                {
                    "type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip",
                    "line": {"color": f"${colour}", "width": 2}, "showlegend": False,
                }
            )  # fmt: skip
    return traces


def _entries(marks: list[_Marks], decimals: int) -> list[dict[str, Any]]:
    kinds = ((1, "Bought", "triangle-up"), (-1, "Shorted", "triangle-down"))
    return [
        _markers(
            name,
            shape,
            "ink",
            [(m.entry, f"{name} {plain(m.trade.quantity)}") for m in marks if m.trade.side == side],
            decimals,
        )
        for side, name, shape in kinds
        if any(m.trade.side == side for m in marks)
    ]


def _exits(marks: list[_Marks], decimals: int) -> list[dict[str, Any]]:
    traces = []
    for won, name, shape, colour in (
        (True, "Gain", "circle", "gain"),
        (False, "Loss", "x", "loss"),
    ):
        places = [(m.exit, _outcome(m)) for m in marks if m.exit and (m.trade.pnl > 0) is won]
        if places:
            traces.append(_markers(name, shape, colour, places, decimals))
    return traces


def _outcome(mark: _Marks) -> str:
    trade = mark.trade
    gain = signed(f"{trade.pnl:+,.0f}")
    why = f"<br>{escape(mark.reason)}"
    return f"{gain} ({percent(trade.gain)}) in {span(trade.days)}{why}"


def _markers(
    name: str, shape: str, colour: str, places: list[tuple[tuple[str, float], str]], decimals: int
) -> dict[str, Any]:
    border = {"color": "$card", "width": 1}
    return {
        "type": "scatter", "mode": "markers", "name": name,
        "x": [place[0] for place, _ in places], "y": [round(place[1], decimals) for place, _ in places],
        "text": [text for _, text in places],
        "hovertemplate": "%{x}<br>%{text}<br>at %{y:,.2f}<extra></extra>",
        "marker": {"symbol": shape, "color": f"${colour}", "size": 9, "line": border},
    }  # fmt: skip


def _caption(bars: Bars, marked: int, traded: int, drawn: int) -> str:
    text = f"{count(len(bars.close), 'bar')}. "
    if len(bars.close) <= CANDLES:
        text += "A hollow candle rose, a full one fell. "
    elif drawn < len(bars.close):
        of = " of sessions" if len(bars.close) > MOST else ""
        text = f"{count(len(bars.close), 'bar')}, drawn through {drawn:,} closes{of}. "
    if (bars.split != bars.split[-1]).any():
        text += "Prices are in the shares of the last bar: splits are taken out, dividends are not. "
    return text + (f"The first {marked:,} of {traded:,} trades are marked." if marked < traded else "")
