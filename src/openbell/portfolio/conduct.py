"""The rules of an account beside its money: settlement, day trades, borrowed shares.

One model: the simulated broker asks it before it accepts an order, and the guard of a live session before
one leaves. It is asked with a ledger, and what else there is in the account. It keeps nothing but a count of
violations, which follows from the ledgers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from openbell.core import rules
from openbell.core.account import Account, Entry
from openbell.core.clock import Sessions
from openbell.core.costs import Margin
from openbell.core.types import Reason
from openbell.portfolio.goodfaith import GoodFaith, GoodFaithRule, Violation, frozen_until
from openbell.portfolio.joint import joined
from openbell.portfolio.settlement import DayTradeRule, DayTrades, applies, pending_of

_LONGEST = 6  #: sessions that a sale may take to settle, and more than day trades are counted over
_NOTHING: Mapping[str, float] = {}


class Company(NamedTuple):
    """What else there is in an account beside the ledger that is asked about.

    Args:
        ledgers: Of the other strategies, and of what was traded by hand.
        base: Signed shares that belong to no ledger.
        told: Day trades in the last five sessions, as the broker counts them.
    """

    ledgers: Sequence[Account] = ()
    base: Mapping[str, float] = _NOTHING
    told: int = 0


ALONE = Company()


class Conduct:
    """What `margin` allows in an account on an exchange."""

    def __init__(
        self,
        margin: Margin,
        sessions: Sessions,
        *,
        rule: DayTradeRule | None = None,
        faith: GoodFaithRule | None = None,
    ) -> None:
        """Take the account's rules; those of day trades and of good faith are the usual ones if not given."""
        self._margin, self._sessions, self._rule = margin, sessions, rule or DayTradeRule()
        self._faith = faith or GoodFaithRule()
        self.settles = margin.settlement and margin.initial == 1.0  #: whether proceeds must settle first
        self._counts = margin.day_trades and margin.initial < 1.0
        self._records: dict[Account, GoodFaith] = {}

    def unsettled(self, account: Account, time: int, company: Company = ALONE) -> float:
        """Return the proceeds that may not be spent yet, of all bookings so far.

        On good faith they all may, but for the time after too many violations.
        """
        if not self.settles or (self._margin.good_faith and not self._is_frozen(account, time, company)):
            return 0.0
        recent = account.entries[bisect_left(account.entries, self._since(time), key=_time_of) :]
        now = max(time, recent[-1].time) if recent else time  # a fill of this moment is ahead of its time
        return sum(one.amount for one in pending_of(recent, self._sessions, now))

    def violations(self, account: Account) -> Sequence[Violation]:
        """Return the good-faith violations of a ledger."""
        record = self._records.get(account)
        if record is None:
            record = self._records[account] = GoodFaith(account.initial_cash, self._sessions)
        return record.read(account.since(record.count))

    def barred(  # all that the rules look at
        self, symbol: str, signed: float, account: Account, *, equity: float, time: int,
        waiting: Collection[str] = (), selling: float = 0.0, company: Company = ALONE,
    ) -> Reason | None:  # fmt: skip
        """Return why an order that opens may not, whatever money there is.

        Args:
            symbol: What it trades.
            signed: Its shares, negative for a sale.
            account: Its ledger.
            equity: Of the whole account.
            time: Now, ns UTC.
            waiting: Symbols of orders that work and open.
            selling: Shares of the symbol that orders which work may yet sell.
            company: What else there is in the account.
        """
        located = self._margin.locates.get(symbol)
        if signed < 0.0 and located is not None:
            held = sum(one.quantity(symbol) for one in (account, *company.ledgers))
            if selling - signed - held - company.base.get(symbol, 0.0) > located + rules.DUST:
                return Reason.NOT_LOCATED
        if self._counts and equity < self._rule.equity and applies(self._rule, time):
            ledgers = (account, *company.ledgers)
            return self._patterned(
                symbol, joined(ledgers, self._since(time), base=company.base), time, waiting, company.told
            )
        return None

    def _patterned(
        self, symbol: str, entries: Sequence[Entry], time: int, waiting: Collection[str], told: int
    ) -> Reason | None:
        """Refuse what could lead to a pattern if all that was opened in this session were closed in it."""
        trades = DayTrades(self._sessions)
        for entry in entries:
            trades.add(entry)
        now = bisect_left(self._sessions.closes, time)
        possible = trades.running(now) | set(waiting) | {symbol}
        made = max(trades.count(now - self._rule.span + 1, now), told)
        return Reason.DAY_TRADES if made + len(possible) > self._rule.most else None

    def _is_frozen(self, account: Account, time: int, company: Company) -> bool:
        """Tell whether the account's violations let settled cash alone be spent."""
        found = [one for ledger in (account, *company.ledgers) for one in self.violations(ledger)]
        return time < frozen_until(found, self._faith)

    def _since(self, time: int) -> int:
        """Return from when on bookings count: those of the last sessions."""
        closes = self._sessions.closes
        at = bisect_left(closes, time) - _LONGEST
        return closes[at] if at >= 0 else 0


def _time_of(entry: Entry) -> int:
    return entry.time
