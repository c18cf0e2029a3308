"""What `openbell config explain KEY` shows: a value, where it came from, and what it shadowed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from openbell.config.schema import MASK, list_leaves
from openbell.config.sources import suggest_key
from openbell.core.errors import ConfigError

if TYPE_CHECKING:
    from openbell.config.resolve import Model, Resolved


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a key has its value.

    Args:
        key: The dotted key.
        value: The value in use. A secret is shown as `********`; a section maps its keys to values.
        source: `default`, `file:line`, `environment NAME` or `--set`; empty for a section.
        shadowed: The values that lost, each with its source, the strongest first.
        below: The leaves of a section; empty for a leaf.
    """

    key: str
    value: object
    source: str
    shadowed: tuple[tuple[object, str], ...] = ()
    below: tuple[Explanation, ...] = ()

    def __str__(self) -> str:
        if self.below:
            return "\n".join(str(part) for part in self.below)
        lines = [f"{self.key} = {_show(self.value)}  ({self.source})"]
        lines += [f"  shadows {_show(value)}  ({source})" for value, source in self.shadowed]
        return "\n".join(lines)


def explain(resolved: Resolved[Model], key: str) -> Explanation:
    """Explain one leaf, or every leaf below a section; the key "" is everything.

    Raises:
        ConfigError: The key is unknown, or not in use because of what another key chose.
    """
    leaves = list_leaves(type(resolved.model))
    if key in resolved.chains:
        return _explain_leaf(resolved, key)
    if key in leaves:
        choice = resolved.chains[leaves[key].tag][-1]
        raise ConfigError(f"{key}: not in use, for {choice.key} is {choice.value!r} ({choice.source})")
    prefix = f"{key}." if key else ""
    below = tuple(
        _explain_leaf(resolved, name)
        for name in leaves
        if name.startswith(prefix) and name in resolved.chains
    )
    if not below:
        raise ConfigError(f"{key!r}: unknown key{suggest_key(key, leaves)}")
    return Explanation(key, {part.key: part.value for part in below}, "", below=below)


def _explain_leaf(resolved: Resolved[Model], key: str) -> Explanation:
    *lost, used = resolved.chains[key]
    value = reduce(getattr, key.split("."), resolved.model)
    hidden = list_leaves(type(resolved.model))[key].secret
    shadowed = tuple((MASK if hidden else old.value, old.source) for old in reversed(lost))
    return Explanation(key, MASK if hidden else value, used.source, shadowed)


def _show(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or '""'
