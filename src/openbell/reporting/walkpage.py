"""A walk-forward's page: the one course of its tests, what each window chose, and what choosing was worth."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from openbell.data.bars import Floats
from openbell.reporting.html import charts, palette
from openbell.reporting.html.headline import judged
from openbell.reporting.html.markup import Cell, Column, chart, definitions, section, table
from openbell.reporting.html.page import whole
from openbell.reporting.html.points import days, decimals_of, numbers, thin
from openbell.reporting.sweeptable import is_numeric, name_of, shown
from openbell.reporting.walk import COMPARED, WalkForward
from openbell.reporting.words import capitalised, date, percent

#: Windows whose borders are drawn; more of them would hide the curve.
_MOST_BORDERS = 60
_GAP = 0.08  #: between the charts of two parameters, as a share of the height


def render(made: WalkForward) -> str:
    """Return the page as text.

    Raises:
        ConfigError: The installed plotly carries no plotly.min.js.
    """
    figures = {"course": _course(made), "drift": _drift(made), "kept": _kept(made)}
    title = f"{made.result.found.name} on {made.result.plan.traded}: walk-forward"
    drawn = {"light": palette.LIGHT, "dark": palette.DARK, "shared": {}, "figures": figures}
    return whole(title, _header(made, title) + _sections(made), drawn)


def _header(made: WalkForward, title: str) -> str:
    first, _, *others = made.words()
    badge = "<p class='badge'>Without costs</p>" if made.result.plan.costs.free else ""
    return (
        f"<header><p class='eyebrow'>Openbell walk-forward</p><h1>{escape(title)}</h1>"
        f"{judged(made.result.verdict.as_json())}<p class='facts-line'>{escape(first)}.</p>{badge}"
        + "".join(f"<p class='verdict'>{escape(capitalised(line))}.</p>" for line in others)
        + "<p class='costs'>Each window's parameters were chosen on what was known before it. The report "
        "of the tests as one run is <a href='report.html'>report.html</a>.</p></header>\n"
    )


def _sections(made: WalkForward) -> str:
    held = "is sold at the next open" if made.boundary == "close" else "is carried over"
    course = "Equity of the tests as one run, and the same symbols held. Lines: where a window ends."
    drift = "What each window chose, by parameter. Values that jump about were found in noise."
    kept = "The Sharpe ratio where the parameters were chosen, and in the test that follows."
    return (
        section("course", "Out of sample", chart("course", course, caption=course, css="large"),
                lead=f"Where a window ends, what is held {held}.")
        + section("kept", "What was kept", chart("kept", kept, caption=kept) + _means(made),
                  lead="The best of many is too good where it was chosen; the tests show what stays of it.")
        + section("drift", "Parameter drift", chart("drift", drift, caption=drift) + _stability(made))
        + section("windows", "Windows", _windows(made))
    )  # fmt: skip


def _means(made: WalkForward) -> str:
    heads = [Column("Mean over the windows"), Column("Chosen", number=True), Column("Tested", number=True)]
    rows = [
        [Cell(name_of(name)), *(Cell(shown(name, value)) for value in made.degradation[name])]
        for name in COMPARED
    ]
    efficiency = "–" if np.isnan(made.efficiency) else percent(made.efficiency)
    facts = definitions([("Efficiency", f"{efficiency} of the return a year that was seen when choosing")])
    return table("Where parameters were chosen, and in the tests", heads, rows) + facts


def _stability(made: WalkForward) -> str:
    words = "of the windows chose what the one before chose"
    return definitions([(name, f"{share:.0%} {words}") for name, share in made.stability.items()])


def _windows(made: WalkForward) -> str:
    names = list(made.steps[0].parameters)
    heads = [Column("Chosen on"), Column("Tested on"), *(Column(name) for name in names)]
    heads += [
        Column(f"Chosen {name_of(one)}", number=True) for one in dict.fromkeys((made.objective, "cagr"))
    ]
    heads += [Column(f"Tested {name_of(one)}", number=True) for one in ("sharpe", "cagr", "max_drawdown")]
    times = made.result.outcome.panel.times
    rows = []
    for step, tested in zip(made.steps, made.tested, strict=True):
        at = step.window
        spans = [(at.begin, at.end - 1), (at.test, at.last - 1)]
        cells = [Cell(" to ".join(date(int(times[one])) for one in span)) for span in spans]
        cells += [Cell(str(step.parameters[name])) for name in names]
        cells += [Cell(shown(one, step.measures[one])) for one in dict.fromkeys((made.objective, "cagr"))]
        cells += [Cell(shown(one, tested[one])) for one in ("sharpe", "cagr", "max_drawdown")]
        rows.append(cells)
    return table("What each window chose, and what came of it", heads, rows)


def _course(made: WalkForward) -> charts.Figure:
    """Return the tests' equity beside what was held, with a line where a window ends."""
    result = made.result
    at = result.marks
    own, other = result.outcome.equity[at], result.benchmark_curve[at]
    kept = thin([own, other])
    x = days(result.outcome.times[at[kept]], result.outcome.panel.sessions)
    data = [
        _curve("held", other[kept], "benchmark", x, own),
        _curve(result.found.name, own[kept], "strategy", x, own),
    ]
    layout = {
        **charts.base(), "xaxis": charts.axis(),
        "yaxis": {**charts.axis(title="value", tickformat=",.3~s"), "type": charts.scale(own, other)},
        "shapes": _borders(made),
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _curve(name: str, values: Floats, colour: str, x: Sequence[str], like: Floats) -> charts.Figure:
    line = charts.line(name, numbers(values, decimals_of(like)), colour, hover="%{y:,.0f}")
    return {**line, "x": list(x)}


def _borders(made: WalkForward) -> list[dict[str, Any]]:
    if len(made.steps) > _MOST_BORDERS:
        return []
    return [
        {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper",
         "line": {"color": "$line", "width": 1, "dash": "dot"}}
        for at in _begins(made)[1:]
    ]  # fmt: skip


def _begins(made: WalkForward) -> list[str]:
    """Return the date of each test's first bar."""
    times = made.result.outcome.panel.times
    return [date(int(times[step.window.test])) for step in made.steps]


def _drift(made: WalkForward) -> charts.Figure:
    """Return each parameter's value over the windows, one chart above the other."""
    names = list(made.steps[0].parameters)
    times = made.result.outcome.panel.times
    x = [*_begins(made), date(int(times[made.steps[-1].window.last - 1]))]
    height = (1.0 - _GAP * (len(names) - 1)) / len(names)
    data, layout = [], {**charts.base(legend=False), "xaxis": charts.axis(anchor=f"y{len(names)}")}
    for at, name in enumerate(names):
        values = [step.parameters[name] for step in made.steps]
        y = [one if is_numeric([one]) else str(one) for one in (*values, values[-1])]
        axis = "y" if at == 0 else f"y{at + 1}"
        top = 1.0 - at * (height + _GAP)
        line = charts.line(name, y, "strategy", hover="%{y}", shape="hv", yaxis=axis)
        data.append({**line, "x": x, "mode": "lines+markers", "marker": {"size": 5, "color": "$strategy"}})
        up = charts.axis(title=escape(name))
        kind = {} if is_numeric(values) else {"type": "category"}
        layout["yaxis" if at == 0 else f"yaxis{at + 1}"] = {
            **up,
            **kind,
            "domain": [max(top - height, 0.0), top],
        }
    return {"data": data, "layout": layout}


def _kept(made: WalkForward) -> charts.Figure:
    """Return each window's Sharpe ratio where its parameters were chosen, and in its test."""
    x = _begins(made)
    pairs = (
        ("chosen", "benchmark", [step.measures["sharpe"] for step in made.steps]),
        ("tested", "strategy", [one["sharpe"] for one in made.tested]),
    )
    data = [
        {"type": "bar", "name": name, "x": x, "y": numbers(np.array(values), 3), "hovertemplate": "%{y:.2f}",
         "marker": {"color": f"${colour}"}}
        for name, colour, values in pairs
    ]  # fmt: skip
    layout = {
        **charts.base(), "barmode": "group", "bargap": 0.25,
        "xaxis": {**charts.axis(title="first day of the test"), "type": "category", "nticks": 12},
        "yaxis": charts.axis(title="Sharpe ratio", zero=True),
    }  # fmt: skip
    return {"data": data, "layout": layout}
