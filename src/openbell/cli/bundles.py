"""Options that commands take together: each is declared once, and comes to them as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from openbell.cli.options import (
    Cash,
    ConfigFolder,
    Costs,
    Data,
    Environment,
    Parameters,
    Provider,
    Seed,
    Settings,
    Symbols,
    Timeframe,
    Timezone,
)
from openbell.cli.sweepoptions import (
    Address,
    Grid,
    Memory,
    Method,
    Objectives,
    Require,
    Resume,
    Samples,
    SweepEngine,
    Where,
    Workers,
)

if TYPE_CHECKING:  # `--help` waits for nothing that runs
    from openbell.cli.jobs import Request
    from openbell.searching import Search


@dataclass(frozen=True, slots=True)
class Given:
    """What a strategy runs on and with, as it was typed."""

    symbols: Symbols = None
    parameters: Parameters = None
    settings: Settings = None
    cash: Cash = None
    provider: Provider = None
    data: Data = None
    timezone: Timezone = None
    timeframe: Timeframe = None
    costs: Costs = True
    seed: Seed = None
    config: ConfigFolder = None
    env: Environment = None

    def request(
        self, strategy: str, *, flags: Mapping[str, str | None] | None = None, **more: Any
    ) -> Request:
        """Return the run that is asked for.

        Args:
            strategy: Which.
            flags: Options that outweigh a setting, beside those here, by name.
            **more: What else a `Request` has.
        """
        from openbell.cli.jobs import Request

        own = {"cash": self.cash, "provider": self.provider, "timeframe": self.timeframe, "seed": self.seed}
        return Request(
            strategy, symbols=self.symbols or (), parameters=self.parameters or (),
            settings=self.settings or (), flags={**own, **(flags or {})}, data=self.data,
            timezone=self.timezone, costs=self.costs, config=self.config, env=self.env, **more,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Searched:
    """What is varied, and how, as it was typed."""

    grid: Grid = None
    where: Where = None
    objective: Objectives = None
    require: Require = None
    method: Method = "grid"
    samples: Samples = None
    engine: SweepEngine = "auto"
    address: Address = None
    workers: Workers = None
    memory: Memory = None
    resume: Resume = None

    def joined(self, more: list[str] | None) -> Self:
        """Return it with more of the grid, which was typed without its option."""
        return replace(self, grid=[*(self.grid or ()), *(more or ())])

    def search(self, **more: Any) -> Search:
        """Return what it means; `more` is what else a `Search` has.

        Raises:
            ConfigError: A grid or an objective cannot be read.
        """
        from openbell.cli.objectives import read_aims
        from openbell.cli.sweeps import read_grid
        from openbell.searching import Search

        return Search(
            grid=read_grid(self.grid or ()), method=self.method, samples=self.samples, where=self.where,
            objective=read_aims(self.objective or ()), require=self.require, engine=self.engine,
            address=self.address, workers=self.workers, memory=self.memory, resume=self.resume, **more,
        )  # fmt: skip
