"""Several runs side by side: what they share, how their figures differ, and their curves on one chart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from openbell.core.errors import ConfigError
from openbell.data.bars import Floats, Times
from openbell.portfolio.benchmark_metrics import lead
from openbell.portfolio.evidence import CONFIDENCE
from openbell.portfolio.metrics import correlations, simple_returns
from openbell.portfolio.overfitting import sharpe_of_columns
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting import identity
from openbell.reporting.judgement import p_value
from openbell.reporting.result import Result

#: Most runs that a page can tell apart.
MOST = 6
_FEWEST = 3  #: sessions from which two returns follow, which is what a Sharpe ratio takes


class Preference(NamedTuple):
    """Whether one run is shown to be better than the others: what it comes to, in words, and the grounds."""

    standing: str  #: `supported`, `luck` or `nothing`
    text: str
    detail: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Comparison:
    """Runs to be told apart by their names, and their equity on the sessions that all of them have."""

    names: Sequence[str]
    results: Sequence[Result]
    times: Times  #: (common,) ns UTC: ends of the sessions that all have
    curves: Sequence[Floats]  #: (common,) each run's equity, 100 at the first of them

    def metric(self, key: str) -> list[float]:
        """Return each run's value of a metric."""
        return [result.metrics[key] for result in self.results]

    def differences(self, key: str) -> list[float]:
        """Return each run's value of a metric less the first's; 0 for the first, NaN where undefined."""
        first, *others = self.metric(key)
        return [0.0 if not math.isnan(first) else math.nan, *(value - first for value in others)]

    def settings(self) -> dict[str, list[str]]:
        """Return what of the runs' settings differs between them, by name."""
        flat = [_flat(_settings(result)) for result in self.results]
        keys = list(dict.fromkeys(key for one in flat for key in one))
        found = {key: [one.get(key, "–") for one in flat] for key in keys}
        return {key: values for key, values in found.items() if len(set(values)) > 1}

    @property
    def same_span(self) -> bool:
        """Tell whether all runs begin and end at the same sessions."""
        spans = {(int(r.daily_times[0]), int(r.daily_times[-1])) for r in self.results}
        return len(spans) == 1

    def correlations(self) -> Floats:
        """Return the runs' correlations by their returns on common sessions, (runs, runs); NaN if flat."""
        return correlations(self.curves)

    @cached_property
    def verdict(self) -> Preference:
        """Whether the run with the best Sharpe ratio on common sessions is shown to be better than others.

        Jobson and Korkie's test with Memmel's correction, for each pair; as the best was picked among all of
        them, a p-value is multiplied by the number of ordered pairs (Bonferroni).
        """
        returns = [simple_returns(curve) for curve in self.curves]
        if len(self.times) < _FEWEST:
            return Preference(
                "nothing", f"Nothing to tell apart: {len(self.times)} sessions are too few.", ""
            )
        ratios = sharpe_of_columns(np.array(returns).T)
        best, pairs = int(np.argmax(ratios)), len(returns) * (len(returns) - 1)
        chances = {
            name: min((1.0 - lead(returns[best], other)) * pairs, 1.0)
            for at, (name, other) in enumerate(zip(self.names, returns, strict=True))
            if at != best
        }
        sessions = f"on the {len(self.times):,} sessions that all have"
        own = self.names[best]
        if any(math.isnan(p) for p in chances.values()):
            same = " and ".join([own, *(name for name, p in chances.items() if math.isnan(p))])
            return Preference("nothing", f"Nothing to tell apart: {same} move as one or not at all.", "")
        least = max(chances.values())
        test = f"Jobson and Korkie's test for the best of {len(returns)}, by Bonferroni"
        grounds = f"By their Sharpe ratios {sessions}; {test}."
        if least <= 1.0 - CONFIDENCE:
            others = "the other" if len(chances) == 1 else "each of the others"
            return Preference(
                "supported", f"{own} is better than {others}: p-value {p_value(least)} at most.", grounds
            )
        unlike = [f"{name} (p-value {p_value(p)})" for name, p in chances.items() if p > 1.0 - CONFIDENCE]
        return Preference("luck", f"{own} is not shown to be better than {', '.join(unlike)}.", grounds)

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return {
            "runs": list(self.names),
            "verdict": self.verdict._asdict(),
            "verdicts": [result.verdict.as_json() for result in self.results],
            "metrics": {key: [_plain(v) for v in self.metric(key)] for key in DESCRIPTIONS},
            "differences": {key: [_plain(v) for v in self.differences(key)] for key in DESCRIPTIONS},
            "settings": self.settings(),
        }


def compare(results: Sequence[Result]) -> Comparison:
    """Return a comparison of two to `MOST` runs.

    Raises:
        ConfigError: There are too few or too many, or they have fewer than two sessions in common.
    """
    if not 2 <= len(results) <= MOST:
        raise ConfigError(f"compare: {len(results)} runs given; name 2 to {MOST}")
    names = _names(results)
    common = results[0].daily_times
    for other in results[1:]:
        common = np.intersect1d(common, other.daily_times)
    if len(common) < 2:
        raise ConfigError(f"compare: {', '.join(names)} have no two sessions in common; compare others")
    curves = []
    for result in results:
        curve = result.daily_equity[np.searchsorted(result.daily_times, common)]
        curves.append(100.0 * curve / curve[0])
    return Comparison(names, results, common, curves)


def _names(results: Sequence[Result]) -> list[str]:
    """Return names that differ: the strategy's, with its symbols, parameters or number where it must."""
    ways = (
        lambda r: r.found.name,
        lambda r: f"{r.found.name} {r.plan.traded}",
        lambda r: " ".join([r.found.name, *(f"{k}={v}" for k, v in identity.parameters(r).items())]),
    )
    for way in ways:
        names = [way(result) for result in results]
        if len(set(names)) == len(names):
            return names
    return [f"{number} {result.found.name}" for number, result in enumerate(results, start=1)]


def _settings(result: Result) -> dict[str, Any]:
    plan = result.plan.as_json()
    plan["parameters"] = identity.parameters(result)
    return plan


def _flat(value: Any, key: str = "") -> dict[str, str]:
    if isinstance(value, Mapping):
        found: dict[str, str] = {}
        for name, inner in value.items():
            found |= _flat(inner, f"{key}.{name}" if key else str(name))
        return found
    if isinstance(value, list):
        return {key: ", ".join(map(str, value)) or "none"}
    return {key: str(value)}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
