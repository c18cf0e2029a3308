"""Good-faith violations of a cash account: what was sold before the proceeds that it was bought with settled.

Regulation T, 12 CFR 220.8(a), lets a broker take a purchase on good faith that it is paid for in full before
it is sold. What unpaid purchases were sold is a question to the ledger, asked here booking by booking.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from openbell.core import rules
from openbell.core.account import Entry, EntryKind
from openbell.core.clock import Sessions
from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio.settlement import settles_at


class GoodFaithRule(NamedTuple):
    """What brokers do about violations, as numbers that may be changed.

    Regulation T itself freezes an account for 90 days after the first (12 CFR 220.8(c)); brokers commonly do
    so after the third within a year.
    """

    most: int = 2  #: one more within `span` and only settled cash may be spent
    span: int = 365  #: calendar days
    freeze: int = 90  #: calendar days from the violation on


class Violation(NamedTuple):
    """A purchase that was sold before it was paid for. Times are ns UTC."""

    symbol: str
    bought: int
    sold: int
    settles: int  #: when the last of what it was bought with settles


class _Lot:
    """Shares of one purchase that are still held; `settles` is 0 where it was paid for, or is counted."""

    __slots__ = ("bought", "quantity", "settles")

    def __init__(self, quantity: float, bought: int, settles: int) -> None:
        self.quantity, self.bought, self.settles = quantity, bought, settles


class GoodFaith:
    """Counts the violations of one ledger as its bookings come.

    A purchase takes settled cash first, then what settles first. A sale takes the oldest shares. One purchase
    is one violation, however many sales it takes.
    """

    def __init__(self, cash: float, sessions: Sessions) -> None:
        """Begin with settled cash."""
        self.violations: list[Violation] = []
        self._sessions, self._settled = sessions, cash
        self._pending: deque[list[float]] = deque()  # when it settles, and how much, the earliest first
        self._lots: dict[str, deque[_Lot]] = {}
        self.count = 0  #: bookings that were taken in

    def read(self, entries: Sequence[Entry]) -> list[Violation]:
        """Take in the bookings that came since the last call; return all violations so far."""
        for entry in entries:
            self._add(entry)
        self.count += len(entries)
        return self.violations

    def _add(self, entry: Entry) -> None:
        while self._pending and self._pending[0][0] <= entry.time:
            self._settled += self._pending.popleft()[1]
        if entry.kind is EntryKind.SPLIT:
            for lot in self._lots.get(entry.symbol, ()):
                lot.quantity *= entry.ratio
        settles = 0
        if entry.kind is EntryKind.FILL and entry.amount > 0.0:
            self._pending.append([settles_at(entry.time, self._sessions), entry.amount])
        elif entry.kind is EntryKind.FILL:
            settles = self._pay(-entry.amount)
        else:
            self._settled += entry.amount
        self._move(entry, settles)

    def _pay(self, cost: float) -> int:
        """Take what a purchase costs; return when the last of it settles, 0 for what is settled."""
        paid = min(cost, max(self._settled, 0.0))
        self._settled -= paid
        left, last = cost - paid, 0
        while left > rules.DUST and self._pending:
            one = self._pending[0]
            last, part = int(one[0]), min(left, one[1])
            one[1] -= part
            left -= part
            if one[1] <= rules.DUST:
                self._pending.popleft()
        self._settled -= left
        return last

    def _move(self, entry: Entry, settles: int) -> None:
        """Open a lot, or close the oldest."""
        lots = self._lots.setdefault(entry.symbol, deque())
        if entry.quantity > 0.0:
            opened = min(entry.quantity, entry.position)
            if opened > 0.0 and entry.kind is not EntryKind.SPLIT:
                lots.append(_Lot(opened, entry.time, settles))
            return
        left = -entry.quantity if entry.kind is not EntryKind.SPLIT else 0.0
        while left > rules.DUST and lots:
            lot = lots[0]
            if lot.settles > entry.time:
                self.violations.append(Violation(entry.symbol, lot.bought, entry.time, lot.settles))
                lot.settles = 0
            part = min(left, lot.quantity)
            lot.quantity -= part
            left -= part
            if lot.quantity <= rules.DUST:
                lots.popleft()


def frozen_until(violations: Sequence[Violation], rule: GoodFaithRule) -> int:
    """Return until when violations let an account spend settled cash alone, ns UTC; 0 for not at all.

    Args:
        violations: In the order of their sales.
        rule: How many are too many.
    """
    sold = sorted(one.sold for one in violations)
    for at in range(len(sold) - 1, rule.most - 1, -1):
        first = bisect_left(sold, sold[at] - rule.span * NANOS_PER_DAY)
        if at - first + 1 > rule.most:
            return sold[at] + rule.freeze * NANOS_PER_DAY
    return 0
