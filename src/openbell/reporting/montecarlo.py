"""What else a run could have led to: blocks of its days drawn anew, its trades in other orders."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from openbell.backtesting import redrawn
from openbell.backtesting.redrawn import FIGURES, LOWEST, Draws
from openbell.backtesting.scattered import Spread, choose_spread
from openbell.core.errors import BadData, ConfigError
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Floats
from openbell.portfolio import trade_metrics
from openbell.portfolio.bootstrap import Interval, accelerated, acceleration, block_length
from openbell.portfolio.metrics import simple_returns
from openbell.reporting import place, words
from openbell.reporting.result import Result

#: The quantiles of the fan.
FAN = (0.05, 0.25, 0.5, 0.75, 0.95)
_YEAR = 365.25 * NANOS_PER_DAY
_FEWEST_DAYS, _FEWEST_TRADES = 20, 5
_FALL = FIGURES.index("max_drawdown")
PAGE, FILE = "montecarlo.html", "montecarlo.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """How courses are drawn."""

    draws: int = 10_000
    block: float | None = None  #: the mean length of a block, in sessions; None chooses it from the returns
    ruin: float = 0.3  #: a loss of this share of the beginning's equity is ruin
    drop: float = 0.1  #: the share of trades that is missed
    confidence: float = 0.95  #: of the intervals
    seed: int = 0

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: A value is out of its range.
        """
        if not 100 <= self.draws <= 1_000_000:
            raise ConfigError(f"draws={self.draws} must be 100 to 1,000,000")
        if self.block is not None and not (math.isfinite(self.block) and self.block >= 1.0):
            raise ConfigError(f"block={self.block} must be 1 session or more")
        for name, least, most in (("ruin", 0.0, 1.0), ("drop", -1.0, 1.0), ("confidence", 0.5, 1.0)):
            if not least < getattr(self, name) < most or (name == "drop" and self.drop < 0.0):
                bounds = "0 or more and below 1" if name == "drop" else f"above {least:g} and below {most:g}"
                raise ConfigError(f"{name}={getattr(self, name)} must be {bounds}")


class Chances(NamedTuple):
    """What the draws of one kind say."""

    loss: float  #: share of the courses that end with a loss
    ruin: float  #: share that ever lost the asked part of what the account began with
    worse: float  #: share with a deeper fall than the run's own
    falls: tuple[float, ...]  #: maximum drawdown at the quantiles of the fan, deepest first
    ends: tuple[float, ...]  #: total return at the quantiles of the fan


class MonteCarlo:
    """A run's figures with their intervals, and other courses that its days and trades could have taken.

    Days are drawn in blocks by the stationary bootstrap, which keeps the clusters of good and bad times that
    are shorter than a block. Trades follow each other in a random order, each missed with a small
    probability. Each is worth the share of the account that it was worth in the run, so that the end is the
    run's own where none is missed.
    """

    def __init__(self, result: Result, asked: Asked, spread: Spread | None = None) -> None:
        """Take a run, and who makes the draws.

        Raises:
            BadData: The run has too few sessions, or lost everything.
        """
        self.result, self.asked, self._spread = result, asked, spread
        curve = result.daily_equity
        if len(curve) <= _FEWEST_DAYS or not (curve > 0.0).all():
            raise BadData(
                f"{result.found.name}: {len(curve) - 1} sessions are too few to draw from, or the account "
                f"lost everything; {_FEWEST_DAYS} are needed: widen the range of dates"
            )
        self.daily = simple_returns(curve)
        times = result.daily_times
        self.years = float(times[-1] - times[0]) / _YEAR
        self.block = (
            block_length(self.daily) if asked.block is None else min(asked.block, float(len(self.daily)))
        )
        closed = sorted((one for one in result.outcome.trades if not one.is_open), key=lambda one: one.closed)
        self.profits: Floats = np.array([trade.pnl for trade in closed], np.float64)
        before = result.plan.cash + np.cumsum(self.profits) - self.profits
        #: what each trade did to the account, of which closed trades alone are counted
        self.gains = np.divide(self.profits, before, out=np.full(len(before), -1.0), where=before > 0.0)

    def draw(self) -> None:
        """Make the draws now, while who makes them is there; else they are made when they are asked for.

        Raises:
            ConfigError: No cluster answers.
        """
        with self._spread.held() if self._spread is not None else nullcontext():
            _ = self.of_days, self.of_trades

    @cached_property
    def of_days(self) -> Draws:
        """Courses made of the run's days."""
        asked = self.asked
        return redrawn.redraw_returns(
            self.daily, draws=asked.draws, length=self.block, years=self.years,
            periods_per_year=self.result.periods_per_year, seed=asked.seed, spread=self._spread,
        )  # fmt: skip

    @cached_property
    def of_trades(self) -> Draws | None:
        """Courses made of the run's closed trades; None where there are fewer than five."""
        if len(self.profits) < _FEWEST_TRADES:
            return None
        asked = self.asked
        return redrawn.reorder_trades(
            self.gains, draws=asked.draws, drop=asked.drop, seed=asked.seed, spread=self._spread
        )

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Each headline figure, and between what its true value lies with the asked confidence.

        Bias-corrected and accelerated (Efron, 1987): blocks of days for figures of the curve, single trades
        for those of trades. A figure that is undefined is left out.
        """
        periods = self.result.periods_per_year
        values = redrawn.measure(self.daily, years=self.years, periods_per_year=periods)
        left = redrawn.leave_each_out(self.daily, years=self.years, periods_per_year=periods)
        found = {}
        for at, name in enumerate(FIGURES):
            if math.isfinite(values[at]):
                found[name] = accelerated(
                    float(values[at]), self.of_days.figures[:, at], acceleration(left[:, at]),
                    confidence=self.asked.confidence,
                )  # fmt: skip
        if len(self.profits) < _FEWEST_TRADES:
            return found
        drawn = redrawn.redraw_trades(self.profits, draws=self.asked.draws, seed=self.asked.seed)
        left = redrawn.leave_each_trade_out(self.profits)
        for at, name in enumerate(redrawn.OF_TRADES):
            value = getattr(trade_metrics, name)(self.profits)
            if math.isfinite(value):
                found[name] = accelerated(
                    value, drawn[:, at], acceleration(left[:, at]), confidence=self.asked.confidence
                )
        return found

    def fan(self, draws: Draws) -> Floats:
        """(quantiles, points) growth of 1 along the courses."""
        bands: Floats = np.quantile(draws.curves, FAN, axis=0)
        return bands

    def chances(self, draws: Draws) -> Chances:
        """Return how often the draws lose, are ruined, and fall deeper than the run did."""
        figures = draws.figures
        own = self.result.metrics["max_drawdown"]
        return Chances(
            float(np.mean(figures[:, 0] < 0.0)),
            float(np.mean(figures[:, LOWEST] <= 1.0 - self.asked.ruin)),
            float(np.mean(figures[:, _FALL] < own)),
            tuple(np.quantile(figures[:, _FALL], FAN).tolist()),
            tuple(np.quantile(figures[:, 0], FAN).tolist()),
        )

    def words(self) -> list[str]:
        """Return what the draws say, a line each."""
        days, asked, plan = self.chances(self.of_days), self.asked, self.result.plan
        middle, worst, own = (
            words.shown("max_drawdown", value)
            for value in (days.falls[2], days.falls[0], self.result.metrics["max_drawdown"])
        )
        first = (
            f"{self.result.found.name} on {plan.traded}: {asked.draws:,} courses of its {len(self.daily):,} "
            f"sessions, in blocks of {self.block:.1f} on average"
        )
        lines = [first]
        lines.append(
            f"a loss at the end in {days.loss:.1%} of them, a loss of {asked.ruin:.0%} on the way in "
            f"{days.ruin:.1%}"
        )
        lines.append(
            f"maximum drawdown {middle} in the middle, {worst} in the worst 5 %; the run's own was {own}"
        )
        if self.of_trades is not None:
            trades = self.chances(self.of_trades)
            lines.append(
                f"its {len(self.profits):,} trades in other orders, {asked.drop:.0%} of them missed: a loss "
                f"in {trades.loss:.1%}, maximum drawdown {words.shown('max_drawdown', trades.falls[0])} in "
                "the worst 5 %"
            )
        sharpe = self.intervals.get("sharpe")
        if sharpe is not None:
            verdict = "which leaves luck as an explanation" if sharpe.low <= 0.0 else "which is above nothing"
            lines.append(
                f"Sharpe ratio {sharpe.value:.2f}, with {asked.confidence:.0%} confidence between "
                f"{sharpe.low:.2f} and {sharpe.high:.2f}, {verdict}"
            )
        return lines

    def document(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        kinds = {"days": self.of_days, "trades": self.of_trades}
        return {
            "asked": asdict(self.asked),
            "block": self.block,
            "sessions": len(self.daily),
            "closed_trades": len(self.profits),
            "quantiles": list(FAN),
            "intervals": {name: one._asdict() for name, one in self.intervals.items()},
            **{
                kind: None if draws is None else self.chances(draws)._asdict()
                for kind, draws in kinds.items()
            },
        }

    def write(self, folder: str | Path) -> Path:
        """Write the page and its figures into a folder, and return the page's path.

        Raises:
            ConfigError: The folder cannot be written.
        """
        from openbell.reporting.montecarlopage import render

        where = Path(folder)
        document = json.dumps(self.document(), indent=2, allow_nan=False) + "\n"
        for name, text in ((FILE, document), (PAGE, render(self))):
            place.put_text(where / name, text)
        return where / PAGE

    def __repr__(self) -> str:
        first, *others = self.words()
        return "\n".join([first, *(f"  {line}" for line in others)])


def montecarlo(  # noqa: PLR0913  # all named and all with a default
    result: Result,
    *,
    draws: int = 10_000,
    block: float | None = None,
    ruin: float = 0.3,
    drop: float = 0.1,
    confidence: float = 0.95,
    seed: int = 0,
    engine: str = "auto",
    address: str | None = None,
    workers: int | None = None,
) -> MonteCarlo:
    """Draw other courses that a run could have taken, and give its figures their intervals.

    Args:
        result: The run.
        draws: How many courses, 100 or more.
        block: How long a block of sessions is on average; None chooses it from the returns.
        ruin: The loss that is ruin, as a share of what the account began with.
        drop: The share of trades that is missed where trades are reordered.
        confidence: Of the intervals.
        seed: Of the draws: the same seed gives the same figures, on however many processors.
        engine: `auto` draws in this process, `ray` on a cluster.
        address: Of a Ray cluster, such as `"auto"`; None starts one on this machine, for `ray` alone.
        workers: How many work at a time; None is as many as there are processors.

    Raises:
        BadData: The run has too few sessions, or lost everything.
        ConfigError: A value is out of its range, or no cluster answers.
    """
    spread = choose_spread(engine, address, workers)
    made = MonteCarlo(result, Asked(draws, block, ruin, drop, confidence, seed), spread)
    made.draw()
    return made
