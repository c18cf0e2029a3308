"""The top of the report: what came of it in words, the figures to judge it by, and what to know first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.credibility import DAYS_OF_A_YEAR
from openbell.reporting.holdout import describe_holdout
from openbell.reporting.notices import LOOK_AHEAD
from openbell.reporting.result import Result
from openbell.reporting.trialcount import describe_trial
from openbell.reporting.words import (
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
CARDS = ("total_return", "cagr", "sharpe", "max_drawdown", "volatility", "trades", "win_rate", "costs_paid")
#: Below a year, growth a year says nothing.
_YEAR = DAYS_OF_A_YEAR * NANOS_PER_DAY
_PERIODS = {"1d": "daily", "1w": "weekly", "1mo": "monthly"}
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


def header(result: Result, benchmark: Mapping[str, float], *, described: Mapping[str, Any]) -> str:
    """Return the head of the page: first of all what the evidence supports.

    Args:
        result: The run.
        benchmark: The benchmark's metrics.
        described: What `identity.describe` says of it.
    """
    values, verdict = described["strategy"]["parameters"], described["verdict"]
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
        describe_trial(result),
        describe_holdout(result),
    ]
    told = " · ".join(fact for fact in facts if fact)
    cards = "".join(_card(key, result.metrics[key], benchmark.get(key)) for key in CARDS)
    return (
        f"<header><p class='eyebrow'>{eyebrow(result)}</p><h1>{escape(title(result))}</h1>{badge}"
        f"{judged(verdict)}<p class='facts-line'>{escape(told)}</p>"
        f"<p class='verdict'>{escape(summary(result, benchmark))}</p>"
        f"<p class='costs'>{escape(cost_statement(result))}</p></header>\n"
        f"<dl class='cards' aria-label='Key figures'>{cards}</dl>\n"
    )


def judged(verdict: Mapping[str, Any]) -> str:
    """Return a verdict and its grounds, as `Judgement.as_json` has them."""
    grounds = f"<p class='grounds'>{escape(verdict['detail'])}</p>" if verdict["detail"] else ""
    return f"<p class='judgement {verdict['standing']}'>{escape(verdict['text'])}</p>{grounds}"


def summary(result: Result, benchmark: Mapping[str, float]) -> str:
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
    remedy: str
    word: str


def notices(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the findings, with what to do about each."""
    return f"<ul class='notices'>{''.join(_notice(one) for one in told(found))}</ul>"


def told(found: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Return the findings as a reader sees them."""
    return [Told(n["level"], n["text"], n["detail"], n["remedy"], _word(n)) for n in found]


def _word(one: Mapping[str, Any]) -> str:
    return "Look-ahead" if one["kind"] == LOOK_AHEAD else _WORDS[one["level"]]


def _notice(one: Told) -> str:
    detail = f" <span class='detail'>{escape(one.detail)}</span>" if one.detail else ""
    remedy = f" <span class='remedy'>{escape(one.remedy)}</span>" if one.remedy else ""
    return (
        f"<li class='{one.level}'><span class='level'>{one.word}</span>"
        f"<p><strong>{escape(one.text)}</strong>{detail}{remedy}</p></li>"
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
