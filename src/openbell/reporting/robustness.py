"""What is left of a run under harder trading, over other histories, and with its prices in other orders."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from openbell.backtesting.laws import LAWS
from openbell.backtesting.measures import MEASURES, Objective, read_objectives
from openbell.backtesting.pairing import Paired
from openbell.backtesting.redrawn import FIGURES, OF_TRADES
from openbell.core.errors import ConfigError, nearest
from openbell.data.bars import Floats
from openbell.portfolio.permutation import permutation_p
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting import place, words
from openbell.reporting.result import Result

#: What is shown of each run.
SHOWN = ("total_return", "sharpe", "max_drawdown", "trades")
#: The quantiles of many runs.
SPREAD = (0.05, 0.5, 0.95)
#: What can decide.
JUDGED = (*FIGURES, *OF_TRADES)
PAGE, FILE = "robustness.html", "robustness.json"
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is put through."""

    prices: tuple[str, ...] = tuple(LAWS)  #: the laws of the other histories
    histories: int = 200  #: of each law; 0 leaves them out
    permutations: int = 200  #: of the prices; 0 leaves the test out
    drop: float = 0.1  #: the share of entries that is missed
    drops: int = 20  #: how many times other ones are missed
    figure: str = "sharpe"  #: what decides
    block: float | None = None  #: the mean length of a block, in sessions; None chooses it
    seed: int = 0

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: A value is out of its range, or a name is unknown.
        """
        for name in ("histories", "permutations", "drops"):
            if not 0 <= getattr(self, name) <= _MOST:
                raise ConfigError(f"{name}={getattr(self, name)} must be 0 to {_MOST:,}")
        if self.seed < 0:
            raise ConfigError(f"seed={self.seed} must be a whole number, zero or more")
        if not 0.0 < self.drop < 1.0:
            raise ConfigError(f"drop={self.drop} must be above 0 and below 1")
        if self.block is not None and not (math.isfinite(self.block) and self.block >= 1.0):
            raise ConfigError(f"block={self.block} must be 1 session or more")
        for name in self.prices:
            if name not in LAWS:
                raise ConfigError(f"prices={name!r} is unknown{nearest(name, LAWS)}")
        if self.figure not in JUDGED:
            raise ConfigError(f"figure={self.figure!r} is unknown{nearest(self.figure, JUDGED)}")

    @property
    def objective(self) -> Objective:
        """The figure that decides, and which way is better."""
        return read_objectives(self.figure)[0]


class Rerun(NamedTuple):
    """A run that was traded harder: once, or many times with other chances."""

    name: str
    values: Floats  #: (runs, measures)

    @property
    def middle(self) -> dict[str, float]:
        """Return what is shown of it, the median of many runs; NaN where it is undefined in each."""
        return dict(zip(SHOWN, spread_of(self.values)[:, 1].tolist(), strict=True))


class History(NamedTuple):
    """A law's histories, and what the strategy did over them."""

    values: Floats  #: (histories, measures)
    told: Mapping[str, float]  #: what was fitted, by name

    @property
    def words(self) -> str:
        """What was fitted, in words: returns are logarithms, of a bar."""
        told = self.told
        if "block" in told:
            return f"blocks of {told['block']:.1f} sessions on average"
        if "mean" in told:
            return f"mean {told['mean']:.3%}, deviation {told['deviation']:.2%}"
        return "; ".join(
            f"{state}: mean {told[f'{state}_mean']:.3%}, deviation {told[f'{state}_deviation']:.2%}, for "
            f"{told[f'{state}_bars']:,.0f} bars"
            for state in ("calm", "wild")
        )


@dataclass(frozen=True, eq=False)
class Robustness:
    """A run beside what became of it elsewhere."""

    result: Result
    asked: Asked
    own: Floats  #: (measures,) of the run
    reruns: Sequence[Rerun]
    histories: Mapping[str, History]  #: by law
    permuted: Floats  #: (permutations, measures)
    paired: Paired | None  #: None where nothing was held
    sessions: int  #: that histories are drawn from

    def scores(self, values: Floats) -> Floats:
        """Return the figure that decides, more is better; 0 where a run is without it, as it never traded."""
        at = MEASURES.index(self.asked.objective.name)
        scored: Floats = self.asked.objective.sign * np.nan_to_num(values[..., at], nan=0.0)
        return scored

    @property
    def figure(self) -> str:
        """What decides, as it is called in a sentence."""
        label = DESCRIPTIONS[self.asked.objective.name].label
        return label if label[:1] == "S" else label[:1].lower() + label[1:]  # Sharpe and Sortino are names

    def place(self, name: str) -> float:
        """Return the share of a law's histories over which the run would have done as well or better."""
        return float(np.mean(self.scores(self.histories[name].values) >= self.scores(self.own)))

    @cached_property
    def probability(self) -> float | None:
        """The permutation test's: how likely so good a figure is by prices in another order."""
        return (
            permutation_p(float(self.scores(self.own)), self.scores(self.permuted))
            if len(self.permuted)
            else None
        )

    @cached_property
    def pairing(self) -> float | None:
        """The same of positions that meet the returns in another order."""
        return None if self.paired is None else permutation_p(self.paired.own, self.paired.others)

    def words(self) -> list[str]:
        """Return what it says, a line each."""
        shown = words.shown
        name = self.asked.objective.name
        own = shown(name, float(self.own[MEASURES.index(name)]))
        lines = [
            f"{self.result.found.name} on {self.result.plan.traded}, run again: its {self.figure} was {own}"
        ]
        at = MEASURES.index(name)
        hard = [
            (one, float(np.nanmedian(one.values[:, at])))
            for one in self.reruns
            if np.isfinite(one.values[:, at]).any()
        ]
        if hard:
            worst = min(hard, key=lambda pair: self.asked.objective.sign * pair[1])
            lines.append(f"under harder trading it is {shown(name, worst[1])} at worst, with {worst[0].name}")
        if self.result.plan.costs.free:
            lines.append("the run has no costs, and three times none is none: run it with costs")
        for law, (values, _) in self.histories.items():
            low, middle, high = (
                shown(name, value)
                for value in np.nanquantile(self.scores(values), SPREAD) * self.asked.objective.sign
            )
            lines.append(
                f"over {len(values):,} histories by {LABELS[law]}: {middle} in the middle, {low} to {high} "
                f"in nine of ten; {self.place(law):.0%} of them reach the run's own"
            )
        lines += self._tested()
        return lines

    def _tested(self) -> list[str]:
        lines = []
        if self.probability is not None:
            better = round(self.probability * (1 + len(self.permuted))) - 1
            lines.append(
                f"with its prices in other orders {better:,} of {len(self.permuted):,} runs do as well: "
                f"p = {self.probability:.3f}, {_meaning(self.probability)}"
            )
        if self.pairing is not None and self.paired is not None:
            lines.append(
                f"its positions against returns in {len(self.paired.others):,} other orders: "
                f"p = {self.pairing:.3f}, {_meaning(self.pairing)}"
            )
        return lines

    def document(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "asked": asdict(self.asked),
            "sessions": self.sessions,
            "recorded": _told(dict(zip(MEASURES, self.own.tolist(), strict=True))),
            "stress": {
                one.name: {"runs": len(one.values), **_quantiles(one.values)} for one in self.reruns
            },
            "quantiles": list(SPREAD),
            "histories": {
                law: {
                    "runs": len(values), "fitted": dict(told), "reach": self.place(law), **_quantiles(values),
                }
                for law, (values, told) in self.histories.items()
            },
            "permutation": None if self.probability is None else {
                "runs": len(self.permuted), "p": self.probability, **_quantiles(self.permuted),
            },
            "positions": None if self.paired is None else {
                "orders": len(self.paired.others), "p": self.pairing, "sharpe_of_a_session": self.paired.own,
            },
        }  # fmt: skip

    def write(self, folder: str | Path) -> Path:
        """Write the page and its figures into a folder, and return the page's path.

        Raises:
            ConfigError: The folder cannot be written.
        """
        from openbell.reporting.robustnesspage import render

        document = json.dumps(self.document(), indent=2, allow_nan=False) + "\n"
        for name, text in ((FILE, document), (PAGE, render(self))):
            place.put_text(Path(folder) / name, text)
        return Path(folder) / PAGE

    def __repr__(self) -> str:
        first, *others = self.words()
        return "\n".join([first, *(f"  {line}" for line in others)])


#: What each law is called in a sentence.
LABELS: Mapping[str, str] = {
    "gbm": "geometric Brownian motion",
    "regimes": "two regimes in turn",
    "blocks": "blocks of its sessions",
}


def spread_of(values: Floats) -> Floats:
    """(shown figures, quantiles) of runs, (runs, measures); NaN where a figure is undefined in each."""
    picked = values[:, [MEASURES.index(name) for name in SHOWN]]
    found = np.full((len(SHOWN), len(SPREAD)), np.nan)
    for at, column in enumerate(picked.T):
        defined = column[np.isfinite(column)]
        if len(defined):
            found[at] = np.quantile(defined, SPREAD)
    return found


def _quantiles(values: Floats) -> dict[str, Any]:
    return {name: _plain(row) for name, row in zip(SHOWN, spread_of(values).tolist(), strict=True)}


def _plain(row: Sequence[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in row]


def _told(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _meaning(probability: float) -> str:
    if probability <= 0.05:
        return "which chance seldom gives"
    return "which chance gives as well" if probability <= 0.5 else "which chance gives more often than not"
