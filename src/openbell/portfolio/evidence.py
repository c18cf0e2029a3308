"""What a record of returns is evidence of: skill, luck, its benchmark, or nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData
from openbell.portfolio.benchmark_metrics import lead
from openbell.portfolio.reality import Superiority
from openbell.portfolio.significance import (
    expected_maximum,
    minimum_track_record,
    moments_of,
    probabilistic_sharpe,
)
from openbell.portfolio.tried import Tried

Floats = NDArray[np.float64]

#: How sure one must be: the level that Bailey and López de Prado take in both of their papers.
CONFIDENCE = 0.95
#: From this probability of overfitting on, to take the best is no better than to take any of them.
MOST_OVERFIT = 0.5


class Standing(StrEnum):
    """What the evidence supports, from nothing to something."""

    NOTHING = "nothing"  #: no return varies, or none is defined
    LOSS = "loss"  #: there is no gain to explain
    LUCK = "luck"  #: a gain that luck explains as well
    BENCHMARK = "benchmark"  #: more than luck, and not shown to be better than the benchmark
    SUPPORTED = "supported"  #: more than luck, and better than the benchmark


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures of one record. Sharpe ratios are of a period; NaN is not defined, None is not known."""

    length: int  #: returns
    sharpe: float = math.nan
    probabilistic: float = math.nan  #: probability that the true ratio is above 0, of one trial
    deflated: float = math.nan  #: that it is above the hurdle: Bailey and López de Prado (2014)
    hurdle: float = math.nan  #: the ratio that the best of as many worthless ones is expected to have
    needed: float = math.nan  #: returns that it takes to be sure that it is above the hurdle; may be infinite
    ahead: float | None = None  #: probability that its true ratio is above the benchmark's
    tried: Tried | None = None  #: None: not known, and counted as one trial
    overfitting: float | None = None  #: probability that the choice of the best was one of noise
    superiority: Superiority | None = None  #: p-values that none of all is better than the benchmark

    @property
    def standing(self) -> Standing:
        """What it comes to."""
        if math.isnan(self.sharpe):
            return Standing.NOTHING
        if self.sharpe <= 0.0:
            return Standing.LOSS
        if self.deflated < CONFIDENCE or (self.overfitting or 0.0) >= MOST_OVERFIT:
            return Standing.LUCK
        beaten = self.superiority is not None and self.superiority.consistent > 1.0 - CONFIDENCE
        if beaten or (self.ahead is not None and self.ahead < CONFIDENCE):
            return Standing.BENCHMARK
        return Standing.SUPPORTED


def weigh(
    returns: Floats,
    benchmark: Floats | None = None,
    *,
    tried: Tried | None = None,
    overfitting: float | None = None,
    superiority: Superiority | None = None,
    hurdle: float | None = None,
) -> Evidence:
    """Return what returns are evidence of.

    Args:
        returns: (n,) of each period.
        benchmark: (n,) what the benchmark returned in the same periods.
        tried: What was tried before this one was shown; None is not known, and counts as one trial.
        overfitting: The probability of backtest overfitting of the trials that this one was chosen from; None
            is what `tried` knows of it.
        superiority: Of the same trials against the benchmark.
        hurdle: The Sharpe ratio of a period that luck is expected to have; None is that of `tried`.
    """
    chosen = tried.overfitting if overfitting is None and tried is not None else overfitting
    try:
        moments = moments_of(returns)
    except BadData:  # too few, none that vary, or an account that was wiped out
        return Evidence(len(returns), tried=tried, overfitting=chosen, superiority=superiority)
    if hurdle is None:
        hurdle = 0.0 if tried is None else expected_maximum(tried.independent, tried.deviation)
    return Evidence(
        moments.length,
        moments.sharpe,
        probabilistic_sharpe(moments),
        probabilistic_sharpe(moments, against=hurdle),
        hurdle,
        minimum_track_record(moments, against=hurdle, confidence=CONFIDENCE),
        _known(lead(returns, benchmark)) if benchmark is not None else None,
        tried,
        chosen,
        superiority,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
