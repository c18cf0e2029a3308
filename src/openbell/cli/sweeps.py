"""The command `sweep`, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from openbell import run
from openbell.backtesting.axes import span
from openbell.backtesting.sweep import SweepInterrupted
from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.bundles import Searched
from openbell.cli.jobs import Job, Request, read_jobs
from openbell.cli.terminal import Progress, progress
from openbell.config.yamlfile import read_scalar
from openbell.core.errors import ConfigError, OpenbellError
from openbell.reporting.sweep import VERDICT, Sweep
from openbell.reporting.sweepfiles import PAGE, default_name, describe, file_name, joint_name
from openbell.reporting.sweeptable import name_of, order, shown
from openbell.reporting.words import count, date
from openbell.searching import Search
from openbell.sweeping import search_each, search_plan
from openbell.utils.logging import configure

#: The measures of the table, after the objectives.
_FIGURES = ("total_return", "sharpe", "max_drawdown", "trades", "costs_paid")
_MOST_FIGURES = 5
_SHORT = {"total_return": "Return", "sharpe": "Sharpe", "max_drawdown": "Max DD", "costs_paid": "Costs"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `sweep` that `backtest` has not, as they were typed."""

    searched: Searched
    figures: str = "all"
    each: bool = False
    top: int = 10


def run_sweep(request: Request, asked: Asked) -> Answer:
    """Run what is asked for, write it below the report folder, and say what came of it.

    Raises:
        ConfigError: Anything that was typed or configured is wrong.
        BadData: The data break a rule.
        StrategyError: Every combination failed.
    """
    if Path(request.strategy).suffix.lower() in {".yaml", ".yml"}:
        raise ConfigError(
            f"{request.strategy}: a sweep is of one strategy; name it, as in openbell sweep sma_cross"
        )
    if "=" in request.strategy:
        raise ConfigError(
            f"{request.strategy!r} stands where the strategy should; write openbell sweep STRATEGY --grid ..."
        )
    if asked.top < 1:
        raise ConfigError(f"--top {asked.top} must be 1 or more")
    (job,), settings = read_jobs(request)
    configure(settings.logging.level, json=settings.logging.json)
    reports = settings.reports.folder
    try:
        search = asked.searched.search(figures=asked.figures)
        with progress() as tell:
            sweeps = _search(job, search, asked, reports, Watch(tell).tell)
    except SweepInterrupted as stopped:
        return _stopped(stopped, each=asked.each)
    except OpenbellError as error:
        raise type(error)(as_options(str(error))) from error
    return answer(sweeps, asked.top)


def _search(
    job: Job, search: Search, asked: Asked, reports: Path, tell: Callable[[int, int], None]
) -> list[tuple[Sweep, Path]]:
    plan = job.plan
    series = run.load_plan(plan)

    def place(identity: Mapping[str, Any]) -> Path:
        if asked.each:
            return (
                reports / joint_name(job.found.name, plan.symbols) / file_name(identity["plan"]["symbols"][0])
            )
        return reports / default_name(identity)

    if asked.each:
        made = search_each(plan, job.found, series, search, progress=tell, place=place)
    else:
        made = {"": search_plan(plan, job.found, series, search, progress=tell, place=place)}
    return [(one, _folder(one, symbol, search, place)) for symbol, one in made.items()]


def _folder(sweep: Sweep, symbol: str, search: Search, place: Callable[[Mapping[str, Any]], Path]) -> Path:
    return Path(search.resume) / file_name(symbol) if search.resume is not None else place(sweep.identity)


def read_grid(texts: Sequence[str]) -> dict[str, Any]:
    """Return what to try, from texts such as `fast=5:60:5`, `fast=5,10,20` or `kind=ema`.

    Raises:
        ConfigError: One has no `=`, is given twice, or is no range.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise ConfigError(f"--grid: {text!r} must be NAME=VALUES, such as fast=5:60:5 or fast=5,10,20")
        if name in values:
            raise ConfigError(f"--grid: {name!r} is given twice; leave one out")
        values[name] = _read_values(value)
    return values


def _read_values(text: str) -> Any:
    ends = text.split(":")
    log = len(ends) == 3 and ends[2] == "log"
    numbers = [read_scalar(end.strip()) for end in (ends[:2] if log else ends)]
    if len(ends) in (2, 3) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in numbers
    ):
        return span(*numbers, log=log)  # type: ignore[arg-type]  # numbers, see above
    return [read_scalar(part.strip()) for part in text.split(",")]


#: How Python's arguments are typed as options.
_ARGUMENT = re.compile(
    r"\b(where|require|memory|workers|method|samples|objective|figures|engine|address|resume)=('[^']*'|\"[^\"]*\"|[\w.]+)"
)


def as_options(text: str) -> str:
    """Return an error as whoever typed a command line reads it: `workers=1` as `--workers 1`."""
    text = _ARGUMENT.sub(lambda found: f"--{found[1]} {_unquoted(found[2])}", text)
    text = re.sub(r"span\(([^,()]+), ([^,()]+), log=True\)", r"\1:\2:log", text)
    text = re.sub(r"span\(([^,()]+), ([^,()]+)(?:, ([^,()]+))?\)", _as_range, text)
    return text.replace("as in fast=[5, 10]", "as in --grid fast=5:60:5").replace(
        "plateau() needs", "it needs"
    )


def _unquoted(value: str) -> str:
    inner = value.strip("'\"")
    return inner if re.fullmatch(r"[\w.-]+", inner) else value


def _as_range(found: re.Match[str]) -> str:
    return ":".join(part for part in found.groups() if part)


class Watch:
    """Tells the progress of combinations with the time that is left."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell
        self._begun: tuple[float, int] | None = None

    def tell(self, done: int, total: int) -> None:
        """Tell how many combinations are done, and how long the rest will take."""
        now = monotonic()
        if self._begun is None:
            self._begun = now, done
        since, before = self._begun
        left = ""
        if done > before:
            left = f", {_lasting((now - since) / (done - before) * (total - done))} left"
        self._tell(done / total, f"{done:,} of {total:,}{left}")


def _lasting(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _stopped(stopped: SweepInterrupted, *, each: bool) -> Answer:
    line = f"stopped by Ctrl-C after {stopped.so_far}"
    if stopped.folder is not None:
        folder = stopped.folder.parent if each else stopped.folder
        line += f"; the same command with --resume {folder} goes on"
    error = {"kind": "Interrupted", "message": line, "exit_code": int(Exit.INTERRUPTED)}
    return Answer([], {"error": error}, Exit.INTERRUPTED, [line])


def answer(sweeps: Sequence[tuple[Sweep, Path]], top: int) -> Answer:
    """Say what came of sweeps: one is spelled out, several are a table of the best of each."""
    parts: list[str | Table]
    if len(sweeps) == 1:
        parts = _spell_out(*sweeps[0], top)
    else:
        parts = []
        for sweep, path in sweeps:
            parts += [*sweep.words(), f"Map: {path / PAGE}", ""]
        parts.pop()
    document = {"sweeps": [_document(sweep, path, top) for sweep, path in sweeps]}
    return Answer(parts, document)


def _spell_out(sweep: Sweep, path: Path, top: int) -> list[str | Table]:
    first, last = (date(time) for time in sweep.manner.span)
    free = ", WITHOUT COSTS" if sweep.plan.costs.free else ""
    tried = count(sweep.trials, "combination")
    lines = [line for line in sweep.words()[1:] if not line.startswith(VERDICT)]
    said = [f"{line[:1].upper()}{line[1:]}" for line in lines]
    return [
        f"{sweep.title}, {first} to {last}{free}",
        f"{tried} tried with the {sweep.manner.engine} engine ({sweep.manner.reason})",
        "",
        sweep.verdict.text,
        *([sweep.verdict.detail] if sweep.verdict.detail else []),
        "",
        _table(sweep, top),
        "",
        *said,
        f"The best of {tried} is the luckiest of them too: test it on data that the sweep has not seen.",
        f"Map: {path / PAGE}",
    ]


def _table(sweep: Sweep, top: int) -> Table:
    results = sweep.results
    aims = [one.name for one in sweep.manner.objectives]
    known = [name for name in (*_FIGURES, "win_rate", "profit_factor") if name in results.measures]
    names = list(dict.fromkeys([*aims, *known]))[: max(_MOST_FIGURES, len(aims))]
    columns = [Column(name, right=True) for name in results.combinations.names]
    columns += [Column(_SHORT.get(name, name_of(name)), right=True) for name in names]
    rows = []
    for row in order(results, sweep.manner.objectives)[:top].tolist():
        values = dict(zip(results.measures, results.values[row].tolist(), strict=True))
        tried = [str(value) for value in results.combinations[row].values()]
        rows.append([*tried, *(shown(name, values[name]) for name in names)])
    return Table(columns, rows)


def _document(sweep: Sweep, path: Path, top: int) -> dict[str, Any]:
    results = sweep.results
    rows = []
    for row in order(results, sweep.manner.objectives)[:top].tolist():
        values = zip(results.measures, results.values[row].tolist(), strict=True)
        rows.append(
            {
                "parameters": {k: _json(v) for k, v in results.combinations[row].items()},
                "measures": {name: None if value != value else value for name, value in values},  # noqa: PLR0124  # NaN
                "error": results.errors.get(row, ""),
            }
        )
    return describe(sweep) | {"top": rows, "folder": str(path), "page": str(path / PAGE)}


def _json(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else repr(value)
