"""Reads strategies.yaml and brokers.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openbell.config.models import BrokerEntry, Settings, StrategyEntry
from openbell.config.resolve import resolve
from openbell.config.schema import list_leaves
from openbell.config.sources import Value, flatten
from openbell.config.yamlfile import Item, read_yaml, show, strip
from openbell.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from pathlib import Path

#: The sections of the settings that a strategy's item may hold.
OWN_SECTIONS = ("account.", "costs.", "sizing.", "risk.", "research.")


class Entry(NamedTuple):
    """A strategy's item and what it says of the settings."""

    strategy: StrategyEntry
    own: list[Value]


def read_strategies(path: Path) -> list[Entry]:
    """Read strategies.yaml: a list under `strategies`. No file is no strategies.

    Raises:
        ConfigError: An item is wrong, or two have one name.
    """
    top = _read_only_key(path, "strategies")
    if top is None:
        return []
    if not isinstance(top.value, list):
        found = show(strip(top))
        raise ConfigError(f"{path}:{top.line}: strategies: {found} must be a list: items that begin with -")
    entries = [_read_strategy(item, path, f"strategies[{number}]") for number, item in enumerate(top.value)]
    seen: dict[str, StrategyEntry] = {}
    for entry, _ in entries:
        if entry.name in seen:
            first = seen[entry.name].place
            raise ConfigError(f"{entry.place}: name: {entry.name!r} is taken by {first}; choose another")
        seen[entry.name] = entry
    return entries


def read_brokers(path: Path) -> dict[str, BrokerEntry]:
    """Read brokers.yaml: a mapping of names under `brokers`. No file is no brokers.

    Raises:
        ConfigError: A broker is wrong.
    """
    top = _read_only_key(path, "brokers")
    if top is None:
        return {}
    if not isinstance(top.value, dict):
        found = show(strip(top))
        raise ConfigError(f"{path}:{top.line}: brokers: {found} must be a mapping of names to brokers")
    leaves = list_leaves(BrokerEntry)
    brokers = {}
    for name, item in top.value.items():
        place, label = f"{path}:{item.line}", f"brokers.{name}"
        _require_mapping(item, place, label)
        values = list(flatten(item, leaves, path=path, label=f"{label}."))
        brokers[name] = resolve(BrokerEntry, [values], label=f"{label}.", place=place).model
    return brokers


def _read_strategy(item: Item, path: Path, label: str) -> Entry:
    place = f"{path}:{item.line}"
    _require_mapping(item, place, label)
    own_leaves = {key: leaf for key, leaf in list_leaves(Settings).items() if key.startswith(OWN_SECTIONS)}
    leaves = list_leaves(StrategyEntry)
    values = list(flatten(item, leaves | own_leaves, path=path, label=f"{label}."))
    entry = [value for value in values if value.key in leaves]
    own = [value for value in values if value.key in own_leaves]
    model = resolve(StrategyEntry, [entry], label=f"{label}.", place=place).model
    return Entry(model.model_copy(update={"place": place}), own)


def _read_only_key(path: Path, key: str) -> Item | None:
    """Return what stands under the one key that a file may have; None for no file and for nothing."""
    if not path.exists():
        return None
    items = read_yaml(path).value
    for name, item in items.items():
        if name != key:
            raise ConfigError(f"{path}:{item.line}: {name!r}: unknown key{nearest(name, [key])}")
    return items[key] if key in items and items[key].value is not None else None


def _require_mapping(item: Item, place: str, label: str) -> None:
    if not isinstance(item.value, dict):
        raise ConfigError(f"{place}: {label}: {show(strip(item))} must be a mapping: lines of `key: value`")
