"""The tear sheet of one run: cover, charts, tables and words, in the order in which a reader asks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Floats
from openbell.portfolio.metrics import simple_returns
from openbell.portfolio.rolling import rolling_beta, rolling_sharpe
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting import findings, identity
from openbell.reporting.exposed import exposed
from openbell.reporting.html import exposed as standing
from openbell.reporting.html import headline, sections
from openbell.reporting.html.assumptions import FILLS, facts, series_grid
from openbell.reporting.html.charts import FEWEST_RETURNS, WINDOW, scale
from openbell.reporting.html.limits import limit_grid
from openbell.reporting.html.markup import Cell, Column
from openbell.reporting.html.page import held_metrics
from openbell.reporting.html.palette import LIGHT
from openbell.reporting.pdf import charts, trading
from openbell.reporting.pdf.typeset import (
    Part,
    Section,
    Sheet,
    chart,
    grid,
    heading,
    pair,
    style,
    terms,
    typeset,
    words,
)
from openbell.reporting.result import Result
from openbell.reporting.trialcount import describe_trial
from openbell.reporting.words import REASONS, capitalised, count, date, figure, money, percent, spaceless

#: Refusals of limits that the print lists.
REFUSALS_SHOWN = 40


def tearsheet(result: Result, *, lookahead: Mapping[str, Any] | None = None) -> bytes:
    """Return a run's tear sheet as a PDF.

    Args:
        result: The run, or a session.
        lookahead: The verdict of a look-ahead check, as `identity.describe` takes it.

    Raises:
        ConfigError: typst or matplotlib is not installed.
    """
    return typeset(lay_out(result, lookahead=lookahead))[0]


def lay_out(result: Result, *, lookahead: Mapping[str, Any] | None = None) -> Sheet:
    """Return what a run's tear sheet shows; arguments as for `tearsheet`.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    described = identity.describe(result, lookahead=lookahead)
    described |= findings.describe(result, lookahead=lookahead)
    held = held_metrics(result)
    drawn: dict[str, bytes] = {}
    times = result.outcome.times
    with style():
        parts = [
            _cover(result, described, held, drawn),
            _months(result),
            _rolling(result, drawn),
            _returns(result, drawn),
            *trading.sections_of(result, drawn),
            _exposure(result, drawn),
            *_stress(result),
            _costs(result),
            _limits(result),
            _metrics(result, held),
            _assumptions(result, described),
            _glossary(),
        ]
    return Sheet(
        eyebrow=headline.eyebrow(result),
        title=headline.title(result),
        subtitle=f"{date(int(times[0]))} to {date(int(times[-1]))}",
        footer=f"Openbell {described['versions']['openbell']} · ledger {described['ledger_hash'][7:19]}",
        sections=parts,
        time=int(times[-1]),
        charts=drawn,
    )


def _cover(
    result: Result, described: Mapping[str, Any], held: Mapping[str, float], drawn: dict[str, bytes]
) -> Section:
    name = headline.benchmark_name(result)
    values = described["strategy"]["parameters"]
    known = [one for one in (", ".join(f"{k} {v}" for k, v in values.items()), describe_trial(result)) if one]
    cards = [_card(key, result.metrics[key], held.get(key)) for key in headline.CARDS]
    drawn["growth"] = _growth(result, name)
    said = f"Equity from {money(result.plan.cash)} to {money(result.final_equity)}, against {name}."
    told, verdict = headline.told(described["findings"]), described["verdict"]
    free = [words("Without costs.")] if result.plan.costs.free else []
    return Section(
        "",
        [
            {"kind": "judgement"} | {key: verdict[key] for key in ("standing", "text", "detail")},
            *free,
            *([words(" · ".join(known), muted=True)] if known else []),
            words(headline.summary(result, held)),
            words(headline.cost_statement(result), muted=True),
            {"kind": "cards", "cards": cards},
            chart("growth", f"{said} Below it the fall from the peak so far."),
            heading("What to know first"),
            {"kind": "notices", "notices": [dict(one._asdict()) for one in told]},
        ],
    )


def _card(key: str, value: float, other: float | None) -> dict[str, object]:
    metric = DESCRIPTIONS[key]
    text = money(value) if metric.unit == "money" else figure(key, value)
    return {
        "label": metric.label, "value": text, "negative": value < 0,
        "other": "" if other is None else f"holding {figure(key, other)}",
    }  # fmt: skip


def _growth(result: Result, name: str) -> bytes:
    outcome = result.outcome
    equity, other = outcome.equity, result.benchmark_curve
    return charts.growth(
        outcome.times,
        {
            capitalised(name): (other, LIGHT["benchmark"]),
            result.found.name: (equity, LIGHT["strategy"]),
        },
        log=scale(equity, other) == "log",
    )


def _months(result: Result) -> Section:
    heads, rows = sections.month_grid(result)
    return Section("Months", [grid("Return of each month, and of each year", heads, rows, size=7)])


def _rolling(result: Result, drawn: dict[str, bytes]) -> Section:
    returns = simple_returns(result.daily_equity)
    if len(returns) <= WINDOW:
        return Section("Over time", [words(f"The run is shorter than the {WINDOW} sessions needed.")])
    market = simple_returns(result.daily_benchmark)
    name = headline.benchmark_name(result)
    sharpe = rolling_sharpe(returns, WINDOW, periods_per_year=result.periods_per_year)
    rows = [
        ("Sharpe ratio", sharpe, LIGHT["strategy"]),
        ("beta", rolling_beta(returns, market, WINDOW), LIGHT["strategy"]),
    ]
    drawn["rolling"] = charts.panels(result.daily_times[1:], rows)
    said = f"Sharpe ratio, and beta to {name}, over the last {WINDOW} sessions at each point."
    return Section("Over time", [words(said, muted=True), chart("rolling", said)])


def _returns(result: Result, drawn: dict[str, bytes]) -> Section:
    own, other = simple_returns(result.daily_equity), simple_returns(result.daily_benchmark)
    own, other = own[np.isfinite(own) & (own != 0)], other[np.isfinite(other)]
    heads, rows = sections.fall_grid(result)
    falls = (
        grid("The deepest falls from a peak", heads, rows)
        if rows
        else words("The account never fell below a former peak.")
    )
    if len(own) < FEWEST_RETURNS:
        return Section("Returns and falls", [words("Too few sessions for a distribution of returns."), falls])
    names = (result.found.name, capitalised(headline.benchmark_name(result)))
    drawn["distribution"] = charts.histogram(own, other, names)
    said = "How often a session brought which return. Flat ones are left out, the ends hold what is beyond."
    return Section("Returns and falls", [words(said, muted=True), chart("distribution", said), falls])


def _exposure(result: Result, drawn: dict[str, bytes]) -> Section:
    outcome = result.outcome
    rows: list[tuple[str, Floats, str]] = [("gross", outcome.gross, LIGHT["strategy"])]
    if (outcome.gross != outcome.net).any():
        rows.append(("net", outcome.net, LIGHT["loss"]))
    drawn["exposure"] = charts.panels(outcome.times, rows, share=True)
    held = f"{figure('exposure', result.metrics['exposure'])} of all sessions ended with a position."
    said = f"Positions as a share of equity. {held}"
    return Section("Exposure", [words(said, muted=True), chart("exposure", said)])


def _stress(result: Result) -> list[Section]:
    found = exposed(result)
    if not found.values:
        return []
    held = grid(standing.HELD, *standing.held_grid(found))
    falls = grid(standing.FALLS, *standing.fall_grid(found.losses()))
    return [Section(standing.TITLE, [words(standing.TOLD, muted=True), held, falls])]


def _costs(result: Result) -> Section:
    outcome = result.outcome
    fees = math.fsum(fill.fee for fill in outcome.fills)
    slip = math.fsum(fill.slippage * fill.quantity for fill in outcome.fills)
    carried = {"borrow": 0.0, "interest": 0.0, "dividend": 0.0}
    for entry in outcome.entries:
        if entry.kind.value in carried:
            carried[entry.kind.value] += entry.amount
    traded = math.fsum(fill.quantity * fill.price for fill in outcome.fills)
    amounts = {
        "Commission": -fees, "Slippage, in the prices": -slip, "Borrow": carried["borrow"],
        "Interest": carried["interest"],
    }  # fmt: skip
    total = math.fsum(amounts.values())
    days = (int(outcome.times[-1]) - int(outcome.times[0])) / NANOS_PER_DAY
    rows = [_cost(name, value, result, traded) for name, value in amounts.items()]
    rows.append(_cost("All costs", total, result, traded, css="total"))
    heads = [Column("Cost"), Column("Money", number=True), Column("Of starting cash", number=True),
             Column("Of what was traded", number=True)]  # fmt: skip
    told = (
        f"{money(traded)} was traded in {count(len(outcome.fills), 'fill')}, "
        f"{figure('turnover', result.metrics['turnover'])} times the equity a year over {days:,.0f} days. "
        f"Dividends brought {money(carried['dividend'])}."
    )
    return Section("Costs", [words(told, muted=True), grid("What trading and holding cost", heads, rows)])


def _cost(name: str, value: float, result: Result, traded: float, *, css: str = "") -> list[Cell]:
    of_traded = f"{value / traded:.3%}".replace("-", "−") if traded else "–"
    return [
        Cell(name, css=css), Cell(sections.cents(value), css=css),
        Cell(percent(value / result.plan.cash), css=css), Cell(of_traded, css=css),
    ]  # fmt: skip


def _limits(result: Result) -> Section:
    parts: list[Part] = []
    if result.plan.risk.active:
        parts.append(grid("Each limit", *limit_grid(result)))
        parts.append(grid("The highest value of each measure, and when", *sections.reached_grid(result)))
        heads, rows = sections.refusal_grid(result, REFUSALS_SHOWN)
        total = len(result.outcome.refused)
        if rows:
            shown = f"the first {len(rows)} of {total:,}" if total > len(rows) else count(total, "refusal")
            parts.append(grid(f"Orders that did not pass, and warnings: {shown}", heads, rows, wide="Why"))
        else:
            parts.append(words("Every order passed its limits."))
    else:
        parts.append(words("No limits of risk were set."))
    refused = sorted(result.refusals.items(), key=lambda one: -one[1])
    if refused:
        rows = [[Cell(capitalised(REASONS[reason])), Cell(f"{times:,}")] for reason, times in refused]
        heads = [Column("Why"), Column("Times", number=True)]
        parts.append(grid("Orders refused, and decisions that came to no order", heads, rows))
    else:
        parts.append(words("No order was refused."))
    return Section("Limits and refusals", parts)


def _metrics(result: Result, held: Mapping[str, float]) -> Section:
    parts: list[Part] = []
    for name, keys in sections.metric_groups().items():
        compared = any(key in held for key in keys)
        heads = [Column(name), Column("Strategy", number=True)]
        heads += [Column("Holding", number=True)] if compared else []
        rows = [
            [Cell(spaceless(DESCRIPTIONS[key].label)), Cell(figure(key, result.metrics[key]))]
            + ([Cell(figure(key, held[key])) if key in held else Cell("")] if compared else [])
            for key in keys
        ]
        parts.append(grid("", heads, rows, wide=name))
    said = (
        "Made of one value a session, after costs, and annualised by the exchange's calendar. A dash means "
        "that a figure is not defined here."
    )
    return Section("Metrics", [words(said, muted=True), pair(parts[:2], parts[2:])])


def _assumptions(result: Result, described: Mapping[str, Any]) -> Section:
    heads, rows = series_grid(described["data"])
    narrow: Sequence[int] = [i for i, head in enumerate(heads) if head.name not in ("Session", "Calendar")]
    return Section(
        "What these figures rest on",
        [
            pair(*_halves(facts(result, described))),
            heading("How orders fill"),
            *(words(rule) for rule in FILLS),
            heading("Data"),
            grid("", [heads[i] for i in narrow], [[row[i] for i in narrow] for row in rows], size=7),
        ],
    )


def _glossary() -> Section:
    pairs = [(spaceless(one.label), spaceless(one.meaning) + ".") for one in DESCRIPTIONS.values()]
    return Section("Glossary", [pair(*_halves(pairs))])


def _halves(pairs: Sequence[tuple[str, str]]) -> tuple[list[Part], list[Part]]:
    """Return terms in two columns."""
    half = (len(pairs) + 1) // 2
    return [terms(pairs[:half])], [terms(pairs[half:])]
