"""When what was sold may be spent, and how many day trades there were: questions to a ledger.

They are asked of a ledger's fills and the exchange's sessions, by `conduct` for the simulated broker and for
live sessions, where the account's settings say so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from openbell.core.account import Entry, EntryKind
from openbell.core.clock import Sessions
from openbell.core.types import NANOS_PER_SECOND

#: From which day on US stocks settle how many sessions after the trade (SEC rule 15c6-1).
CYCLES = ((date(1995, 6, 7), 3), (date(2017, 9, 5), 2), (date(2024, 5, 28), 1))


class DayTradeRule(NamedTuple):
    """FINRA rule 4210(f)(8)(B), as numbers that may be changed. `until` is the first day without it."""

    most: int = 3  #: one more within `span` makes a pattern day trader
    span: int = 5  #: sessions
    share: float = 0.06  #: of the account's trades in that span; as few as that are no pattern
    equity: float = 25_000.0  #: with this much, a pattern is allowed
    since: date = date(2001, 9, 28)
    until: date = date.max


class Pending(NamedTuple):
    """The proceeds of a sale that has not settled."""

    symbol: str
    amount: float
    settles: int  #: the close of the session, ns UTC


def cycle_of(day: date) -> int:
    """Return how many sessions after a trade of that day US stocks settle; 5 before June 1995."""
    at = bisect_right([since for since, _ in CYCLES], day)
    return CYCLES[at - 1][1] if at else 5


def pending_of(
    entries: Iterable[Entry], sessions: Sessions, now: int, *, cycle: int | None = None
) -> list[Pending]:
    """Return the sales whose proceeds have not settled at `now`, in the order of the ledger.

    Args:
        entries: The ledger.
        sessions: Of the exchange, to a few days after `now`.
        now: ns UTC.
        cycle: Sessions from trade to settlement; by default those of the day of the trade.
    """
    found = []
    for entry in entries:
        if entry.kind is EntryKind.FILL and entry.amount > 0.0 and entry.time <= now:
            settles = settles_at(entry.time, sessions, cycle=cycle)
            if settles > now:
                found.append(Pending(entry.symbol, entry.amount, settles))
    return found


def settles_at(time: int, sessions: Sessions, *, cycle: int | None = None) -> int:
    """Return when a trade of a time settles, ns UTC: the close of the session that is a cycle later."""
    closes = sessions.closes
    at = bisect_left(closes, time)
    after = cycle_of(_day(closes[min(at, len(closes) - 1)])) if cycle is None else cycle
    return closes[min(at + after, len(closes) - 1)]


def settled_cash(entries: Sequence[Entry], cash: float, sessions: Sessions, now: int) -> float:
    """Return what may be spent in a cash account: `cash` less the proceeds that have not settled."""
    return cash - sum(one.amount for one in pending_of(entries, sessions, now))


class DayTrades:
    """Counts the day trades of bookings as they come.

    A day trade opens shares and closes some of them in the same session. Closing fills that follow one
    another are one; each opening after them can begin another.
    """

    def __init__(self, sessions: Sessions) -> None:
        self.found: dict[int, int] = {}  #: by the session's index
        self._sessions = sessions
        self._opened: dict[str, tuple[int, float, bool]] = {}  # session, shares opened in it, whether counted

    def add(self, entry: Entry) -> None:
        """Take in a booking; what is no fill is passed over."""
        if entry.kind is not EntryKind.FILL:
            return
        session = bisect_left(self._sessions.closes, entry.time)
        before = entry.position - entry.quantity
        day, shares, counted = self._opened.get(entry.symbol, (session, 0.0, False))
        if day != session:
            shares, counted = 0.0, False
        closes = min(abs(entry.quantity), abs(before)) if before * entry.quantity < 0.0 else 0.0
        if closes > 0.0 and shares > 0.0 and not counted:
            self.found[session] = self.found.get(session, 0) + 1
            counted = True
        shares = max(shares - closes, 0.0)
        opens = abs(entry.quantity) - closes
        if opens > 0.0:
            shares, counted = shares + opens, False
        self._opened[entry.symbol] = (session, shares, counted)

    def count(self, first: int, last: int) -> int:
        """Return the day trades from one session to another, both included."""
        return sum(number for session, number in self.found.items() if first <= session <= last)

    def running(self, session: int) -> set[str]:
        """Return the symbols whose next closing fill in a session would be a day trade more."""
        return {
            symbol
            for symbol, (day, shares, counted) in self._opened.items()
            if day == session and shares > 0.0 and not counted
        }


def day_trades(entries: Iterable[Entry], sessions: Sessions) -> dict[int, int]:
    """Return the day trades of each session that has one, by its index."""
    trades = DayTrades(sessions)
    for entry in entries:
        trades.add(entry)
    return trades.found


def applies(rule: DayTradeRule, time: int) -> bool:
    """Tell whether a rule is in force at a time."""
    return rule.since <= _day(time) < rule.until


def is_pattern(
    entries: Sequence[Entry], sessions: Sessions, now: int, *, rule: DayTradeRule | None = None
) -> bool:
    """Tell whether the last sessions' day trades are those of a pattern day trader.

    They are more than `rule.most` within `rule.span` sessions, and more than `rule.share` of the fills there.
    """
    limit = rule or DayTradeRule()
    last = bisect_left(sessions.closes, now)
    if not applies(limit, now):
        return False
    first = last - limit.span + 1
    count = sum(n for session, n in day_trades(entries, sessions).items() if first <= session <= last)
    fills = sum(
        entry.kind is EntryKind.FILL and first <= bisect_left(sessions.closes, entry.time) <= last
        for entry in entries
    )
    return count > limit.most and count > limit.share * fills


def may_day_trade(
    entries: Sequence[Entry], sessions: Sessions, now: int, *, equity: float, rule: DayTradeRule | None = None
) -> bool:
    """Tell whether one day trade more leaves the account out of the pattern, or its equity allows it."""
    limit = rule or DayTradeRule()
    if equity >= limit.equity or not applies(limit, now):
        return True
    last = bisect_left(sessions.closes, now)
    made = day_trades(entries, sessions)
    return sum(n for session, n in made.items() if last - limit.span < session <= last) < limit.most


def _day(time: int) -> date:
    return datetime.fromtimestamp(time // NANOS_PER_SECOND, UTC).date()
