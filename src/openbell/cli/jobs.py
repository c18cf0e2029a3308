"""From what was typed, or what a strategies.yaml says, to plans that are checked and ready to run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from openbell.backtesting.plan import Plan, make_sizer
from openbell.cli.folders import check_named
from openbell.cli.limits import read_limits
from openbell.cli.places import OPTIONS, find_place, load_settings, placed
from openbell.cli.prices import choose_provider, kind_of
from openbell.cli.universe import members_of, read_universe
from openbell.config import Loaded, Override, Settings, StrategyEntry
from openbell.config.yamlfile import read_scalar
from openbell.core.costs import NO_COSTS, Costs
from openbell.core.errors import ConfigError
from openbell.data import bundled
from openbell.data.bars import parse_date
from openbell.strategies.registry import Found, find

STRATEGIES = "strategies.yaml"
STREAM = "1m"  #: the bars of streams


@dataclass(frozen=True, slots=True)
class Request:
    """A command line of `backtest`, as it was typed."""

    strategy: str
    symbols: Sequence[str] = ()
    universe: str | None = None
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
    risk: str | None = None  #: limits by name or file, instead of what the settings say
    feed: str | None = None  #: whose stream brings the bars, instead of stored ones
    dates: tuple[str, str] = ("--start", "--end")  #: the options that gave `start` and `end`
    research: bool = False  #: whether the holdout of the settings is withheld
    unlock: bool = False  #: whether it is opened


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
        jobs = [_job_of_options(request, loaded)]
    check_writable(loaded.settings.reports.folder, find_place(loaded, "reports.folder"))
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


def find_reports(folder: str | None) -> tuple[Path, str]:
    """Return the folder for reports, the one given or what the settings say, and the place that names it.

    Raises:
        ConfigError: It is empty, or the settings are wrong.
    """
    if folder is None:
        loaded = load_settings((), None, None)
        return loaded.settings.reports.folder, find_place(loaded, "reports.folder")
    check_named(folder, "--reports")
    return Path(folder), "--reports"


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
    overrides = [Override(f"{OPTIONS[name]}={value}", f"--{name}") for name, value in given]
    if request.data is not None:
        if request.flags.get("provider") is not None:
            raise ConfigError("--data and --provider both say where prices come from; give one of them")
        if not request.data.strip():
            raise ConfigError(
                f"--data: {request.data!r} names nothing; give a CSV file, or a folder of SYMBOL.csv"
            )
        overrides.append(Override(f"data.provider={kind_of(request.data)}:{request.data}", "--data"))
    overrides += [Override(text, "--set") for text in request.parameters if _is_setting(text)]
    overrides += [Override(text, "--config-set") for text in request.settings]
    return load_settings(overrides, folder, request.env)


def _is_setting(text: str) -> bool:
    return "." in text.partition("=")[0]


def _folder_of_file(request: Request) -> str:
    """Return the folder of a strategies.yaml."""
    path = Path(request.strategy)
    if not path.is_file():
        raise ConfigError(
            f"no file {request.strategy!r}; make one, such as "
            "strategies: [{name: mine, strategy: sma_cross, symbols: [AAPL]}]"
        )
    if path.name != STRATEGIES:
        raise ConfigError(f"{path}: a file of strategies is called {STRATEGIES}; rename it")
    typed = {
        "--symbols": request.symbols,
        request.dates[0]: request.start,
        request.dates[1]: request.end,
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
        yield _job_of_entry(request, entry, loaded.for_strategy(name))


def _job_of_entry(request: Request, entry: StrategyEntry, loaded: Loaded) -> Job:
    with placed(entry.place):
        found = find(entry.strategy)
        found.make(entry.parameters)
    decided = _common(request, loaded, entry.symbols, f"{entry.place}: symbols")
    with placed(find_place(loaded, "account.cash")):  # what a plan alone refuses
        plan = Plan(
            found.origin,
            symbols=entry.symbols,
            parameters=dict(entry.parameters),
            start=None if entry.start is None else str(entry.start),
            end=None if entry.end is None else str(entry.end),
            **decided,
        )
    return Job(entry.name, found, plan, entry.place)


def _job_of_options(request: Request, loaded: Loaded) -> Job:
    found = find(request.strategy)
    parameters = read_parameters(text for text in request.parameters if not _is_setting(text))
    with placed("--set"):
        found.make(parameters)
    _check_dates(request)
    universe = read_universe(request.universe, request.symbols)
    if universe is None:
        symbols = wanted = _symbols(request)
    else:  # whether there are bars of them is part of the result
        symbols, wanted = members_of(universe, request.start, request.end), ()
    decided = _common(request, loaded, wanted, "--symbols")
    with placed(find_place(loaded, "account.cash")):  # what a plan alone refuses
        plan = Plan(
            found.origin,
            symbols=symbols,
            parameters=parameters,
            start=request.start,
            end=request.end,
            universe=universe,
            **decided,
        )
    return Job(found.name, found, plan)


def _check_dates(request: Request) -> None:
    start, end = request.dates
    first = parse_date(request.start, where=start)
    last = parse_date(request.end, where=end, end_of_day=True)
    if first is not None and last is not None and first >= last:
        raise ConfigError(
            f"{start} {request.start} is after {end} {request.end}, so that no day is left; swap them"
        )


def _common(request: Request, loaded: Loaded, symbols: tuple[str, ...], listed: str) -> dict[str, Any]:
    """Return the fields of a plan that settings decide."""
    settings = loaded.settings
    holdout = settings.research.holdout if request.research else None
    return {
        "provider": request.feed
        or choose_provider(loaded, symbols, timezone=request.timezone, listed=listed),
        "timeframe": STREAM if request.feed else settings.data.timeframe,
        "cash": settings.account.cash,
        "costs": settings.costs if request.costs else _without(settings.costs),
        "sizer": make_sizer(**settings.sizing.model_dump()),
        "risk": read_limits(request.risk, settings.risk),
        "benchmark": settings.benchmark,
        "seed": settings.seed,
        "holdout": None if holdout is None else str(holdout),
        "unlock_holdout": request.unlock,
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
