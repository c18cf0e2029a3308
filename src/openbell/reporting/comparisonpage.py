"""The page on which runs stand side by side."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from openbell.portfolio.drawdown import drawdowns
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.comparison import Comparison
from openbell.reporting.html import palette
from openbell.reporting.html.charts import axis, base, line, scale
from openbell.reporting.html.headline import judged, title
from openbell.reporting.html.markup import Cell, Column, chart, section, table
from openbell.reporting.html.page import whole
from openbell.reporting.html.points import numbers, thin
from openbell.reporting.html.sections import metric_groups
from openbell.reporting.words import date, figure, money, spaceless

_COLOURS = ("strategy", "loss", "ink")
_DASHES = ("solid", "dash")  #: two of a colour differ by their dashes


def render(found: Comparison) -> str:
    """Return a comparison as the text of one HTML file."""
    name = " and ".join(found.names) if len(found.names) == 2 else ", ".join(found.names)
    span = f"{date(int(found.times[0]))} to {date(int(found.times[-1]))}"
    differ = "" if found.same_span else " The runs cover different days: each figure is of its own run's."
    said = f"Growth of 100 on the {len(found.times):,} sessions that all have, and the fall from the peak."
    top = (
        f"<header><p class='eyebrow'>Openbell comparison</p><h1>{escape(name)}</h1>"
        f"{judged(found.verdict._asdict())}<p class='facts-line'>{span}</p>"
        f"<p class='verdict'>{escape(ranking(found))}{differ}</p></header>\n"
    )
    body = [
        section("growth", "Growth", chart("growth", said, css="large"), lead=said),
        section("runs", "Runs", _runs(found) + _settings(found)),
        section("metrics", "Metrics", _metrics(found), lead=_LEAD),
        section("together", "How they move together", _correlations(found)),
    ]
    shared = {
        "moments": np.datetime_as_string(_thinned(found)[1].astype("datetime64[ns]"), unit="D").tolist()
    }
    drawn = {
        "light": palette.LIGHT, "dark": palette.DARK, "shared": shared, "figures": {"growth": _growth(found)},
        "captions": {},
    }  # fmt: skip
    return whole(name, top + "".join(body), drawn)


_LEAD = "In brackets the difference from the first run; of a percentage it is in points."


def ranking(found: Comparison) -> str:
    """Return which run grew most a year, and which had the most return for its risk, in words."""
    told = []
    for key, words in (("cagr", "grew most"), ("sharpe", "had the best Sharpe ratio"),
                       ("max_drawdown", "fell least")):  # fmt: skip
        values = np.array(found.metric(key))
        if np.isfinite(values).any():
            best = int(np.nanargmax(values))
            unit = " a year" if key == "cagr" else ""
            told.append(f"{found.names[best]} {words} ({figure(key, float(values[best]))}{unit})")
    return "; ".join(told) + "." if told else "No figure can be compared."


def metric_rows(found: Comparison, keys: list[str]) -> list[list[Cell]]:
    """Return a row for each metric: its name, and each run's value with the difference from the first."""
    rows = []
    for key in keys:
        cells = [Cell(spaceless(DESCRIPTIONS[key].label))]
        for at, (value, gap) in enumerate(zip(found.metric(key), found.differences(key), strict=True)):
            cells.append(Cell(figure(key, value) + (f" ({_gap(key, gap)})" if at else ""), value))
        rows.append(cells)
    return rows


def _gap(key: str, value: float) -> str:
    text = figure(key, value)
    return text if text.startswith(("−", "–")) else f"+{text}"


def _heads(found: Comparison, first: str) -> list[Column]:
    return [Column(first), *(Column(name, number=True) for name in found.names)]


def _metrics(found: Comparison) -> str:
    return "".join(
        table(name, _heads(found, name), metric_rows(found, keys)) for name, keys in metric_groups().items()
    )


def _runs(found: Comparison) -> str:
    heads = [Column("Run"), Column("What"), Column("From"), Column("To"), Column("Cash", number=True),
             Column("Became", number=True), Column("What its evidence supports")]  # fmt: skip
    rows = [
        [
            Cell(name), Cell(title(r)), *(Cell(date(int(r.outcome.times[at]))) for at in (0, -1)),
            Cell(money(r.plan.cash)), Cell(money(r.final_equity)), Cell(str(r.verdict)),
        ]
        for name, r in zip(found.names, found.results, strict=True)
    ]  # fmt: skip
    return table("What was run", heads, rows)


def _settings(found: Comparison) -> str:
    rows = [[Cell(key), *map(Cell, values)] for key, values in found.settings().items()]
    if not rows:
        return "<p>All of their settings are the same.</p>"
    return table("Settings that differ", [Column("Setting"), *map(Column, found.names)], rows)


def _correlations(found: Comparison) -> str:
    matrix = found.correlations()
    rows = [
        [Cell(name), *(Cell("–" if np.isnan(v) else f"{v:.2f}".replace("-", "−")) for v in line_.tolist())]
        for name, line_ in zip(found.names, matrix, strict=True)
    ]
    return table("Correlation of the returns of common sessions", _heads(found, "Run"), rows)


def _thinned(found: Comparison) -> tuple[Any, Any]:
    at = thin(list(found.curves))
    return at, found.times[at]


def _growth(found: Comparison) -> dict[str, Any]:
    at, _ = _thinned(found)
    data = []
    for number, (name, curve) in enumerate(zip(found.names, found.curves, strict=True)):
        colour = _COLOURS[number % 3]
        for values, decimals, where, hover in (
            (curve, 3, "y", "%{y:,.1f}"),
            (drawdowns(curve), 5, "y2", "%{y:.1%}"),
        ):
            trace = line(name, numbers(values[at], decimals), colour, hover=hover, yaxis=where)
            trace["line"] |= {"dash": _DASHES[number // 3]}
            data.append({**trace, "showlegend": where == "y"})
    layout = {
        **base(),
        "xaxis": axis(anchor="y2"),
        "yaxis": {**axis(title="100 at the start"), "domain": [0.36, 1], "type": scale(*found.curves)},
        "yaxis2": {**axis(title="below peak", tickformat=".0%"), "domain": [0, 0.29]},
    }
    return {"data": data, "layout": layout}
