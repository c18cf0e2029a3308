"""What was typed of a search, for each command that searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openbell.backtesting.sweep import SweepInterrupted
from openbell.cli.answer import Answer, Exit
from openbell.cli.objectives import read_aims
from openbell.cli.sweeps import read_grid
from openbell.searching import Search


@dataclass(frozen=True, slots=True)
class Typed:
    """The options of a search, as they were typed."""

    grid: Sequence[str] = ()
    where: str | None = None
    method: str = "grid"
    samples: int | None = None
    objectives: Sequence[str] = ()
    require: str | None = None
    engine: str = "auto"
    address: str | None = None
    workers: int | None = None
    memory: str | None = None
    resume: str | None = None

    def search(self, unfinished: Path) -> Search:
        """Return what they mean.

        Args:
            unfinished: Where what is done is kept until the end.

        Raises:
            ConfigError: A grid or an objective cannot be read.
        """
        return Search(
            grid=read_grid(self.grid), method=self.method, samples=self.samples, where=self.where,
            objective=read_aims(self.objectives), require=self.require, engine=self.engine,
            address=self.address, workers=self.workers, memory=self.memory, resume=self.resume,
            unfinished=unfinished,
        )  # fmt: skip


def stopped(one: SweepInterrupted) -> Answer:
    """Say how far a search came before Ctrl-C, and how it goes on."""
    line = f"stopped by Ctrl-C after {one.so_far}"
    if one.folder is not None:
        line += f"; the same command goes on from there, as {one.folder} keeps what is done"
    error = {"kind": "Interrupted", "message": line, "exit_code": int(Exit.INTERRUPTED)}
    return Answer([], {"error": error}, Exit.INTERRUPTED, [line])
