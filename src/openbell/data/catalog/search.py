"""What a catalog holds, found by its folders' names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from openbell.core.errors import ConfigError, nearest
from openbell.data.bars import CalendarUnit, Source, format_timeframe, parse_timeframe
from openbell.data.catalog.coarser import length, serving
from openbell.data.catalog.key import LEVELS, Key, folder_of, level_name, level_value
from openbell.data.catalog.manifest import NAME
from openbell.data.providers import offer_of, provider_names

_LISTED = 10  #: symbols that a message names
_FREE = "yahoo"  #: a provider that needs no key
_NOTHING: Mapping[str, str] = {}


def find_keys(root: Path, wanted: Mapping[str, str] = _NOTHING) -> list[Key]:
    """Return the keys of all series below a root, sorted.

    Args:
        root: The catalog's folder.
        wanted: Values by level; others are not looked at.
    """
    found: list[tuple[tuple[str, ...], Path]] = [((), root)]
    for level in LEVELS:
        found = [
            ((*values, value), folder)
            for values, above in found
            for value, folder in _below(above, level, wanted.get(level))
        ]
    keys = [_key(values) for values, folder in found if (folder / NAME).is_file()]
    return sorted(keys, key=lambda key: (key.symbol, length(key.timeframe), str(key)))


def _below(above: Path, level: str, wanted: str | None) -> Iterator[tuple[str, Path]]:
    if wanted is not None:  # a folder may hold thousands
        yield wanted, above / level_name(level, wanted)
    elif above.is_dir():
        for child in above.iterdir():
            value = level_value(level, child.name)
            if value is not None:
                yield value, child


def _key(values: tuple[str, ...]) -> Key:
    provider, feed, adjustment, session, calendar, timeframe, symbol = values
    return Key(Source(provider, feed, adjustment, session, calendar), symbol, timeframe)


def stored_timeframes(root: Path, key: Key) -> list[str]:
    """Return the timeframes in which a key's symbol is stored from its source."""
    above = folder_of(root, key).parent.parent
    return [
        value
        for value, folder in _below(above, "timeframe", None)
        if (folder / level_name("symbol", key.symbol) / NAME).is_file()
    ]


def find_key(
    root: Path, symbol: str, timeframe: str, *, provider: str | None = None, feed: str | None = None
) -> Key:
    """Return the key of raw bars that are stored, or that finer stored ones make.

    Raises:
        ConfigError: There are none, or of more than one source; says what there is.
    """
    asked = format_timeframe(parse_timeframe(timeframe))
    wanted = {"symbol": symbol, "adjustment": "raw"}
    wanted |= {level: value for level, value in (("provider", provider), ("feed", feed)) if value is not None}
    by_source: dict[Source, list[str]] = {}
    for key in find_keys(root, wanted):
        by_source.setdefault(key.source, []).append(key.timeframe)
    able = [Key(source, symbol, asked) for source, has in by_source.items() if serving(has, asked)]
    regular = [key for key in able if key.source.session == "regular"]
    able = regular or able  # a session of all hours beside the regular one has to be asked for by its key
    if len(able) == 1:
        return able[0]
    if able:
        names = " and ".join(sorted(_shown(key) for key in able))
        raise ConfigError(
            f"{symbol} {asked} is in the catalog {str(root)!r} of {names}; say which, as in "
            f"--provider {min(key.tape for key in able)}"
        )
    tape = None if provider is None else provider if feed is None else f"{provider}:{feed}"
    raise ConfigError(tell_absent(root, symbol, asked, tape))


def _shown(key: Key) -> str:
    return f"{key.tape} ({key.source.session}, {key.source.calendar})"


def tell_absent(root: Path, symbol: str, timeframe: str | None, tape: str | None) -> str:
    """Say in one line that bars are not stored, what is, and the command that puts them there.

    Args:
        root: The catalog's folder.
        symbol: Whose bars.
        timeframe: None is any.
        tape: The provider, with its feed after a colon; None is anybody's.
    """
    of = f" of {tape}" if tape else ""
    bars = f"{timeframe} bars" if timeframe else "bars"
    keys = find_keys(root)
    own = [key for key in keys if key.symbol == symbol]
    has = _told(own, symbol, sorted({key.symbol for key in keys}))
    remedy = _fill(symbol, timeframe, tape or (own[0].tape if own else _FREE))
    return f"the catalog {str(root)!r} has no {bars} of {symbol}{of} ({has}); {remedy}"


def _fill(symbol: str, timeframe: str | None, tape: str) -> str:
    provider, _, feed = tape.partition(":")
    if provider not in provider_names():
        return f"import them: openbell data import FILE --provider {provider}"
    step = parse_timeframe(timeframe or "1d")
    start = "2000-01-01" if isinstance(step, CalendarUnit) else "2024-01-02"  # minutes of decades are many
    chosen = feed if feed in offer_of(provider).feeds else ""  # a tape may be named by its settings
    options = [
        ("--provider", provider), ("--feed", chosen), ("--timeframe", timeframe), ("--start", start),
    ]  # fmt: skip
    typed = "".join(f" {option} {value}" for option, value in options if value)
    return f"fetch them: openbell data fetch {symbol}{typed}"


def _told(own: Sequence[Key], symbol: str, names: Sequence[str]) -> str:
    """Say in a few words what there is of a symbol, or near it."""
    if own:
        return "it has " + ", ".join(f"{key.timeframe} of {key.tape}" for key in own[:_LISTED])
    if not names:
        return "it is empty"
    near = nearest(symbol, names)
    if "did you mean" in near:
        return near.removeprefix("; ").rstrip("?").strip()
    shown = ", ".join([*names[:_LISTED], *(["…"] if len(names) > _LISTED else [])])
    return f"it has {shown}"
