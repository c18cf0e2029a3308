"""What a journal amounts to: each strategy's orders, positions and cash, as a fold over its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openbell.core.account import Account
from openbell.core.errors import BadData
from openbell.core.orders import Order
from openbell.core.types import (
    Delisting,
    Dividend,
    Fill,
    Instrument,
    OrderStatus,
    Reason,
    SpinOff,
    Split,
)
from openbell.storage.journal import Entry
from openbell.trading.records import action_of, charge_of, fill_of, order_of, update_of

#: The kinds of events that change a ledger. Others are told by their own readers.
KINDS = ("strategy", "order", "accepted", "update", "fill", "charge", "action", "refused")


@dataclass(slots=True)
class Ledger:
    """One strategy's orders, fills and account; `filled` counts all fills, also those that were let go of."""

    account: Account
    orders: dict[int, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    filled: int = 0

    def retire(self, before: int) -> None:
        """Let go of what ended before a time in ns: nothing is said of it any more."""
        gone = {n for n, one in self.orders.items() if not one.open and one.life[-1].time < before}
        self.orders = {number: one for number, one in self.orders.items() if number not in gone}
        self.fills = [fill for fill in self.fills if fill.order_id not in gone]
        self.account.retire(before)


def fold(entries: Iterable[Entry], before: dict[str, Ledger] | None = None) -> dict[str, Ledger]:
    """Return each strategy's ledger after all these events.

    Args:
        entries: The events.
        before: The ledgers to go on with, which are changed; none at a session's beginning.

    Raises:
        BadData: An event is about a strategy or an order that was never begun.
    """
    ledgers: dict[str, Ledger] = {} if before is None else before
    for entry in entries:
        if entry.kind == "strategy":
            ledgers.setdefault(entry.strategy, Ledger(Account(entry.body["cash"])))
        elif entry.kind in _STEPS:
            ledger = ledgers.get(entry.strategy)
            if ledger is None:
                raise BadData(
                    f"event {entry.seq} ({entry.kind}) is of strategy {entry.strategy!r}, never begun"
                )
            _STEPS[entry.kind](ledger, entry)
    return ledgers


def _order(ledger: Ledger, entry: Entry) -> None:
    order = order_of(entry.body)
    ledger.orders[order.id] = order


def _known(ledger: Ledger, order_id: int, entry: Entry) -> Order:
    order = ledger.orders.get(order_id)
    if order is None:
        raise BadData(f"event {entry.seq} ({entry.kind}) is about order {order_id}, which was never sent")
    return order


def _accepted(ledger: Ledger, entry: Entry) -> None:
    _known(ledger, entry.body["order_id"], entry).accept(entry.time)


def _update(ledger: Ledger, entry: Entry) -> None:
    update = update_of(entry.body)
    _known(ledger, update.order_id, entry).change(update)


def _fill(ledger: Ledger, entry: Entry) -> None:
    fill = fill_of(entry.body)
    _known(ledger, fill.order_id, entry).book(fill)
    ledger.account.book_fill(fill)
    ledger.fills.append(fill)
    ledger.filled += 1


def _refused(ledger: Ledger, entry: Entry) -> None:
    reason = Reason(entry.body["limit"])
    if "order" in entry.body:
        order = ledger.orders[entry.body["order"]["id"]] = order_of(entry.body["order"])
        order.move(OrderStatus.REJECTED, entry.time, reason)
    else:
        _known(ledger, entry.body["replace"]["order_id"], entry).note(entry.time, reason)


def _charge(ledger: Ledger, entry: Entry) -> None:
    ledger.account.book_charge(charge_of(entry.body))


def _action(ledger: Ledger, entry: Entry) -> None:
    body: dict[str, Any] = dict(entry.body)
    close, lot = body.pop("previous_close", 0.0), body.pop("lot", None)
    action, account = action_of(body), ledger.account
    if isinstance(action, Split):
        instrument = Instrument(action.symbol, lot=lot)
        account.book_split(action, time=action.ex, previous_close=close, instrument=instrument)
    elif isinstance(action, Dividend):
        account.book_dividend(action, time=action.ex)
    elif isinstance(action, SpinOff):
        child = None if lot is None else Instrument(action.child, lot=lot)
        account.book_spin_off(action, time=action.ex, child=child)
    elif isinstance(action, Delisting):
        price = close if action.price is None else action.price
        account.book_delisting(action, time=action.ex, price=price)


_STEPS: Mapping[str, Callable[[Ledger, Entry], None]] = {
    "order": _order, "accepted": _accepted, "update": _update, "fill": _fill, "charge": _charge,
    "action": _action, "refused": _refused,
}  # fmt: skip
