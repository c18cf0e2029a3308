"""The proof that a loopback exchange's books are right: nothing lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from openbell.core.types import OrderStatus
from tests.loopback.book import Executed, Placed

ZERO = Decimal(0)


class Books(NamedTuple):
    """What is to be proved. `splits` are: after how many fills, of what symbol, new shares, for old ones."""

    initial: Decimal
    cash: Decimal
    positions: Mapping[str, Decimal]
    fills: Sequence[Executed]
    orders: Mapping[str, Placed]
    splits: Sequence[tuple[int, str, int, int]]


def faults_of(books: Books) -> Iterator[str]:
    """Yield what is wrong: cash, positions, client ids that came twice, orders with too much filled."""
    paid = sum((fill.side * fill.quantity * fill.price + fill.fee for fill in books.fills), ZERO)
    if books.cash != books.initial - paid:
        yield f"cash {books.cash} is not {books.initial} less {paid} paid"
    held, positions = _held(books), {s: q for s, q in books.positions.items() if q}
    if held != positions:
        yield f"positions {positions} are not what was filled, {held}"
    ids = [order.client_id for order in books.orders.values() if order.client_id]
    for one in sorted({i for i in ids if ids.count(i) > 1}):
        yield f"client id {one!r} came twice"
    for order in books.orders.values():
        yield from _faults_of(order, books)


def _held(books: Books) -> dict[str, Decimal]:
    held: dict[str, Decimal] = {}
    splits = list(books.splits)
    for number in range(len(books.fills) + 1):
        while splits and splits[0][0] == number:
            _, symbol, new, old = splits.pop(0)
            held[symbol] = held.get(symbol, ZERO) * new / old
        if number < len(books.fills):
            fill = books.fills[number]
            held[fill.symbol] = held.get(fill.symbol, ZERO) + fill.side * fill.quantity
    return {symbol: quantity for symbol, quantity in held.items() if quantity}


def _faults_of(order: Placed, books: Books) -> Iterator[str]:
    chain, one = [order.id], order
    while one.replaces:
        one = books.orders[one.replaces]
        chain.append(one.id)
    filled = sum((fill.quantity for fill in books.fills if fill.order_id in chain), ZERO)
    name = f"order {order.id} ({order.client_id})"
    if filled != order.filled and not order.replaced_by:
        yield f"{name}: filled {order.filled}, and its fills are {filled}"
    if order.filled > order.quantity:
        yield f"{name}: filled {order.filled} of {order.quantity}"
    if order.status is OrderStatus.FILLED and order.filled != order.quantity:
        yield f"{name} is filled with {order.filled} of {order.quantity}"
