"""What a run holds at its end, and what moves it."""

from __future__ import annotations

from openbell.portfolio.exposed import Exposed, look
from openbell.portfolio.metrics import simple_returns
from openbell.reporting.result import Result

WINDOW = 252  #: sessions that returns are taken from


def exposed(result: Result) -> Exposed:
    """Return what a run holds at its end, by the returns of its last year, beta to its benchmark."""
    outcome, panel = result.outcome, result.outcome.panel
    values = {symbol: float(curve[-1]) for symbol, curve in outcome.values.items() if curve[-1] != 0.0}
    marks = result.marks[-WINDOW - 1 :]
    returns = {symbol: simple_returns(panel.growth(symbol)[marks]) for symbol in values}
    market = simple_returns(result.benchmark_curve[marks])
    sectors = {symbol: track.instrument.sector for symbol, track in panel.tracks.items()}
    return look(values, result.final_equity, returns, market, sectors)
