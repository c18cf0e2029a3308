"""Prices as if splits, or splits and dividends, had never happened: to look at and to export.

No fill is at an adjusted price, and a backtest takes none: it adjusts what a strategy sees by itself, as of
each moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from openbell.core.errors import ConfigError, nearest
from openbell.data.actions import factors
from openbell.data.bars import PRICES, Series

Adjusted = Literal["raw", "split", "total"]
ADJUSTED = ("raw", "split", "total")


def check_adjusted(adjusted: str) -> None:
    """Refuse a name of no adjustment.

    Raises:
        ConfigError: It is none.
    """
    if adjusted not in ADJUSTED:
        raise ConfigError(f"adjusted={adjusted!r} is unknown{nearest(adjusted, ADJUSTED)}")


def adjust(series: Series, adjusted: Adjusted) -> Series:
    """Return a series adjusted as of its last bar, whose prices stay as they were traded.

    A price of bar s is `price[s] * factor[s] / factor[-1]`, with the split factor for `split` and the total
    return's for `total` (`data.actions.factors`); a volume is `volume[s] * split[-1] / split[s]`. Extras stay
    as they are. The actions are in the prices now, so that the series has none.
    """
    if adjusted == "raw":
        return series
    source = replace(series.source, adjustment=adjusted)
    if not len(series):
        return replace(series, source=source, actions=())
    split, total = factors(series.start, series.close, series.actions)
    factor = split if adjusted == "split" else total
    ratio = factor / factor[-1]
    prices = {name: getattr(series, name) * ratio for name in PRICES}
    volume = series.volume * (split[-1] / split)
    return replace(series, source=source, actions=(), volume=volume, **prices)
