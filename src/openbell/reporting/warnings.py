"""What a reader must know before believing a result, in plain words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np

from openbell.core.types import NANOS_PER_DAY, OrderStatus, Reason
from openbell.data.bars import Finding, FindingKind, parse_date
from openbell.portfolio.trades import Trade
from openbell.reporting import events
from openbell.reporting.nothing import why_nothing
from openbell.reporting.notices import LEVELS, Level, Notice
from openbell.reporting.result import Result
from openbell.reporting.words import REASONS, capitalised, count, date, money, percent

FEWEST_TRADES = 30
HIGHEST_SHARPE = 4.0
#: Winning each of more trades than this is no luck.
MOST_WINS_IN_A_ROW = 20
#: In fewer sessions a rising curve may be chance.
FEWEST_SESSIONS = 20
DAYS_OF_A_YEAR = 365
#: Calendar days that may lie between an asked date and the first or last bar: a long weekend.
SLACK_DAYS = 5
#: More findings of one kind about a symbol than this are counted.
FINDINGS_SHOWN = 3


def warnings(result: Result) -> list[Notice]:
    """Return what is to be said about a result, the most serious first."""
    found = [notice for check in _CHECKS for notice in check(result)]
    return sorted(found, key=lambda notice: LEVELS.index(notice.level))  # stable: the checks' order stays


def _no_costs(result: Result) -> Iterator[Notice]:
    if result.plan.costs.free:
        yield Notice(
            "serious",
            "Without costs: no commission and no slippage.",
            "Nobody trades for free. The more a strategy trades, the more these figures flatter it.",
        )


def _ruin(result: Result) -> Iterator[Notice]:
    gone = np.flatnonzero(result.outcome.equity <= 0)
    if len(gone):
        yield Notice(
            "serious",
            f"The account was wiped out on {date(int(result.outcome.times[gone[0]]))}.",
            "From there on no return is defined, and the metrics that need one are blank.",
        )


def _too_good(result: Result) -> Iterator[Notice]:
    m, advice = result.metrics, "Look for a value from the future, missing costs or faulty prices first."
    if m["sharpe"] > HIGHEST_SHARPE:
        yield Notice(
            "serious",
            f"A Sharpe ratio of {m['sharpe']:.1f} is not credible.",
            f"Funds that reach 2 over years are rare. {advice}",
        )
    if m["trades"] > MOST_WINS_IN_A_ROW and m["win_rate"] == 1.0:
        yield Notice("serious", f"All {m['trades']:.0f} trades made money, which is not credible.", advice)
    elif m["trades"] >= 1 and math.isnan(m["profit_factor"]):
        yield Notice(
            "caution",
            "No trade lost money, so the profit factor is undefined.",
            "A record that has not lost yet says nothing about how much it can lose.",
        )
    if m["max_drawdown"] == 0.0 and m["exposure"] > 0.0 and len(result.marks) > FEWEST_SESSIONS:
        yield Notice("serious", "The account never fell below a former peak, which is not credible.", advice)


def _few_trades(result: Result) -> Iterator[Notice]:
    outcome = result.outcome
    if not outcome.fills:
        yield Notice("serious", f"0 trades: {why_nothing(result)}", "There is nothing to judge here.")
        return
    closed = [trade for trade in outcome.trades if not trade.is_open]
    if not closed:
        yield Notice(
            "caution",
            "0 closed trades: what was bought is still held.",
            "The equity curve counts it at the last price; the figures of trades are blank.",
        )
    elif len(closed) < FEWEST_TRADES:
        wins = sum(trade.pnl > 0 for trade in closed)
        low, high = interval(wins, len(closed))
        yield Notice(
            "caution",
            f"Only {count(len(closed), 'trade')}: too few to tell skill from luck.",
            f"With {wins} of {len(closed)} won, the odds may be anything from {low:.0%} to {high:.0%} (95%).",
        )


def _refused(result: Result) -> Iterator[Notice]:
    short = result.outcome.notes.get(Reason.SHORT_NOT_ALLOWED, 0)
    rejected = [o for o in result.outcome.orders if o.status is OrderStatus.REJECTED]
    if rejected:
        reasons = sorted({order.reason for order in rejected}, key=lambda r: r.value)
        parts = [f"{sum(o.reason is r for o in rejected)} × {REASONS[r]}" for r in reasons]
        yield Notice(
            "caution",
            f"{count(len(rejected), 'order')} of {len(result.outcome.orders):,} refused.",
            f"{'; '.join(parts)}. What such orders would have led to is not in the figures.",
        )
    if short:
        yield Notice(
            "caution",
            f"{count(short, 'short signal')} cut to flat: the account is a cash account.",
            "The strategy wants to sell short and may not; a margin account (costs.margin.short) lets it.",
        )
    for reason, times in result.outcome.notes.items():
        if reason not in (Reason.SHORT_NOT_ALLOWED, Reason.MARGIN_CALL):
            yield Notice(
                "caution", f"{count(times, 'decision')} came to no order.", f"{capitalised(REASONS[reason])}."
            )
    cut = sum(
        any(step.reason is Reason.CUT_TO_AFFORDABLE for step in order.life) for order in result.outcome.orders
    )
    if cut:
        yield Notice(
            "note", f"{count(cut, 'order')} cut to what was affordable.", "A gap had made the whole too dear."
        )


def _margin_calls(result: Result) -> Iterator[Notice]:
    calls = result.outcome.notes.get(Reason.MARGIN_CALL, 0)
    if calls:
        yield Notice(
            "serious",
            f"{count(calls, 'margin call')}: all positions were closed by force.",
            "Equity fell below the maintenance margin; a broker would not have waited for the next open.",
        )


def _ambiguous(result: Result) -> Iterator[Notice]:
    found = result.outcome.ambiguities
    guessed = [one for one in found if not one.resolved]
    if guessed:
        better = sum(one.difference for one in guessed)
        profit = money(result.final_equity - result.plan.cash)
        yield Notice(
            "caution",
            f"{count(len(guessed), 'bar')} touched a stop and its target: the stop was booked each time.",
            f"Which came first is not known. The better reading would have given {money(better)} more; the "
            f"run's result is {profit}. Finer bars decide it.",
        )
    if len(found) > len(guessed):
        text = f"{count(len(found) - len(guessed), 'bar')} touched a stop and its target: finer bars decided."
        yield Notice("note", text, "These are no guesses.")


def _one_trade(result: Result) -> Iterator[Notice]:
    closed: list[Trade] = [trade for trade in result.outcome.trades if not trade.is_open]
    total = sum(trade.pnl for trade in closed)
    if len(closed) < 2 or total <= 0:
        return
    best = max(closed, key=lambda trade: trade.pnl)
    if best.pnl > total / 2:
        yield Notice(
            "caution",
            f"One trade made {percent(best.pnl / total)} of the closed trades' profit.",
            f"{best.symbol}, {date(best.opened)} to {date(best.closed)}: {money(best.pnl)}. "
            f"Without it {money(total - best.pnl)} is left.",
        )


def _dates(result: Result) -> Iterator[Notice]:
    plan, panel = result.plan, result.outcome.panel
    asked = parse_date(plan.start, where="start"), parse_date(plan.end, where="end", end_of_day=True)
    run = int(panel.times[0]), int(panel.times[-1])
    late, early = [], []
    for symbol in panel.symbols:
        track = panel.tracks[symbol]
        first, last = track.start[0], track.known[-1]
        if first - (asked[0] or run[0]) > SLACK_DAYS * NANOS_PER_DAY:
            late.append(f"{symbol} from {date(first)}")
        if (asked[1] or run[1]) - last > SLACK_DAYS * NANOS_PER_DAY:
            early.append(f"{symbol} to {date(last)}")
    meaning = "Where a symbol has no bars it is not traded, and the benchmark holds its part in cash."
    if late:
        since = f"what was asked, {plan.start}" if plan.start else "the run"
        yield Notice("caution", f"Data begin later than {since}: {_list(late)}.", meaning)
    if early:
        until = f"what was asked, {plan.end}" if plan.end else "the run"
        yield Notice("caution", f"Data end earlier than {until}: {_list(early)}.", meaning)


def _findings(result: Result) -> Iterator[Notice]:
    for series in result.outcome.panel.series:
        for kind, group in groupby(sorted(series.findings, key=_kind), key=_kind):
            yield from _of_kind(kind, list(group))


def _of_kind(kind: FindingKind, findings: list[Finding]) -> Iterator[Notice]:
    grave = kind in (FindingKind.UNRECORDED_SPLIT, FindingKind.UNBOOKED_ACTION)
    level: Level = "serious" if grave else "caution"
    if kind in (FindingKind.IGNORED_COLUMN, FindingKind.ASSUMED_CALENDAR):
        level = "note"
    for finding in findings[:FINDINGS_SHOWN]:
        yield Notice(level, f"Data: {finding.message}.", _MEANINGS.get(kind, ""))
    rest = len(findings) - FINDINGS_SHOWN
    if rest > 0:
        yield Notice(
            level, f"Data: {count(rest, 'more finding')} of this kind about {findings[0].symbol}.", ""
        )


def _short(result: Result) -> Iterator[Notice]:
    times = result.outcome.times
    days = (int(times[-1]) - int(times[0])) / NANOS_PER_DAY
    if days < DAYS_OF_A_YEAR:
        yield Notice(
            "caution",
            f"The run is shorter than a year: {count(len(result.outcome.daily), 'session')}.",
            "Figures a year, such as CAGR and the Sharpe ratio, are blown up from it.",
        )


def _unfinished(result: Result) -> Iterator[Notice]:
    still = [trade for trade in result.outcome.trades if trade.is_open]
    if still and len(still) < len(result.outcome.trades):
        worth = sum(trade.pnl for trade in still)
        yield Notice(
            "note",
            f"{count(len(still), 'position')} still open at the end, worth {money(worth)} of profit so far.",
            "The equity curve counts it at the last price; win rate and the like count closed trades only.",
        )


def _hindsight(result: Result) -> Iterator[Notice]:
    symbols = result.outcome.panel.symbols
    if len(symbols) == 1:
        yield Notice(
            "note",
            f"{symbols[0]} was chosen by somebody who knows what became of it.",
            "A stock that is known today has survived; try the same rules on others, delisted ones too.",
        )


def interval(wins: int, trades: int) -> tuple[float, float]:
    """Return the 95 % interval of a chance that showed `wins` in `trades` (Wilson 1927)."""
    z = 1.959963984540054
    share, weight = wins / trades, z * z / trades
    centre = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / trades + weight / (4 * trades)) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


def _kind(finding: Finding) -> FindingKind:
    return finding.kind


def _list(parts: list[str], most: int = 5) -> str:
    shown = ", ".join(parts[:most])
    return f"{shown} and {len(parts) - most} more" if len(parts) > most else shown


_MEANINGS = {
    FindingKind.UNRECORDED_SPLIT: "If it is one, the run has booked it as a profit or a loss.",
    FindingKind.MISSING_SESSIONS: "Nothing could be traded then; indicators skip the gap.",
    FindingKind.MISSING_BARS: "Nothing could be traded then; indicators skip the gap.",
    FindingKind.ZERO_VOLUME: "",
    FindingKind.UNBOOKED_ACTION: "The run goes on as if it had not happened.",
}

_CHECKS: tuple[Callable[[Result], Iterator[Notice]], ...] = (
    _no_costs, _ruin, _few_trades, _too_good, _margin_calls, _refused, _ambiguous, _one_trade, _short, _dates,
    events.universe, events.delistings, events.spin_offs, events.new_names, _findings,
    _unfinished, _hindsight,
)  # fmt: skip
