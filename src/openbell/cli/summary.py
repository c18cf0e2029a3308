"""Finished runs as a table, as lines and as data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from openbell.backtesting.ledger import stamp
from openbell.backtesting.verdict import Kind, Verdict
from openbell.cli.answer import Column, Table
from openbell.cli.running import Finished
from openbell.portfolio.evidence import Standing
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.holdout import describe_holdout
from openbell.reporting.judgement import UNSOUND
from openbell.reporting.notices import LOOK_AHEAD
from openbell.reporting.result import Result
from openbell.reporting.trialcount import as_json, describe_trial
from openbell.reporting.words import capitalised, date, shown

_COLUMNS = (
    Column("Strategy"), Column("Symbols"), Column("Return", right=True), Column("Hold", right=True),
    Column("Sharpe", right=True), Column("Max DD", right=True), Column("Trades", right=True),
    Column("Costs", right=True), Column("Check"),
)  # fmt: skip
#: The verdicts, in a word that fits a column.
_WORDS = {
    Kind.CLEAN: "clean",
    Kind.SUSPECT: "look",
    Kind.LEAK: "LEAK",
    Kind.REFUSED: "LEAK",
    Kind.UNREPEATABLE: "DIFFERS",
}
_WIDTH = 80  #: of the table
#: What the evidence for several runs supports, from nothing to something.
_STANDINGS = {
    Standing.NOTHING: "Nothing to judge",
    Standing.LOSS: "No evidence of a gain",
    UNSOUND: "Not to be believed yet",
    Standing.LUCK: "Not distinguishable from luck",
    Standing.BENCHMARK: "More than luck, not shown to be better than holding",
    Standing.SUPPORTED: "Unlikely to be luck, and better than holding",
}
_FIGURES = (
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "exposure",
    "trades",
    "win_rate",
    "costs_paid",
)


def tabulate(finished: Sequence[Finished]) -> Table:
    """Return runs as a table that fits 80 columns."""
    return Table(_COLUMNS, [_row(one) for one in finished])


def explain_table(finished: Sequence[Finished]) -> Iterator[str]:
    """Yield what the table's words mean, as far as they are used."""
    yield "Hold: what holding them returned, or the benchmark; with dividends, no costs."
    free = [one.job.name for one in finished if one.job.plan.costs.free]
    if free:
        yield f"WITHOUT COSTS: {', '.join(free)}. Nobody trades for free."
    for standing, words in _STANDINGS.items():
        named = [one.job.name for one in finished if one.judgement.standing == standing]
        if named:
            yield from wrap(f"{words}: {', '.join(named)}.", _WIDTH)
    kinds = {one.verdict.kind for one in finished if one.verdict is not None}
    if Kind.CLEAN in kinds:
        yield "Check: clean means that no order changed when later bars did."
    yield from (
        f"Check: look at {one.job.name}; {one.verdict.text}"
        for one in finished
        if one.verdict is not None and one.verdict.kind is Kind.SUSPECT
    )


def spell_out(one: Finished) -> Iterator[str]:
    """Yield one run as lines: what it was, its figures, what to know about it."""
    result, plan = one.result, one.result.plan
    m = result.metrics
    first, last = (date(int(result.outcome.times[at])) for at in (0, -1))
    free = ", WITHOUT COSTS" if plan.costs.free else ""
    yield f"{result.found.name} on {plan.traded}, {first} to {last}{free}"
    yield ""
    yield one.judgement.text
    if one.judgement.detail:
        yield one.judgement.detail
    for line in (describe_trial(result), describe_holdout(result)):
        if line:
            yield f"{capitalised(line)}."
    yield ""
    yield _line("Equity", f"{plan.cash:,.0f} to {result.final_equity:,.2f}")
    yield _line("Return", percent(m["total_return"]))
    yield _line(f"Return of {benchmark_name(result)}", percent(benchmark_return(result)))
    for key in _FIGURES:
        yield _line(DESCRIPTIONS[key].label, shown(key, m[key]))
    if result.engine != "event":
        yield _line("Engine", f"{result.engine}: {result.engine_reason}")
    yield ""
    if one.verdict is None:
        yield "Look-ahead check: not made (--no-check)"
    else:
        yield f"Look-ahead check: {_WORDS[one.verdict.kind]}; {one.verdict.text}"
    for notice in one.findings:
        if notice.kind != LOOK_AHEAD:  # which has its line already
            yield f"{notice.level.capitalize()}: {notice.text}"
            if notice.remedy:
                yield f"  {notice.remedy}"


def describe(one: Finished, folder: Path) -> dict[str, Any]:
    """Return one run as JSON values."""
    result, plan = one.result, one.result.plan
    times = result.outcome.times
    return {
        "name": one.job.name,
        "strategy": result.found.name,
        "symbols": list(plan.symbols),
        "first": stamp(int(times[0])),
        "last": stamp(int(times[-1])),
        "cash": plan.cash,
        "final_equity": result.final_equity,
        "benchmark": benchmark_name(result),
        "benchmark_return": _number(benchmark_return(result)),
        "metrics": {key: _number(value) for key, value in result.metrics.items()},
        "refusals": {reason.value: count for reason, count in result.refusals.items()},
        "verdict": one.judgement.as_json(),
        "tried": as_json(result),
        "findings": [notice._asdict() for notice in one.findings],
        "lookahead": None if one.verdict is None else one.verdict.as_json(),
        "ledger_hash": result.hash,
        "engine": {"name": result.engine, "reason": result.engine_reason},
        "folder": str(folder),
        "report": str(folder / "report.html"),
    }


def raise_alarm(finished: Sequence[Finished]) -> list[str]:
    """Return a line for each run whose figures must not be believed."""
    return [
        f"{one.job.name}: {_alarm(one.verdict)}" for one in finished if one.verdict and not one.verdict.clean
    ]


def benchmark_return(result: Result) -> float:
    """Return what the benchmark made of the cash, as a share of it."""
    return float(result.benchmark_curve[-1]) / result.plan.cash - 1.0


def benchmark_name(result: Result) -> str:
    """Return what the run is compared with."""
    return result.plan.benchmark or f"holding {result.plan.traded}"


def percent(value: float) -> str:
    """Return a share as percents: with a decimal below 1,000 %, for narrow columns."""
    if math.isnan(value):
        return "–"
    return f"{value:.1%}" if abs(value) < 10.0 else f"{value:,.0%}"


def _alarm(verdict: Verdict) -> str:
    return f"DO NOT BELIEVE THIS RESULT: {verdict.text}"


def _row(one: Finished) -> list[str]:
    result, m = one.result, one.result.metrics
    return [
        one.job.name,
        _symbols(one.job.plan.symbols),
        percent(m["total_return"]),
        percent(benchmark_return(result)),
        shown("sharpe", m["sharpe"]),
        percent(m["max_drawdown"]),
        shown("trades", m["trades"]),
        f"{m['costs_paid']:,.0f}",
        "–" if one.verdict is None else _WORDS[one.verdict.kind],
    ]


def _symbols(symbols: Sequence[str]) -> str:
    return symbols[0] if len(symbols) == 1 else f"{symbols[0]} +{len(symbols) - 1}"


def _line(label: str, value: str) -> str:
    return f"  {label:<34} {value:>24}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
