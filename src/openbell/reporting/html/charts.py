"""The charts of a run's curves, as plain dictionaries that plotly.js draws.

Colours are names of the palette with a `$` before them, and long x columns names of shared ones with a `@`:
the page's script puts in what they mean. plotly's Python classes are slow to load and are not needed.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from openbell.data.bars import Floats, Times
from openbell.portfolio.drawdown import drawdowns
from openbell.portfolio.metrics import simple_returns
from openbell.portfolio.rolling import rolling_beta, rolling_sharpe
from openbell.reporting.html.points import MOST, Indices, days, decimals_of, minutes, numbers, thin
from openbell.reporting.result import Result

Figure = dict[str, Any]

#: Sessions that a rolling figure looks back: half a year.
WINDOW = 126
#: Growth from which on a linear axis hides where it began.
MANIFOLD = 10
#: Fewest sessions whose returns make a distribution.
FEWEST_RETURNS = 20


class Curves:
    """What the charts of one run share: the moments that are drawn, and their labels."""

    def __init__(self, result: Result) -> None:
        self.result = result
        outcome = result.outcome
        self.every_moment = len(outcome.times) <= MOST
        at: Indices = np.arange(len(outcome.times)) if self.every_moment else result.marks
        kept = thin([outcome.equity[at], result.benchmark_curve[at]])
        self.all = at  #: the moments that the curves are made of
        self.drawn = at[kept]  #: those of them that are drawn
        self.kept = kept
        self.intraday = self.every_moment and len(outcome.daily) < len(outcome.times)
        self.shared = {"moments": self._labels(outcome.times[self.drawn])}

    def _labels(self, times: Times) -> list[str]:
        return minutes(times) if self.intraday else days(times, self.result.outcome.panel.sessions)


def growth(curves: Curves, benchmark: str) -> Figure:
    """Return equity against the benchmark, and below it how far each is under its peak."""
    result = curves.result
    equity, other = result.outcome.equity[curves.all], result.benchmark_curve[curves.all]
    name = result.found.name
    decimals = decimals_of(equity)
    own, its = drawdowns(equity)[curves.kept], drawdowns(other)[curves.kept]
    money = "%{y:,.0f}"
    data = [
        line(benchmark, numbers(other[curves.kept], decimals), "benchmark", hover=money),
        line(name, numbers(equity[curves.kept], decimals), "strategy", hover=money),
        line(f"{benchmark}, below its peak", numbers(its, 5), "benchmark", yaxis="y2"),
        line(f"{name}, below its peak", numbers(own, 5), "strategy", yaxis="y2", fill="strategy_soft"),
    ]
    for trace in data[2:]:
        trace["showlegend"] = False
    layout = {
        **base(reverse=True),
        "xaxis": axis(anchor="y2"),
        "yaxis": {
            **axis(title="value", tickformat=",.3~s"),
            "domain": [0.36, 1],
            "type": scale(equity, other),
        },
        "yaxis2": {**axis(title="below peak", tickformat=".0%"), "domain": [0, 0.29]},
    }
    return {"data": data, "layout": layout}


def rolling(curves: Curves) -> Figure | None:
    """Return the Sharpe ratio and the beta over the last half year; None for a run that is shorter."""
    result = curves.result
    returns = simple_returns(result.daily_equity)
    if len(returns) <= WINDOW:
        return None
    market = simple_returns(result.daily_benchmark)
    sharpe = rolling_sharpe(returns, WINDOW, periods_per_year=result.periods_per_year)
    beta = rolling_beta(returns, market, WINDOW)
    at = thin([sharpe, beta])
    ends = result.daily_times[1:][at]
    curves.shared["sessions"] = days(ends, result.outcome.panel.sessions)
    data = [
        line("Sharpe ratio", numbers(sharpe[at], 3), "strategy", x="@sessions", hover="%{y:.2f}"),
        line("Beta", numbers(beta[at], 3), "strategy", x="@sessions", hover="%{y:.2f}", yaxis="y2"),
    ]
    layout = {
        **base(legend=False),
        "xaxis": axis(anchor="y2"),
        "yaxis": {**axis(title="Sharpe ratio", zero=True), "domain": [0.54, 1]},
        "yaxis2": {**axis(title="beta", zero=True), "domain": [0, 0.46]},
    }
    return {"data": data, "layout": layout}


def exposure(curves: Curves) -> Figure:
    """Return the positions' value as a share of equity."""
    outcome = curves.result.outcome
    gross, net = outcome.gross[curves.drawn], outcome.net[curves.drawn]
    data = [line("Gross", numbers(gross, 4), "gain_soft", fill="gain_soft", shape="hv")]
    if (gross != net).any():
        data.append(line("Net", numbers(net, 4), "loss", shape="hv"))
    else:
        data[0]["name"] = "Gross and net"
    data[0]["line"]["width"] = 0.5  # a position that comes and goes must not become a block of edges
    up = {**axis(title="of equity", tickformat=".0%", zero=True), "rangemode": "tozero"}
    layout = {**base(legend=len(data) > 1), "xaxis": axis(), "yaxis": up}
    return {"data": data, "layout": layout}


def distribution(curves: Curves, benchmark: str) -> Figure | None:
    """Return how often a session brought which return, against the benchmark; None for too few sessions.

    Sessions that brought nothing are left out: those without a position would tower over all others.
    """
    result = curves.result
    own = simple_returns(result.daily_equity)
    other = simple_returns(result.daily_benchmark)
    own, other = own[np.isfinite(own) & (own != 0)], other[np.isfinite(other)]
    if len(own) < FEWEST_RETURNS:
        return None
    reach = float(np.quantile(np.abs(np.concatenate([own, other])), 0.995)) or float(np.abs(own).max())
    edges = np.linspace(-reach, reach, 62)
    middles = numbers((edges[1:] + edges[:-1]) / 2, 6)
    data: list[dict[str, Any]] = [
        {
            "type": "bar", "name": escape(result.found.name), "x": middles, "y": _shares(own, edges),
            "marker": {"color": "$gain_soft"}, "hovertemplate": "%{y:.2%}",
        },
        {
            "type": "scatter", "mode": "lines", "name": escape(benchmark), "x": middles,
            "y": _shares(other, edges), "hovertemplate": "%{y:.2%}",
            "line": {"color": "$benchmark", "width": 1.5, "shape": "hvh"},
        },
    ]  # fmt: skip
    layout = {
        **base(),
        "bargap": 0.08,
        "xaxis": axis(title="return of a session", tickformat=".1%", zero=True),
        "yaxis": axis(title="of sessions", tickformat=".0%"),
    }
    return {"data": data, "layout": layout}


def scale(*curves: Floats) -> str:
    """Return the type of axis on which curves can be read: logarithmic when they grow manifold."""
    lowest, highest = min(c.min() for c in curves), max(c.max() for c in curves)
    return "log" if 0 < lowest * MANIFOLD < highest else "linear"


def base(*, legend: bool = True, reverse: bool = False) -> dict[str, Any]:
    """Return the layout that every chart begins with; `reverse` names what is drawn on top first."""
    return {
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "$ink", "size": 12},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "$card", "bordercolor": "$line", "font": {"color": "$ink"}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "reversed" if reverse else "normal",
        },
        "showlegend": legend,
        "margin": {"l": 64, "r": 12, "t": 36 if legend else 8, "b": 36},
        "dragmode": "zoom",
    }


def line(
    name: str,
    y: list[Any],
    colour: str,
    *,
    x: str = "@moments",
    hover: str = "%{y:.1%}",
    yaxis: str = "y",
    fill: str = "",
    shape: str = "linear",
) -> dict[str, Any]:
    """Return a line of one curve, down to zero filled if `fill` names a colour; `x` names a shared column."""
    trace = {
        "type": "scatter", "mode": "lines", "name": escape(name), "x": x, "y": y, "yaxis": yaxis,
        "line": {"color": f"${colour}", "width": 1.6, "shape": shape}, "hovertemplate": hover,
    }  # fmt: skip
    return {**trace, "fill": "tozeroy", "fillcolor": f"${fill}"} if fill else trace


def axis(*, title: str = "", tickformat: str = "", zero: bool = False, anchor: str = "") -> dict[str, Any]:
    """Return an axis in the report's style."""
    made: dict[str, Any] = {
        "gridcolor": "$grid", "linecolor": "$line", "zeroline": zero, "zerolinecolor": "$muted",
        "automargin": True, "tickfont": {"color": "$muted"},
    }  # fmt: skip
    if title:
        made["title"] = {"text": title, "font": {"color": "$muted", "size": 12}, "standoff": 10}
    if tickformat:
        made["tickformat"] = tickformat
    if anchor:
        made["anchor"] = anchor
    return made


def _shares(values: Floats, edges: Floats) -> list[Any]:
    """Return how many of all values fall between edges; those beyond the ends count in the last ones."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return numbers(counts / max(len(values), 1), 6)
