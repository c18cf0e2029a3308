"""A sweep's page: one HTML file with its map, its best rows and what was tried, which needs no network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

import numpy as np

from openbell.reporting import sweepmap, sweeptable
from openbell.reporting.html import palette
from openbell.reporting.html.headline import judged
from openbell.reporting.html.markup import Cell, Column, definitions, section, table
from openbell.reporting.html.page import own, plotly_script
from openbell.reporting.sweep import VERDICT, Sweep
from openbell.reporting.words import capitalised, commission, count, date, slippage

#: Nothing may be loaded from anywhere: the browser holds the page to it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
#: Rows of the page's table; the whole is in the Parquet file.
ROWS = 25
_MOST_VALUES = 12


def render(sweep: Sweep) -> str:
    """Return a sweep's page as the text of one HTML file.

    Raises:
        ConfigError: The installed plotly carries no plotly.min.js.
    """
    objective = sweep.manner.objectives[0]
    first, second = sweepmap.choose(sweep.results, None, None)
    measures = [*sweep.results.measures]
    figures = {name: sweepmap.draw(sweep.results, first, second, name, objective) for name in measures}
    drawn = {"light": palette.LIGHT, "dark": palette.DARK, "figures": figures}
    data = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    title = escape(f"{sweep.title}: sweep")
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        "<meta name='color-scheme' content='light dark'>\n<link rel='icon' href='data:,'>\n"
        f"<title>{title}: Openbell</title>\n<style>{palette.css()}{own('style.css')}</style>\n</head>\n"
        f"<body>\n<main>\n{_header(sweep)}{_map(sweep, first, second, measures)}{_best(sweep)}{_tried(sweep)}"
        f"</main>\n<script type='application/json' id='figures'>{data}</script>\n"
        f"<script>{plotly_script()}</script>\n<script>{own('sweep.js')}</script>\n</body>\n</html>\n"
    )


def _header(sweep: Sweep) -> str:
    badge = "<p class='badge'>Without costs</p>" if sweep.plan.costs.free else ""
    said = [f"{capitalised(line)}." for line in sweep.words()[1:] if not line.startswith(VERDICT)]
    caution = (
        f"The best of {count(sweep.trials, 'combination')} is the luckiest of them too: expect less of it, "
        "and test it on data that the sweep has not seen."
    )
    return (
        f"<header><p class='eyebrow'>Openbell sweep</p><h1>{escape(sweep.title)}</h1>"
        f"{judged(sweep.verdict.as_json())}<p class='facts-line'>{escape(_facts(sweep))}</p>{badge}"
        + "".join(f"<p class='verdict'>{escape(line)}</p>" for line in said)
        + f"<p class='costs'>{escape(caution)}</p></header>\n"
    )


def _facts(sweep: Sweep) -> str:
    plan = sweep.plan
    dates = " to ".join(date(time) for time in sweep.manner.span)
    tried = count(sweep.trials, "combination")
    return f"{dates} · {plan.timeframe} bars · {tried} tried · cash {plan.cash:,.0f}"


def _map(sweep: Sweep, first: str, second: str | None, measures: list[str]) -> str:
    options = "".join(
        f"<option value='{name}'{' selected' if name == sweep.objective else ''}>"
        f"{sweeptable.name_of(name)}</option>"
        for name in measures
    )
    over = first if second is None else f"{first} and {second}"
    mean = sweepmap.others(sweep.results, first, second)
    lead = f"Each measure over {over}."
    if mean:
        lead += f" A cell is the mean over {', '.join(mean)}."
    caption = f"Brighter is better. Cross: the best by {sweeptable.name_of(sweep.objective)}."
    if sweep.results.combinations.method == "grid":
        caption += " Ring and frame: the plateau and its neighbours."
    body = (
        f"<div class='tools'><label>Measure <select data-measure>{options}</select></label></div>"
        f"<figure class='chart large'><div data-map role='img' aria-label='{escape(lead, quote=True)}'></div>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
    return section("map", "Map", body, lead=lead)


def _best(sweep: Sweep) -> str:
    results = sweep.results
    rows = sweeptable.order(results, sweep.manner.objectives)[:ROWS]
    names = [*results.combinations.names]
    heads = [Column(name) for name in names]
    heads += [Column(sweeptable.name_of(name), number=True) for name in results.measures]
    cells = []
    for row in rows.tolist():
        values = results.values[row].tolist()
        mine = [Cell(str(value)) for value in results.combinations[row].values()]
        mine += [
            Cell(sweeptable.shown(name, value)) for name, value in zip(results.measures, values, strict=True)
        ]
        cells.append(mine)
    shown = f"The {len(cells):,} best of {count(sweep.trials, 'combination')} tried, by {_aims(sweep)}"
    return section("best", "Best", table(shown, heads, cells))


def _aims(sweep: Sweep) -> str:
    return ", then ".join(f"the {one.word} {sweeptable.name_of(one.name)}" for one in sweep.manner.objectives)


def _tried(sweep: Sweep) -> str:
    combinations, manner, plan = sweep.results.combinations, sweep.manner, sweep.plan
    facts = [
        (name, _values(tried)) for name, tried in zip(combinations.names, combinations.values, strict=True)
    ]
    facts += [
        (name, f"{value} (fixed)") for name, value in plan.parameters.items() if name not in dict(facts)
    ]
    if manner.where:
        facts.append(("Only where", manner.where))
    if manner.require:
        facts.append(("Best only if", manner.require))
    facts += [
        ("Combinations", _chosen(combinations.method, plan.seed)),
        ("Failed", f"{sweep.failed:,}"),
        ("Engine", f"{manner.engine}: {manner.reason}"),
        ("Commission", commission(plan.costs)),
        ("Slippage", slippage(plan.costs)),
    ]
    return section("tried", "What was tried", definitions(facts))


def _chosen(method: str, seed: int) -> str:
    """Return how combinations were chosen."""
    known = {"grid": "all of the grid", "coordinate": "a coordinate search, from the middle of the grid"}
    return known.get(method, f"{method} {'search' if method == 'optuna' else 'sample'}, seed {seed}")


def _values(tried: Sequence[object]) -> str:
    if len(tried) <= _MOST_VALUES:
        return ", ".join(str(value) for value in tried)
    if sweeptable.is_numeric(tried):
        numbers = np.array(tried, np.float64)
        return f"{len(tried):,} values from {numbers.min():.6g} to {numbers.max():.6g}"
    return f"{len(tried):,} values, such as {', '.join(str(value) for value in tried[:3])}"
