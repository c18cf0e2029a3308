"""Where the prices of a run come from, checked before anything runs, with the place of what is wrong."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from openbell.cli.places import find_place, placed
from openbell.config import Loaded
from openbell.core.errors import ConfigError, nearest
from openbell.data import bundled
from openbell.data.bars import parse_timeframe
from openbell.data.calendar import sessions
from openbell.data.stamps import find_zone
from openbell.data.table import Reading
from openbell.run import READING

_PROVIDER, _CALENDAR, _TIMEFRAME = "data.provider", "data.calendar", "data.timeframe"
_SOME_MOMENT = 1_577_836_800_000_000_000  #: 2020-01-01: to ask for a calendar by its name, any will do


def choose_provider(
    loaded: Loaded, symbols: tuple[str, ...], *, timezone: str | None = None, listed: str = "--symbols"
) -> str:
    """Return where prices come from, with how to read them: `csv:FOLDER?timezone=...`.

    Args:
        loaded: The settings.
        symbols: What is traded.
        timezone: The option `--timezone`.
        listed: The place where the symbols stand, for messages.

    Raises:
        ConfigError: The provider, a symbol or how to read is unknown, or a setting is not used.
    """
    loaded.check_used()
    with placed(find_place(loaded, _TIMEFRAME)):
        parse_timeframe(loaded.settings.data.timeframe)
    name = loaded.settings.data.provider
    if name == "bundled":
        _check_bundled(loaded, symbols, listed)
        if timezone is not None:
            raise ConfigError(f"--timezone is for CSV files, and prices come from {name!r}; leave it out")
        return name
    path, query = _split(loaded, name)
    place = find_place(loaded, "data.folder" if name == "csv" else _PROVIDER)
    if not path.exists():
        raise ConfigError(f"{place}: path {str(path)!r} does not exist; give a CSV file or a folder of them")
    _check_single_file(path, symbols, loaded.settings.benchmark)
    asked = _read_settings(loaded, query, timezone)
    if path.is_dir():
        _check_files(path, symbols, loaded, place)
    base = f"csv:{path}"
    return f"{base}?{urlencode({**query, **asked})}" if query or asked else base


def _split(loaded: Loaded, name: str) -> tuple[Path, dict[str, str]]:
    """Return the path of `csv:PATH?timezone=...`, or of `csv` with `data.folder`, and how to read it."""
    place = find_place(loaded, _PROVIDER)
    if name == "csv":
        folder = loaded.settings.data.folder
        if folder is None:
            raise ConfigError(
                f"{loaded.explain(_PROVIDER).source}: data.provider='csv' needs data.folder, "
                "the folder with a SYMBOL.csv for each"
            )
        return folder, {}
    kind, _, rest = name.partition(":")
    path, _, query = rest.partition("?")
    if kind != "csv" or not path.strip():
        known = nearest(kind, ["bundled", "csv:FOLDER"])
        raise ConfigError(f"{place}={name!r} is unknown; use 'bundled' or 'csv:FOLDER'{_only_near(known)}")
    reading = dict(parse_qsl(query, keep_blank_values=True))
    for key, value in reading.items():
        if key not in READING:
            raise ConfigError(f"{place}={name!r}: {key!r} is unknown{nearest(key, READING)}")
        if not value:
            raise ConfigError(f"{place}={name!r}: {key} is empty; give it a value, or leave it out")
    with placed(place):
        _check_reading(reading)
    return Path(path), reading


def _only_near(hint: str) -> str:
    return hint if "did you mean" in hint else ""


def _read_settings(loaded: Loaded, query: dict[str, str], timezone: str | None) -> dict[str, str]:
    """Return what settings and `--timezone` say of how to read, beside what the provider's name says."""
    calendar = loaded.settings.data.calendar
    asked = {}
    if calendar != "auto":
        place = find_place(loaded, _CALENDAR)
        _refuse_both("calendar", query, place, loaded)
        with placed(place):
            _check_reading({"calendar": calendar})
        asked["calendar"] = calendar
    if timezone is not None:
        _refuse_both("timezone", query, "--timezone", loaded)
        with placed("--timezone"):
            _check_reading({"timezone": timezone})
        asked["timezone"] = timezone
    return asked


def _refuse_both(key: str, query: dict[str, str], place: str, loaded: Loaded) -> None:
    if key in query:
        other = find_place(loaded, _PROVIDER)
        raise ConfigError(f"{place} and {other} both say the {key}; leave it out of one of them")


def _check_reading(reading: dict[str, str]) -> None:
    """Refuse an unknown calendar, zone or stamp."""
    if "timezone" in reading:
        find_zone(reading["timezone"])
    if reading.get("calendar", "auto") != "auto":
        sessions(reading["calendar"], _SOME_MOMENT, _SOME_MOMENT)
    if "stamp" in reading:
        Reading(None, stamp=reading["stamp"])


def _check_bundled(loaded: Loaded, symbols: tuple[str, ...], listed: str) -> None:
    """Find out before anything runs whether every symbol is there."""
    with placed(listed):
        for symbol in symbols:
            bundled.instrument(symbol)
    if loaded.settings.benchmark:
        with placed(find_place(loaded, "benchmark")):
            bundled.instrument(loaded.settings.benchmark)
    timeframe = loaded.settings.data.timeframe
    if timeframe != "1d":
        raise ConfigError(
            f"{find_place(loaded, _TIMEFRAME)}={timeframe}: the bundled prices are daily; use 1d"
        )


def _check_single_file(path: Path, symbols: tuple[str, ...], benchmark: str) -> None:
    """Refuse to take the one symbol of a file for several."""
    names = {*symbols, *([benchmark] if benchmark else [])}
    if path.is_file() and len(names) > 1:
        raise ConfigError(
            f"{path} holds one symbol, and {', '.join(sorted(names))} are asked; "
            "give a folder with a SYMBOL.csv for each"
        )


def _check_files(path: Path, symbols: tuple[str, ...], loaded: Loaded, place: str) -> None:
    """Find out before anything runs whether a folder has every symbol's file."""
    from openbell.data.providers.csv import find_file  # pyarrow is slow to load

    with placed(place):
        for symbol in symbols:
            find_file(path, symbol)
    if loaded.settings.benchmark:
        with placed(find_place(loaded, "benchmark")), placed(place):
            find_file(path, loaded.settings.benchmark)
