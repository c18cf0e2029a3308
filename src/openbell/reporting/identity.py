"""What a run was, as data: everything needed to repeat it, and nothing of the machine or the moment."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from openbell.backtesting.ledger import stamp
from openbell.data.bars import Series
from openbell.reporting.result import Result
from openbell.strategies.registry import Found
from openbell.strategies.signal import Signal

#: Of `run.json`; raised when a field changes its meaning or goes.
SCHEMA = 2
#: Those that can be read still: nothing that is read has changed since.
READABLE = (1, SCHEMA)
#: The distributions whose versions decide figures.
PACKAGES = ("openbell", "numpy", "TA-Lib", "exchange_calendars")


def describe(result: Result, *, lookahead: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what `run.json` holds, as JSON values. The same run gives the same, whenever and wherever.

    What is thought of it is no part of that: it changes with what else was tried, and is `verdict.json`.

    Args:
        result: The run.
        lookahead: The verdict of a look-ahead check, kept as it is; None is what the result knows of one.
    """
    plan = result.plan.as_json()
    plan["strategy"] = origin(result.found)
    found = {
        "schema": SCHEMA,
        "name": result.found.name,
        "plan": plan,
        "strategy": {
            "origin": origin(result.found),
            "parameters": parameters(result),
            "hash": result.found.code_hash,
            "code": result.found.source,
        },
        "data": [identity(series) for series in result.outcome.panel.series],
        "benchmark": [identity(series) for series in result.compared],
        "finer": [identity(series) for series in result.finer],
        "seed": result.plan.seed,
        "versions": versions(),
        "costs": plan["costs"],
        "metrics": result.metrics,
        "ledger_hash": result.hash,
        **({"risk": risk(result)} if result.plan.risk.active else {}),
        "lookahead": result.checked if lookahead is None else lookahead,
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def risk(result: Result) -> dict[str, Any]:
    """Return what limits of risk did: how often each refused or warned, and the worst that was reached."""
    outcome = result.outcome
    counts: dict[str, int] = {}
    for refusal in outcome.refused:
        counts[refusal.limit.value] = counts.get(refusal.limit.value, 0) + 1
    return {
        "refused": counts,
        "reached": {
            name: {"value": reached.value, "time": stamp(reached.time)}
            for name, reached in outcome.reached.items()
        },
    }


def as_text(described: Mapping[str, Any]) -> str:
    """Return what `describe` gave as the text of `run.json`."""
    return json.dumps(described, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def origin(found: Found) -> str:
    """Return where a strategy is found again: as it was typed; a script without the machine's folders."""
    thing: Any = found.form.decide if isinstance(found.form, Signal) else found.form
    if thing.__module__ != "__main__":
        return found.origin
    path, _, name = found.origin.rpartition(":")
    place = Path(path)
    if place.is_absolute():
        place = place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else Path(place.name)
    return f"{place.as_posix()}:{name}"


def parameters(result: Result) -> dict[str, Any]:
    """Return every parameter's value in this run, defaults included."""
    return {**result.found.parameters(), **result.plan.parameters}


def identity(series: Series) -> dict[str, Any]:
    """Return the identity of data."""
    source = series.source
    return {
        "symbol": series.symbol,
        "provider": source.provider,
        "feed": source.feed,
        "adjustment": source.adjustment,
        "session": source.session,
        "calendar": source.calendar,
        "timeframe": series.timeframe,
        "bars": len(series),
        "first": stamp(int(series.start[0])),
        "last": stamp(int(series.known[-1])),
        "hash": series.content_hash,
        "findings": [
            {"kind": f.kind.value, "time": stamp(f.time), "message": f.message, "policy": f.policy}
            for f in series.findings
        ],
    }


def versions() -> dict[str, str]:
    """Return the versions of what decides figures; a package that is not installed has none."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a checkout, without an installation
            found[name] = ""
    return found


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: what is no finite number is null, any other object its text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return str(value)
