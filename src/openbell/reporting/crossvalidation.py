"""What a cross-validation returns: what each split chose, and the paths that the tests make together."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from openbell.backtesting.folds import Folds
from openbell.backtesting.pieces import FIGURES, measure_columns
from openbell.backtesting.plan import Plan
from openbell.data.bars import Floats, Times
from openbell.portfolio.evidence import weigh
from openbell.portfolio.metrics import simple_returns
from openbell.portfolio.overfitting import FEWEST_TRIALS
from openbell.portfolio.tried import Tried
from openbell.reporting import place, words
from openbell.reporting.credibility import WITHOUT_COSTS
from openbell.reporting.holdout import withheld
from openbell.reporting.judgement import Judgement, judge
from openbell.reporting.trialcount import numbered

if TYPE_CHECKING:
    import pandas as pd

FILE, PAGE = "crossvalidation.json", "crossvalidation.html"
#: Fewer splits than this say little about what choosing is worth.
FEWEST_SPLITS = 10
#: The quantiles of the paths.
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Chosen(NamedTuple):
    """What a split chose, and how that did where it was chosen and in its tests."""

    tests: tuple[int, ...]  #: the folds that it was tested on
    parameters: Mapping[str, Any]
    row: int  #: which combination
    inside: Mapping[str, float]
    outside: Mapping[str, float]
    rank: float  #: the share of all combinations that did worse in the tests, by the Sharpe ratio


class Terms(NamedTuple):
    """What was run, and how it was chosen."""

    plan: Plan
    name: str  #: the strategy's
    trials: int  #: combinations that were tried
    objective: str
    choose: str  #: `plateau` or `best`
    setting: Mapping[str, Any]  #: how the sessions were divided, as JSON values
    periods_per_year: float


class CrossValidation:
    """Splits and paths. A path has one test of each fold, so that it is as long as the data."""

    def __init__(
        self,
        terms: Terms,
        folds: Folds,
        chosen: Sequence[Chosen],
        *,
        returns: Floats,
        marks: Times,
        held: Floats,
    ) -> None:
        """Take what was chosen.

        Args:
            terms: What was run, and how.
            folds: How the sessions were divided.
            chosen: What each split chose, in their order.
            returns: (sessions, combinations) of each combination.
            marks: (sessions + 1,) when the first begins and when each ends, ns UTC.
            held: (sessions + 1,) what holding what is traded was worth then.
        """
        self.terms, self.folds, self.chosen = terms, folds, list(chosen)
        self.plan, self.trials, self.objective = terms.plan, terms.trials, terms.objective
        self.marks, self.times = marks, marks[1:]
        self.trial = 0  #: its number among what was tried of this idea on these data; 0: not known
        self.tried: Tried | None = None  #: what has looked at the tests, this included; None: not known
        self._returns, self._held = returns, held

    @cached_property
    def paths(self) -> Floats:
        """(paths, sessions) returns: in each fold those of what a split chose that did not see it."""
        made = np.empty((len(self.folds.paths), len(self._returns)))
        for path, splits in zip(made, self.folds.paths.tolist(), strict=True):
            for periods, split in zip(self.folds.folds, splits, strict=True):
                path[periods] = self._returns[periods, self.chosen[split].row]
        return made

    @cached_property
    def path_figures(self) -> dict[str, Floats]:
        """Of each figure, its value on each path."""
        values = measure_columns(self.paths.T, periods_per_year=self.terms.periods_per_year)
        return {name: values[:, at] for at, name in enumerate(FIGURES)}

    @property
    def sharpe(self) -> Floats:
        """(paths,) the Sharpe ratio of each path."""
        return self.path_figures["sharpe"]

    @cached_property
    def middle(self) -> int:
        """The path in the middle, by the Sharpe ratio; of an even number the worse one."""
        ratios = np.nan_to_num(self.sharpe, nan=0.0)  # who never traded has gained nothing
        return int(np.argsort(ratios, kind="stable")[(len(ratios) - 1) // 2])

    @cached_property
    def curve(self) -> Floats:
        """(sessions + 1,) the growth of 1 on the path in the middle."""
        grown: Floats = np.cumprod(np.append(1.0, 1.0 + self.paths[self.middle]))
        return grown

    @cached_property
    def verdict(self) -> Judgement:
        """What the path in the middle is evidence of, after all that has looked at the tests.

        Its probability of overfitting is `below_median`, where there are enough splits and combinations.
        """
        known = self.trials >= FEWEST_TRIALS and len(self.chosen) >= FEWEST_SPLITS
        evidence = weigh(
            self.paths[self.middle],
            simple_returns(self._held),
            tried=self.tried,
            overfitting=self.below_median if known else None,
        )
        symbols = self.plan.symbols
        held = symbols[0] if len(symbols) == 1 else f"all {len(symbols)} in equal parts"
        free = [WITHOUT_COSTS] if self.plan.costs.free else []
        return judge(evidence, self.terms.periods_per_year, against=f"holding {held}", findings=free)

    @property
    def below_median(self) -> float:
        """The share of splits whose choice did worse in its tests than the median of all that was tried.

        Near one half, choosing was guessing; it is the probability of backtest overfitting of Bailey,
        Borwein, López de Prado and Zhu (2017), over these splits.
        """
        return float(np.mean([one.rank < 0.5 for one in self.chosen]))

    @property
    def degradation(self) -> tuple[float, float]:
        """The mean Sharpe ratio where parameters were chosen, and in the tests, over the splits."""
        pairs = [(one.inside["sharpe"], one.outside["sharpe"]) for one in self.chosen]
        inside, outside = np.array(pairs).mean(axis=0).tolist()
        return inside, outside

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each split: the folds that were tested, what was chosen, and how it did."""
        import pandas as pd

        return pd.DataFrame(self._rows())

    @property
    def spans(self) -> list[str]:
        """The dates of each fold."""
        ends = [(int(self.times[one[0]]), int(self.times[one[-1]])) for one in self.folds.folds]
        return [f"{words.date(first)} to {words.date(last)}" for first, last in ends]

    def words(self) -> list[str]:
        """Return what came of it, as sentences."""
        tested, folds = len(self.folds.splits[0].tests), len(self.folds.folds)
        paths, sharpe = len(self.paths), self.sharpe
        inside, outside = (words.shown("sharpe", one) for one in self.degradation)
        first = (
            f"{self.terms.name} on {self.plan.traded}: {folds} folds, {tested} of them tested at a time, "
            f"{words.count(len(self.chosen), 'split')}, {words.count(paths, 'path')}; "
            f"{words.count(self.trials, 'combination')} tried, the {self.terms.choose} of each split tested"
        )
        low, middle, high = (
            words.shown("sharpe", one) for one in np.quantile(sharpe, (0.0, 0.5, 1.0)).tolist()
        )
        spread = f", standard deviation {sharpe.std(ddof=1):.2f}" if paths > 1 else ""
        course = f"between {low} and {high}, {middle} in the middle{spread}" if paths > 1 else middle
        trial = numbered(self.trial, self.tried) if self.tried is not None and self.trial else ""
        return [
            first,
            f"verdict on the path in the middle: {str(self.verdict).rstrip('.')}",
            *(line for line in (trial, withheld(self.plan)) if line),
            f"Sharpe ratio of the {'paths' if paths > 1 else 'path'}: {course}",
            f"{int(np.sum(self.path_figures['total_return'] < 0.0))} of {paths} lost money",
            f"Sharpe ratio where parameters were chosen {inside} on average, in the tests {outside}",
            f"{self.below_median:.0%} of the choices did worse in their tests than the median of all",
        ]

    def document(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        return {
            "strategy": self.terms.name,
            "plan": self.plan.as_json(),
            **self.terms.setting,
            "folds": self.spans,
            "choose": self.terms.choose,
            "objective": self.objective,
            "trials": self.trials,
            "verdict": self.verdict.as_json(),
            "below_median": self.below_median,
            "quantiles": list(QUANTILES),
            "paths": {
                name: {
                    "values": [_plain(one) for one in values.tolist()],
                    "quantiles": [_plain(one) for one in np.quantile(values, QUANTILES).tolist()],
                }
                for name, values in self.path_figures.items()
            },
            "splits": [{name: _plain(value) for name, value in row.items()} for row in self._rows()],
        }

    def write(self, folder: str | Path) -> Path:
        """Write `crossvalidation.html` and `crossvalidation.json` into a folder, and return the folder.

        Raises:
            ConfigError: The folder cannot be written.
        """
        from openbell.reporting.crossvalidationpage import render

        where = Path(folder)
        place.put_text(where / FILE, json.dumps(self.document(), indent=2, allow_nan=False) + "\n")
        place.put_text(where / PAGE, render(self))
        return where

    def __repr__(self) -> str:
        return "\n  ".join(self.words())

    def _rows(self) -> list[dict[str, Any]]:
        aims = dict.fromkeys((self.objective, "sharpe"))
        return [
            {
                "tested": " ".join(str(fold + 1) for fold in one.tests),
                **one.parameters,
                **{f"chosen_{name}": one.inside[name] for name in aims},
                **{f"tested_{name}": one.outside[name] for name in ("sharpe", "cagr", "max_drawdown")},
                "rank": one.rank,
            }
            for one in self.chosen
        ]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
