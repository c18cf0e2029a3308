"""The rules of an account beside its money: settlement, day trades, borrowed shares.

One model: the simulated broker asks it before it accepts an order, and the guard of a live session before
one leaves. It is asked with a ledger, of which it looks at the last sessions, and keeps nothing itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence

from openbell.core import rules
from openbell.core.account import Account, Entry
from openbell.core.clock import Sessions
from openbell.core.costs import Margin
from openbell.core.types import Reason
from openbell.portfolio.settlement import DayTradeRule, DayTrades, applies, pending_of

_LONGEST = 6  #: sessions that a sale may take to settle, and more than day trades are counted over


class Conduct:
    """What `margin` allows in an account on an exchange."""

    def __init__(self, margin: Margin, sessions: Sessions, *, rule: DayTradeRule | None = None) -> None:
        self._margin, self._sessions, self._rule = margin, sessions, rule or DayTradeRule()
        self.settles = margin.settlement and margin.initial == 1.0  #: whether proceeds must settle first
        self._counts = margin.day_trades and margin.initial < 1.0

    def unsettled(self, account: Account, time: int) -> float:
        """Return the proceeds that may not be spent yet, of all bookings so far."""
        if not self.settles:
            return 0.0
        recent = self._recent(account.entries, time)
        now = max(time, recent[-1].time) if recent else time  # a fill of this moment is ahead of its time
        return sum(one.amount for one in pending_of(recent, self._sessions, now))

    def barred(
        self, symbol: str, signed: float, account: Account, *, equity: float, time: int,
        waiting: Collection[str] = (),
    ) -> Reason | None:  # fmt: skip
        """Return why an order that opens may not, whatever money there is.

        Args:
            symbol: What it trades.
            signed: Its shares, negative for a sale.
            account: Its ledger.
            equity: Of the account.
            time: Now, ns UTC.
            waiting: Symbols of orders that work and open.
        """
        located = self._margin.locates.get(symbol)
        if (
            signed < 0.0
            and located is not None
            and -(account.quantity(symbol) + signed) > located + rules.DUST
        ):
            return Reason.NOT_LOCATED
        if self._counts and equity < self._rule.equity and applies(self._rule, time):
            return self._patterned(symbol, account.entries, time, waiting)
        return None

    def _patterned(
        self, symbol: str, entries: Sequence[Entry], time: int, waiting: Collection[str]
    ) -> Reason | None:
        """Refuse what could lead to a pattern if all that was opened in this session were closed in it."""
        trades = DayTrades(self._sessions)
        for entry in self._recent(entries, time):
            trades.add(entry)
        now = bisect_left(self._sessions.closes, time)
        possible = trades.running(now) | set(waiting) | {symbol}
        count = trades.count(now - self._rule.span + 1, now) + len(possible)
        return Reason.DAY_TRADES if count > self._rule.most else None

    def _recent(self, entries: Sequence[Entry], time: int) -> Sequence[Entry]:
        """Return the bookings of the last sessions."""
        closes = self._sessions.closes
        at = bisect_left(closes, time) - _LONGEST
        first = closes[at] if at >= 0 else 0
        return entries[bisect_left(entries, first, key=lambda entry: entry.time) :]
