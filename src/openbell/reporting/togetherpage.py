"""The page of several strategies as one portfolio."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from openbell.portfolio.drawdown import drawdowns
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.html import palette
from openbell.reporting.html.charts import axis, base, line, scale
from openbell.reporting.html.headline import judged, title
from openbell.reporting.html.markup import Cell, Column, chart, section, table
from openbell.reporting.html.page import whole
from openbell.reporting.html.points import numbers, thin
from openbell.reporting.html.sections import cents
from openbell.reporting.together import Together
from openbell.reporting.words import count, date, figure, money, percent, spaceless

_OWN = ("total_return", "cagr", "sharpe", "max_drawdown", "trades", "win_rate", "costs_paid")
_SAID = "All accounts together, against what each is compared with together; below, the fall from the peak."


def render(found: Together) -> str:
    """Return a portfolio of strategies as the text of one HTML file."""
    name = f"{count(len(found.names), 'strategy').replace('strategys', 'strategies')} together"
    first, last = float(found.equity[0]), float(found.equity[-1])
    span = f"{date(int(found.times[0]))} to {date(int(found.times[-1]))}"
    grew = percent(found.metrics["total_return"])
    told = f"{money(first)} became {money(last)}: {grew} in all. {_most(found)}"
    top = (
        f"<header><p class='eyebrow'>Openbell portfolio</p><h1>{escape(name)}</h1>"
        f"{judged(found.verdict.as_json())}<p class='facts-line'>{span}</p>"
        f"<p class='verdict'>{escape(told)}</p></header>\n"
    )
    body = [
        section("growth", "Growth", chart("growth", _SAID, css="large"), lead=_SAID),
        section("strategies", "Strategies", _strategies(found)),
        section("origins", "Where the profit came from", _origins(found), lead=_LEAD),
        section("metrics", "Metrics of the whole", _metrics(found)),
        section("together", "How they move together", _correlations(found)),
    ]
    at = thin([found.equity, found.benchmark])
    days = np.datetime_as_string(found.times[at].astype("datetime64[ns]"), unit="D").tolist()
    drawn = {
        "light": palette.LIGHT, "dark": palette.DARK, "shared": {"moments": days},
        "figures": {"growth": _growth(found, at)}, "captions": {},
    }  # fmt: skip
    return whole(name, top + "".join(body), drawn)


_LEAD = (
    "Prices, fees, dividends, borrow and interest; open positions at the last price. It adds up to the cent."
)


def _most(found: Together) -> str:
    brought = found.attribution("strategy")
    best = max(brought, key=lambda name: brought[name], default="")
    return f"{best} brought most, {money(brought[best])}." if best else "None of them traded."


def _strategies(found: Together) -> str:
    heads = [Column("Strategy"), Column("What"), Column("Cash", number=True), Column("Became", number=True)]
    heads += [Column(DESCRIPTIONS[key].label, number=True) for key in _OWN]
    heads.append(Column("What its evidence supports"))
    rows = [
        [
            Cell(name), Cell(title(r)), Cell(money(r.plan.cash)), Cell(money(r.final_equity)),
            *(Cell(figure(key, r.metrics[key]), r.metrics[key]) for key in _OWN), Cell(str(r.verdict)),
        ]
        for name, r in zip(found.names, found.results, strict=True)
    ]  # fmt: skip
    return table("Each strategy by itself", heads, rows)


def _origins(found: Together) -> str:
    symbols, crossed = found.crossed()
    heads = [
        Column("Strategy"),
        *(Column(symbol, number=True) for symbol in symbols),
        Column("All", number=True),
    ]
    rows = []
    for name, brought in crossed.items():
        cells = [_amount(brought[s]) if s in brought else Cell("") for s in symbols]
        rows.append([Cell(name), *cells, _amount(sum(brought.values()), css="total")])
    by_symbol = found.attribution("symbol")
    rows.append([
        Cell("All", css="total"), *(_amount(by_symbol[s], css="total") for s in symbols),
        _amount(sum(by_symbol.values()), css="total"),
    ])  # fmt: skip
    tables = [table("Profit by strategy and symbol", heads, rows)]
    for way in ("side", "sector"):
        amounts = found.attribution(way)
        if len(amounts) > 1:
            shared = [[Cell(name), _amount(value)] for name, value in amounts.items()]
            tables.append(
                table(f"Profit by {way}", [Column(way.title()), Column("Profit", number=True)], shared)
            )
    return "".join(tables)


def _amount(value: float, *, css: str = "") -> Cell:
    return Cell(cents(value), value, css or ("negative" if value < 0 else "positive"))


def _metrics(found: Together) -> str:
    rows = [
        [Cell(spaceless(DESCRIPTIONS[key].label)), Cell(figure(key, value), value)]
        for key, value in found.metrics.items()
    ]
    return table("Of all accounts together", [Column("Metric"), Column("Value", number=True)], rows)


def _correlations(found: Together) -> str:
    rows = [
        [Cell(name), *(Cell("–" if np.isnan(v) else f"{v:.2f}".replace("-", "−")) for v in line_.tolist())]
        for name, line_ in zip(found.names, found.correlations(), strict=True)
    ]
    heads = [Column("Strategy"), *(Column(name, number=True) for name in found.names)]
    return table("Correlation of the returns of sessions", heads, rows)


def _growth(found: Together, at: Any) -> dict[str, Any]:
    data = []
    for name, curve, colour in (
        ("Benchmarks", found.benchmark, "benchmark"), ("All strategies", found.equity, "strategy")
    ):  # fmt: skip
        fall = numbers(drawdowns(curve)[at], 5)
        under = line(name, fall, colour, hover="%{y:.1%}", yaxis="y2")
        data += [line(name, numbers(curve[at], 2), colour, hover="%{y:,.0f}"), {**under, "showlegend": False}]
    layout = {
        **base(reverse=True),
        "xaxis": axis(anchor="y2"),
        "yaxis": {
            **axis(title="value", tickformat=",.3~s"), "domain": [0.36, 1],
            "type": scale(found.equity, found.benchmark),
        },
        "yaxis2": {**axis(title="below peak", tickformat=".0%"), "domain": [0, 0.29]},
    }  # fmt: skip
    return {"data": data, "layout": layout}
