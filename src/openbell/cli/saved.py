"""The commands `report` and `verify`: recorded runs, run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from openbell import run
from openbell.backtesting.ledger import ledger_text
from openbell.cli.answer import Answer, Exit
from openbell.cli.recorded import LEDGER, Recorded, read_recorded
from openbell.cli.terminal import progress
from openbell.reporting.export import RUN_FILE, write_run
from openbell.reporting.identity import as_text, describe
from openbell.reporting.result import Result
from openbell.reporting.trialcount import restore_trial
from openbell.reporting.words import count


def check_again(name: str, reports: str | None) -> Answer:
    """Run a recorded run again and compare the ledger, byte for byte.

    Raises:
        ConfigError: There is no such run, or it cannot be run again.
    """
    recorded = read_recorded(name, reports)
    result = run_again(recorded)
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


def rewrite(name: str, reports: str | None) -> tuple[Answer, Result]:
    """Run a recorded run again and write its files anew, if the ledger is still the same; return it too.

    Raises:
        ConfigError: There is no such run, it cannot be run again, or its folder cannot be written.
    """
    recorded = read_recorded(name, reports)
    result = run_again(recorded)
    page = recorded.folder / "report.html"
    document = {"run": str(recorded.folder), "report": str(page), "hash": result.hash}
    if ledger_text(result.outcome.entries).encode() != recorded.ledger:
        parts = [
            f"DIFFERENT: {recorded.folder} runs to another ledger now, so nothing was written",
            f"  `openbell verify {name}` shows where; `openbell backtest` makes a new run",
        ]
        return Answer(parts, {**document, "same": False, "written": False}, Exit.FAILED), result
    write_run(result, recorded.folder, lookahead=recorded.described["lookahead"])
    parts = [f"ran {recorded.folder} again: the ledger is the same", f"wrote {page}"]
    return Answer(parts, {**document, "same": True, "written": True}), result


def run_again(recorded: Recorded) -> Result:
    """Run a recorded run again, with what is there now."""
    with progress() as tell:
        result = run.execute(
            recorded.plan, progress=lambda done, total: tell(done / total, recorded.folder.name)
        )
    restore_trial(result, recorded.folder)
    return result


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
