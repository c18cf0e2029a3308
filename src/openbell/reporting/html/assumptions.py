"""The section that says what the figures rest on: data, costs, fills, sizing, code."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from openbell.core.costs import Margin
from openbell.reporting.html.markup import Cell, Column, definitions, table
from openbell.reporting.result import Result
from openbell.reporting.words import commission, plain, slippage

#: How orders fill, in few sentences.
FILLS = (
    "A decision is made at a bar's close and can fill from the next bar on: a market order at its open.",
    "A limit order fills at the open if that is better, else at its limit when the bar touches it.",
    "A stop fills at the open when the price gaps through it, else at the stop.",
    "When a bar touches a stop and its target, the stop is booked, unless finer bars say otherwise.",
    "Buying power is checked when an order is accepted and again when it fills.",
    "Signals see prices adjusted as of their moment. Fills are at raw prices; actions are booked.",
)


def assumptions(result: Result, described: Mapping[str, Any]) -> str:
    """Return the assumptions of a run; `described` is what `run.json` holds."""
    rules = "".join(f"<li>{escape(rule)}</li>" for rule in FILLS)
    return (
        definitions(facts(result, described))
        + f"<h3>How orders fill</h3><ul class='rules'>{rules}</ul>"
        + _data(described["data"])
        + _code(described["strategy"])
    )


def facts(result: Result, described: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the assumptions that are settings, each with its value in words."""
    plan, strategy = described["plan"], described["strategy"]
    costs = result.plan.costs
    sizing = dict(plan["sizing"])
    method = str(sizing.pop("method")).replace("_", " ")
    values = ", ".join(f"{name} {value}" for name, value in sizing.items())
    share = (
        f"at most {plain(100 * costs.volume_share)}% of a bar's volume" if costs.volume_share else "no limit"
    )
    return [
        ("Strategy", strategy["origin"]),
        ("Parameters", ", ".join(f"{k} = {v}" for k, v in strategy["parameters"].items()) or "none"),
        ("Starting cash", f"{result.plan.cash:,.2f}"),
        ("Account", _account(costs.margin)),
        ("Sizing", f"{method}: {values}" if values else method),
        ("Commission", commission(costs)),
        ("Slippage", slippage(costs)),
        ("Volume", share),
        ("Calendar", result.outcome.panel.sessions.calendar),
        ("Sessions a year", f"{result.periods_per_year:.1f}"),
        ("Risk-free rate", "0%"),
        ("Seed", str(plan["seed"])),
        ("Engine", f"{result.engine}: {result.engine_reason}"),
        (
            "Versions",
            ", ".join(f"{name} {number}" for name, number in described["versions"].items() if number),
        ),
        *([("Code", strategy["hash"])] if strategy["code"] else []),
        ("Ledger", described["ledger_hash"]),
    ]


def _account(margin: Margin) -> str:
    if margin.initial == 1 and not margin.short:
        settles = ", proceeds are spent when they have settled" if margin.settlement else ""
        settles = ", proceeds are spent on good faith" if margin.good_faith else settles
        return f"cash account: no leverage, no short sales{settles}"
    shares = {"initial": margin.initial, "maintenance": margin.maintenance}
    rates = {"borrow": margin.borrow_rate, "interest": margin.interest_rate}
    words = [f"{name} {plain(100 * value)}%" for name, value in shares.items()]
    words.append(f"short sales {'allowed' if margin.short else 'not allowed'}")
    words += [f"{name} {plain(100 * value)}% a year" for name, value in rates.items()]
    words += ["kept out of the pattern of day trades"] if margin.day_trades else []
    words += [f"maintenance of shorts {plain(100 * margin.maintenance_short)}%"] * bool(
        margin.maintenance_short
    )
    words += [f"borrow of {symbol} {plain(100 * rate)}%" for symbol, rate in margin.borrow_rates.items()]
    words += [f"at most {plain(most)} {symbol} short" for symbol, most in margin.locates.items()]
    return f"margin account: {', '.join(words)}"


def _data(series: list[Mapping[str, Any]]) -> str:
    return "<h3>Data</h3>" + table("The series that were used", *series_grid(series))


def series_grid(series: list[Mapping[str, Any]]) -> tuple[list[Column], list[list[Cell]]]:
    """Return a row for each series: what it is, and the identity of its content."""
    columns = [
        Column("Symbol"), Column("Provider"), Column("Feed"), Column("Prices"), Column("Session"),
        Column("Calendar"), Column("Bars"), Column("Count", number=True), Column("First"), Column("Last"),
        Column("Content"),
    ]  # fmt: skip
    rows = [
        [
            *(Cell(s[name]) for name in ("symbol", "provider", "feed", "adjustment", "session", "calendar")),
            Cell(s["timeframe"]), Cell(f"{s['bars']:,}"), Cell(s["first"][:10]), Cell(s["last"][:10]),
            Cell(s["hash"].removeprefix("sha256:")[:12], css="code"),
        ]
        for s in series
    ]  # fmt: skip
    return columns, rows


def _code(strategy: Mapping[str, Any]) -> str:
    if not strategy["code"]:
        return ""
    return (
        "<details><summary>The strategy's code</summary>"
        f"<pre tabindex='0'><code>{escape(strategy['code'])}</code></pre></details>"
    )
