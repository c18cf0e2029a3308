"""The command `backtest`, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openbell.cli import summary
from openbell.cli.answer import Answer, Exit, Table
from openbell.cli.index import write_index
from openbell.cli.jobs import Request, read_jobs
from openbell.cli.running import Finished, run_all, write_all
from openbell.cli.terminal import progress
from openbell.utils.logging import configure


def run_backtests(request: Request, *, check: bool, engine: str) -> Answer:
    """Run what a request asks for, write the reports, and say what came of it.

    Raises:
        ConfigError: Anything that was typed or configured is wrong.
        BadData: The data break a rule.
        StrategyError: A strategy raised.
    """
    jobs, settings = read_jobs(request)
    configure(settings.logging.level, json=settings.logging.json)
    folder = settings.reports.folder
    with progress() as tell:
        finished = run_all(jobs, check=check, engine=engine, progress=tell)
    paths = write_all(finished, folder)
    if len(finished) > 1:
        return answer(finished, paths, write_index(folder))
    return answer(finished, paths)


def answer(finished: Sequence[Finished], paths: Sequence[Path], index: Path | None = None) -> Answer:
    """Say what came of runs: one is spelled out, several are a table."""
    parts: list[str | Table]
    if len(finished) == 1:
        parts = [*summary.spell_out(finished[0]), f"Report: {paths[0] / 'report.html'}"]
    else:
        parts = [summary.tabulate(finished), "", *summary.explain_table(finished)]
        parts += ["", f"Reports: {index}" if index is not None else f"Reports: {paths[0].parent}"]
    document: dict[str, Any] = {
        "runs": [summary.describe(one, path) for one, path in zip(finished, paths, strict=True)]
    }
    worst = max((one.code for one in finished), default=Exit.FINE)
    if index is not None:
        document["index"] = str(index)
    return Answer(parts, document, worst, summary.raise_alarm(finished))
