"""The commands `strategies` and `new strategy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openbell.cli.answer import Answer, Column, Table
from openbell.strategies.parameters import Parameter, parameters_of
from openbell.strategies.registry import Found, find, names
from openbell.strategies.signal import Signal

_TYPES = {int: "whole number", float: "number", bool: "true or false", str: "text"}


def list_strategies() -> Answer:
    """List the strategies that have a name."""
    found = names()
    rows = [(one.name, _values(one.parameters()), one.summary) for one in found.values()]
    table = Table((Column("Strategy"), Column("Parameters"), Column("What it does")), rows)
    hint = "`openbell strategies NAME` shows one; `openbell backtest NAME --symbols AAPL` runs it."
    return Answer([table, "", hint], {"strategies": [_described(one) for one in found.values()]})


def show_strategy(name: str) -> Answer:
    """Show one strategy with its parameters and what they may be.

    Raises:
        ConfigError: There is none of that name.
    """
    found = find(name)
    described = _described(found)
    rows = [
        (p["name"], _text(p["default"]), p["type"], p["bounds"], p["help"]) for p in described["parameters"]
    ]
    titles = ("Parameter", "Default", "Type", "Bounds", "Meaning")
    kept = [i for i in range(len(titles)) if any(row[i] for row in rows)]
    table = Table([Column(titles[i]) for i in kept], [[row[i] for i in kept] for row in rows])
    parts = [f"{found.name}: {found.summary}", ""]
    return Answer([*parts, table if rows else "It has no parameters."], {"strategy": described})


def write_new(name: str, folder: str) -> Answer:
    """Write a strategy's template and its test.

    Raises:
        ConfigError: The name is none for Python, or a file is there already.
    """
    from openbell.cli.folders import check_named
    from openbell.strategies.template import write_strategy

    check_named(folder, "--folder")
    strategy, test = write_strategy(name, folder)
    parts = [
        f"wrote {strategy}",
        f"wrote {test}",
        "",
        f"Run it:   openbell backtest {_typed(strategy)} --symbols AAPL",
        f"Test it:  python {_typed(test)}",
    ]
    return Answer(parts, {"strategy": str(strategy), "test": str(test)})


def _typed(path: Path) -> str:
    """Return a path as it is typed at a prompt, on Windows too."""
    return f'"{path}"' if " " in str(path) else str(path)


def _described(found: Found) -> dict[str, Any]:
    return {
        "name": found.name,
        "origin": found.origin,
        "summary": found.summary,
        "parameters": _parameters(found),
    }


def _parameters(found: Found) -> list[dict[str, Any]]:
    form = found.form
    known = form.inputs if isinstance(form, Signal) else parameters_of(form)
    values = found.parameters()
    described = []
    for name, thing in known.items():
        record = thing if isinstance(thing, Parameter) else None
        kind = type(values[name]) if record is None else record.kind
        described.append({
            "name": name,
            "default": values[name],
            "type": _TYPES.get(kind, ""),
            "bounds": _bounds(record),
            "help": record.help if record is not None else f"the first parameter of {thing}",
        })  # fmt: skip
    return described


def _bounds(record: Parameter | None) -> str:
    if record is None:
        return ""
    if record.choices:
        return "one of " + ", ".join(map(str, record.choices))
    limits = ((">=", record.ge), (">", record.gt), ("<=", record.le), ("<", record.lt))
    return ", ".join(f"{sign} {bound:g}" for sign, bound in limits if bound is not None)


def _values(parameters: dict[str, Any]) -> str:
    return " ".join(f"{name}={_text(value)}" for name, value in parameters.items())


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
