"""The bookings of one account that several ledgers share, as the account itself would have booked them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from heapq import merge
from operator import attrgetter

from openbell.core.account import Account, Entry

_TIME = attrgetter("time")


def joined(
    ledgers: Sequence[Account], since: int, *, base: Mapping[str, float] | None = None
) -> Sequence[Entry]:
    """Return the bookings from a time on in their order, with the positions of the whole account.

    One strategy's purchase that another one sells again is a day trade of the account, and of neither ledger.

    Args:
        ledgers: They share the account; of bookings at the same time the first ledger's come first.
        since: ns UTC.
        base: Signed shares that belong to none of them.
    """
    recent = [one.entries[bisect_left(one.entries, since, key=_TIME) :] for one in ledgers]
    if len(ledgers) == 1 and not base:
        return recent[0]
    held = dict(base or {})
    for one in ledgers:
        for symbol, position in one.positions.items():
            held[symbol] = held.get(symbol, 0.0) + position.quantity
    for entries in recent:
        for entry in entries:
            held[entry.symbol] = held.get(entry.symbol, 0.0) - entry.quantity
    found = []
    for entry in merge(*recent, key=_TIME):
        held[entry.symbol] += entry.quantity
        found.append(entry._replace(position=held[entry.symbol]))
    return found
