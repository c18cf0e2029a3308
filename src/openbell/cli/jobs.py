"""From what was typed, or what a strategies.yaml says, to plans that are checked and ready to run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from openbell.backtesting.plan import Plan, make_sizer
from openbell.config import Loaded, Settings, StrategyEntry, load
from openbell.config.yamlfile import read_scalar
from openbell.core.costs import NO_COSTS, Costs
from openbell.core.errors import ConfigError
from openbell.data import bundled
from openbell.data.bars import parse_date
from openbell.strategies.registry import Found, find

#: The settings that have an option of their own.
KEYS = {
    "cash": "account.cash",
    "provider": "data.provider",
    "timeframe": "data.timeframe",
    "benchmark": "benchmark",
    "seed": "seed",
    "reports": "reports.folder",
}
STRATEGIES = "strategies.yaml"


@dataclass(frozen=True, slots=True)
class Request:
    """A command line of `backtest`, as it was typed."""

    strategy: str
    symbols: Sequence[str] = ()
    start: str | None = None
    end: str | None = None
    parameters: Sequence[str] = ()
    settings: Sequence[str] = ()
    flags: Mapping[str, str | None] = field(default_factory=dict)  #: by name, such as `cash`
    data: str | None = None
    timezone: str | None = None
    costs: bool = True
    config: str | None = None
    env: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One run that is asked for."""

    name: str
    found: Found
    plan: Plan
    place: str = ""  #: the file and line that asks for it; empty for the command line


def read_jobs(request: Request) -> tuple[list[Job], Settings]:
    """Return the runs that a request asks for, and the settings; the folder for their reports can be written.

    Raises:
        ConfigError: Anything is wrong; the message names the value, its place and the remedy.
    """
    if Path(request.strategy).suffix.lower() in {".yaml", ".yml"}:
        loaded = _load(request, _folder_of_file(request))
        jobs = list(_jobs_of_file(request, loaded))
    else:
        loaded = _load(request, request.config)
        jobs = [_job_of_options(request, loaded.settings)]
    folder = loaded.settings.reports.folder
    source = loaded.explain("reports.folder").source
    check_writable(folder, "--reports" if request.flags.get("reports") is not None else source)
    return jobs, loaded.settings


def check_writable(folder: Path, place: str) -> None:
    """Find out whether a folder can be written, and leave no trace, not even the folder.

    Raises:
        ConfigError: It cannot.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            return
    except OSError as error:
        raise ConfigError(
            f"{place}: reports cannot be written to {str(folder)!r} ({error.strerror}: {there}); "
            "name a folder that can be written, as in --reports out"
        ) from error


def find_reports(folder: str | None) -> Path:
    """Return the folder for reports: the one given, else what the settings say."""
    return Path(folder) if folder is not None else load().settings.reports.folder


def split_symbols(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the symbols in texts such as `AAPL,MSFT`, each once."""
    names = (name.strip() for text in texts for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def read_parameters(texts: Iterable[str]) -> dict[str, Any]:
    """Return the parameters in texts such as `fast=20`.

    Raises:
        ConfigError: One has no `=`, or is given twice.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ConfigError(f"--set: {text!r} must be NAME=VALUE, such as fast=20")
        if name in values:
            raise ConfigError(f"--set: {name!r} is given twice; leave one out")
        values[name] = read_scalar(value.strip())
    return values


def _load(request: Request, folder: str | None) -> Loaded:
    given = [(name, value) for name, value in request.flags.items() if value is not None]
    overrides = [f"{KEYS[name]}={value}" for name, value in given]
    try:
        return load(folder, request.env, overrides=[*overrides, *_settings(request)])
    except ConfigError as error:
        text = str(error)
        for name, _ in given:
            text = text.replace(f"--set: {KEYS[name]}:", f"--{name}:")
        if request.settings and not any(map(_is_setting, request.parameters)):
            text = text.replace("--set:", "--config-set:")
        raise ConfigError(text) from error


def _settings(request: Request) -> list[str]:
    """Return the settings among what `--set` was given, which have a dot in their names, and the others."""
    return [text for text in request.parameters if _is_setting(text)] + list(request.settings)


def _is_setting(text: str) -> bool:
    return "." in text.partition("=")[0]


def _folder_of_file(request: Request) -> str:
    """Return the folder of a strategies.yaml."""
    path = Path(request.strategy)
    if not path.is_file():
        raise ConfigError(f"no file {request.strategy!r}; name one, such as config/{STRATEGIES}")
    if path.name != STRATEGIES:
        raise ConfigError(f"{path}: a file of strategies is called {STRATEGIES}; rename it")
    typed = {
        "--symbols": request.symbols,
        "--start": request.start,
        "--end": request.end,
        "--set": [text for text in request.parameters if not _is_setting(text)],
        "--config": request.config,
    }
    for option, value in typed.items():
        if value:
            raise ConfigError(f"{option}: {path} says this for each strategy; leave the option out")
    return str(path.parent)


def _jobs_of_file(request: Request, loaded: Loaded) -> Iterator[Job]:
    if not loaded.strategies:
        raise ConfigError(f"{request.strategy}: there are no strategies in it; list some under `strategies:`")
    for name, entry in loaded.strategies.items():
        yield _job_of_entry(request, entry, loaded.for_strategy(name).settings)


def _job_of_entry(request: Request, entry: StrategyEntry, settings: Settings) -> Job:
    with _placed(entry.place):
        found = find(entry.strategy)
        found.make(entry.parameters)
        plan = Plan(
            found.origin,
            symbols=entry.symbols,
            parameters=dict(entry.parameters),
            start=None if entry.start is None else str(entry.start),
            end=None if entry.end is None else str(entry.end),
            **_common(request, settings, entry.symbols),
        )
    return Job(entry.name, found, plan, entry.place)


def _job_of_options(request: Request, settings: Settings) -> Job:
    found = find(request.strategy)
    parameters = read_parameters(text for text in request.parameters if not _is_setting(text))
    with _placed("--set"):
        found.make(parameters)
    _check_dates(request.start, request.end)
    symbols = _symbols(request)
    plan = Plan(
        found.origin,
        symbols=symbols,
        parameters=parameters,
        start=request.start,
        end=request.end,
        **_common(request, settings, symbols),
    )
    return Job(found.name, found, plan)


def _check_dates(start: str | None, end: str | None) -> None:
    first = parse_date(start, where="--start")
    last = parse_date(end, where="--end", end_of_day=True)
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"--start {start} is after --end {end}, so that no day is left; swap them")


def _common(request: Request, settings: Settings, symbols: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of a plan that settings decide."""
    return {
        "provider": _provider(request, settings, symbols),
        "timeframe": settings.data.timeframe,
        "cash": settings.account.cash,
        "costs": settings.costs if request.costs else _without(settings.costs),
        "sizer": make_sizer(**settings.sizing.model_dump()),
        "benchmark": settings.benchmark,
        "seed": settings.seed,
    }


def _without(costs: Costs) -> Costs:
    """Return costs that charge nothing for trading; margin stays, for it decides what may be done."""
    return replace(NO_COSTS, margin=costs.margin)


def _symbols(request: Request) -> tuple[str, ...]:
    symbols = split_symbols(request.symbols)
    if symbols:
        return symbols
    path = Path(request.data or "")
    if path.is_file():
        return (path.stem,)
    have = f"; bundled are {', '.join(bundled.symbols())}" if request.data is None else ""
    raise ConfigError(f"--symbols is missing: name what to trade, as in --symbols AAPL{have}")


def _provider(request: Request, settings: Settings, symbols: tuple[str, ...]) -> str:
    """Return where the prices come from, with how to read them: `csv:FOLDER?timezone=...`."""
    name, folder = settings.data.provider, settings.data.folder
    if name == "bundled" and request.data is None:
        _check_bundled(symbols, settings.benchmark)
    if request.data is not None:
        if request.flags.get("provider") is not None:
            raise ConfigError("--data and --provider both say where prices come from; give one of them")
        name = f"csv:{request.data}"
    elif name == "csv":
        if folder is None:
            raise ConfigError("data.provider='csv' needs data.folder, the folder with a SYMBOL.csv for each")
        name = f"csv:{folder}"
    if not name.startswith("csv:"):
        if request.timezone is not None:
            raise ConfigError(f"--timezone is for CSV files, and prices come from {name!r}; leave it out")
        return name
    _check_single_file(Path(name.removeprefix("csv:")), symbols, settings.benchmark)
    asked = {"calendar": settings.data.calendar, "timezone": request.timezone}
    reading = {key: value for key, value in asked.items() if value not in (None, "auto")}
    return f"{name}?{urlencode(reading)}" if reading else name


def _check_bundled(symbols: tuple[str, ...], benchmark: str) -> None:
    """Find out before anything runs whether every symbol is there."""
    with _placed("symbols"):
        for symbol in symbols:
            bundled.instrument(symbol)
    if benchmark:
        with _placed("benchmark"):
            bundled.instrument(benchmark)


def _check_single_file(path: Path, symbols: tuple[str, ...], benchmark: str) -> None:
    """Refuse to take the one symbol of a file for several."""
    names = {*symbols, *([benchmark] if benchmark else [])}
    if path.is_file() and len(names) > 1:
        raise ConfigError(
            f"{path} holds one symbol, and {', '.join(sorted(names))} are asked; "
            "give a folder with a SYMBOL.csv for each"
        )


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Put a place before the message of a wrong setting."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error
