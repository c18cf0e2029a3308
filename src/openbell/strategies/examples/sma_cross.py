"""Trend following in its smallest form."""

import openbell as ob


@ob.signal(fast=ob.SMA(10), slow=ob.SMA(30))
def sma_cross(fast: float, slow: float) -> float:
    """Long while the fast average is above the slow one."""
    return 1.0 if fast > slow else 0.0
