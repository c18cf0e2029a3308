"""A cross-validation's page: the paths that its tests make, and what each split chose."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from openbell.reporting.crossvalidation import QUANTILES, CrossValidation
from openbell.reporting.html import charts, palette
from openbell.reporting.html.headline import judged
from openbell.reporting.html.markup import Cell, Column, chart, definitions, section, table
from openbell.reporting.html.page import whole
from openbell.reporting.html.points import numbers, thin
from openbell.reporting.sweeptable import name_of, shown
from openbell.reporting.words import capitalised, date

#: Paths that are drawn, from the worst to the best; more would be one block of colour.
_MOST_PATHS = 60
_MOST_SPLITS = 200
_BINS = 24
_FEW = 8  #: paths in a bin, below which each is a mark of the axis


def render(made: CrossValidation) -> str:
    """Return the page as text.

    Raises:
        ConfigError: The installed plotly carries no plotly.min.js.
    """
    figures: dict[str, Any] = {"paths": _paths(made), "splits": _kept(made)}
    if len(made.paths) > 1:
        figures["sharpe"] = _sharpe(made)
    title = f"{made.terms.name} on {made.plan.traded}: cross-validation"
    first, _, *others = made.words()
    badge = "<p class='badge'>Without costs</p>" if made.plan.costs.free else ""
    header = (
        f"<header><p class='eyebrow'>Openbell cross-validation</p><h1>{escape(title)}</h1>"
        f"{judged(made.verdict.as_json())}<p class='facts-line'>{escape(first)}.</p>{badge}"
        + "".join(f"<p class='verdict'>{escape(capitalised(line))}.</p>" for line in others)
        + "<p class='costs'>Each combination is run once over all of the data and its returns are divided by "
        "fold: what is held where a fold begins was bought before it.</p></header>\n"
    )
    drawn = {"light": palette.LIGHT, "dark": palette.DARK, "shared": {}, "figures": figures}
    return whole(title, header + _sections(made), drawn)


def _sections(made: CrossValidation) -> str:
    words = "Growth of 1 on each path; in each fold that of what was chosen without it. Lines: the folds."
    spread = "How many paths have which Sharpe ratio."
    kept = "Each split: the Sharpe ratio where its parameters were chosen, and in its tests."
    spans = definitions((f"Fold {at + 1}", span) for at, span in enumerate(made.spans))
    body = chart("paths", words, caption=words, css="large")
    if len(made.paths) > 1:
        body += chart("sharpe", spread, caption=spread)
    return (
        section("paths", "Paths", body + _figures(made))
        + section("kept", "What was kept", chart("splits", kept, caption=kept),
                  lead="On the line, a test was as good as what was seen when choosing.")
        + section("folds", "Folds", spans)
        + section("splits", "Splits", _splits(made))
    )  # fmt: skip


def _figures(made: CrossValidation) -> str:
    heads = [
        Column("Of the paths"),
        *(Column(name, number=True) for name in ("Worst", "25%", "Middle", "75%", "Best")),
    ]
    rows = [
        [
            Cell(name_of(name)),
            *(Cell(shown(name, value)) for value in np.quantile(values, QUANTILES).tolist()),
        ]
        for name, values in made.path_figures.items()
    ]
    return table("Figures of the paths, from the least to the greatest", heads, rows)


def _splits(made: CrossValidation) -> str:
    names = list(made.chosen[0].parameters)
    aims = list(dict.fromkeys((made.objective, "sharpe")))
    outside = ("sharpe", "cagr", "max_drawdown")
    heads = [Column("Tested folds"), *(Column(name) for name in names)]
    heads += [Column(f"Chosen {name_of(one)}", number=True) for one in aims]
    heads += [Column(f"Tested {name_of(one)}", number=True) for one in outside]
    heads.append(Column("Better than", number=True, title="So many of all combinations, in the tests"))
    rows = []
    for one in made.chosen[:_MOST_SPLITS]:
        cells = [Cell(", ".join(str(fold + 1) for fold in one.tests))]
        cells += [Cell(str(one.parameters[name])) for name in names]
        cells += [Cell(shown(name, one.inside[name])) for name in aims]
        cells += [Cell(shown(name, one.outside[name])) for name in outside]
        rows.append([*cells, Cell(f"{one.rank:.0%}")])
    more = f"; the first {_MOST_SPLITS}" if len(made.chosen) > _MOST_SPLITS else ""
    return table(f"What each split chose, and what came of it{more}", heads, rows)


def _paths(made: CrossValidation) -> charts.Figure:
    """Return the growth of the paths, the middle one in front."""
    grown = np.cumprod(1.0 + made.paths, axis=1)
    order = np.argsort(made.sharpe, kind="stable")
    middle = made.middle
    picked = (
        order if len(order) <= _MOST_PATHS else order[np.linspace(0, len(order) - 1, _MOST_PATHS).astype(int)]
    )
    kept = thin([grown[row] for row in (int(order[0]), middle, int(order[-1]))])
    x = [date(int(one)) for one in made.times[kept].tolist()]
    data = []
    for row in [int(one) for one in picked if int(one) != middle] + [middle]:
        front = row == middle
        name = f"path {row + 1}, Sharpe ratio {made.sharpe[row]:.2f}"
        line = charts.line(
            name, numbers(grown[row][kept], 4), "strategy" if front else "benchmark", hover="%{y:.2f}"
        )
        line |= {"x": x, "showlegend": front, "hoverinfo": "all" if front else "skip"}
        if not front:
            line["line"] = {**line["line"], "width": 0.8}
            line["opacity"] = 0.55
        data.append(line)
    borders = [date(int(made.times[one[0]])) for one in made.folds.folds[1:]]
    layout = {
        **charts.base(), "hovermode": "closest", "xaxis": charts.axis(),
        "yaxis": {**charts.axis(title="growth of 1"), "type": charts.scale(*grown[picked])},
        "shapes": [
            {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper",
             "line": {"color": "$line", "width": 1, "dash": "dot"}} for at in borders
        ],
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _sharpe(made: CrossValidation) -> charts.Figure:
    """Return how many paths have which Sharpe ratio."""
    counts, edges = np.histogram(made.sharpe[~np.isnan(made.sharpe)], min(_BINS, max(len(made.sharpe), 5)))
    few = {"dtick": 1} if counts.max() < _FEW else {}
    bars = {
        "type": "bar", "x": numbers((edges[1:] + edges[:-1]) / 2.0, 3), "y": counts.tolist(), "name": "paths",
        "marker": {"color": "$strategy_soft", "line": {"color": "$strategy", "width": 1}},
        "hovertemplate": "%{x:.2f}: %{y}",
    }  # fmt: skip
    layout = {
        **charts.base(legend=False), "bargap": 0.05, "xaxis": charts.axis(title="Sharpe ratio of a path"),
        "yaxis": {**charts.axis(title="paths"), "tickformat": "d", **few},
    }  # fmt: skip
    return {"data": [bars], "layout": layout}


def _kept(made: CrossValidation) -> charts.Figure:
    """Return each split's Sharpe ratio in its tests over that where it was chosen."""
    inside, outside = (
        np.array([getattr(one, side)["sharpe"] for one in made.chosen]) for side in ("inside", "outside")
    )
    known = np.concatenate([inside, outside])
    low, high = float(np.nanmin(known)), float(np.nanmax(known))
    dots = {
        "type": "scatter", "mode": "markers", "name": "splits",
        "x": numbers(inside, 3), "y": numbers(outside, 3),
        "marker": {"color": "$strategy", "size": 8, "opacity": 0.7}, "hovertemplate": "%{x:.2f}, %{y:.2f}",
    }  # fmt: skip
    same = {
        "type": "line", "x0": low, "y0": low, "x1": high, "y1": high,
        "line": {"color": "$muted", "width": 1, "dash": "dot"},
    }  # fmt: skip
    layout = {
        **charts.base(legend=False), "hovermode": "closest",
        "xaxis": charts.axis(title="Sharpe ratio where parameters were chosen"),
        "yaxis": charts.axis(title="in the tests"), "shapes": [same],
    }  # fmt: skip
    return {"data": [dots], "layout": layout}
