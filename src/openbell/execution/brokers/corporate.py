"""What corporate actions do to the orders that rest at the simulated exchange."""

from __future__ import annotations

from openbell.core.types import Action, Delisting, OrderStatus, Reason, SpinOff, Split
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.working import Working


def act(book: Book, action: Action) -> None:
    """Do to a symbol's orders what an action does. A dividend and a new name leave them as they are.

    A split adjusts them: more shares at a lower price. A reverse split cancels them, and so does a spin-off:
    their prices are of a company that was more. A delisting ends them, and none is taken from then on.
    """
    if isinstance(action, Split) and action.ratio >= 1.0:
        for working in _of(book, action.symbol):
            book.restate(working, action)
    elif isinstance(action, Split):
        _cancel_all(book, action, Reason.SPLIT)
    elif isinstance(action, SpinOff):
        _cancel_all(book, action, Reason.SPIN_OFF)
    elif isinstance(action, Delisting):
        book.delisted.add(action.symbol)
        _cancel_all(book, action, Reason.DELISTED)


def _cancel_all(book: Book, action: Action, reason: Reason) -> None:
    for working in _of(book, action.symbol):
        if working.order.id in book.open:  # its parent may have taken it along
            book.end(working, OrderStatus.CANCELLED, action.ex, reason)


def _of(book: Book, symbol: str) -> list[Working]:
    return [working for working in book.open.values() if working.order.symbol == symbol]
