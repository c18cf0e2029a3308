"""Runs jobs, checks them for look-ahead, and writes their reports: all of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from openbell import run
from openbell.backtesting.cuts import CUTS
from openbell.backtesting.verdict import Kind, Verdict
from openbell.cli.answer import Exit
from openbell.cli.jobs import Job
from openbell.cli.terminal import Progress
from openbell.core.errors import BadData, ConfigError, LookAhead, OpenbellError, StrategyError
from openbell.reporting.export import default_folder, write_run
from openbell.reporting.findings import findings
from openbell.reporting.judgement import Judgement, judge_run
from openbell.reporting.notices import Notice
from openbell.reporting.result import Result

#: How much of a job's time its run takes, about; the rest is the check.
_RUN = 0.2
#: The fields of a plan that are no settings.
_NAMED = {"strategy", "symbols", "universe", "begin"}  # a backtest is not asked to begin late


@dataclass(frozen=True, eq=False)
class Finished:
    """A job that ran."""

    job: Job
    result: Result
    verdict: Verdict | None  #: of the look-ahead check; None when none was asked for

    @property
    def checked(self) -> dict[str, Any] | None:
        """Return the look-ahead check's verdict as JSON values."""
        return None if self.verdict is None else self.verdict.as_json()

    @cached_property
    def findings(self) -> list[Notice]:
        """What speaks against the figures, the look-ahead check included."""
        return findings(self.result, lookahead=self.checked)

    @cached_property
    def judgement(self) -> Judgement:
        """What the evidence supports, the look-ahead check included."""
        return judge_run(self.result, self.findings)

    @property
    def code(self) -> Exit:
        """Return the exit code that the verdict stands for."""
        if self.verdict is None or self.verdict.clean:
            return Exit.FINE
        return Exit.FAILED if self.verdict.kind is Kind.UNREPEATABLE else Exit.LOOK_AHEAD


def run_all(
    jobs: Sequence[Job], *, check: bool, progress: Progress, engine: str = "auto", cuts: int = CUTS
) -> list[Finished]:
    """Run jobs one after the other.

    Args:
        jobs: What to run.
        check: Whether to check each for look-ahead.
        progress: Told how far it is.
        engine: `auto`, `event` or `compiled`.
        cuts: The most moments that a check tests.

    Raises:
        ConfigError: A job names what is not there.
        BadData: Its data break a rule.
        StrategyError: Its strategy raised; `LookAhead` where it did because of a value from the future.
    """
    finished = []
    for number, job in enumerate(jobs):
        tell = partial(_tell, progress, job.name, number, len(jobs))
        try:
            result = run.execute(job.plan, found=job.found, engine=engine, progress=tell, counted=True)
        except StrategyError as error:
            cause = _cause(job) if check else None
            if cause is None:
                raise
            raise cause from error
        except (ConfigError, BadData) as error:
            if not job.place:
                raise
            raise type(error)(f"{job.place}: {error}") from error
        progress((number + _RUN) / len(jobs), f"{job.name}: check" if check else job.name)
        finished.append(Finished(job, result, run.check_lookahead(result, cuts=cuts) if check else None))
    return finished


def write_all(finished: Sequence[Finished], folder: Path) -> list[Path]:
    """Write each run's report into a folder of its own below `folder`; return those.

    Raises:
        ConfigError: They cannot be written.
    """
    return [write_run(one.result, folder / _folder_name(one), lookahead=one.checked) for one in finished]


def _folder_name(one: Finished) -> str:
    """Return the usual name; of an item of strategies.yaml one with its name, which is unique there."""
    usual = default_folder(one.result).name
    return usual if one.job.name == one.result.found.name else f"{one.job.name}-{usual.rpartition('-')[2]}"


def _tell(progress: Progress, name: str, number: int, count: int, done: int, total: int) -> None:
    """Tell how far all jobs are when a job's run has done some of its moments."""
    progress((number + _RUN * done / total) / count, name)


def _cause(job: Job) -> LookAhead | None:
    """Return the look-ahead that made a strategy raise, if one did: to read past the last bar is one."""
    plan = job.plan
    kept = {f.name: getattr(plan, f.name) for f in fields(plan) if f.name not in _NAMED}
    try:
        verdict = run.check_lookahead(job.found.form, plan.universe or list(plan.symbols), **kept)
    except OpenbellError:  # it raises for a reason of its own
        return None
    return LookAhead(verdict.text)
