"""Write a sweep to disk: all of its files, or none of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openbell.backtesting.checkpoint import MANIFEST, TABLE
from openbell.core.errors import ConfigError
from openbell.reporting.place import attempt, beside, put_in_place
from openbell.reporting.sweep import Sweep
from openbell.reporting.sweeppage import render
from openbell.reporting.sweeptable import columns

PAGE = "heatmap.html"
_SYMBOLS_IN_NAME = 3
#: Rows of the table that are made and written at a time.
_ROWS_A_GROUP = 16_384


def write_sweep(sweep: Sweep, folder: str | Path) -> Path:
    """Write a sweep's table, manifest and page into a folder, all at once, and return the folder.

    Raises:
        ConfigError: The folder cannot be written, or holds something else than a sweep.
    """
    target = Path(folder)
    page = render(sweep)
    manifest = json.dumps(describe(sweep), indent=2, allow_nan=False) + "\n"
    fresh = beside(target, "new")

    def write() -> None:
        _check_replaceable(target)
        fresh.mkdir(parents=True)
        _write_table(sweep, fresh / TABLE)
        (fresh / MANIFEST).write_text(manifest, encoding="utf-8", newline="\n")
        (fresh / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
        put_in_place(fresh, target.resolve())

    attempt(write, target, fresh)
    return target


def default_name(identity: Mapping[str, Any]) -> str:
    """Return `sweep-<strategy>-<first symbols>-<8 hex of what decides the sweep>`."""
    mark = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    return _name(identity["strategy"], identity["plan"]["symbols"], mark)


def joint_name(strategy: str, symbols: Sequence[str]) -> str:
    """Return the name of a folder for the sweeps of several symbols, each by itself."""
    return _name(strategy, symbols, "each")


def _name(strategy: str, symbols: Sequence[str], end: str) -> str:
    words = ["sweep", strategy, *symbols[:_SYMBOLS_IN_NAME]]
    if len(symbols) > _SYMBOLS_IN_NAME:
        words.append(f"and-{len(symbols) - _SYMBOLS_IN_NAME}-more")
    return "-".join(file_name(word) for word in [*words, end])


def file_name(text: str) -> str:
    """Return a text, such as a symbol with a slash in it, as part of a path."""
    return re.sub(r"[^\w.-]+", "_", text)


def describe(sweep: Sweep) -> dict[str, Any]:
    """Return a sweep as JSON values: what decides it, and what came of it."""
    objectives = [f"{'-' if one.sign < 0 else '+'}{one.name}" for one in sweep.manner.objectives]
    return {
        **sweep.identity,
        "state": "finished",
        "where": sweep.manner.where,
        "require": sweep.manner.require,
        "samples": sweep.manner.samples,
        "reason": sweep.manner.reason,
        "objectives": objectives,
        "measures": list(sweep.results.measures),
        "trials": sweep.trials,
        "failed": sweep.failed,
        "verdict": sweep.verdict.as_json(),
        "best": best_of(sweep),
        "plateau": plateau_of(sweep),
    }


def best_of(sweep: Sweep) -> dict[str, Any] | None:
    """Return the best combination as JSON values, with how many were tried; None where there is none."""
    try:
        best = sweep.best()
    except ConfigError:
        return None
    measures = {name: _number(value) for name, value in best.measures.items()}
    return {"parameters": _plain(best.parameters), "measures": measures, "trials": best.trials}


def plateau_of(sweep: Sweep) -> dict[str, Any] | None:
    """Return the plateau as JSON values; None where there is none."""
    try:
        found = sweep.plateau()
    except ConfigError:
        return None
    return {
        "parameters": _plain(found.parameters),
        "mean": _number(found.mean),
        "value": _number(found.value),
        "neighbours": found.neighbours,
    }


def _check_replaceable(target: Path) -> None:
    """Refuse to touch what is no sweep: a slip in a path must not cost somebody's files."""
    if target.is_dir():
        if any(target.iterdir()) and not (target / MANIFEST).is_file():
            raise ConfigError(
                f"folder {target} is not empty and holds no {MANIFEST}, so it is no sweep to replace; "
                "name another folder"
            )
    elif target.exists():
        raise ConfigError(f"{target} is a file; name a folder for the sweep")


def _write_table(sweep: Sweep, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    count = len(sweep.results.combinations)
    parts = (slice(first, first + _ROWS_A_GROUP) for first in range(0, count, _ROWS_A_GROUP))
    first = pa.table(columns(sweep.results, next(parts)))
    with parquet.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for part in parts:
            writer.write_table(pa.table(columns(sweep.results, part), schema=first.schema))


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, bool | int | float | str) else repr(value)
        for name, value in parameters.items()
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
