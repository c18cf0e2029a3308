"""The reception: what of all that comes from outside is news, and as which input it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from openbell.core.messages import BarMessage, Quote
from openbell.data.live.items import Correction, Item
from openbell.execution.port import Execution, Link, Report
from openbell.trading.circumstances import CONDITION
from openbell.trading.floor import Floor
from openbell.trading.gathering import Gathering
from openbell.trading.route import Answer
from openbell.trading.wire import body_of_heard

#: What a feed brings: items, or the bars of a moment at once.
Fed = Item | Sequence[BarMessage]


class Input(NamedTuple):
    """What is to be taken in its turn."""

    kind: str
    body: Mapping[str, Any]
    time: int


class Books(Protocol):
    """What the reception needs of a session."""

    floor: Floor

    def take(self, kind: str, body: Mapping[str, Any], moment: int) -> None:
        """Take one input."""

    def note(self, kind: str, body: Mapping[str, Any]) -> None:
        """Write down what changes nothing."""


class Reception:
    """Takes things in the order in which they came; what says nothing new is not written down."""

    def __init__(self, books: Books) -> None:
        self._books = books
        symbols = [one for course in books.floor.courses.values() for one in course.tape.symbols]
        self._symbols = list(dict.fromkeys(symbols))
        self._gathering = Gathering(self._symbols)

    def receive(self, came: Report | Execution | Answer | Link | Input | Fed) -> None:
        """Take one thing."""
        books, floor = self._books, self._books.floor
        if isinstance(came, Report | Execution):
            if floor.router.is_news(came):
                kind = "report" if isinstance(came, Report) else "execution"
                books.take(kind, body_of_heard(came), max(came.time, floor.time))
        elif isinstance(came, Answer):
            if floor.router.is_open_question(came):
                books.take("answer", body_of_heard(came), max(came.time, floor.time))
        elif isinstance(came, Link):
            books.note("link", {"up": came.up, "why": came.why})
            if not came.up:
                self._note(floor.circumstances.error(came.why))
        elif isinstance(came, Input):
            books.take(*came)
        elif isinstance(came, list):
            self._pass([came])
        else:
            self._receive_item(came)

    def _note(self, body: Mapping[str, Any] | None) -> None:
        """Take a condition that limits look at, if it is one."""
        if body is not None:
            self._books.take(CONDITION, body, self._books.floor.time)

    def _receive_item(self, item: Any) -> None:
        self._note(self._books.floor.circumstances.news(item))
        if isinstance(item, Quote):
            self._touch(item)
        elif isinstance(item, Correction):
            self._books.note("correction", {"bar": list(item.bar)})
        elif not isinstance(item, BarMessage) or item.symbol in self._symbols:
            self._pass(self._gathering.take(item))

    def _pass(self, moments: Sequence[Sequence[BarMessage]]) -> None:
        """Pass moments on; those that a strategy knows already, from an earlier life, are left out."""
        floor = self._books.floor
        for bars in moments:
            fresh = [bar for bar in bars if any(course.awaits(bar) for course in floor.courses.values())]
            if fresh and not floor.left:
                self._books.take(
                    "moment", {"bars": [list(bar) for bar in fresh]}, max(fresh[0].end, floor.time)
                )

    def _touch(self, quote: Quote) -> None:
        """Let watched stops go at a quote: a buyer pays the ask, a seller gets the bid."""
        floor = self._books.floor
        time = max(quote.time, floor.time)
        for price in (quote.bid, quote.ask):
            if price > 0.0 and floor.router.would_trigger(quote.symbol, price, time):
                self._books.take("touch", {"symbol": quote.symbol, "price": price}, time)
