"""What is known of an account's orders at Alpaca: by which names, of which family, in whose place.

Alpaca gives the exits of a bracket ids of its own, and a replacement a count of its own. Here they get the
names that the port has for them, and one count. What is forgotten is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from openbell.execution.brokers.alpaca_wire import NOTHING, Row, add_filled, leg_suffix, read_text

_MOST = 20_000  #: orders that are remembered
_ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})


class Orders:
    """The orders that were placed, heard of or found."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}  # by Alpaca's id
        self._names: dict[str, str] = {}  # client id by Alpaca's
        self._ids: dict[str, str] = {}  # and back
        self._parents: dict[str, str] = {}  # of legs
        self._legs: dict[str, list[str]] = {}
        self._sent: dict[str, None] = {}  # client ids that went out from here
        self._asked: set[str] = set()  # client ids of which a cancel was asked here
        self._limits: dict[str, Decimal] = {}  # what replacements may fill in all, by client id

    def send(self, client_id: str) -> None:
        """Take note that an order goes out: it is nobody's leg."""
        self._sent[client_id] = None
        self._forget()

    def ask(self, client_id: str) -> None:
        """Take note that a cancel is asked for."""
        self._asked.add(client_id)

    def ask_all(self) -> None:
        """Take note that everything is to be cancelled."""
        self._asked |= {self._names[one] for one, row in self._rows.items() if row["status"] not in _ENDED}

    def is_asked(self, client_id: str) -> bool:
        """Tell whether a cancel was asked for here."""
        return client_id in self._asked

    def limit(self, client_id: str, quantity: Decimal | None) -> None:
        """Take note of what a replacement may fill, with what was filled before it; None is of no limit."""
        if quantity is None:
            self._limits.pop(client_id, None)
        else:
            self._limits[client_id] = quantity

    def limit_of(self, client_id: str) -> Decimal | None:
        """Return what a replacement may fill in all; None if that is not limited."""
        return self._limits.get(client_id)

    def learn(self, row: Row) -> None:
        """Take in an order's record, and those of its legs."""
        order_id = read_text(row, "id")
        legs = row.get("legs") or ()
        if self._is_news(order_id, row):
            self._rows[order_id] = row
        if order_id not in self._names:
            self._name(order_id, str(row.get("client_order_id") or ""))
        for leg in legs:
            leg_id = read_text(leg, "id")
            self._parents[leg_id] = order_id
            known = self._legs.setdefault(order_id, [])
            if leg_id not in known:
                known.append(leg_id)
            if not leg.get("replaces"):
                self._name(leg_id, self._names[order_id] + leg_suffix(leg))
            self.learn(leg)

    def is_known(self, row: Row) -> bool:
        """Tell whether it is clear by which name an order goes: one of a family may be somebody's leg."""
        alone = row.get("order_class") in (None, "", "simple")
        return (
            alone
            or row.get("id") in self._parents
            or row.get("client_order_id") in self._sent
            or bool(row.get("legs"))
            or row.get("id") in self._legs
        )

    def name(self, order_id: str) -> str | None:
        """Return the client id of an order."""
        return self._names.get(order_id)

    def id(self, client_id: str) -> str | None:
        """Return Alpaca's id of an order."""
        return self._ids.get(client_id)

    def row(self, order_id: str) -> Row | None:
        """Return what was last said of an order."""
        return self._rows.get(order_id)

    def is_awake(self, row: Row) -> bool:
        """Tell whether an exit that Alpaca holds works: it holds a stop until its price is reached."""
        parent = self._rows.get(self._parents.get(read_text(row, "id"), ""), {})
        return row.get("order_class") == "oco" or parent.get("status") == "filled"

    def held_legs(self, order_id: str) -> Iterator[Row]:
        """Yield the exits of an order that Alpaca holds."""
        for leg_id in self._legs.get(order_id, ()):
            if self._rows[leg_id]["status"] == "held":
                yield self._rows[leg_id]

    def _is_news(self, order_id: str, row: Row) -> bool:
        """Tell whether a record is not older than what is known: an end is final, and fills only grow."""
        known = self._rows.get(order_id)
        if known is None:
            return True
        if known["status"] in _ENDED and row["status"] not in _ENDED:
            return False
        return add_filled(NOTHING, row).filled >= add_filled(NOTHING, known).filled

    def _name(self, order_id: str, client_id: str) -> None:
        self._names[order_id] = client_id
        if client_id:
            self._ids[client_id] = order_id
        self._forget()

    def _forget(self) -> None:
        if len(self._names) <= _MOST and len(self._sent) <= _MOST:
            return
        ended = [one for one, row in self._rows.items() if row["status"] in _ENDED][: _MOST // 2]
        for order_id in ended:
            client_id = self._names.pop(order_id, "")
            self._ids.pop(client_id, None)
            self._sent.pop(client_id, None)
            self._asked.discard(client_id)
            self._limits.pop(client_id, None)
            self._rows.pop(order_id)
            self._parents.pop(order_id, None)
            for leg_id in self._legs.pop(order_id, ()):
                self._parents.pop(leg_id, None)
