"""Reads runs that were recorded, wherever somebody keeps them and whatever somebody did to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbell.backtesting.plan import Plan, plan_from_json
from openbell.cli.index import list_runs
from openbell.cli.jobs import find_reports
from openbell.core.errors import ConfigError, nearest
from openbell.reporting.export import RUN_FILE
from openbell.reporting.identity import READABLE

LEDGER = "ledger.csv"
_TEXT = (str,)
_NUMBER = (int, float)
_TEXT_OR_NONE = (str, type(None))
#: What stands where in a run.json, as far as it is read: types, a list of such, or a mapping with these keys.
_SHAPE: Mapping[str, Any] = {
    "plan": {
        "strategy": _TEXT, "symbols": [_TEXT], "parameters": {}, "provider": _TEXT, "timeframe": _TEXT,
        "start": _TEXT_OR_NONE, "end": _TEXT_OR_NONE, "cash": _NUMBER,
        "costs": {"commission": {}, "slippage": {}, "margin": {}},
        "sizing": {}, "benchmark": _TEXT, "seed": (int,), "instruments": [{}], "finer": [_TEXT],
    },
    "strategy": {"hash": _TEXT},
    "data": [{"symbol": _TEXT, "hash": _TEXT}],
    "versions": {},
    "ledger_hash": _TEXT,
    "metrics": {},
    "lookahead": (dict, type(None)),
}  # fmt: skip
_WORDS = {str: "text", int: "a number", float: "a number", type(None): "null", dict: "a mapping"}
_REMEDY = "`openbell backtest` makes a new run"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run as it was written to disk."""

    folder: Path
    described: Mapping[str, Any]  #: its run.json
    plan: Plan
    ledger: bytes


def read_recorded(name: str, reports: str | None) -> Recorded:
    """Read the run of a path, of a run.json, or of (the beginning of) a name in the report folder.

    Raises:
        ConfigError: There is none, or its files cannot be what was written.
    """
    folder = _find(name, reports)
    file = folder / RUN_FILE
    described = _read_json(file)
    if described.get("schema") not in READABLE:
        raise ConfigError(
            f"{file}: schema {described.get('schema')!r} is none of {', '.join(map(str, READABLE))}, which "
            "this version reads; run it with the version that wrote it"
        )
    try:
        _check_shape(described, _SHAPE, "")
        plan = plan_from_json(described["plan"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ConfigError(f"{file}: the plan cannot be read ({error}); {_REMEDY}") from error
    try:
        ledger = (folder / LEDGER).read_bytes()
    except OSError as error:
        raise ConfigError(f"{folder} has no {LEDGER} to compare with ({error.strerror}); {_REMEDY}") from None
    return Recorded(folder, described, plan, ledger)


def _find(name: str, reports: str | None) -> Path:
    """Return the run's folder."""
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
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON ({error}); {_REMEDY}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds no run; {_REMEDY}")
    return found


def _check_shape(value: object, shape: Any, place: str) -> None:
    """Find out whether a value is made as it was written, for somebody may have edited it.

    Raises:
        ConfigError: It is not; the place inside is named.
    """
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            raise ConfigError(f"{place or 'it'} must be a mapping")
        for key, inner in shape.items():
            if key not in value:
                raise ConfigError(f"{place}{'.' if place else ''}{key} is missing")
            _check_shape(value[key], inner, f"{place}.{key}" if place else key)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ConfigError(f"{place} must be a list")
        for number, one in enumerate(value):
            _check_shape(one, shape[0], f"{place}[{number}]")
    elif not isinstance(value, shape) or isinstance(value, bool):
        wanted = " or ".join(dict.fromkeys(_WORDS[kind] for kind in shape))
        raise ConfigError(f"{place} must be {wanted}")
