"""Where the prices of a run come from, checked before anything runs, with the place of what is wrong."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from openbell.cli.places import find_place, placed
from openbell.config import Loaded
from openbell.core.errors import ConfigError, nearest
from openbell.data.bars import parse_timeframe
from openbell.data.calendar import sessions
from openbell.data.providers import provider_names
from openbell.data.stamps import find_zone
from openbell.data.table import Reading
from openbell.run import CATALOG, FILES, READING, catalog_place, check_bundled, open_catalog

_PROVIDER, _CALENDAR, _TIMEFRAME = "data.provider", "data.calendar", "data.timeframe"
_TITLES = {"csv": "CSV", "parquet": "Parquet"}
_SOME_MOMENT = 1_577_836_800_000_000_000  #: 2020-01-01: to ask for a calendar by its name, any will do


def choose_provider(
    loaded: Loaded, symbols: tuple[str, ...], *, timezone: str | None = None, listed: str = "--symbols"
) -> str:
    """Return where prices come from, with how to read them: `csv:FOLDER?timezone=...`, `alpaca:iex`.

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
            raise ConfigError(f"--timezone is for files, and prices come from {name!r}; leave it out")
        return name
    if name.partition(":")[0] not in FILES:
        return _choose_stored(loaded, name, symbols, timezone=timezone, listed=listed)
    kind, path, query = _split(loaded, name)
    place = find_place(loaded, "data.folder" if name == kind else _PROVIDER)
    if not path.exists():
        raise ConfigError(
            f"{place}: path {str(path)!r} does not exist; give a {_TITLES[kind]} file or a folder of them"
        )
    _check_single_file(path, symbols, loaded.settings.benchmark)
    asked = _read_settings(loaded, query, timezone)
    if path.is_dir():
        _check_files(kind, path, symbols, loaded, place)
    base = f"{kind}:{path}"
    return f"{base}?{urlencode({**query, **asked})}" if query or asked else base


def kind_of(path: str) -> str:
    """Return the provider of what `--data` names: `csv`, or `parquet` where there is nothing else."""
    given = Path(path)
    if not given.is_dir() and given.suffix.lower() != ".parquet":
        return "csv"
    from openbell.data.providers.files import kind_of as kind_of_files  # pyarrow is slow to load

    return kind_of_files(given)


def _choose_stored(
    loaded: Loaded, name: str, symbols: tuple[str, ...], *, timezone: str | None, listed: str
) -> str:
    """Return the name of a provider whose bars are in the catalog, after a look whether all of them are."""
    origin = find_place(loaded, _PROVIDER)
    head, sign, _ = name.partition("?")
    folder = loaded.settings.data.catalog
    full = name if sign or folder == Path(CATALOG) else f"{head}?{urlencode({'catalog': str(folder)})}"
    with placed(origin):
        place = catalog_place(full)
    if place is None:
        kind = head.partition(":")[0]
        known = nearest(kind, ["bundled", *(f"{kind}:FOLDER" for kind in FILES), *provider_names()])
        raise ConfigError(
            f"{origin}={name!r} is unknown; use 'bundled', 'csv:FOLDER', 'parquet:FOLDER', or what the "
            f"catalog holds, such as 'yahoo'{_only_near(known)}"
        )
    if timezone is not None:
        raise ConfigError(f"--timezone is for files, and prices come from {name!r}; leave it out")
    catalog, timeframe = open_catalog(place), loaded.settings.data.timeframe
    wanted = [(symbol, listed) for symbol in symbols]
    if loaded.settings.benchmark:
        wanted.append((loaded.settings.benchmark, find_place(loaded, "benchmark")))
    for symbol, where in wanted:
        with placed(where):
            catalog.find(symbol, timeframe, provider=place.provider, feed=place.feed or None)
    return full


def _split(loaded: Loaded, name: str) -> tuple[str, Path, dict[str, str]]:
    """Return kind and path of `csv:PATH?timezone=...`, or of `csv` with `data.folder`, and how to read it."""
    place = find_place(loaded, _PROVIDER)
    if name in FILES:
        folder = loaded.settings.data.folder
        if folder is None:
            raise ConfigError(
                f"{loaded.explain(_PROVIDER).source}: data.provider={name!r} needs data.folder, "
                f"the folder with a SYMBOL.{name} for each"
            )
        return name, folder, {}
    kind, _, rest = name.partition(":")
    path, _, query = rest.partition("?")
    if not path.strip():
        raise ConfigError(f"{place}={name!r} names no folder; write it as {kind}:FOLDER")
    reading = dict(parse_qsl(query, keep_blank_values=True))
    for key, value in reading.items():
        if key not in READING:
            raise ConfigError(f"{place}={name!r}: {key!r} is unknown{nearest(key, READING)}")
        if not value:
            raise ConfigError(f"{place}={name!r}: {key} is empty; give it a value, or leave it out")
    with placed(place):
        _check_reading(reading)
    return kind, Path(path), reading


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
    """Refuse an unknown calendar, zone, stamp or session."""
    if "timezone" in reading:
        find_zone(reading["timezone"])
    if reading.get("calendar", "auto") != "auto":
        sessions(reading["calendar"], _SOME_MOMENT, _SOME_MOMENT)
    for name in ("stamp", "session"):
        if name in reading:
            Reading(None, **{name: reading[name]})


def _check_bundled(loaded: Loaded, symbols: tuple[str, ...], listed: str) -> None:
    """Find out before anything runs whether every symbol is there."""
    catalog = str(loaded.settings.data.catalog)
    with placed(listed):
        for symbol in symbols:
            check_bundled(symbol, catalog)
    if loaded.settings.benchmark:
        with placed(find_place(loaded, "benchmark")):
            check_bundled(loaded.settings.benchmark, catalog)
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
            "give a folder with a file for each"
        )


def _check_files(kind: str, path: Path, symbols: tuple[str, ...], loaded: Loaded, place: str) -> None:
    """Find out before anything runs whether a folder has every symbol's file."""
    from openbell.data.providers.files import KINDS  # pyarrow is slow to load
    from openbell.data.providers.folder import find_file

    form = KINDS[kind].form
    with placed(place):
        for symbol in symbols:
            find_file(path, symbol, form)
    if loaded.settings.benchmark:
        with placed(find_place(loaded, "benchmark")), placed(place):
            find_file(path, loaded.settings.benchmark, form)
