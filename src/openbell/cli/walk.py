"""The command `walkforward`: parameters chosen on the past, traded on what follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openbell import run
from openbell.backtesting.windows import Scheme
from openbell.cli.answer import Answer
from openbell.cli.jobs import Request, read_jobs
from openbell.cli.sweeps import read_grid
from openbell.cli.terminal import progress
from openbell.core.errors import ConfigError, OpenbellError
from openbell.reporting.walk import WalkForward
from openbell.searching import Search
from openbell.utils.logging import configure
from openbell.walking import walk_plan

_OPTIONS = re.compile(r"\b(train|test|gap|choose|where|engine|address|workers|memory|objective)=")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `walkforward` that `backtest` has not, as they were typed."""

    scheme: Scheme
    grid: Sequence[str] = ()
    choose: str = "plateau"
    where: str | None = None
    objectives: Sequence[str] = ()
    engine: str = "auto"
    address: str | None = None
    workers: int | None = None
    memory: str | None = None


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
    plan = job.plan
    try:
        search = Search(
            grid=read_grid(asked.grid), where=asked.where, objective=list(asked.objectives) or None,
            engine=asked.engine, address=asked.address, workers=asked.workers, memory=asked.memory,
        )  # fmt: skip
        series = run.load_plan(plan)
        with progress() as tell:
            made = walk_plan(
                plan, job.found, series, search, asked.scheme, choose=asked.choose,
                progress=lambda done, total: tell(done / total, "windows"),
            )  # fmt: skip
    except OpenbellError as error:
        raise type(error)(_OPTIONS.sub(r"--\1 ", str(error))) from error
    folder = made.write(settings.reports.folder / f"walkforward-{job.found.name}-{made.result.hash[7:15]}")
    return answer(made, folder)


def answer(made: WalkForward, folder: Path) -> Answer:
    """Return what a walk-forward says on the command line."""
    first, *said = made.words()
    columns = [name for name in made.table.columns if not name.startswith("train_from")]
    table = made.table[columns].to_string(index=False, float_format=lambda value: f"{value:.3f}")
    return Answer(
        [first, "", table, "", *said, "", f"Written: {folder}"], {"folder": str(folder), **made.document()}
    )
