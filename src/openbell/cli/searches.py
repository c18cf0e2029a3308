"""What was typed of a search, for each command that searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def search(self) -> Search:
        """Return what they mean.

        Raises:
            ConfigError: A grid or an objective cannot be read.
        """
        return Search(
            grid=read_grid(self.grid), method=self.method, samples=self.samples, where=self.where,
            objective=read_aims(self.objectives), require=self.require, engine=self.engine,
            address=self.address, workers=self.workers, memory=self.memory, resume=self.resume,
        )  # fmt: skip
