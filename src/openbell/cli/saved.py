"""The commands `report` and `verify`: recorded runs, run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from openbell import run
from openbell.backtesting.ledger import ledger_text
from openbell.backtesting.plan import Plan, plan_from_json
from openbell.cli.answer import Answer, Exit
from openbell.cli.index import list_runs
from openbell.cli.jobs import find_reports
from openbell.cli.terminal import progress
from openbell.core.errors import ConfigError, nearest
from openbell.reporting.export import RUN_FILE, write_run
from openbell.reporting.identity import SCHEMA, as_text, describe
from openbell.reporting.result import Result
from openbell.reporting.words import count

LEDGER = "ledger.csv"
#: What a run.json must have beside its plan.
_COMPARED = ("strategy", "data", "versions", "ledger_hash", "metrics", "lookahead")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run as it was written to disk."""

    folder: Path
    described: Mapping[str, Any]  #: its run.json
    plan: Plan
    ledger: bytes


def check_again(name: str, reports: str | None) -> Answer:
    """Run a recorded run again and compare the ledger, byte for byte.

    Raises:
        ConfigError: There is no such run, or it cannot be run again.
    """
    recorded = _read(name, reports)
    result = _run_again(recorded)
    fresh = ledger_text(result.outcome.entries).encode()
    changes = list(_changes(recorded, result))
    forged = list(_forged(recorded, result)) if not changes else []
    same = fresh == recorded.ledger and not forged
    rows = fresh.count(b"\n") - 1
    if same:
        difference = None
        parts = [
            f"same: {count(rows, 'ledger row')} of {recorded.folder}, byte for byte",
            f"  {result.hash}",
        ]
    elif fresh == recorded.ledger:
        difference = None
        parts = [f"DIFFERENT: {recorded.folder / RUN_FILE}"]
    else:
        difference = _first_difference(recorded.ledger, fresh)
        parts = [f"DIFFERENT: {recorded.folder / LEDGER}", *_told(difference)]
    parts += [f"  changed since: {change}" for change in changes]
    parts += [f"  {one}" for one in forged]
    if fresh != recorded.ledger and not changes:
        parts.append(f"  code, data and versions are the recorded ones: was {LEDGER} or the plan edited?")
    document = {
        "run": str(recorded.folder),
        "same": same,
        "rows": rows,
        "recorded_hash": recorded.described["ledger_hash"],
        "hash": result.hash,
        "first_difference": difference,
        "changed": [*changes, *forged],
    }
    return Answer(parts, document, Exit.FINE if same else Exit.FAILED)


def rewrite(name: str, reports: str | None) -> Answer:
    """Run a recorded run again and write its files anew, if the ledger is still the same.

    Raises:
        ConfigError: There is no such run, it cannot be run again, or its folder cannot be written.
    """
    recorded = _read(name, reports)
    result = _run_again(recorded)
    page = recorded.folder / "report.html"
    document = {"run": str(recorded.folder), "report": str(page), "hash": result.hash}
    if ledger_text(result.outcome.entries).encode() != recorded.ledger:
        parts = [
            f"DIFFERENT: {recorded.folder} runs to another ledger now, so nothing was written",
            f"  `openbell verify {name}` shows where; `openbell backtest` makes a new run",
        ]
        return Answer(parts, {**document, "same": False, "written": False}, Exit.FAILED)
    write_run(result, recorded.folder, lookahead=recorded.described["lookahead"])
    parts = [f"ran {recorded.folder} again: the ledger is the same", f"wrote {page}"]
    return Answer(parts, {**document, "same": True, "written": True})


def _read(name: str, reports: str | None) -> Recorded:
    folder = _find(name, reports)
    described = _read_json(folder / RUN_FILE)
    if described.get("schema") != SCHEMA:
        raise ConfigError(
            f"{folder / RUN_FILE}: schema {described.get('schema')!r} is not {SCHEMA}, which this version "
            "reads; run it with the version that wrote it"
        )
    try:
        plan = plan_from_json(described["plan"])
        for field in _COMPARED:
            described[field]
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{folder / RUN_FILE}: the plan cannot be read ({error}); `openbell backtest` makes a new run"
        ) from error
    try:
        ledger = (folder / LEDGER).read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{folder} has no {LEDGER} to compare with; `openbell backtest` makes a new run"
        ) from None
    return Recorded(folder, described, plan, ledger)


def _find(name: str, reports: str | None) -> Path:
    """Return the run's folder: of its path, of its run.json, or of (the beginning of) its name."""
    below, _ = find_reports(reports)
    named = Path(name).parent if Path(name).name == RUN_FILE else Path(name)
    for path in (named, below / name):
        if (path / RUN_FILE).is_file():
            return path
    known = {path.parent.name: path.parent for path in list_runs(below)}
    begun = [folder for run_name, folder in known.items() if run_name.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        listed = ", ".join(folder.name for folder in begun)
        raise ConfigError(f"run {name!r} may be any of {listed}; name one")
    hint = nearest(Path(name).name, known) or f"; {below} holds no runs, `openbell demo` writes some"
    raise ConfigError(f"run {name!r} is unknown: it has no {RUN_FILE}{hint}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no JSON ({error}); `openbell backtest` makes a new run") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds no run; `openbell backtest` makes a new one")
    return found


def _run_again(recorded: Recorded) -> Result:
    with progress() as tell:
        return run.execute(
            recorded.plan, progress=lambda done, total: tell(done / total, recorded.folder.name)
        )


def _changes(recorded: Recorded, result: Result) -> Iterator[str]:
    """Yield what is no more as it was when the run was recorded: code, data, versions."""
    old, new = recorded.described, describe(result)
    if old["strategy"]["hash"] != new["strategy"]["hash"]:
        yield f"the code of {new['strategy']['origin']}"
    before = {one["symbol"]: one["hash"] for one in old["data"]}
    for one in new["data"]:
        if before.get(one["symbol"]) != one["hash"]:
            yield f"the data of {one['symbol']}"
    for package, version in new["versions"].items():
        was = old["versions"].get(package)
        if was != version:
            yield f"{package} {was}, now {version}"


def _forged(recorded: Recorded, result: Result) -> Iterator[str]:
    """Yield what run.json says otherwise than the run does, though nothing that decides it has changed."""
    now = json.loads(as_text(describe(result)))
    for field in ("ledger_hash", "metrics"):
        if recorded.described[field] != now[field]:
            yield f"{field} of {recorded.folder / RUN_FILE} is not what the run gives: was it edited?"


def _first_difference(recorded: bytes, fresh: bytes) -> dict[str, Any]:
    """Return the first line that differs: its number, and both texts; None where there is no such line."""
    pairs = zip_longest(recorded.split(b"\n"), fresh.split(b"\n"))
    at, (old, new) = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    return {"line": at, "recorded": _text(old), "now": _text(new)}


def _text(line: bytes | None) -> str | None:
    return None if line is None else line.decode("utf-8", errors="replace")


def _told(difference: Mapping[str, Any]) -> list[str]:
    return [
        f"  line {difference['line']} recorded: {difference['recorded']}",
        f"  line {difference['line']} now:      {difference['now']}",
    ]
