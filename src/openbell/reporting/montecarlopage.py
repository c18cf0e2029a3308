"""The page of other courses that a run could have taken: one HTML file, which needs no network."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import numpy as np

from openbell.backtesting.redrawn import FIGURES, Draws
from openbell.data.bars import Floats
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.html import charts, palette
from openbell.reporting.html.markup import Cell, Column, chart, definitions, section, table
from openbell.reporting.html.page import own, plotly_script
from openbell.reporting.html.points import numbers
from openbell.reporting.montecarlo import FAN, MonteCarlo
from openbell.reporting.words import capitalised, shown

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_BINS = 60


def render(made: MonteCarlo) -> str:
    """Return the page as text.

    Raises:
        ConfigError: The installed plotly carries no plotly.min.js.
    """
    kinds = [("days", "Its days drawn anew", made.of_days)]
    if made.of_trades is not None:
        kinds.append(("trades", "Its trades in other orders", made.of_trades))
    drawn: dict[str, Any] = {}
    body = _intervals(made)
    for anchor, title, draws in kinds:
        drawn |= {f"fan-{anchor}": _fan(made, draws), f"falls-{anchor}": _falls(made, draws)}
        body += _section(made, anchor, title, draws)
    data = json.dumps(
        {"light": palette.LIGHT, "dark": palette.DARK, "shared": {}, "figures": drawn}, allow_nan=False
    )
    data = data.replace("<", "\\u003c")
    title = escape(f"{made.result.found.name} on {made.result.plan.traded}: Monte Carlo")
    first, *others = made.words()
    said = [f"{capitalised(line)}." for line in others]
    header = (
        f"<header><p class='eyebrow'>Openbell Monte Carlo</p><h1>{title}</h1>"
        f"<p class='facts-line'>{escape(first)}.</p>"
        + "".join(f"<p class='verdict'>{escape(line)}</p>" for line in said)
        + "<p class='costs'>Drawn from what happened: what the data do not have, such as a crash, is in none "
        "of the courses.</p></header>\n"
    )
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        "<meta name='color-scheme' content='light dark'>\n<link rel='icon' href='data:,'>\n"
        f"<title>{title}</title>\n<style>{palette.css()}{own('style.css')}</style>\n</head>\n"
        f"<body>\n<main>\n{header}{body}</main>\n"
        f"<script type='application/json' id='figures'>{data}</script>\n"
        f"<script>{plotly_script()}</script>\n<script>{own('script.js')}</script>\n</body>\n</html>\n"
    )


def _intervals(made: MonteCarlo) -> str:
    heads = [Column("Figure"), *(Column(name, number=True) for name in ("Run", "From", "To"))]
    rows = [
        [Cell(DESCRIPTIONS[name].label), *(Cell(shown(name, value)) for value in one)]
        for name, one in made.intervals.items()
    ]
    caption = f"Each figure, and between what its true value lies with {made.asked.confidence:.0%} confidence"
    return section("intervals", "How exact the figures are", table(caption, heads, rows))


def _section(made: MonteCarlo, anchor: str, title: str, draws: Draws) -> str:
    said = made.chances(draws)
    facts = [
        ("Loss at the end", f"{said.loss:.1%} of the courses"),
        (f"Loss of {made.asked.ruin:.0%} on the way", f"{said.ruin:.1%} of the courses"),
        ("Deeper fall than the run's own", f"{said.worse:.1%} of the courses"),
    ]
    heads = [Column("Of the courses"), *(Column(f"{share:.0%}", number=True) for share in FAN)]
    rows = [
        [Cell("Total return"), *(Cell(shown("total_return", value)) for value in said.ends)],
        [Cell("Maximum drawdown"), *(Cell(shown("max_drawdown", value)) for value in said.falls)],
    ]
    words = (
        f"Growth of the courses at the quantiles {', '.join(f'{share:.0%}' for share in FAN)}, and the run"
    )
    return section(
        anchor,
        title,
        chart(f"fan-{anchor}", words, caption=words)
        + definitions(facts)
        + table("So many of the courses are below", heads, rows)
        + chart(f"falls-{anchor}", "How deep the courses fall", caption="Maximum drawdown of the courses"),
    )


def _fan(made: MonteCarlo, draws: Draws) -> charts.Figure:
    """Return the quantiles of growth as bands, and the run's own course."""
    bands, x = made.fan(draws), [int(one) for one in draws.points.tolist()]
    data = []
    for low, high in ((0, 4), (1, 3)):
        edge, top = (_curve(f"{FAN[at]:.0%}", bands[at], "benchmark", x) for at in (low, high))
        data += [edge, {**top, "fill": "tonexty", "fillcolor": "$strategy_soft"}]
    own_course = _own(made, draws)
    data += [_curve("50%", bands[2], "strategy", x), _curve("the run", own_course, "loss", x)]
    layout = {
        **charts.base(),
        "xaxis": charts.axis(title="sessions" if draws is made.of_days else "trades"),
        "yaxis": {**charts.axis(title="growth of 1"), "type": charts.scale(bands, own_course)},
    }
    return {"data": data, "layout": layout}


def _curve(name: str, values: Floats, colour: str, x: list[int]) -> charts.Figure:
    return {**charts.line(name, numbers(values, 4), colour, hover="%{y:.2f}"), "x": x}


def _own(made: MonteCarlo, draws: Draws) -> Floats:
    if draws is made.of_days:
        curve = np.concatenate([[1.0], np.cumprod(1.0 + made.daily)])
    else:
        curve = np.concatenate([[1.0], np.cumprod(1.0 + made.gains)])
    at: Floats = curve[draws.points.astype(int)]
    return at


def _falls(made: MonteCarlo, draws: Draws) -> charts.Figure:
    """Return how often the courses fall how deep, and where the run's own fall lies."""
    falls = draws.figures[:, FIGURES.index("max_drawdown")]
    counts, edges = np.histogram(falls, _BINS)
    own_fall = made.result.metrics["max_drawdown"]
    bars = {
        "type": "bar", "x": numbers((edges[1:] + edges[:-1]) / 2.0, 4), "y": numbers(counts / len(falls), 5),
        "marker": {"color": "$strategy_soft"}, "hovertemplate": "%{x:.1%}: %{y:.1%}", "name": "courses",
    }  # fmt: skip
    mark = {
        "type": "line", "x0": own_fall, "x1": own_fall, "y0": 0, "y1": 1, "yref": "paper",
        "line": {"color": "$loss", "width": 1.6},
    }  # fmt: skip
    layout = {
        **charts.base(legend=False),
        "bargap": 0.05,
        "xaxis": charts.axis(title="maximum drawdown; the line is the run's own", tickformat=".0%"),
        "yaxis": charts.axis(title="share of the courses", tickformat=".0%"),
        "shapes": [mark],
    }
    return {"data": [bars], "layout": layout}
