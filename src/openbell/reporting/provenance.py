"""Findings on the prices a result is made of: their dates, what validation noticed, who chose the symbols."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Finding, FindingKind, parse_date
from openbell.reporting.notices import Level, Notice
from openbell.reporting.result import Result
from openbell.reporting.words import count, date

#: Calendar days that may lie between an asked date and the first or last bar: a long weekend.
SLACK_DAYS = 5
#: More findings of one kind about a symbol than this, and of one kind about more symbols, are counted.
FINDINGS_SHOWN = 3


def dates(result: Result) -> Iterator[Notice]:
    """Say which symbols begin later or end earlier than what was asked."""
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
    since = f"what was asked, {plan.start}" if plan.start else "the run"
    until = f"what was asked, {plan.end}" if plan.end else "the run"
    for symbols, text in ((late, f"begin later than {since}"), (early, f"end earlier than {until}")):
        if symbols:
            yield Notice(
                "caution",
                f"Data {text}: {_list(symbols)}.",
                "Where a symbol has no bars it is not traded, and the benchmark holds its part in cash.",
                "missing_dates",
                float(len(symbols)),
                "Fetch the rest, or ask for the dates that there are.",
            )


def findings(result: Result) -> Iterator[Notice]:
    """Say what validation noticed about the bars."""
    noticed = (finding for series in result.outcome.panel.series for finding in series.findings)
    for kind, group in groupby(sorted(noticed, key=_kind), key=_kind):
        found = list(group)
        symbols = list(dict.fromkeys(finding.symbol for finding in found))
        for symbol in symbols[:FINDINGS_SHOWN]:
            yield from _of_kind(kind, [finding for finding in found if finding.symbol == symbol])
        rest = symbols[FINDINGS_SHOWN:]
        if rest:
            text = f"Data: the same kind of finding about {count(len(rest), 'more symbol')}: {_list(rest)}."
            remedy = _REMEDIES.get(kind, _LOOK)
            yield Notice(_level(kind), text, "", f"data_{kind.value}", float(len(rest)), remedy)


def _level(kind: FindingKind) -> Level:
    if kind in (FindingKind.UNRECORDED_SPLIT, FindingKind.UNBOOKED_ACTION):
        return "serious"
    return "note" if kind in (FindingKind.IGNORED_COLUMN, FindingKind.ASSUMED_CALENDAR) else "caution"


def _of_kind(kind: FindingKind, found: list[Finding]) -> Iterator[Notice]:
    level = _level(kind)
    remedy = _REMEDIES.get(kind, _LOOK)
    for finding in found[:FINDINGS_SHOWN]:
        detail = _MEANINGS.get(kind, "")
        yield Notice(level, f"Data: {finding.message}.", detail, f"data_{kind.value}", None, remedy)
    rest = len(found) - FINDINGS_SHOWN
    if rest > 0:
        text = f"Data: {count(rest, 'more finding')} of this kind about {found[0].symbol}."
        yield Notice(level, text, "", f"data_{kind.value}", float(rest), remedy)


def hindsight(result: Result) -> Iterator[Notice]:
    """Say that whoever chose the symbols knows what became of them."""
    symbols = result.outcome.panel.symbols
    if result.plan.universe is not None or result.engine in ("paper", "live"):
        return
    text = f"The {len(symbols)} symbols were chosen by somebody who knows what became of them."
    detail = "Stocks that are known today have survived."
    remedy = "Trade a universe: stocks as they belonged to an index then, with those that have left it since."
    if len(symbols) == 1:
        text = f"{symbols[0]} was chosen by somebody who knows what became of it."
        detail = "A stock that is known today has survived."
        remedy = "Try the same rules on others, delisted ones too."
    yield Notice("note", text, detail, "hindsight", float(len(symbols)), remedy)


def _kind(finding: Finding) -> FindingKind:
    return finding.kind


def _list(parts: list[str], most: int = 5) -> str:
    shown = ", ".join(parts[:most])
    return f"{shown} and {len(parts) - most} more" if len(parts) > most else shown


_MEANINGS = {
    FindingKind.UNRECORDED_SPLIT: "If it is one, the run has booked it as a profit or a loss.",
    FindingKind.MISSING_SESSIONS: "Nothing could be traded then; indicators skip the gap.",
    FindingKind.MISSING_BARS: "Nothing could be traded then; indicators skip the gap.",
    FindingKind.UNBOOKED_ACTION: "The run goes on as if it had not happened.",
}
_LOOK = "Compare these bars with another source."
_REMEDIES = {
    FindingKind.UNRECORDED_SPLIT: "Give the split as an action, or take prices from a source that has it.",
    FindingKind.MISSING_SESSIONS: "Fetch the missing sessions, or take another source.",
    FindingKind.MISSING_BARS: "Fetch the missing bars, or take another source.",
    FindingKind.UNBOOKED_ACTION: "Find out what it did to the price, and leave the symbol out if it matters.",
    FindingKind.IGNORED_COLUMN: "Nothing, unless the strategy should have read it.",
    FindingKind.ASSUMED_CALENDAR: "Name the calendar if it is another one.",
    FindingKind.ZERO_VOLUME: "Do not count on fills in such bars: a share of no volume is nothing.",
}
