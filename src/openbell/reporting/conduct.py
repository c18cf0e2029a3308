"""What the rules of an account would have said to a run: violations of good faith, and day trades."""

from __future__ import annotations

from collections.abc import Iterator

from openbell.core.clock import Sessions
from openbell.portfolio.goodfaith import GoodFaith, GoodFaithRule, frozen_until
from openbell.portfolio.settlement import DayTradeRule, applies, day_trades
from openbell.reporting.notices import Notice
from openbell.reporting.result import Result
from openbell.reporting.words import count, date, money


def good_faith(result: Result) -> Iterator[Notice]:
    """Say how often a cash account sold what it had not paid for, where the run let it."""
    if not result.plan.costs.margin.good_faith:
        return
    record = GoodFaith(result.plan.cash, _sessions(result))
    found, rule = record.read(result.outcome.entries), GoodFaithRule()
    if not found:
        return
    until = frozen_until(found, rule)
    rest = f"until {date(until)} only settled cash was spent" if until else "that is not too many yet"
    yield Notice(
        "caution",
        f"{count(len(found), 'good-faith violation')}: sold before it was paid for with settled cash.",
        f"The first on {date(found[0].sold)}. After more than {rule.most} within a year a broker lets "
        f"settled cash alone be spent for {rule.freeze} days; {rest}.",
        "good_faith",
        float(len(found)),
        "Hold what was bought so until the sale before it has settled, or leave good_faith off.",
    )


def pattern(result: Result) -> Iterator[Notice]:
    """Say where a small margin account made more day trades than it may, as the run did not keep it from."""
    margin, rule = result.plan.costs.margin, DayTradeRule()
    if margin.initial == 1.0 or margin.day_trades:
        return
    sessions = _sessions(result)
    made = sorted(day_trades(result.outcome.entries, sessions).items())
    times, equities = result.outcome.times, result.outcome.equity
    for session, _ in made:
        within = sum(number for one, number in made if session - rule.span < one <= session)
        close = sessions.closes[session]
        equity = float(equities[max(int(times.searchsorted(close, side="right")) - 1, 0)])
        if within > rule.most and equity < rule.equity and applies(rule, close):
            yield Notice(
                "caution",
                f"{count(within, 'day trade')} within {rule.span} sessions by {date(close)}, with equity of "
                f"{money(equity)}.",
                f"Below {money(rule.equity)} a US broker takes {rule.most} in a margin account and no more.",
                "day_trades",
                float(within),
                "costs.margin.day_trades: true keeps a run to that.",
            )
            return


def _sessions(result: Result) -> Sessions:
    known = result.outcome.panel.sessions
    return Sessions(known.calendar, known.opens.tolist(), known.closes.tolist())
