"""How likely a figure is where there is nothing to find: its place among those of other orders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData

Floats = NDArray[np.float64]

_ROUNDING = 1e-9  #: of the figure: two sums of the same numbers in other orders


def permutation_p(own: float, others: Floats) -> float:
    """Return the probability of a figure as good as `own` if order did not matter.

    (1 + as good or better) / (1 + all): the order that was is one of those that could have been, so that no
    number of permutations gives zero. Davison and Hinkley (1997), Bootstrap Methods and their Application,
    4.3; Phipson and Smyth (2010), Permutation P-values Should Never Be Zero.

    Args:
        own: The figure, of which more is better.
        others: (n,) the same figure of other orders.

    Raises:
        BadData: There are no others, or a figure is no number.
    """
    if not len(others) or not np.isfinite([own, *others]).all():
        raise BadData(
            f"the figure {own!r} among {len(others)} others: numbers are needed, one or more of them"
        )
    better = np.count_nonzero(others >= own - _ROUNDING * abs(own))
    return float((1.0 + better) / (1.0 + len(others)))
