"""From layers of values to one checked model that still knows where each value came from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from openbell.config.schema import MASK, Leaves, list_leaves
from openbell.config.sources import Value
from openbell.config.yamlfile import show
from openbell.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

#: pydantic speaks of JSON; whoever writes YAML knows other words.
_WORDS = {
    "must be an object": "must be a mapping: lines of `key: value`",
    "must be a valid array": "must be a list, such as [a, b]",
    "must be a valid string": "must be text",
    "must be a valid boolean": "must be true or false",
    "must be a valid integer": "must be a whole number",
    "must be a valid number": "must be a number",
}

#: Values that YAML writes otherwise than Python.
_YAML_NAMES: dict[object, str] = {None: "null", True: "true", False: "false"}

Model = TypeVar("Model", bound=BaseModel)
Chains = dict[str, list[Value]]
Layers = list[list[Value]]


@dataclass(frozen=True, slots=True)
class Resolved(Generic[Model]):
    """A checked model; `chains` holds for each leaf what was said of it, the lowest source first."""

    model: Model
    chains: Chains


def list_defaults(model: BaseModel) -> list[Value]:
    """Return the values of a model of built-in defaults, each with the source `default`."""
    tree = model.model_dump(mode="json")
    found = ((key, _descend(tree, key)) for key in list_leaves(type(model)))
    return [Value(key, value[0], "default") for key, value in found if value]


def resolve(
    model: type[Model], layers: Sequence[list[Value]], *, label: str = "", place: str = ""
) -> Resolved[Model]:
    """Lay values over each other, lowest layer first, and check the result.

    Args:
        model: What to check against.
        layers: Values by source.
        label: What to write before a key in a message, such as `strategies[0].`.
        place: File and line of the whole, for what is missing.

    Raises:
        ConfigError: The first value that is wrong, with its source and what is allowed.
    """
    leaves = list_leaves(model)
    kept = _choose_variants(list(layers), leaves, label)
    chains: Chains = {}
    for layer in kept:
        for value in layer:
            chains.setdefault(value.key, []).append(value)
    _check_unicode(chains, label)
    tree = _nest({key: chain[-1].value for key, chain in chains.items()})
    try:
        checked = model.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _describe(first, leaves, chains, label=label, place=place) from None
    except ConfigError as error:
        raise _place(error, chains, label) from error
    return Resolved(checked, chains)


def _check_unicode(chains: Chains, label: str) -> None:
    for key, chain in chains.items():
        try:
            json.dumps(chain[-1].value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ConfigError(
                f"{chain[-1].source}: {label}{key}: {error.object[error.start]!r} in it is no Unicode;"
                " write it as UTF-8"
            ) from error


def _choose_variants(layers: Layers, leaves: Leaves, label: str) -> Layers:
    """Drop what a lower layer said for another choice; the same in this layer or above is an error."""
    for tag in {leaf.tag: None for leaf in leaves.values() if leaf.tag}:
        told = [(rank, value) for rank, layer in enumerate(layers) for value in layer if value.key == tag]
        if not told:
            continue
        chosen, choice = told[-1]
        if choice.value not in leaves[tag].variants:
            hint = nearest(str(choice.value), leaves[tag].variants)
            raise ConfigError(f"{choice.source}: {label}{tag}: {show(choice.value)} is unknown{hint}")
        family = {key: leaf for key, leaf in leaves.items() if leaf.tag == tag}
        foreign = {key for key, leaf in family.items() if choice.value not in leaf.variants}
        for value in (value for layer in layers[chosen:] for value in layer if value.key in foreign):
            allowed = ", ".join(key for key in family if key not in foreign)
            raise ConfigError(
                f"{value.source}: {label}{value.key}: unknown where {tag} is {choice.value!r}"
                f" ({choice.source}); its keys: {allowed}"
            )
        layers = [[value for value in layer if value.key not in foreign] for layer in layers]
    return layers


def _describe(error: ErrorDetails, leaves: Leaves, chains: Chains, *, label: str, place: str) -> ConfigError:
    key, rest = _find_key(error["loc"], leaves)
    if error["type"] == "missing":
        leaf = leaves[key]
        owner = chains[leaf.tag][-1] if leaf.tag else None
        need = f"{label}{leaf.tag} {owner.value!r} needs it" if owner else "it has no default"
        return ConfigError(f"{owner.source if owner else place}: {label}{key}: missing; {need}")
    source = chains[key][-1].source if key in chains else place
    value = _show_given(error["input"], key, leaves, chains)
    limit = error["msg"].removeprefix("Value error, ")
    limit = re.sub(r"^\w+ should be ", "must be ", limit)
    limit = re.sub(r"^\w+ should ", "must ", limit)
    limit = _WORDS.get(limit, limit)
    unquoted = error["type"] == "string_type" and isinstance(error["input"], int | float)
    remedy = "; put it in quotes" if unquoted else ""
    return ConfigError(f"{source}: {label}{key}{rest}: {value} {limit}{remedy}")


def _show_given(value: object, key: str, leaves: Leaves, chains: Chains) -> str:
    """Return a wrong value as it was given, so that it is found again there."""
    if key in leaves and leaves[key].secret:
        return MASK
    if key in chains and chains[key][-1].text is not None:
        return str(chains[key][-1].text)
    return _YAML_NAMES.get(value, show(value)) if value is None or isinstance(value, bool) else show(value)


def _find_key(location: tuple[int | str, ...], leaves: Leaves) -> tuple[str, str]:
    """Split pydantic's location into a known key and what follows it inside the value."""
    key, rest = "", ""
    for part in location:
        longer = f"{key}.{part}" if key else str(part)
        if key in leaves:
            rest += f"[{part!r}]"
        elif any(leaf == longer or leaf.startswith(longer + ".") for leaf in leaves):
            key = longer  # a part that names no key is pydantic's name of a variant
    return key, rest


def _place(error: ConfigError, chains: Chains, label: str) -> ConfigError:
    """Add the place to an error of the core's records, which write a key as `slippage.bps=3`."""
    text = str(error)
    named: list[Value] = []
    for short in re.findall(r"[a-z_]+\.[a-z_]+(?==)", text):
        chain = next((chain for key, chain in chains.items() if f".{key}".endswith(f".{short}")), None)
        if chain:
            named.append(chain[-1])
            text = re.sub(rf"(?<![\w.]){re.escape(short)}=", f"{label}{chain[-1].key}=", text)
    given = [value for value in named if value.source != "default"] or named
    return ConfigError(f"{given[0].source}: {text}" if given else text)


def _nest(flat: dict[str, object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        section = tree
        for part in sections:
            section = section.setdefault(part, {})
        section[name] = value
    return tree


def _descend(tree: Any, key: str) -> tuple[object] | None:
    """Return the value at a dotted key in a tuple, for it may itself be None; None where there is none."""
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return None
        tree = tree[part]
    return (tree,)
