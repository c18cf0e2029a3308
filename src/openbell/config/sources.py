"""Where values come from: YAML files, .env, the process environment and `--set`, each with its place."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from openbell.config.schema import PREFIX, Leaf, Leaves, list_names, suggest
from openbell.config.yamlfile import Item, read_scalar, read_text, show, strip
from openbell.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

#: Variables that begin like settings and are none.
RESERVED = (
    "OPENBELL_ENV", "OPENBELL_CONFIG", "OPENBELL_CACHE", "OPENBELL_DEBUG", "OPENBELL_PROGRESS",
    "OPENBELL_REDIS_URL", "OPENBELL_API_TOKEN", "OPENBELL_API_TOKEN_READ", "OPENBELL_API_TOKEN_TRADE",
    "OPENBELL_API_SUPABASE", "OPENBELL_TRIALS",
)  # fmt: skip
RESERVED_PREFIX = "OPENBELL_TEST_"


class Value(NamedTuple):
    """What one source says of one key. `source` is a file and line, a variable, an option or `default`.

    `text` is what was typed, where a text was read as something else; for messages.
    """

    key: str
    value: object
    source: str
    text: str | None = None


class Override(NamedTuple):
    """A text such as `costs.slippage.bps=3`, and the option that it was given by."""

    text: str
    option: str = "--set"


class Variable(NamedTuple):
    """An environment variable, and where it was set."""

    name: str
    text: str
    source: str


def flatten(item: Item, leaves: Leaves, *, path: Path, label: str = "", prefix: str = "") -> Iterator[Value]:
    """Yield the values of a YAML mapping by their dotted keys.

    Args:
        item: The mapping, as `read_yaml` returns it.
        leaves: The keys that may stand in it.
        path: The file, for the places.
        label: What to write before a key in a message, such as `strategies[0].`.
        prefix: The section that the mapping is, with a dot at its end.

    Raises:
        ConfigError: A key is unknown, or a section is no mapping.
    """
    names = list_names(leaves, prefix)
    for name, child in item.value.items():
        key, source = prefix + name, f"{path}:{child.line}"
        if name not in names:
            shown = key if key.isprintable() else repr(key)
            raise ConfigError(f"{source}: {label}{shown}: unknown key{suggest(name, leaves, prefix)}")
        if key in leaves:
            yield Value(key, strip(child), source)
        elif isinstance(child.value, dict):
            yield from flatten(child, leaves, path=path, label=label, prefix=key + ".")
        elif child.value is not None:
            below = ", ".join(list_names(leaves, key + "."))
            raise ConfigError(
                f"{source}: {label}{key}: {show(strip(child))} must be a mapping; its keys: {below}"
            )


def read_dotenv(path: Path) -> list[Variable]:
    """Read a .env file: lines of `NAME=value`, with quotes, comments and `export`, without `$NAME`.

    Raises:
        ConfigError: A line is no assignment, or sets the variable by which the file itself is found.
    """
    from dotenv.parser import parse_stream  # only where there is a .env: it costs 30 ms

    variables = []
    for binding in parse_stream(io.StringIO(read_text(path))):
        original = binding.original.string
        blank = len(original) - len(original.lstrip())
        place = f"{path}:{binding.original.line + original.count(chr(10), 0, blank)}"
        if binding.error or (binding.key is not None and binding.value is None):
            raise ConfigError(f"{place}: not a line of NAME=value; quote a value with spaces")
        if binding.key is None or binding.value is None:
            continue
        if binding.key == "OPENBELL_CONFIG":
            raise ConfigError(
                f"{place}: OPENBELL_CONFIG says where this file is found, so it cannot stand in it; export it"
            )
        variables.append(Variable(binding.key, binding.value, place))
    return variables


def read_variables(variables: Iterable[Variable], leaves: Leaves) -> list[Value]:
    """Turn the variables whose names begin with `OPENBELL_` into values; others are no business of ours.

    Raises:
        ConfigError: Such a variable names no key.
    """
    by_name = {leaf.variable: leaf for leaf in leaves.values()}
    values = []
    for name, text, source in variables:
        if not name.startswith(PREFIX) or name in RESERVED or name.startswith(RESERVED_PREFIX):
            continue
        if name not in by_name:
            hint = nearest(name, [*by_name, *RESERVED])
            place = source if source.endswith(name) else f"{source}: {name}"
            raise ConfigError(f"{place}: unknown variable{hint}")
        values.append(_read_value(text, by_name[name], source))
    return values


def list_environment(environ: Mapping[str, str]) -> list[Variable]:
    """Return the variables of the process, sorted, each with the source `environment NAME`."""
    return [Variable(name, text, f"environment {name}") for name, text in sorted(environ.items())]


def read_overrides(overrides: Iterable[str | Override], leaves: Leaves) -> list[Value]:
    """Turn `key=value` texts, as `--set` takes them, into values with the option as their source.

    Raises:
        ConfigError: One has no `=`, or its key is unknown.
    """
    values = []
    for override in overrides:
        given, option = Override(override) if isinstance(override, str) else override
        key, equals, text = given.partition("=")
        key = key.strip()
        if not equals:
            raise ConfigError(f"{option}: {given!r} must be KEY=VALUE, such as costs.slippage.bps=3")
        values.append(_read_value(text.strip(), find_leaf(key, leaves, place=f"{option}: "), option))
    return values


def find_leaf(key: str, leaves: Leaves, *, place: str = "") -> Leaf:
    """Return the leaf of a key.

    Raises:
        ConfigError: The key is unknown, or a section.
    """
    if key in leaves:
        return leaves[key]
    below = list_names(leaves, key + ".") if key else []
    if below:
        raise ConfigError(f"{place}{key}: a section holds no value; its keys: {', '.join(below)}")
    raise ConfigError(f"{place}{key!r}: unknown key{suggest_key(key, leaves)}")


def suggest_key(key: str, leaves: Leaves) -> str:
    """Return the hint for an unknown dotted key: the nearest full key, or where to look."""
    sections = {leaf.rpartition(".")[0] for leaf in leaves} - {""}
    elsewhere = [leaf for leaf in leaves if leaf.rpartition(".")[2] == key]
    return f"; did you mean {elsewhere[0]!r}?" if elsewhere else nearest(key, [*leaves, *sections])


def _read_value(text: str, leaf: Leaf, source: str) -> Value:
    """Return what a text says where no YAML tells what is a number; null only where it is allowed."""
    read = read_scalar(text)
    if (leaf.text and not (leaf.optional and read is None)) or (read is None and not leaf.optional):
        return Value(leaf.key, text, source)
    return Value(leaf.key, read, source, None if isinstance(read, str) else text)
