"""The page of a run under doubt: one HTML file, which needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from openbell.backtesting.measures import MEASURES
from openbell.data.bars import Floats
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.html import charts, palette
from openbell.reporting.html.markup import Cell, Column, chart, definitions, section, table
from openbell.reporting.html.page import whole
from openbell.reporting.html.points import numbers
from openbell.reporting.robustness import LABELS, SHOWN, SPREAD, Robustness, spread_of
from openbell.reporting.words import capitalised, shown

_BINS = 40


def render(made: Robustness) -> str:
    """Return the page as text.

    Raises:
        ConfigError: The installed plotly carries no plotly.min.js.
    """
    drawn: dict[str, Any] = {}
    body = _stress(made)
    if made.histories:
        body += _histories(made, drawn)
    body += _orders(made, drawn)
    title = f"{made.result.found.name} on {made.result.plan.traded}: robustness"
    first, *others = made.words()
    header = (
        f"<header><p class='eyebrow'>Openbell robustness</p><h1>{escape(title)}</h1>"
        f"<p class='facts-line'>{escape(first)}.</p>"
        + "".join(f"<p class='verdict'>{escape(capitalised(line))}.</p>" for line in others)
        + "<p class='costs'>Each row is the same strategy with the same parameters, run again through the "
        "engine. The prices are drawn from what happened: what the data do not have is in none of them."
        "</p></header>\n"
    )
    figures = {"light": palette.LIGHT, "dark": palette.DARK, "shared": {}, "figures": drawn}
    return whole(title, f"{header}{body}", figures)


def _stress(made: Robustness) -> str:
    own = dict(zip(MEASURES, made.own.tolist(), strict=True))
    rows = [_row("As recorded", own), *(_row(capitalised(one.name), one.middle) for one in made.reruns)]
    many = max(len(one.values) for one in made.reruns)
    lead = "The same strategy over the same prices, dearer, late and with entries missed"
    lead += f": of missed entries the median of {many} runs." if many > 1 else "."
    return section("stress", "Traded harder", table("What is left", _heads("Traded"), rows), lead=lead)


def _histories(made: Robustness, drawn: dict[str, Any]) -> str:
    body = ""
    for law, history in made.histories.items():
        values = history.values
        name = f"history-{law}"
        drawn[name] = _spread(made, made.scores(values) * made.asked.objective.sign)
        words = f"{capitalised(made.figure)} over {len(values):,} histories by {LABELS[law]}"
        facts = [
            ("Reach the run's own", f"{made.place(law):.0%} of the histories"),
            ("Fitted", history.words),
        ]
        rows = _quantiles(values)
        caption = "So many of the histories are below"
        body += (
            chart(name, words, caption=words) + definitions(facts) + table(caption, _heads("Of them"), rows)
        )
    return section("histories", "Other histories of the same symbols", body)


def _orders(made: Robustness, drawn: dict[str, Any]) -> str:
    body = ""
    if made.probability is not None:
        drawn["permuted"] = _spread(made, made.scores(made.permuted) * made.asked.objective.sign)
        words = f"{capitalised(made.figure)} over {len(made.permuted):,} permutations of the prices"
        body += chart("permuted", words, caption=words)
    facts = [
        (f"{name}: p", f"{value:.3f}")
        for name, value in (("Prices in other orders", made.probability), ("Positions", made.pairing))
        if value is not None
    ]
    if not facts:
        return ""
    lead = (
        "The same bars in an order that chance made: what the strategy earns there, it earns without any "
        "pattern in time. p is how likely so good a run is where there is none."
    )
    return section("orders", "Is it the order of the prices?", body + definitions(facts), lead=lead)


def _heads(first: str) -> list[Column]:
    return [Column(first), *(Column(DESCRIPTIONS[name].label, number=True) for name in SHOWN)]


def _row(name: str, figures: Mapping[str, float]) -> list[Cell]:
    return [Cell(name), *(Cell(shown(key, figures[key])) for key in SHOWN)]


def _quantiles(values: Floats) -> list[list[Cell]]:
    columns = spread_of(values)
    return [
        _row(f"{share:.0%}", dict(zip(SHOWN, columns[:, at].tolist(), strict=True)))
        for at, share in enumerate(SPREAD)
    ]


def _spread(made: Robustness, values: Floats) -> charts.Figure:
    """Return how often which figure came out, and where the run's own is."""
    counts, edges = np.histogram(values, _BINS)
    own = made.asked.objective.sign * float(made.scores(made.own))
    bars = {
        "type": "bar", "x": numbers((edges[1:] + edges[:-1]) / 2.0, 4), "y": numbers(counts / len(values), 5),
        "marker": {"color": "$strategy_soft"}, "hovertemplate": "%{x}: %{y:.1%}", "name": "runs",
    }  # fmt: skip
    mark = {
        "type": "line", "x0": own, "x1": own, "y0": 0, "y1": 1, "yref": "paper",
        "line": {"color": "$loss", "width": 1.6},
    }  # fmt: skip
    layout = {
        **charts.base(legend=False),
        "bargap": 0.05,
        "xaxis": charts.axis(title=f"{made.figure}; the line is the run's own"),
        "yaxis": charts.axis(title="share of the runs", tickformat=".0%"),
        "shapes": [mark],
    }
    return {"data": [bars], "layout": layout}
