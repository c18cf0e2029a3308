"""The command `crossvalidate`: parameters chosen on some folds of the data, tested on the others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from openbell import run
from openbell.backtesting.folds import Division
from openbell.backtesting.sweep import SweepInterrupted
from openbell.cli.answer import Answer
from openbell.cli.bundles import Searched
from openbell.cli.jobs import Request, read_jobs
from openbell.cli.searches import stopped
from openbell.cli.sweeps import Watch, as_options
from openbell.cli.terminal import progress
from openbell.core.errors import ConfigError, OpenbellError
from openbell.crossvalidating import crossvalidate_plan
from openbell.reporting.crossvalidation import PAGE, CrossValidation
from openbell.utils.logging import configure

_OPTIONS = re.compile(r"\b(folds|test_folds|purge|embargo|choose)=")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `crossvalidate` that `backtest` has not, as they were typed."""

    division: Division
    searched: Searched
    choose: str = "plateau"


def run_crossvalidation(request: Request, asked: Asked) -> Answer:
    """Cross-validate a strategy, write what came of it below the report folder, and say it.

    Raises:
        ConfigError: Anything that was typed or configured is wrong.
        BadData: The data break a rule.
        StrategyError: Every combination failed.
    """
    if Path(request.strategy).suffix.lower() in {".yaml", ".yml"}:
        raise ConfigError(f"{request.strategy}: a cross-validation is of one strategy; name it")
    (job,), settings = read_jobs(request)
    configure(settings.logging.level, json=settings.logging.json)
    try:
        search = asked.searched.search(unfinished=settings.reports.folder)
        series = run.load_plan(job.plan)
        with progress() as tell:
            made = crossvalidate_plan(
                job.plan, job.found, series, search, asked.division, choose=asked.choose,
                progress=Watch(tell).tell,
            )  # fmt: skip
    except SweepInterrupted as interrupted:
        return stopped(interrupted)
    except OpenbellError as error:
        raise type(error)(_OPTIONS.sub(_option, as_options(str(error)))) from error
    mark = sha256(made.paths.tobytes()).hexdigest()[:8]
    folder = made.write(settings.reports.folder / f"crossvalidation-{job.found.name}-{mark}")
    return answer(made, folder)


def _option(found: re.Match[str]) -> str:
    return f"--{found[1].replace('_', '-')} "


def answer(made: CrossValidation, folder: Path) -> Answer:
    """Return what a cross-validation says on the command line."""
    first, *said = made.words()
    table = made.table.to_string(index=False, float_format=lambda value: f"{value:.3f}")
    return Answer(
        [first, "", table, "", *said, "", f"Page: {folder / PAGE}"],
        {"folder": str(folder), "page": str(folder / PAGE), **made.document()},
    )
