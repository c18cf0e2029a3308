"""What a sweep returns: a table, the best of it, a map, and where good ones lie together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbell.backtesting.checkpoint import ERROR
from openbell.backtesting.measures import Objective, read_objectives
from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Trials
from openbell.core.errors import ConfigError
from openbell.portfolio.tried import Tried
from openbell.reporting import sweeptable
from openbell.reporting.holdout import withheld
from openbell.reporting.html import palette
from openbell.reporting.sweeptable import Pick, Plateau
from openbell.reporting.trialcount import describe_tried
from openbell.reporting.words import count

if TYPE_CHECKING:  # slow to load: only who asks for a frame or a figure waits for them
    import pandas as pd
    from plotly.graph_objects import Figure

    from openbell.reporting.judgement import Judgement
    from openbell.reporting.selection import Rerun


#: How the line of the verdict begins.
VERDICT = "verdict: "


@dataclass(frozen=True, slots=True)
class Manner:
    """How a sweep was made: for its readers."""

    strategy: str
    engine: str  #: `event` or `compiled`
    reason: str  #: why that one
    objectives: tuple[Objective, ...]
    span: tuple[int, int]  #: when the first bar opens and the last one ends, ns UTC
    where: str = ""
    samples: int | None = None
    require: str = ""


class Sweep:
    """The combinations that were tried, and the figures of each."""

    def __init__(self, plan: Plan, results: Trials, manner: Manner, identity: dict[str, Any]) -> None:
        self.plan = plan
        self.results = results
        self.manner = manner
        self.identity = identity  #: everything that decides the figures, as JSON values
        self.rerun: Rerun | None = None  #: runs combinations again; None where that cannot be
        self.tried: Tried | None = None  #: of this idea on these data, this sweep included; None: not known

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each combination: a column for each parameter, for each measure, and `error`.

        NaN where a measure is undefined. A combination that failed has NaN throughout, and why in `error`,
        which is empty for all others.
        """
        import pandas as pd

        sides = sweeptable.parameters(self.results), {ERROR: self.results.errors.column()}
        left, right = (pd.DataFrame(side, copy=False) for side in sides)
        return pd.concat([left, self._figures, right], axis=1)

    @cached_property
    def _figures(self) -> pd.DataFrame:
        """The figures as a frame in the same memory.

        It stays as long as the sweep does: so pandas knows that the table's figures are another's too, and
        copies them before somebody writes there.
        """
        import pandas as pd

        return pd.DataFrame(self.results.values, columns=list(self.results.measures), copy=False)

    @property
    def trials(self) -> int:
        """How many combinations were tried: the more, the better the best of them looks by chance alone."""
        return len(self.results.combinations)

    @property
    def failed(self) -> int:
        """How many of them failed; `table.error` says why."""
        return len(self.results.errors)

    @property
    def objective(self) -> str:
        """The measure that decides which is best."""
        return self.manner.objectives[0].name

    def best(self, objective: str | Sequence[str] | None = None) -> Pick:
        """Return the best combination, by the sweep's own objective if none is given.

        Raises:
            ConfigError: The objective is unknown, or undefined for every combination.
        """
        return sweeptable.pick(self.results, self._objectives(objective))

    def top(self, n: int = 10, objective: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Return the `n` best rows of the table, the best first.

        Raises:
            ConfigError: The objective is unknown, or `n` is no count.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ConfigError(f"top({n!r}): ask for 1 row or more")
        return self.table.iloc[sweeptable.order(self.results, self._objectives(objective))[:n]]

    def front(self, *objectives: str) -> pd.DataFrame:
        """Return the rows that no other beats in one objective without being beaten in another (Pareto).

        Raises:
            ConfigError: An objective is unknown.
        """
        return self.table.iloc[sweeptable.front(self.results, self._objectives(objectives or None))]

    def plateau(self, objective: str | None = None) -> Plateau:
        """Return the combination of a grid whose neighbours are good too, rather than the peak.

        It has the best mean over itself and the combinations that differ by one step in each number.

        Raises:
            ConfigError: The combinations are no grid, or the objective is unknown or undefined for all.
        """
        return sweeptable.find_plateau(self.results, self._objectives(objective)[0])

    def heatmap(self, x: str | None = None, y: str | None = None, measure: str | None = None) -> Figure:
        """Return a plotly figure of a measure over two parameters; over one, a line.

        Brighter is better. The best by the sweep's objective has a cross, the plateau's middle a ring, and
        its neighbours a frame. Where other parameters were varied too, a cell is the mean over them.

        Args:
            x: The parameter to the right; else one of those with the most values.
            y: The parameter upwards.
            measure: What to show; else the objective.

        Raises:
            ConfigError: A parameter or the measure is unknown.
        """
        from plotly.graph_objects import Figure

        from openbell.reporting import sweepmap

        drawn = sweepmap.draw(self.results, x, y, measure or self.objective, self.manner.objectives[0])
        made = sweepmap.dress(drawn, palette.LIGHT)
        return Figure({**made, "layout": {**made["layout"], "title": {"text": self.title}, "height": 560}})

    def write(self, folder: str | Path) -> Path:
        """Write the table, what was tried, and the map into a folder, all at once, and return the folder.

        The files are `table.parquet`, `sweep.json` and `heatmap.html`, which needs no network. A sweep's
        folder of the same name is replaced.

        Raises:
            ConfigError: The folder cannot be written, or holds something else.
        """
        from openbell.reporting.sweepfiles import write_sweep

        return write_sweep(self, folder)

    @cached_property
    def verdict(self) -> Judgement:
        """What the evidence supports that is in the best combination, after all that were tried.

        Compiled combinations are run again for their returns, at most 1,000 of them, in a second or so.
        """
        from openbell.reporting.selection import judge_sweep

        return judge_sweep(self)

    @property
    def title(self) -> str:
        """What was swept on what."""
        return f"{self.manner.strategy} on {', '.join(self.plan.symbols)}"

    def words(self) -> list[str]:
        """Return what came of it, as sentences."""
        tried = f"{count(self.trials, 'combination')} tried with the {self.manner.engine} engine"
        said = [f"{self.title}: {tried}{', without costs' if self.plan.costs.free else ''}"]
        try:
            best = f"best: {self.best()}"
        except ConfigError as error:
            return [*said, str(error)]
        said += [f"{VERDICT}{str(self.verdict).rstrip('.')}", best]
        if withheld(self.plan):
            said.append(withheld(self.plan))
        if self.tried is not None:
            said.append(describe_tried(self.tried))
        if self.results.combinations.method == "grid":
            said.append(f"plateau: {self.plateau()}")
        if self.failed:
            first = min(self.results.errors)
            said.append(
                f"{count(self.failed, 'combination')} failed, the first: {self.results.errors[first]}"
            )
        return said

    def __repr__(self) -> str:
        return "\n  ".join(self.words())

    def _objectives(self, given: str | Sequence[str] | None) -> tuple[Objective, ...]:
        if given is None:
            return self.manner.objectives
        found = read_objectives(given, self.results.measures)
        for one in found:
            if one.name not in self.results.measures:
                raise ConfigError(
                    f"objective: {one.name}() has no column here; give it to the sweep, as in "
                    f"sweep(..., objective={one.name})"
                )
        return found
