"""`walkforward --refit`: parameters chosen on the newest window, put into a strategies.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openbell.backtesting.sweep import Progress, describe
from openbell.backtesting.windows import Scheme
from openbell.cli.answer import Answer
from openbell.cli.jobs import Job
from openbell.config.rewrite import find_entry, put_parameters
from openbell.core.errors import ConfigError
from openbell.data.bars import Series
from openbell.reporting.sweeptable import name_of, shown
from openbell.reporting.walk import Step, write_config
from openbell.reporting.words import count, date
from openbell.run import panel_of
from openbell.searching import Search
from openbell.walking import refit_plan


def refit_file(
    job: Job,
    series: Sequence[Series],
    search: Search,
    scheme: Scheme,
    file: Path,
    *,
    choose: str,
    names: Sequence[str],
    progress: Progress | None = None,
) -> Answer:
    """Choose on the newest window as a walk-forward does, and give a strategies.yaml what was chosen.

    Of a file that is there, the parameters of the one item change that runs the strategy, by any of its
    `names`, on these symbols. Without a file one is written.

    Raises:
        ConfigError: The file is no strategies.yaml, has no such item or cannot be written; or as of
            `refit_plan`.
    """
    if file.suffix.lower() not in {".yaml", ".yml"}:
        raise ConfigError(
            f"--refit {file} is no strategies.yaml; name the file whose parameters are to change"
        )
    plan = job.plan
    entry = find_entry(file, names, plan.symbols) if file.exists() else None
    step = refit_plan(plan, job.found, series, search, scheme, choose=choose, progress=progress)
    before = None if entry is None else {name: entry.parameters.get(name) for name in step.parameters}
    if entry is None:
        write_config(file, plan, job.found.name, step.parameters)
    elif before != step.parameters:
        put_parameters(file, entry.name, step.parameters)
    times = panel_of(plan, series).times
    dates = [date(int(times[at])) for at in (step.window.begin, step.window.end - 1)]
    return _answer(job, step, file, before, dates)


def _answer(
    job: Job, step: Step, file: Path, before: Mapping[str, Any] | None, dates: Sequence[str]
) -> Answer:
    if before is None:
        done = f"{file} is written"
    elif before == step.parameters:
        done = f"{file} has them already and stays as it is"
    else:
        old = {name: "its default" if value is None else value for name, value in before.items()}
        done = f"{file} had {describe(old)}, and has them now"
    value = step.measures[step.objective]
    first = (
        f"{job.found.name} on {job.plan.traded}: {describe(step.parameters)}, chosen of "
        f"{count(step.trials, 'combination')} on {dates[0]} to {dates[1]}, {name_of(step.objective)} "
        f"{shown(step.objective, value)} there"
    )
    document = {
        "file": str(file), "parameters": dict(step.parameters), "before": before, "trials": step.trials,
        "from": dates[0], "to": dates[1], "objective": step.objective, "chosen": value,
    }  # fmt: skip
    return Answer([first, done], document)
