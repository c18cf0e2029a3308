"""Value at risk and expected shortfall: of gains that happened or were drawn, or of a normal distribution.

Both are losses: positive where money is lost.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from openbell.execution.risk.estimates import Floats

_NORMAL = NormalDist()
_HAIR = 1e-9  #: 0.95 × 20 is a hair off 19 in binary


class Tail(NamedTuple):
    """What is lost at a level, and on average beyond it."""

    var: float
    cvar: float


NO_TAIL = Tail(0.0, 0.0)


def tail_of_gains(gains: Floats, level: float) -> Tail:
    """Return the tail of gains that are equally likely.

    Value at risk is the least loss that at least `level` of them do not exceed. Expected shortfall is the
    mean of the worst `1 − level` of them, the last of which may count in part.

    Source: C. Acerbi, D. Tasche, On the coherence of expected shortfall, Journal of Banking & Finance 26
    (2002), 1487-1503, def. 2.6 and eq. 4.
    """
    count = len(gains)
    if count == 0:
        return NO_TAIL
    worst = count - math.ceil(level * count - _HAIR) + 1
    order = gains.copy()
    order.partition(worst - 1)
    ends = sorted(order[:worst].tolist())
    edge = ends[-1]
    mass = (1.0 - level) * count
    beyond = sum(ends[:-1])
    return Tail(-edge, -(beyond + (mass - (worst - 1)) * edge) / mass)


def tail_of_normal(variance: float, level: float) -> Tail:
    """Return the tail of a normal distribution with mean zero: z deviations, and `φ(z)/(1 − level)` beyond.

    Source: A. McNeil, R. Frey, P. Embrechts, Quantitative Risk Management, 2nd ed., 2015, ex. 2.11, 2.14.
    """
    z, beyond = normal_factors(level)
    deviation = math.sqrt(max(variance, 0.0))
    return Tail(z * deviation, beyond * deviation)


def normal_factors(level: float) -> tuple[float, float]:
    """Return the value at risk and the expected shortfall of a standard normal distribution."""
    z = _NORMAL.inv_cdf(level)
    return z, _NORMAL.pdf(z) / (1.0 - level)
