"""What a ledger holds after some of its bookings: positions with their cost, and what they brought so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from openbell.core import rules
from openbell.core.account import Entry, EntryKind, Position


@dataclass(slots=True)
class Holdings:
    """Positions by symbol, those that are closed among them, and the interest paid. A fold over entries."""

    positions: dict[str, Position] = field(default_factory=dict)
    interest: float = 0.0

    def add(self, entries: Iterable[Entry]) -> Holdings:
        """Take bookings in their order, and return this."""
        for entry in entries:
            if entry.symbol:
                self._book(self.positions.setdefault(entry.symbol, Position(entry.symbol)), entry)
            else:
                self.interest += entry.fee
        return self

    @staticmethod
    def _book(held: Position, entry: Entry) -> None:
        if entry.kind is EntryKind.SPLIT:
            held.average = held.average / entry.ratio if entry.position else 0.0
            held.realised += entry.realised
        elif entry.quantity:  # a fill; shares of a spin-off; the end of a delisted symbol
            _, held.average, _ = rules.booked(held.quantity, held.average, entry.quantity, entry.price)
            held.realised += entry.realised
            held.fees += entry.fee
        elif entry.kind is EntryKind.BORROW:
            held.borrow += entry.fee
        else:
            held.dividends += entry.amount
        held.quantity = entry.position
