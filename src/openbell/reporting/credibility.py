"""Findings on whether figures can be believed: made without costs, too good, of too few trades, too short."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio.evidence import CONFIDENCE
from openbell.portfolio.rolling import monthly_returns
from openbell.reporting.nothing import why_nothing
from openbell.reporting.notices import Notice
from openbell.reporting.result import Result
from openbell.reporting.words import count, date

#: The rule of thumb from which on a mean is about normally distributed.
FEWEST_TRADES = 30
#: Funds that keep a Sharpe ratio of 2 over years are rare; twice that is no trading rule's.
HIGHEST_SHARPE = 4.0
#: Winning each of more trades than this is no luck: a coin does it once in a million times.
MOST_WINS_IN_A_ROW = 20
#: Two years of months without a loss: a coin does it once in seventeen million times.
MONTHS_WITHOUT_LOSS = 24
#: In fewer sessions a rising curve may be chance.
FEWEST_SESSIONS = 20
DAYS_OF_A_YEAR = 365
WITHOUT_COSTS = Notice(
    "serious",
    "Without costs: no commission and no slippage.",
    "Nobody trades for free. The more a strategy trades, the more these figures flatter it.",
    "no_costs",
    0.0,
    "Run it with the costs of your broker; the default ones are a beginning.",
)
_SUSPECT = "Look for a value from the future, missing costs or faulty prices first."


def costs(result: Result) -> Iterator[Notice]:
    """Say that a run had no costs."""
    if result.plan.costs.free:
        yield WITHOUT_COSTS


def ruin(result: Result) -> Iterator[Notice]:
    """Say when the account was wiped out."""
    gone = np.flatnonzero(result.outcome.equity <= 0)
    if len(gone):
        yield Notice(
            "serious",
            f"The account was wiped out on {date(int(result.outcome.times[gone[0]]))}.",
            "From there on no return is defined, and the metrics that need one are blank.",
            "ruin",
            result.final_equity,
            "Take smaller positions, or set limits of risk.",
        )


def trades(result: Result) -> Iterator[Notice]:
    """Say that there was no trade, or why so few of them prove little."""
    outcome = result.outcome
    if not outcome.fills:
        yield Notice(
            "serious",
            f"0 trades: {why_nothing(result)}",
            "There is nothing to judge here.",
            "no_trades",
            0.0,
            "Mend what is named, or widen the range of dates.",
        )
        return
    closed = [trade for trade in outcome.trades if not trade.is_open]
    if not closed:
        yield Notice(
            "caution",
            "0 closed trades: what was bought is still held.",
            "The equity curve counts it at the last price; the figures of trades are blank.",
            "few_trades",
            0.0,
            "Judge it by its returns alone, as one holds a stock.",
        )
    elif len(closed) < FEWEST_TRADES:
        wins = sum(trade.pnl > 0 for trade in closed)
        low, high = interval(wins, len(closed))
        yield Notice(
            "caution",
            f"Only {count(len(closed), 'trade')}: too few to tell skill from luck.",
            f"With {wins} of {len(closed)} won, the odds may be anything from {low:.0%} to {high:.0%} (95%).",
            "few_trades",
            float(len(closed)),
            f"Run it over more years or more symbols, until there are {FEWEST_TRADES} or more.",
        )


def too_good(result: Result) -> Iterator[Notice]:
    """Say which figures nobody reaches by trading."""
    m = result.metrics
    if m["sharpe"] > HIGHEST_SHARPE:
        text = f"A Sharpe ratio of {m['sharpe']:.1f} is not credible."
        yield _incredible(text, "high_sharpe", m["sharpe"], "Funds that reach 2 over years are rare.")
    if m["trades"] > MOST_WINS_IN_A_ROW and m["win_rate"] == 1.0:
        text = f"All {m['trades']:.0f} trades made money, which is not credible."
        yield _incredible(text, "no_losing_trade", m["trades"])
    elif m["trades"] >= 1 and math.isnan(m["profit_factor"]):
        yield Notice(
            "caution",
            "No trade lost money, so the profit factor is undefined.",
            "A record that has not lost yet says nothing about how much it can lose.",
            "no_losing_trade",
            m["trades"],
            "Run it over more years, bad ones too.",
        )
    months = [change for _, _, change in monthly_returns(result.daily_equity, result.daily_times)]
    won = sum(change > 0.0 for change in months)
    if won >= MONTHS_WITHOUT_LOSS and min(months) >= 0.0:
        text = f"No month of {len(months)} lost money, which is not credible."
        yield _incredible(text, "no_losing_month", float(won))
    if m["max_drawdown"] == 0.0 and m["exposure"] > 0.0 and len(result.marks) > FEWEST_SESSIONS:
        text = "The account never fell below a former peak, which is not credible."
        yield _incredible(text, "no_drawdown", 0.0)


def _incredible(text: str, kind: str, figure: float, detail: str = "") -> Notice:
    return Notice("serious", text, detail, kind, figure, _SUSPECT)


def length(result: Result) -> Iterator[Notice]:
    """Say that a record is too short for what it claims."""
    times = result.outcome.times
    days = (int(times[-1]) - int(times[0])) / NANOS_PER_DAY
    if days < DAYS_OF_A_YEAR:
        yield Notice(
            "caution",
            f"The run is shorter than a year: {count(len(result.outcome.daily), 'session')}.",
            "Figures a year, such as CAGR and the Sharpe ratio, are blown up from it.",
            "short_run",
            days / DAYS_OF_A_YEAR,
            "Run it over more years.",
        )
    found, year = result.evidence, result.periods_per_year
    if not found.sharpe > 0.0 or found.needed <= found.length:
        return
    sure = f"{CONFIDENCE:.0%} sure"
    if math.isinf(found.needed):
        ratios = f"{found.sharpe * math.sqrt(year):.2f}, and theirs {found.hurdle * math.sqrt(year):.2f}"
        yield Notice(
            "caution",
            "No length of such a record tells it from the luckiest of what was tried.",
            f"Its Sharpe ratio is {ratios}: the best of as many worthless trials is expected to have that.",
            "track_record",
            found.length / year,
            "Test it on data that no trial has seen: a held-out window, a walk-forward, or paper.",
        )
        return
    yield Notice(
        "caution",
        f"The record is {found.length / year:.1f} years long; {found.needed / year:.1f} would be needed.",
        f"That is the minimum track record length: how long such returns take until one may be {sure} that "
        "they are more than luck.",
        "track_record",
        found.needed / year,
        "Run it over more years or more symbols, or trade it on paper until it is long enough.",
    )


def interval(wins: int, trades: int) -> tuple[float, float]:
    """Return the 95 % interval of a chance that showed `wins` in `trades` (Wilson 1927)."""
    z = 1.959963984540054
    share, weight = wins / trades, z * z / trades
    centre = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / trades + weight / (4 * trades)) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)
