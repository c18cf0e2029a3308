"""The page: its parts put together into one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openbell.core.errors import ConfigError
from openbell.portfolio.summary import summarise
from openbell.reporting import findings
from openbell.reporting.exposed import exposed
from openbell.reporting.html import charts, headline, palette, portfolio, prices, sections
from openbell.reporting.html import exposed as standing
from openbell.reporting.html.assumptions import assumptions
from openbell.reporting.html.markup import chart, section
from openbell.reporting.result import Result
from openbell.reporting.words import capitalised, figure, money

#: Nothing may be loaded from anywhere: the browser holds the page to it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)

#: Metrics that need a second curve: a benchmark has none of its own.
COMPARED = frozenset(
    ("alpha", "beta", "information_ratio", "tracking_error", "up_capture", "down_capture")
)  # fmt: skip


def render(result: Result, described: Mapping[str, Any]) -> str:
    """Return a run's report as the text of one HTML file.

    Args:
        result: The run.
        described: What `identity.describe` says of it.

    Raises:
        ConfigError: The installed plotly carries no plotly.min.js.
    """
    held = held_metrics(result)
    known = {**described, **findings.describe(result, lookahead=described["lookahead"])}
    drawn: dict[str, Any] = {}
    body = "".join(_sections(result, known, held, drawn))
    top = headline.header(result, held, described=known)
    return whole(headline.title(result), f"{top}{_navigation()}{body}", drawn)


def whole(title: str, main: str, drawn: Mapping[str, Any] | None = None) -> str:
    """Return a page as the text of one file that loads nothing from anywhere.

    Args:
        title: What the browser calls it, as text.
        main: Its content, as HTML.
        drawn: The figures of its charts and what they share, as the page's script takes them; None for none.

    Raises:
        ConfigError: The installed plotly carries no plotly.min.js.
    """
    scripts = ""
    if drawn is not None:
        data = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        scripts = (
            f"<script type='application/json' id='figures'>{data}</script>\n"
            f"<script>{plotly_script()}</script>\n<script>{own('script.js')}</script>\n"
        )
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        "<meta name='color-scheme' content='light dark'>\n"
        f"<meta name='generator' content='openbell {version('openbell')}'>\n"
        "<link rel='icon' href='data:,'>\n"
        f"<title>{escape(title)}: Openbell</title>\n"
        f"<style>{palette.css()}{own('style.css')}</style>\n</head>\n"
        f"<body>\n<main>\n{main}</main>\n{scripts}</body>\n</html>\n"
    )


def held_metrics(result: Result) -> dict[str, float]:
    """Return the benchmark's metrics, but for those that compare with one."""
    held = summarise(result.daily_benchmark, result.daily_times, periods_per_year=result.periods_per_year)
    return {key: value for key, value in held.items() if key not in COMPARED}


_PARTS = {
    "know": "Know first", "growth": "Growth", "months": "Months", "rolling": "Over time",
    "price": "Trades on the price", "exposure": "Exposure", "metrics": "Metrics", "trades": "Trades",
    "assumptions": "Assumptions",
}  # fmt: skip


def _sections(
    result: Result, described: Mapping[str, Any], held: Mapping[str, float], drawn: dict[str, Any]
) -> list[str]:
    name = headline.benchmark_name(result)
    label = capitalised(name)
    curves = charts.Curves(result)
    figures = {
        "growth": charts.growth(curves, label),
        "rolling": charts.rolling(curves),
        "exposure": charts.exposure(curves),
        "distribution": charts.distribution(curves, label),
    }
    on_price = prices.price_charts(result)
    figures |= {f"price-{i}": one.figure for i, one in enumerate(on_price)}
    drawn |= {
        "light": palette.LIGHT,
        "dark": palette.DARK,
        "shared": curves.shared,
        "figures": {key: one for key, one in figures.items() if one is not None},
        "captions": {f"price-{i}": one.caption for i, one in enumerate(on_price)},
    }
    notices = headline.notices(described["findings"])
    return [
        section("know", "What to know first", notices),
        _growth(result, name),
        section("months", "Months", sections.months(result)),
        _rolling(figures["rolling"] is not None, name),
        _prices(result, on_price),
        _exposure(result, figures["distribution"] is not None),
        section("falls", "Deepest falls", sections.falls(result)),
        *_stress(result),
        *([section("limits", "Limits", sections.limits(result))] if result.plan.risk.active else []),
        section("metrics", "Metrics", sections.metrics(result, held, name), lead=_METRICS),
        *_origins(result),
        section("trades", "Trades", sections.trades(result), lead=_TRADES),
        section("assumptions", "What these figures rest on", assumptions(result, described)),
    ]


def _stress(result: Result) -> list[str]:
    """Return what falls would cost, for a run that holds something at its end."""
    found = exposed(result)
    return (
        [section("stress", standing.TITLE, standing.render(found), lead=standing.TOLD)]
        if found.values
        else []
    )


def _origins(result: Result) -> list[str]:
    """Return where the profit came from, for a run of several symbols, and the reasons that a sizer gave."""
    found = []
    if len(result.plan.symbols) > 1:
        found.append(section("origins", "Where the profit came from", portfolio.origins(result)))
    if portfolio.has_sizes(result):
        found.append(section("sizes", "Why these sizes", portfolio.sizes(result)))
    return found


_METRICS = (
    "Made of one value a session, after costs, and annualised by the exchange's calendar. A dash means that "
    "a figure is not defined here."
)
_TRADES = "A trade goes from flat to flat in one symbol. Times are UTC."


def _growth(result: Result, name: str) -> str:
    said = (
        f"Equity from {money(result.plan.cash)} to {money(result.final_equity)}, "
        f"against {name}; below it the fall from the peak so far."
    )
    tools = _tools(_SWITCH if (result.outcome.equity > 0).all() else "")
    return section("growth", "Growth", tools + chart("growth", said, css="large"), lead=said)


_SWITCH = "<button type='button' data-log aria-pressed='false'>Log scale</button>"


def _tools(*controls: str) -> str:
    shown = "".join(controls)
    return f"<div class='tools'>{shown}</div>" if shown else ""


def _rolling(there: bool, name: str) -> str:  # noqa: FBT001  # the section itself says which
    if not there:
        return section(
            "rolling", "Over time", f"<p>The run is shorter than the {charts.WINDOW} sessions needed.</p>"
        )
    said = f"Sharpe ratio, and beta to {name}, over the last {charts.WINDOW} sessions at each point."
    return section("rolling", "Over time", chart("rolling", said), lead=said)


def _prices(result: Result, on_price: list[prices.PriceChart]) -> str:
    symbols = result.outcome.panel.symbols
    lead = ""
    if len(on_price) < len(symbols):
        lead = f"The {len(on_price)} symbols with the most trades of {len(symbols)}."
    choice = ""
    if len(on_price) > 1:
        options = "".join(
            f"<option value='price-{i}'>{escape(one.symbol)}</option>" for i, one in enumerate(on_price)
        )
        choice = f"<label>Symbol <select data-choice='price'>{options}</select></label>"
    first = on_price[0]
    said = f"Price of {first.symbol} with the entries and exits of its trades."
    body = _tools(choice, _SWITCH) + chart("price-0", said, caption=first.caption, css="large")
    return section("price", "Trades on the price", body, lead=lead)


def _exposure(result: Result, distributed: bool) -> str:  # noqa: FBT001  # as above
    held = f"{figure('exposure', result.metrics['exposure'])} of all sessions ended with a position."
    left = chart("exposure", f"Positions as a share of equity. {held}", caption=held)
    right = "<p>Too few sessions for a distribution of returns.</p>"
    if distributed:
        said = (
            "How often a session brought which return. Flat ones are left out, the ends hold what is beyond."
        )
        right = chart("distribution", said, caption=said)
    return section("exposure", "Exposure and returns", f"<div class='pair'>{left}{right}</div>")


def _navigation() -> str:
    links = "".join(f"<li><a href='#{anchor}'>{name}</a></li>" for anchor, name in _PARTS.items())
    return f"<nav aria-label='Sections'><ul>{links}</ul></nav>\n"


def own(name: str) -> str:
    """Return the text of a file beside this one, such as `style.css`."""
    return files("openbell.reporting.html").joinpath(name).read_text(encoding="utf-8")


@cache
def plotly_script() -> str:
    """Return the text of plotly.js from the installed wheel, without importing plotly.

    Raises:
        ConfigError: It is not there.
    """
    spec = find_spec("plotly")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path.read_text(encoding="utf-8").replace("</script", "<\\/script")
    raise ConfigError("plotly.min.js is not installed with plotly; reinstall the package `plotly`")
