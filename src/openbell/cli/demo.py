"""The command `demo`: the example strategies on the bundled prices."""

from __future__ import annotations

from collections.abc import Iterator

from openbell.backtesting.plan import Plan
from openbell.cli.answer import Answer
from openbell.cli.backtests import answer
from openbell.cli.index import write_index
from openbell.cli.jobs import Job, check_writable, find_reports
from openbell.cli.running import run_all, write_all
from openbell.cli.terminal import progress
from openbell.core.costs import REG_T, Costs
from openbell.strategies.registry import find

#: What each example is shown on.
SYMBOLS = {
    "sma_cross": ("AAPL",),
    "rsi_reversion": ("MSFT",),
    "bollinger_breakout": ("AAPL",),
    "donchian_trend": ("IBM",),
    "pairs_trade": ("MSFT", "IBM"),
    "momentum_rotation": ("AAPL", "IBM", "MSFT"),
    "volatility_trend": ("AAPL", "IBM", "MSFT"),
    "risk_parity": ("AAPL", "IBM", "MSFT"),
    "sector_neutral_momentum": ("AAPL", "IBM", "MSFT", "GOOG"),
    "drawdown_staged": ("AAPL", "IBM", "MSFT"),
    "dollar_cost_averaging": ("AAPL", "IBM", "MSFT"),
    "buy_and_hold": ("AAPL", "IBM", "MSFT"),
    "mined_noise": ("AAPL",),
}
#: What sells short needs a margin account.
MARGIN = {"pairs_trade": REG_T, "sector_neutral_momentum": REG_T}
CUTS = 3  #: moments that each check tests: the whole demo is to take seconds


def run_demo(reports: str | None, *, check: bool) -> Answer:
    """Run every example, write the reports, and show them side by side.

    Raises:
        ConfigError: The reports cannot be written.
    """
    folder, place = find_reports(reports)
    check_writable(folder, place)
    with progress() as tell:
        finished = run_all(list(_jobs()), check=check, progress=tell, cuts=CUTS)
        paths = write_all(finished, folder)
    return answer(finished, paths, write_index(folder))


def _jobs() -> Iterator[Job]:
    for name, symbols in SYMBOLS.items():
        costs = Costs(margin=MARGIN[name]) if name in MARGIN else Costs()
        yield Job(name, find(name), Plan(name, symbols=symbols, costs=costs))
