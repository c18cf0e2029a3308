"""What corporate actions and a universe mean for a result, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from openbell.core.account import Entry, EntryKind
from openbell.core.types import SpinOff, SymbolChange
from openbell.reporting.notices import Level, Notice
from openbell.reporting.result import Result
from openbell.reporting.words import count, date, money, percent

#: Below these shares of sessions with prices a universe's figures say less than it seems, and little.
THIN, SCANT = 0.95, 0.75
_SHOWN = 5


def delistings(result: Result) -> Iterator[Notice]:
    """Say which positions a delisting closed."""
    closed = [entry for entry in result.outcome.entries if entry.kind is EntryKind.DELISTING]
    if closed:
        yield Notice(
            "caution",
            f"{count(len(closed), 'position')} closed by delisting: {_list([_closed(e) for e in closed])}.",
            "The price is that of the record, or the last close where it has none; nobody may have paid it.",
            "delistings",
            float(len(closed)),
            "Look up what holders were paid, and give it as the action's price.",
        )


def spin_offs(result: Result) -> Iterator[Notice]:
    """Say which spin-offs were paid in cash, because the run does not trade the child."""
    outcome = result.outcome
    paid = {(e.symbol, e.time): e.amount for e in outcome.entries if e.kind is EntryKind.SPIN_OFF}
    for series in outcome.panel.series:
        for action in series.actions:
            if not isinstance(action, SpinOff) or action.child in outcome.panel.symbols:
                continue
            amount = paid.get((action.symbol, action.ex))
            if amount is not None:
                yield Notice(
                    "note",
                    f"{action.child}, which left {action.symbol} on {date(action.ex)}, was paid in cash: "
                    f"{money(amount)}.",
                    f"Its shares would have been booked if {action.child} were traded in the run.",
                    "spin_off",
                    amount,
                    f"Add {action.child} to the symbols to hold it.",
                )


def new_names(result: Result) -> Iterator[Notice]:
    """Say which symbols had another name before."""
    panel = result.outcome.panel
    for series in panel.series:
        for action in series.actions:
            if isinstance(action, SymbolChange) and panel.times[0] < action.ex <= panel.times[-1]:
                yield Notice(
                    "note",
                    f"{series.symbol} was called {action.symbol} before {date(action.ex)}.",
                    "It is one company, and here it has its last name throughout.",
                    "new_name",
                )


def universe(result: Result) -> Iterator[Notice]:
    """Say how much of a universe there are prices of, and how many of its members stayed."""
    found = result.coverage
    if found is None or result.plan.universe is None:
        return
    level: Level = "serious" if found.share < SCANT else "caution" if found.share < THIN else "note"
    absent = f" Without prices: {_list(list(found.missing))}." if found.missing else ""
    name, stayed = result.plan.universe.name, percent(found.survivorship)
    yield Notice(
        level,
        f"Universe {name}: prices for {percent(found.share)} of the sessions of "
        f"{count(found.symbols, 'member')}; {stayed} were members still at the end.{absent}",
        "What is missing is often what failed, so that the figures are better than they would have been.",
        "universe",
        found.share,
        "Fetch the missing symbols from a source that keeps delisted ones." if found.missing else "",
    )
    if found.stayed == found.symbols > 1:
        yield Notice(
            "caution",
            f"Nobody leaves universe {name} in this time: it may be a list of survivors.",
            "Whoever made it may have known who would be there at the end.",
            "survivors",
            found.survivorship,
            "Take memberships with their ends.",
        )


def _closed(entry: Entry) -> str:
    return f"{entry.symbol} at {entry.price:,.4g} on {date(entry.time)}"


def _list(parts: list[str]) -> str:
    shown = ", ".join(parts[:_SHOWN])
    return f"{shown} and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else shown
