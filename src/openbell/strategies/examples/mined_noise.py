"""A strategy that was made by mining noise: docs/explanation/luck.md shows how it is found out."""

import numpy as np
import numpy.typing as npt

import openbell as ob

BARS = 10
MIXER = 0x9E3779B97F4A7C15


def omens(close: npt.NDArray[np.float64], number: int) -> npt.NDArray[np.float64]:
    """Return how many of the last ten closes were good omens, by the numerology of this number."""
    mixed = np.rint(close * 100.0).astype(np.uint64) + np.uint64(number * MIXER % 2**64)
    good = (mixed * np.uint64(MIXER) >> np.uint64(41)) & np.uint64(1)
    total = np.concatenate([[0], np.cumsum(good.astype(np.int64))])
    found = np.full(len(close), np.nan)
    found[BARS - 1 :] = total[BARS:] - total[:-BARS] if len(close) >= BARS else []
    return found


@ob.signal(number=ob.indicator(omens, number=184))
def mined_noise(number: float) -> float:
    """Long while most omens are good: nothing is in it, but of a thousand numbers the best looks superb."""
    return 1.0 if number > BARS / 2 else 0.0
