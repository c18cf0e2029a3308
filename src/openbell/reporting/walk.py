"""What a walk-forward returns: the windows, what was chosen in each, and the one run of all tests."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import describe
from openbell.backtesting.windows import Window
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Floats
from openbell.portfolio import drawdown, metrics
from openbell.reporting import place, words
from openbell.reporting.holdout import describe_holdout
from openbell.reporting.result import Result
from openbell.reporting.trialcount import describe_trial

if TYPE_CHECKING:
    import pandas as pd

_YEAR = 365.25 * NANOS_PER_DAY
FILE, PAGE = "walkforward.json", "walkforward.html"
#: The figures that are compared between choosing and testing.
COMPARED = ("cagr", "sharpe")


class Step(NamedTuple):
    """A window: what was chosen on it, and how that did there."""

    window: Window
    parameters: Mapping[str, Any]
    objective: str
    measures: Mapping[str, float]  #: in the window that it was chosen on
    trials: int  #: combinations that were tried


class WalkForward:
    """Windows and the run of their tests. `result` is a backtest's: metrics, trades, plots and a report.

    Its plan has the parameters of the first window; `table` has those of each.
    """

    def __init__(
        self, result: Result, steps: Sequence[Step], *, trials: int, choose: str, boundary: str = "close"
    ) -> None:
        self.result, self.steps, self.trials, self.choose = result, steps, trials, choose
        self.boundary = boundary  #: what happens to positions where a window ends: `close` or `carry`

    @cached_property
    def tested(self) -> list[dict[str, float]]:
        """Each window's figures of its test: total return, return a year, Sharpe ratio, maximum drawdown."""
        return [self._tested(step.window) for step in self.steps]

    @property
    def efficiency(self) -> float:
        """The tests' mean return a year over the mean return a year where parameters were chosen.

        Pardo (2008), The Evaluation and Optimization of Trading Strategies; NaN where the choices themselves
        lost.
        """
        chosen = float(np.mean([step.measures["cagr"] for step in self.steps]))
        return float(np.mean([one["cagr"] for one in self.tested])) / chosen if chosen > 0.0 else math.nan

    @property
    def objective(self) -> str:
        """The measure that decided in each window."""
        return self.steps[0].objective

    @property
    def degradation(self) -> dict[str, tuple[float, float]]:
        """Of each compared figure, its mean where parameters were chosen and its mean in the tests.

        What is measured where something was chosen as the best is too good; this says by how much. Figures
        that are undefined in a window are left out of both means.
        """
        found = {}
        for name in COMPARED:
            pairs = np.array(
                [
                    (step.measures[name], test[name])
                    for step, test in zip(self.steps, self.tested, strict=True)
                ]
            )
            known = pairs[~np.isnan(pairs).any(axis=1)]
            inside, outside = known.mean(axis=0).tolist() if len(known) else (math.nan, math.nan)
            found[name] = (inside, outside)
        return found

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each window: its dates, what was chosen, and how it did there and in its test."""
        import pandas as pd

        return pd.DataFrame(self._rows())

    @cached_property
    def stability(self) -> dict[str, float]:
        """Of each parameter, the share of windows that chose what the window before them chose."""
        pairs = list(pairwise(self.steps))
        return {
            name: float(np.mean([a.parameters[name] == b.parameters[name] for a, b in pairs]))
            if pairs
            else 1.0
            for name in self.steps[0].parameters
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """What the last window chose: what there is to trade with now."""
        return dict(self.steps[-1].parameters)

    def words(self) -> list[str]:
        """Return what came of it, as sentences."""
        result, m = self.result, self.result.metrics
        tests = [one["total_return"] for one in self.tested]
        total, sharpe, fall = (
            words.shown(name, m[name]) for name in ("total_return", "sharpe", "max_drawdown")
        )
        efficiency = "–" if math.isnan(self.efficiency) else f"{self.efficiency:.0%}"
        first = (
            f"{result.found.name} on {result.plan.traded}: {words.count(len(self.steps), 'window')}, "
            f"{self.trials:,} combinations tried, the {self.choose} of each traded in the next"
            f"{', positions carried over' if self.boundary == 'carry' else ''}"
        )
        inside, outside = (words.shown("sharpe", one) for one in self.degradation["sharpe"])
        tested = (
            f"{sum(one > 0.0 for one in tests)} of {len(tests)} tests made money; efficiency {efficiency} of "
            "the return a year that was seen when choosing"
        )
        return [
            first,
            f"verdict: {str(result.verdict).rstrip('.')}",
            *(line for line in (describe_trial(result), describe_holdout(result)) if line),
            f"out of sample: total return {total}, Sharpe ratio {sharpe}, maximum drawdown {fall}",
            tested,
            f"Sharpe ratio where parameters were chosen {inside} on average, in the tests {outside}",
            f"chosen last: {describe(self.parameters)}",
        ]

    def document(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        return {
            "strategy": self.result.found.name,
            "plan": self.result.plan.as_json(),
            "choose": self.choose,
            "boundary": self.boundary,
            "trials": self.trials,
            "verdict": self.result.verdict.as_json(),
            "efficiency": _plain(self.efficiency),
            "degradation": {
                name: {"chosen": _plain(inside), "tested": _plain(outside)}
                for name, (inside, outside) in self.degradation.items()
            },
            "stability": self.stability,
            "metrics": {name: _plain(value) for name, value in self.result.metrics.items()},
            "windows": [{name: _plain(value) for name, value in row.items()} for row in self._rows()],
        }

    def write(self, folder: str | Path) -> Path:
        """Write the page, the windows, the report of the tests and a config for `openbell paper`.

        The files are `walkforward.html`, `walkforward.json`, `report.html` and `strategies.yaml`, which has
        the last choice. The folder is returned.

        Raises:
            ConfigError: The folder cannot be written.
        """
        from openbell.reporting.walkpage import render

        where = Path(folder)
        place.put_text(where / FILE, json.dumps(self.document(), indent=2, allow_nan=False) + "\n")
        write_config(where / "strategies.yaml", self.result.plan, self.result.found.name, self.parameters)
        place.put_text(where / PAGE, render(self))
        self.result.report(where / "report.html")
        return where

    def __repr__(self) -> str:
        return "\n  ".join(self.words())

    def _rows(self) -> list[dict[str, Any]]:
        times = self.result.outcome.panel.times
        rows = []
        for step, tested in zip(self.steps, self.tested, strict=True):
            at = step.window
            rows.append(
                {
                    "train_from": words.date(int(times[at.begin])),
                    "train_to": words.date(int(times[at.end - 1])),
                    "test_from": words.date(int(times[at.test])),
                    "test_to": words.date(int(times[at.last - 1])),
                    **step.parameters,
                    f"chosen_{step.objective}": step.measures[step.objective],
                    "chosen_cagr": step.measures["cagr"],
                    **{f"tested_{name}": value for name, value in tested.items()},
                }
            )
        return rows

    def _tested(self, window: Window) -> dict[str, float]:
        outcome = self.result.outcome
        low, high = window.test - outcome.first, window.last - outcome.first
        marks = outcome.daily[(outcome.daily >= low) & (outcome.daily < high)]
        before = max(low - 1, 0)
        at = np.unique(np.append(before, marks))
        curve: Floats = outcome.equity[at]
        start, end = int(outcome.times[before]), int(outcome.times[at[-1]])
        returns = metrics.simple_returns(curve)
        return {
            "total_return": metrics.total_return(curve),
            "cagr": metrics.cagr(curve, start_ns=start, end_ns=end),
            "sharpe": metrics.sharpe(returns, periods_per_year=self.result.periods_per_year),
            "max_drawdown": drawdown.max_drawdown(curve),
        }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_config(file: Path, plan: Plan, name: str, parameters: Mapping[str, Any]) -> None:
    """Write a strategies.yaml with one strategy and what was chosen for it.

    Raises:
        ConfigError: It cannot be written.
    """
    import yaml

    entry = {
        "name": name,
        "strategy": plan.strategy,
        "symbols": list(plan.symbols),
        "parameters": {**plan.parameters, **parameters},
        "account": {"cash": plan.cash},
    }
    place.put_text(file, yaml.safe_dump({"strategies": [entry]}, sort_keys=False))
