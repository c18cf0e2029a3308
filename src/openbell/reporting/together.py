"""Several strategies as one portfolio: their accounts added up, and what each of them brought."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from openbell.core.errors import ConfigError
from openbell.data.bars import Floats, Times
from openbell.portfolio.attribution import Part, divide, in_cents
from openbell.portfolio.currencies import rate_of
from openbell.portfolio.evidence import weigh
from openbell.portfolio.metrics import correlations, simple_returns
from openbell.portfolio.state import cash_of
from openbell.portfolio.summary import summarise
from openbell.portfolio.tried import Tried
from openbell.reporting.credibility import WITHOUT_COSTS
from openbell.reporting.judgement import Judgement, judge
from openbell.reporting.notices import LOOK_AHEAD
from openbell.reporting.portfolio import currency, parts, state
from openbell.reporting.result import Result

#: Findings of one strategy that make the whole unsound.
_SHARED = (LOOK_AHEAD, WITHOUT_COSTS.kind)


@dataclass(frozen=True)
class Together:
    """Strategies that each have an account of their own. Before and after its run an account stands still."""

    names: Sequence[str]
    results: Sequence[Result]
    times: Times  #: (marks,) ns UTC: the ends of all their sessions
    curves: Sequence[Floats]  #: (marks,) each one's equity, in `currency`
    currency: str
    rates: Sequence[float]  #: what one unit of each one's own currency is worth in `currency`

    @cached_property
    def equity(self) -> Floats:
        """(marks,) all accounts together."""
        total: Floats = np.sum(self.curves, axis=0)
        return total

    @cached_property
    def benchmark(self) -> Floats:
        """(marks,) what each one is compared with, together."""
        curves = [
            rate * _spread(result, result.daily_benchmark, self.times)
            for result, rate in zip(self.results, self.rates, strict=True)
        ]
        total: Floats = np.sum(curves, axis=0)
        return total

    @cached_property
    def metrics(self) -> dict[str, float]:
        """The metrics of the joint curve, by the keys of `DESCRIPTIONS` that a curve defines."""
        year = max(result.periods_per_year for result in self.results)
        return summarise(self.equity, self.times, periods_per_year=year, benchmark=self.benchmark)

    @cached_property
    def verdict(self) -> Judgement:
        """What the joint curve is evidence of, each strategy taken for the luckiest of its own trials.

        What luck is expected to bring adds up as means do: the hurdle of the whole is the sum of each one's,
        times its deviation and its share of the money, over the deviation of the whole.
        """
        own, its = simple_returns(self.equity), simple_returns(self.benchmark)
        known = [result.tried for result in self.results if result.tried is not None]
        tried = hurdle = None
        if len(known) == len(self.results):
            tried = Tried(
                sum(one.count for one in known), sum(one.independent for one in known),
                max(one.deviation for one in known),
            )  # fmt: skip
            spread = float(own.std(ddof=1)) if len(own) > 1 else 0.0
            hurdle = sum(map(self._luck, self.results, self.curves)) / spread if spread > 0.0 else 0.0
        year = max(result.periods_per_year for result in self.results)
        serious = [notice for result in self.results for notice in result.findings if notice.kind in _SHARED]
        found = judge(
            weigh(own, its, tried=tried, hurdle=hurdle), year, against="their benchmarks together",
            findings=serious,
        )  # fmt: skip
        each = "Each strategy is taken for the luckiest of its own trials." if tried is not None else ""
        return found._replace(detail=" ".join(part for part in (each, found.detail) if part))

    def _luck(self, result: Result, curve: Floats) -> float:
        """Return what luck is expected to have added to the mean return of the whole."""
        returns, hurdle = simple_returns(result.daily_equity), result.evidence.hurdle
        if len(returns) < 2 or math.isnan(hurdle):
            return 0.0
        share = float(np.mean(curve[:-1] / self.equity[:-1])) * len(returns) / (len(self.times) - 1)
        return share * hurdle * float(returns.std(ddof=1))

    @cached_property
    def parts(self) -> list[Part]:
        """Every strategy's profit by symbol and side, open positions at their last prices."""
        return [
            part._replace(strategy=name, pnl=rate * part.pnl, fees=rate * part.fees, carry=rate * part.carry)
            for name, result, rate in zip(self.names, self.results, self.rates, strict=True)
            for part in parts(result)
        ]

    @cached_property
    def cash(self) -> dict[str, float]:
        """The cash of all accounts at the end, by currency and unconverted."""
        return cash_of(state(result) for result in self.results)

    def attribution(self, by: str) -> dict[str, float]:
        """Return the profit by `strategy`, `symbol`, `sector` or `side`, to the cent.

        Raises:
            ConfigError: There is no such way.
        """
        return in_cents(divide(self.parts, by))

    def crossed(self) -> tuple[list[str], dict[str, dict[str, float]]]:
        """Return the symbols, and of each strategy what each symbol brought; the parts add up to all."""
        symbols = list(dict.fromkeys(part.symbol for part in self.parts))
        found: dict[str, dict[str, float]] = {}
        for name in self.names:
            own = [part for part in self.parts if part.strategy == name]
            found[name] = divide(own, "symbol")
        return symbols, found

    def correlations(self) -> Floats:
        """Return the strategies' correlations by their returns, (strategies, strategies); NaN if unknown."""
        return correlations(self.curves)

    def as_json(self) -> dict[str, Any]:
        """Return the portfolio as JSON values."""
        return {
            "strategies": list(self.names),
            "currency": self.currency,
            "cash": self.cash,
            "initial": float(self.equity[0]),
            "final": float(self.equity[-1]),
            "verdict": self.verdict.as_json(),
            "metrics": {key: v if math.isfinite(v) else None for key, v in self.metrics.items()},
            "attribution": {by: self.attribution(by) for by in ("strategy", "symbol", "sector", "side")},
            "by_strategy_and_symbol": self.crossed()[1],
        }


def join(results: Sequence[Result], *, into: str = "", rates: Mapping[str, float] | None = None) -> Together:
    """Return strategies as one portfolio.

    Args:
        results: What the strategies led to, each in the currency of what it traded.
        into: The currency of the portfolio; that of the first strategy if not given.
        rates: What one unit of each other currency is worth in it, at all times: what rates did meanwhile
            is not in the portfolio.

    Raises:
        ConfigError: There is none, or a rate is missing.
    """
    if not results:
        raise ConfigError("portfolio: no strategy is given; name a run or a session")
    times = np.unique(np.concatenate([result.daily_times for result in results]))
    into = into or currency(results[0])
    scales = [rate_of(currency(result), into, rates or {}) for result in results]
    curves = [
        scale * _spread(result, result.daily_equity, times)
        for result, scale in zip(results, scales, strict=True)
    ]
    seen: dict[str, int] = {}
    names = []
    for result in results:
        name = result.found.name
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return Together(names, results, times, curves, into, scales)


def _spread(result: Result, curve: Floats, times: Times) -> Floats:
    """Return a curve of a result's marks at other times: the last value before, its first before that."""
    at = np.searchsorted(result.daily_times, times, side="right") - 1
    values: Floats = curve[np.maximum(at, 0)]
    return values
