"""The command `risk check`: what limits would have done to a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from openbell import run
from openbell.cli.answer import Answer, Column, Table
from openbell.cli.jobs import Job, Request, read_jobs
from openbell.cli.limits import only_recorded
from openbell.core.errors import ConfigError
from openbell.reporting.result import Result
from openbell.reporting.words import count, date, percent
from openbell.utils.logging import configure

#: Measures that are money or a number; the others are shares of equity.
_NUMBERS = {"gross_exposure", "position_count", "beta", "leverage"}


def check_risk(request: Request) -> Answer:
    """Run each strategy without its limits and with them, and say what they changed.

    Raises:
        ConfigError: Anything that was typed or configured is wrong, or there are no limits.
        BadData: The data break a rule.
        StrategyError: A strategy raised.
    """
    jobs, settings = read_jobs(request)
    configure(settings.logging.level, json=settings.logging.json)
    parts: list[str | Table] = []
    documents = []
    for job in jobs:
        if not job.plan.risk.active:
            raise ConfigError(
                f"{job.name} has no limits of risk; give --risk standard, or set some in settings.yaml"
            )
        free = run.execute(replace(job.plan, risk=only_recorded(job.plan.risk)), found=job.found)
        held = run.execute(job.plan, found=job.found)
        parts += [*([""] if parts else []), *_said(job, free, held)]
        documents.append(_document(job, free, held))
    return Answer(parts, {"checks": documents})


def _said(job: Job, free: Result, held: Result) -> list[str | Table]:
    refused = _counts(held)
    total, warned = sum(refused.values()), sum(not one.order_id for one in held.outcome.refused)
    first = f"{job.name}: {count(total, 'order')} of {len(held.outcome.orders):,} refused"
    parts: list[str | Table] = [f"{first}, {count(warned, 'warning')}", _outcomes(free, held)]
    if refused:
        rows = [(limit, f"{number:,}", _example(held, limit)) for limit, number in refused.items()]
        parts += ["", Table([Column("Limit"), Column("Refused", right=True), Column("First")], rows)]
    names = list(dict.fromkeys([*free.outcome.reached, *held.outcome.reached]))
    worst = [(name.replace("_", " "), *_reached(free, name), *_reached(held, name)) for name in names]
    heads = ("Worst", "Without", "When", "With", "When")
    return [*parts, "", Table([Column(title, right=title in {"Without", "With"}) for title in heads], worst)]


def _outcomes(free: Result, held: Result) -> Table:
    rows = [
        (
            name,
            f"{result.final_equity - result.plan.cash:,.2f}",
            percent(result.metrics["max_drawdown"]),
            f"{len(result.outcome.fills):,}",
        )
        for name, result in (("without limits", free), ("with limits", held))
    ]
    numbers = ("Profit", "Deepest fall", "Fills")
    return Table([Column("Run"), *(Column(title, right=True) for title in numbers)], rows)


def _counts(result: Result) -> dict[str, int]:
    counts: dict[str, int] = {}
    for refusal in result.outcome.refused:
        if refusal.order_id:
            counts[refusal.limit.value] = counts.get(refusal.limit.value, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _example(result: Result, limit: str) -> str:
    first = next(one for one in result.outcome.refused if one.limit.value == limit and one.order_id)
    return f"{date(first.time)} {first.text}"


def _reached(result: Result, name: str) -> tuple[str, str]:
    found = result.outcome.reached.get(name)
    if found is None:
        return "–", ""
    text = f"{found.value:,.2f}" if name in _NUMBERS else f"{found.value:.2%}"
    return text, date(found.time)


def _document(job: Job, free: Result, held: Result) -> dict[str, Any]:
    return {
        "strategy": job.name,
        "orders": len(held.outcome.orders),
        "refused": _counts(held),
        "warnings": sum(not one.order_id for one in held.outcome.refused),
        "without": _figures(free),
        "with": _figures(held),
        "refusals": [_row(one) for one in held.outcome.refused],
    }


def _row(refusal: Any) -> dict[str, Any]:
    value = refusal.value if refusal.value == refusal.value else None  # NaN
    return {**refusal._asdict(), "limit": refusal.limit.value, "value": value}


def _figures(result: Result) -> dict[str, Any]:
    reached: Sequence[tuple[str, Any]] = list(result.outcome.reached.items())
    return {
        "profit": result.final_equity - result.plan.cash,
        "max_drawdown": result.metrics["max_drawdown"],
        "fills": len(result.outcome.fills),
        "ledger_hash": result.hash,
        "worst": {name: one._asdict() for name, one in reached},
    }
