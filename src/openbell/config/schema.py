"""The keys that a model allows, written flat: `costs.slippage.bps` and what may stand there."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr

from openbell.core.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

MASK = "********"
PREFIX = "OPENBELL_"

_SECRET_NAME = re.compile(r"key|secret|token|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A key that holds a value.

    `kinds` are the types that its value may have. A section with a choice, such as `sizing`, has a
    key `tag` that chooses, and `variants` are the choices under which this leaf exists.
    """

    key: str
    kinds: tuple[Any, ...]
    tag: str = ""
    variants: tuple[str, ...] = ()

    @property
    def secret(self) -> bool:
        """Tell whether the value must never be shown."""
        return SecretStr in self.kinds or is_secret(self.key)

    @property
    def text(self) -> bool:
        """Tell whether text is a value as it stands, where no YAML says what is a number."""
        return any(kind in (str, Path, SecretStr, date) or get_origin(kind) is Literal for kind in self.kinds)

    @property
    def optional(self) -> bool:
        """Tell whether the value may be null."""
        return NoneType in self.kinds

    @property
    def variable(self) -> str:
        """The name of the environment variable that sets this key."""
        return PREFIX + self.key.upper().replace(".", "__")


Leaves = dict[str, Leaf]


def is_secret(key: str) -> bool:
    """Tell by the last part of its name whether a key holds a secret."""
    return _SECRET_NAME.search(key.rpartition(".")[2]) is not None


@cache
def list_leaves(model: type[BaseModel]) -> Leaves:
    """Return every leaf of a model by its dotted key, in the order of the model."""
    return {leaf.key: leaf for leaf in _walk(model, "")}


def list_names(leaves: Iterable[str], prefix: str) -> list[str]:
    """Return the names directly under `prefix`, which is "" or ends with a dot."""
    below = (key[len(prefix) :].partition(".")[0] for key in leaves if key.startswith(prefix))
    return list(dict.fromkeys(below))


def suggest(name: str, leaves: Collection[str], prefix: str) -> str:
    """Return the hint for an unknown name under `prefix`: the same name elsewhere, or the nearest here."""
    if name in leaves:
        return "; write its sections as nested lines, not with dots"
    elsewhere = [key for key in leaves if key.rpartition(".")[2] == name]
    return f"; did you mean {elsewhere[0]!r}?" if elsewhere else nearest(name, list_names(leaves, prefix))


def _walk(model: type[Any], prefix: str) -> Iterator[Leaf]:
    for name, annotation in _list_fields(model):
        key = prefix + name
        kinds = _split(annotation)
        sections = [kind for kind in kinds if _is_section(kind)]
        if len(sections) > 1:
            yield from _walk_variants(sections, key)
        elif sections:
            yield from _walk(sections[0], key + ".")
        else:
            yield Leaf(key, kinds)


def _walk_variants(sections: list[type[BaseModel]], key: str) -> Iterator[Leaf]:
    merged: dict[str, tuple[Leaf, list[str]]] = {}
    tag = next(iter(sections[0].model_fields))  # by convention the first field chooses
    for section in sections:
        choice = str(section.model_fields[tag].default)
        for leaf in _walk(section, key + "."):
            merged.setdefault(leaf.key, (leaf, []))[1].append(choice)
    for leaf, choices in merged.values():
        yield Leaf(leaf.key, leaf.kinds, tag=f"{key}.{tag}", variants=tuple(choices))


def _list_fields(model: type[Any]) -> list[tuple[str, Any]]:
    if issubclass(model, BaseModel):
        return [(name, info.annotation) for name, info in model.model_fields.items() if not info.exclude]
    hints = get_type_hints(model)
    return [(field.name, hints[field.name]) for field in fields(model)]


def _split(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return _split(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(kind for member in get_args(annotation) for kind in _split(member))
    return (annotation,)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, BaseModel))
