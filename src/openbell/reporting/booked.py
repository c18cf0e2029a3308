"""Findings on what was ordered and booked: refusals, margin calls, ambiguous bars, what is still open."""

from __future__ import annotations

from collections.abc import Iterator

from openbell.core.types import OrderStatus, Reason
from openbell.reporting.notices import Notice
from openbell.reporting.result import Result
from openbell.reporting.words import REASONS, capitalised, count, money


def refused(result: Result) -> Iterator[Notice]:
    """Say which orders were refused or cut, and which decisions came to no order."""
    outcome = result.outcome
    short = outcome.notes.get(Reason.SHORT_NOT_ALLOWED, 0)
    rejected = [o for o in outcome.orders if o.status is OrderStatus.REJECTED]
    if rejected:
        reasons = sorted({order.reason for order in rejected}, key=lambda r: r.value)
        parts = [f"{sum(o.reason is r for o in rejected)} × {REASONS[r]}" for r in reasons]
        yield Notice(
            "caution",
            f"{count(len(rejected), 'order')} of {len(outcome.orders):,} refused.",
            f"{'; '.join(parts)}. What such orders would have led to is not in the figures.",
            "refused",
            len(rejected) / len(outcome.orders),
            "Smaller positions leave room for gaps; result.refusals counts the reasons.",
        )
    if short:
        yield Notice(
            "caution",
            f"{count(short, 'short signal')} cut to flat: the account is a cash account.",
            "The strategy wants to sell short and may not.",
            "short_signals",
            float(short),
            "Use a margin account (costs.margin.short), or a strategy that does not sell short.",
        )
    for reason, times in outcome.notes.items():
        if reason not in (Reason.SHORT_NOT_ALLOWED, Reason.MARGIN_CALL):
            yield Notice(
                "caution",
                f"{count(times, 'decision')} came to no order.",
                f"{capitalised(REASONS[reason])}.",
                "no_order",
                float(times),
                "Change what is named; a larger account can take smaller shares of it.",
            )
    cut = sum(any(step.reason is Reason.CUT_TO_AFFORDABLE for step in order.life) for order in outcome.orders)
    if cut:
        yield Notice(
            "note",
            f"{count(cut, 'order')} cut to what was affordable.",
            "A gap had made the whole too dear.",
            "cut_orders",
            float(cut),
            "Leave a little more of the account in cash.",
        )


def margin_calls(result: Result) -> Iterator[Notice]:
    """Say how often all positions were closed by force."""
    calls = result.outcome.notes.get(Reason.MARGIN_CALL, 0)
    if calls:
        yield Notice(
            "serious",
            f"{count(calls, 'margin call')}: all positions were closed by force.",
            "Equity fell below the maintenance margin; a broker would not have waited for the next open.",
            "margin_calls",
            float(calls),
            "Borrow less: smaller positions, or a limit of leverage.",
        )


def ambiguous(result: Result) -> Iterator[Notice]:
    """Say how many bars touched a stop and its target, and what the better reading would have given."""
    found = result.outcome.ambiguities
    guessed = [one for one in found if not one.resolved]
    if guessed:
        better = sum(one.difference for one in guessed)
        profit = money(result.final_equity - result.plan.cash)
        yield Notice(
            "caution",
            f"{count(len(guessed), 'bar')} touched a stop and its target: the stop was booked each time.",
            f"Which came first is not known. The better reading would have given {money(better)} more; the "
            f"run's result is {profit}.",
            "ambiguous_bars",
            float(len(guessed)),
            "Give finer bars (finer=...), which decide it, or set the stop and the target further apart.",
        )
    if len(found) > len(guessed):
        decided = len(found) - len(guessed)
        text = f"{count(decided, 'bar')} touched a stop and its target: finer bars decided."
        yield Notice("note", text, "These are no guesses.", "decided_bars", float(decided))


def unfinished(result: Result) -> Iterator[Notice]:
    """Say what the positions that are still open are worth."""
    still = [trade for trade in result.outcome.trades if trade.is_open]
    if still and len(still) < len(result.outcome.trades):
        worth = sum(trade.pnl for trade in still)
        yield Notice(
            "note",
            f"{count(len(still), 'position')} still open at the end, worth {money(worth)} of profit so far.",
            "The equity curve counts it at the last price; win rate and the like count closed trades only.",
            "open_positions",
            float(len(still)),
        )
