"""The command `walkforward`: parameters chosen on the past, traded on what follows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from openbell import run
from openbell.backtesting.sweep import SweepInterrupted
from openbell.backtesting.windows import Scheme
from openbell.cli.answer import Answer
from openbell.cli.bundles import Searched
from openbell.cli.jobs import Request, read_jobs
from openbell.cli.refit import refit_file
from openbell.cli.searches import stopped
from openbell.cli.sweeps import Watch, as_options
from openbell.cli.terminal import progress
from openbell.core.errors import ConfigError, OpenbellError
from openbell.reporting.walk import PAGE, WalkForward
from openbell.utils.logging import configure
from openbell.walking import walk_plan

_OPTIONS = re.compile(r"\b(train|test|gap|embargo|choose|boundary)=")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `walkforward` that `backtest` has not, as they were typed."""

    scheme: Scheme
    searched: Searched
    choose: str = "plateau"
    boundary: str = "close"
    refit: str | None = None


def run_walk(request: Request, asked: Asked) -> Answer:
    """Walk a strategy forward, write what came of it below the report folder, and say it.

    Raises:
        ConfigError: Anything that was typed or configured is wrong.
        BadData: The data are too few, or break a rule.
        StrategyError: Every combination failed in a window.
    """
    if Path(request.strategy).suffix.lower() in {".yaml", ".yml"}:
        raise ConfigError(f"{request.strategy}: a walk-forward is of one strategy; name it")
    (job,), settings = read_jobs(request)
    configure(settings.logging.level, json=settings.logging.json)
    try:
        search = asked.searched.search(unfinished=settings.reports.folder)
        series = run.load_plan(job.plan)
        with progress() as tell:
            watch = Watch(tell).tell
            if asked.refit is not None:
                return refit_file(
                    job, series, search, asked.scheme, Path(asked.refit), choose=asked.choose,
                    names=(request.strategy, job.plan.strategy, job.found.name), progress=watch,
                )  # fmt: skip
            made = walk_plan(
                job.plan, job.found, series, search, asked.scheme, choose=asked.choose,
                boundary=asked.boundary, progress=watch,
            )  # fmt: skip
    except SweepInterrupted as interrupted:
        return stopped(interrupted)
    except OpenbellError as error:
        raise type(error)(_OPTIONS.sub(r"--\1 ", as_options(str(error)))) from error
    folder = made.write(settings.reports.folder / f"walkforward-{job.found.name}-{made.result.hash[7:15]}")
    return answer(made, folder)


def answer(made: WalkForward, folder: Path) -> Answer:
    """Return what a walk-forward says on the command line."""
    first, *said = made.words()
    columns = [name for name in made.table.columns if not name.startswith("train_from")]
    table = made.table[columns].to_string(index=False, float_format=lambda value: f"{value:.3f}")
    return Answer(
        [first, "", table, "", *said, "", f"Page: {folder / PAGE}"],
        {"folder": str(folder), "page": str(folder / PAGE), **made.document()},
    )
