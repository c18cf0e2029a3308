"""Other parameters for an item of a strategies.yaml; every other character of the file stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml

from openbell.config.entries import read_strategies
from openbell.config.models import StrategyEntry
from openbell.config.yamlfile import read_scalar, read_text
from openbell.core.errors import ConfigError, Translation


def find_entry(path: Path, strategies: Sequence[str], symbols: Sequence[str]) -> StrategyEntry:
    """Return the one item of a file that runs a strategy, by any of its names, on just these symbols.

    Raises:
        ConfigError: None does, or several do.
    """
    entries = [entry.strategy for entry in read_strategies(path)]
    found = [one for one in entries if one.strategy in strategies and set(one.symbols) == set(symbols)]
    if len(found) == 1:
        return found[0]
    what = f"{strategies[0]} on {', '.join(symbols)}"
    if found:
        names = ", ".join(one.name for one in found)
        raise ConfigError(f"{path}: {names} all run {what}; keep one of them in this file")
    have = "; ".join(f"{one.name}: {one.strategy} on {', '.join(one.symbols)}" for one in entries)
    raise ConfigError(f"{path}: no item runs {what}; it has {have or 'none at all'}")


def put_parameters(path: Path, name: str, parameters: Mapping[str, Any]) -> None:
    """Give the item of a name other parameters; the file changes whole, in one step, or not at all.

    Parameters that are not named, comments and all else stay.

    Raises:
        ConfigError: A value has no form in YAML, or the file cannot be read or written.
    """
    text = read_text(path)
    item = _item(yaml.compose(text, Loader=yaml.SafeLoader), name)
    for at, until, new in sorted(_changes(text, item, parameters), reverse=True):
        text = text[:at] + new + text[until:]
    fresh = path.with_name(f".{path.name}-{token_hex(4)}.yaml")
    with Translation(lambda error, _: _unwritable(path, error) if isinstance(error, OSError) else None):
        try:
            fresh.write_text(text, encoding="utf-8", newline="")
            read_strategies(fresh)  # what cannot be read is not put in place
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be written ({error.strerror}); check its permissions")


def _item(top: Any, name: str) -> Any:
    """Return the node of the item of a name, which is known to be there."""
    (items,) = (value for key, value in top.value if key.value == "strategies")
    (found,) = (item for item in items.value if _value(item, "name").value == name)
    return found


def _value(mapping: Any, name: str) -> Any:
    return next((value for key, value in mapping.value if key.value == name), None)


def _changes(text: str, item: Any, parameters: Mapping[str, Any]) -> list[tuple[int, int, str]]:
    """Return what of the text is replaced: from where, to where, and by what."""
    there = _value(item, "parameters")
    if not isinstance(there, yaml.MappingNode):  # none, or nothing after the colon
        whole = f"parameters: {{{', '.join(f'{k}: {_scalar(k, v)}' for k, v in parameters.items())}}}"
        key = next((key for key, _ in item.value if key.value == "parameters"), None)
        if key is not None:
            end = there.end_mark.index if there is not None else key.end_mark.index
            return [(key.start_mark.index, max(end, _after_colon(text, key)), whole)]
        return [_inserted(text, item, whole, after="name")]
    known = {key.value: value for key, value in there.value}
    found = [
        (known[name].start_mark.index, known[name].end_mark.index, _scalar(name, value))
        for name, value in parameters.items()
        if name in known
    ]
    more = [f"{name}: {_scalar(name, value)}" for name, value in parameters.items() if name not in known]
    if more and not known:
        return [(there.start_mark.index, there.end_mark.index, f"{{{', '.join(more)}}}")]
    last = there.value[-1][0].value
    lines = ", ".join(more) if there.flow_style else _indented(more, there.start_mark.column)
    return found + ([_inserted(text, there, lines, after=last)] if more else [])


def _indented(lines: Sequence[str], column: int) -> str:
    return ("\n" + " " * column).join(lines)


def _after_colon(text: str, key: Any) -> int:
    return text.index(":", key.end_mark.index) + 1


def _inserted(text: str, mapping: Any, new: str, *, after: str) -> tuple[int, int, str]:
    """Return how to add to a mapping after one of its keys, whose value is a scalar."""
    at = _value(mapping, after).end_mark.index
    if mapping.flow_style:
        return at, at, f", {new}"
    end = text.find("\n", at)  # a comment stays on its line
    end = len(text) if end < 0 else end
    return end, end, "\n" + " " * mapping.start_mark.column + new


def _scalar(name: str, value: Any) -> str:
    """Return a value as YAML reads it back.

    Raises:
        ConfigError: It is no number, flag or text.
    """
    if not isinstance(value, bool | int | float | str):
        raise ConfigError(f"{name}={value!r} has no form in a strategies.yaml; choose among numbers or text")
    if isinstance(value, str):
        plain = read_scalar(value) == value and value.replace("_", "").isalnum()
        return value if plain else json.dumps(value)
    return json.dumps(value)
