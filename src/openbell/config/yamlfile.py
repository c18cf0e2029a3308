"""YAML with line numbers.

The rules are those of YAML 1.2: only `true` and `false` are booleans, so that the symbols ON, NO and
YES stay symbols; dates stay text until a model asks for a date; a key that is set twice is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from openbell.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Item:
    """A value and the line that it stands on. In mappings and lists the values are Items again."""

    value: Any
    line: int


def _to_bool(text: str) -> bool:
    return text.lower() == "true"


def _to_int(text: str) -> int | float:
    # Python reads no integer of thousands of digits; as a float it is infinite, and refused later.
    return int(text) if len(text) < 400 else float(text)


_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, tuple[re.Pattern[str], Callable[[str], object]]] = {
    _TAG + "null": (re.compile(r"(?:~|null|Null|NULL|)\Z"), lambda _: None),
    _TAG + "bool": (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), _to_bool),
    # A leading zero makes text, not a number: 0700 is a symbol in Hong Kong.
    _TAG + "int": (re.compile(r"[-+]?(?:0|[1-9](?:_?[0-9])*)\Z"), _to_int),
    _TAG + "float": (
        re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9](?:_?[0-9])*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"),
        float,
    ),
}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  # yaml's own attribute: a class without its rules


for _tag, (_pattern, _) in _SCALARS.items():
    _Loader.add_implicit_resolver(_tag, _pattern, None)


def read_scalar(text: str) -> object:
    """Return the null, boolean, number or text that `text` would be in a YAML file, unquoted."""
    for pattern, convert in _SCALARS.values():
        if pattern.match(text):
            return convert(text)
    return text


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        ConfigError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error


def read_yaml(path: Path) -> Item:
    """Read a YAML file whose top is a mapping; an empty file is an empty mapping.

    Raises:
        ConfigError: The file cannot be read, is no YAML, sets a key twice, or is no mapping.
    """
    text = read_text(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _describe(error, path, text) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{path}:{line}: the character {error.character!r} is no YAML; remove it"
        ) from error
    except RecursionError as error:
        raise _refuse_depth(str(path)) from error
    top = Item({}, 1) if node is None else Item(_convert(node, str(path), ()), node.start_mark.line + 1)
    if top.value is None:
        return Item({}, 1)
    if not isinstance(top.value, dict):
        raise ConfigError(f"{path}:{top.line}: {show(strip(top))} must be a mapping: lines of `key: value`")
    return top


def strip(item: Item) -> Any:
    """Return an item's value without lines, as plain mappings, lists and scalars."""
    if isinstance(item.value, dict):
        return {key: strip(child) for key, child in item.value.items()}
    if isinstance(item.value, list):
        return [strip(child) for child in item.value]
    return item.value


def show(value: object) -> str:
    """Return a value as one short line for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _describe(error: yaml.MarkedYAMLError, path: Path, text: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    place = f"{path}:{mark.line + 1}" if mark else str(path)
    if mark and "'\\t'" in (error.problem or ""):
        before = text.splitlines()[mark.line][: mark.column]
        fault = "indents this line" if not before.strip() else "stands in this line"
        return ConfigError(f"{place}: a tab {fault}; YAML allows spaces only")
    return ConfigError(f"{place}: not valid YAML: {error.problem or error.context}")


def _refuse_depth(place: str) -> ConfigError:
    return ConfigError(f"{place}: lists and mappings are nested more than 50 deep; flatten them")


def _convert(node: yaml.Node, path: str, above: tuple[yaml.Node, ...]) -> Any:
    if node in above:
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: an alias stands inside its own anchor")
    if len(above) > 50:
        raise _refuse_depth(f"{path}:{node.start_mark.line + 1}")
    if isinstance(node, yaml.MappingNode):
        return _convert_mapping(node, path, (*above, node))
    if isinstance(node, yaml.SequenceNode):
        return [Item(_convert(n, path, (*above, node)), n.start_mark.line + 1) for n in node.value]
    return _convert_scalar(node, path)


def _convert_mapping(node: yaml.MappingNode, path: str, above: tuple[yaml.Node, ...]) -> dict[str, Item]:
    items: dict[str, Item] = {}
    for name, child in node.value:
        line = name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode):
            raise ConfigError(f"{path}:{line}: a key must be text, not a list or a mapping")
        if name.value in items:
            first = items[name.value].line
            raise ConfigError(
                f"{path}:{line}: {name.value!r} is set twice; line {first} has it too, remove one"
            )
        items[name.value] = Item(_convert(child, path, above), line)
    return items


def _convert_scalar(node: yaml.Node, path: str) -> object:
    if node.tag == _TAG + "str":
        return node.value
    place = f"{path}:{node.start_mark.line + 1}"
    if node.tag not in _SCALARS:
        raise ConfigError(f"{place}: {node.value!r} has the unknown tag {node.tag!r}; remove the tag")
    pattern, convert = _SCALARS[node.tag]
    if not pattern.match(node.value):
        raise ConfigError(f"{place}: {node.value!r} is no {node.tag.removeprefix(_TAG)}, as its tag says")
    return convert(node.value)
