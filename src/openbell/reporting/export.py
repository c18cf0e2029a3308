"""Write a run to disk: all of its files, or none of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbell.backtesting.ledger import ledger_text
from openbell.core.errors import ConfigError
from openbell.reporting import findings, identity, tables
from openbell.reporting.html.page import render
from openbell.reporting.place import attempt, beside, put_in_place
from openbell.reporting.result import Result
from openbell.reporting.trialcount import FILE as TRIED_FILE
from openbell.reporting.trialcount import trial_text

#: The file that makes a folder a run folder.
RUN_FILE = "run.json"
#: The file beside a run that says what its evidence supports, and what speaks against it.
VERDICT_FILE = "verdict.json"
_SYMBOLS_IN_NAME = 3


def write_run(
    result: Result, folder: str | Path | None = None, *, lookahead: Mapping[str, Any] | None = None
) -> Path:
    """Write a run's report, tables and identity into a folder, all at once, and return the folder.

    The files are `report.html`, `trades.csv`, `orders.csv`, `equity.csv`, `fills.csv`, `ledger.csv` and
    `run.json`, with the verdict and the findings in `verdict.json`; with limits of risk `refusals.csv` too,
    and `tried.json` where trials are counted. A run folder of the same name is replaced.

    Args:
        result: The run.
        folder: Where to; None is `default_folder(result)`.
        lookahead: The verdict of a look-ahead check as JSON values; None is what the result knows of one.
            The report shows its `text`, as serious as `clean` and `kind` are; `run.json` keeps it all.

    Raises:
        ConfigError: The folder cannot be written, or holds something else than a run.
    """
    target = Path(folder) if folder is not None else default_folder(result)
    described = identity.describe(result, lookahead=lookahead)
    outcome = result.outcome
    files = {
        "report.html": render(result, described),
        "trades.csv": result.trade_table.csv(),
        "orders.csv": tables.orders(outcome).csv(),
        "equity.csv": tables.equity_csv(outcome, result.benchmark_curve),
        "fills.csv": tables.fills(outcome).csv(),
        "ledger.csv": ledger_text(outcome.entries),
        VERDICT_FILE: _spell_out(identity.as_text(findings.describe(result, lookahead=lookahead))),
        RUN_FILE: _spell_out(identity.as_text(described)),
    }
    if result.plan.risk.active:
        files["refusals.csv"] = tables.refusals(outcome).csv()
    counted = trial_text(result)
    if counted is not None:
        files[TRIED_FILE] = counted
    fresh = beside(target, "new")

    def write() -> None:
        _check_replaceable(target)
        fresh.mkdir(parents=True)
        for name, text in files.items():
            _write_text(fresh / name, text)
        put_in_place(fresh, target.resolve())

    attempt(write, target, fresh)
    return target


def write_report(result: Result, path: str | Path) -> Path:
    """Write a run's page, whole or not at all, and return its path; a folder gets a `report.html`.

    Raises:
        ConfigError: The path cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        target /= "report.html"
    text = render(result, identity.describe(result))
    fresh = beside(target, "new")

    def write() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_text(fresh, text)
        fresh.replace(target)

    attempt(write, target, fresh)
    return target


def write_file(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, and return its path.

    Raises:
        ConfigError: It cannot be written.
    """
    fresh = beside(path, "new")

    def write() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(path)

    attempt(write, path, fresh)
    return path


def default_folder(result: Result) -> Path:
    """Return `reports/<strategy>-<first symbols>-<8 hex of what decides the run and of its ledger>`."""
    symbols = result.plan.symbols
    words = [result.found.name, *symbols[:_SYMBOLS_IN_NAME]]
    if len(symbols) > _SYMBOLS_IN_NAME:
        words.append(f"and-{len(symbols) - _SYMBOLS_IN_NAME}-more")
    words.append(mark(result))
    return Path("reports") / "-".join(re.sub(r"[^\w.-]+", "_", word) for word in words)


def mark(result: Result) -> str:
    """Return 8 hex digits that differ between runs whose plan, code, data or ledger differ."""
    data = [series.content_hash for series in result.outcome.panel.series]
    decides = [result.plan.as_json(), result.found.code_hash, data, result.hash]
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _check_replaceable(target: Path) -> None:
    """Refuse to touch what is no run: a slip in a path must not cost somebody's files."""
    if target.is_dir():
        if any(target.iterdir()) and not (target / RUN_FILE).is_file():
            raise ConfigError(
                f"folder {target} is not empty and holds no {RUN_FILE}, so it is no run to replace; "
                "name another folder"
            )
    elif target.exists():
        raise ConfigError(f"{target} is a file; name a folder for the run")


def _spell_out(text: str) -> str:
    r"""Spell bytes of names that are no text out as `\\udcff`, for JSON has no other form that is text."""
    return re.sub("[\ud800-\udfff]", lambda found: f"\\\\u{ord(found[0]):04x}", text)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
