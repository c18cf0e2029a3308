"""The top of the report: what came of it in words, the figures to judge it by, and what to know first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.result import Result
from openbell.reporting.warnings import DAYS_OF_A_YEAR
from openbell.reporting.words import (
    capitalised,
    commission,
    count,
    date,
    figure,
    money,
    percent,
    plain,
    slippage,
)

#: The figures of the cards, in their order.
VERDICT = ("total_return", "cagr", "sharpe", "max_drawdown", "volatility", "trades", "win_rate", "costs_paid")
#: Below a year, growth a year says nothing.
_YEAR = DAYS_OF_A_YEAR * NANOS_PER_DAY
_PERIODS = {"1d": "daily", "1w": "weekly", "1mo": "monthly"}
#: How loud a verdict that cleared all orders is said.
_SUSPECTS = {"suspect": "caution"}
_WORDS = {"serious": "Serious", "caution": "Caution", "note": "Note"}


def benchmark_name(result: Result) -> str:
    """Return what the run is compared with, as `holding AAPL`."""
    symbols = result.outcome.panel.symbols
    if result.plan.benchmark:
        return f"holding {result.plan.benchmark}"
    return f"holding {symbols[0]}" if len(symbols) == 1 else f"holding all {len(symbols)} in equal parts"


def eyebrow(result: Result) -> str:
    """Return what kind of run it is."""
    kinds = {"paper": "Openbell paper session", "live": "Openbell live session"}
    return kinds.get(result.engine, "Openbell backtest")


def title(result: Result) -> str:
    """Return the strategy and what it traded."""
    symbols = result.outcome.panel.symbols
    listed = (
        ", ".join(symbols) if len(symbols) <= 5 else f"{', '.join(symbols[:4])} and {len(symbols) - 4} more"
    )
    return f"{result.found.name} on {listed}"


def header(result: Result, benchmark: Mapping[str, float], *, values: Mapping[str, Any]) -> str:
    """Return the head of the page.

    Args:
        result: The run.
        benchmark: The benchmark's metrics.
        values: The parameters' values.
    """
    free = result.plan.costs.free
    badge = "<p class='badge'>Without costs</p>" if free else ""
    outcome, frame = result.outcome, result.plan.timeframe
    facts = [
        f"{date(int(outcome.times[0]))} to {date(int(outcome.times[-1]))}",
        count(
            sum(len(track.known) for track in outcome.panel.tracks.values()),
            f"{_PERIODS.get(frame, frame)} bar",
        ),
        ", ".join(f"{name} {value}" for name, value in values.items()),
    ]
    told = " · ".join(fact for fact in facts if fact)
    cards = "".join(_card(key, result.metrics[key], benchmark.get(key)) for key in VERDICT)
    return (
        f"<header><p class='eyebrow'>{eyebrow(result)}</p><h1>{escape(title(result))}</h1>{badge}"
        f"<p class='facts-line'>{escape(told)}</p><p class='verdict'>{escape(verdict(result, benchmark))}</p>"
        f"<p class='costs'>{escape(cost_statement(result))}</p></header>\n"
        f"<dl class='cards' aria-label='Key figures'>{cards}</dl>\n"
    )


def verdict(result: Result, benchmark: Mapping[str, float]) -> str:
    """Return what came of the run, and whether it was worth the trouble, in words."""
    m, times = result.metrics, result.outcome.times
    after = "before any costs" if result.plan.costs.free else "after costs"
    became = f"{money(result.plan.cash)} became {money(result.final_equity)}"
    key, span = ("cagr", " a year") if times[-1] - times[0] >= _YEAR else ("total_return", "")
    own, its = m[key], benchmark[key]
    if math.isnan(own) or math.isnan(its):
        return f"{became}."
    name = benchmark_name(result)
    gap = own - its
    if abs(gap) < 0.0005:
        than = f"as much as {name}"
    else:
        than = f"{_points(gap)}{span} {'more' if gap > 0 else 'less'} than {name} ({percent(its)})"
    text = f"{became}: {percent(own)}{span} {after}, {than}."
    fell, held = m["max_drawdown"], benchmark["max_drawdown"]
    if math.isnan(fell) or math.isnan(held):
        return text
    return f"{text} At worst it fell {percent(abs(fell))} from a peak; {name} fell {percent(abs(held))}."


def cost_statement(result: Result) -> str:
    """Return what trading cost here."""
    costs = result.plan.costs
    if costs.free:
        return "Without costs: every figure here is better than trading would have given."
    m = result.metrics
    share = f", {percent(m['costs_paid'] / result.plan.cash)} of the starting cash" if m["costs_paid"] else ""
    volume = f" At most {plain(100 * costs.volume_share)}% of a bar's volume." if costs.volume_share else ""
    return (
        f"Costs are counted: {money(m['costs_paid'])}{share}. Commission: {commission(costs)}. "
        f"Slippage: {slippage(costs)}.{volume}"
    )


class Told(NamedTuple):
    """One thing to know, as a reader sees it."""

    level: str
    text: str
    detail: str
    word: str


def notices(found: Sequence[Mapping[str, str]], lookahead: Mapping[str, Any] | None) -> str:
    """Return what to know first: the verdict on look-ahead if there is one, then the warnings."""
    items = [_notice(*one) for one in told(found, lookahead)]
    if not items:
        return "<p>Nothing was noticed that would speak against these figures.</p>"
    return f"<ul class='notices'>{''.join(items)}</ul>"


def told(found: Sequence[Mapping[str, str]], lookahead: Mapping[str, Any] | None) -> list[Told]:
    """Return what to know first, the verdict on look-ahead before the rest."""
    items = []
    if lookahead is not None:
        first, stop, rest = str(lookahead["text"]).partition(". ")
        level = "serious" if not lookahead["clean"] else _SUSPECTS.get(str(lookahead.get("kind")), "note")
        items.append(Told(level, capitalised(first + stop.strip()), rest, "Look-ahead"))
    return [*items, *(Told(n["level"], n["text"], n["detail"], _WORDS[n["level"]]) for n in found)]


def _notice(level: str, text: str, detail: str, word: str) -> str:
    more = f" <span class='detail'>{escape(detail)}</span>" if detail else ""
    return (
        f"<li class='{level}'><span class='level'>{word}</span>"
        f"<p><strong>{escape(text)}</strong>{more}</p></li>"
    )


def _card(key: str, value: float, benchmark: float | None) -> str:
    metric = DESCRIPTIONS[key]
    other = f" <span class='other'>holding {figure(key, benchmark)}</span>" if benchmark is not None else ""
    css = " negative" if value < 0 else ""
    text = money(value) if metric.unit == "money" else figure(key, value)  # cents are noise on a card
    return (
        f"<div title='{escape(metric.meaning)}'><dt>{escape(metric.label)}</dt>"
        f"<dd><span class='value{css}'>{text}</span>{other}</dd></div>"
    )


def _points(gap: float) -> str:
    points = f"{abs(gap) * 100:.1f}"
    return f"{points} {'point' if points == '1.0' else 'points'}"
