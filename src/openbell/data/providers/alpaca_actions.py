"""What companies do, as Alpaca tells it, and what of it the catalog's actions can say.

The thirteen kinds and their fields: https://docs.alpaca.markets/reference/corporateactions-1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from openbell.core.errors import BadData
from openbell.core.types import (
    NANOS_PER_DAY,
    Action,
    Delisting,
    Dividend,
    SpinOff,
    Split,
    SymbolChange,
    turn_of,
)
from openbell.data.calendar import sessions
from openbell.data.providers.answers import day_of, read_date, read_field, read_number
from openbell.data.providers.protocol import Batch, Caveat, Deeds, Span

#: Asks for a symbol's raw bars of a timeframe that open in a span.
Bars = Callable[[str, str, Span], AsyncIterator[Batch]]
Row = Mapping[str, Any]

_LINGERING = 10  #: days in which bars after a delisting are looked for
_STILL = 4  #: of them without a bar at their end, so that it has ended: more than a long weekend

_CHANGED = "the answer's format has changed"
_BY_HAND = "write what it was with catalog.write_actions"
_DATES = ("ex_date", "effective_date", "process_date")
#: Who gets what in a merger or a unit split: the fields of the company, and of its new shares.
_PARTS = {
    "stock_merger": (("acquirer_symbol", "acquirer_rate"),),
    "stock_and_cash_merger": (("acquirer_symbol", "acquirer_rate"),),
    "unit_split": (("new_symbol", "new_rate"), ("alternate_symbol", "alternate_rate")),
}
#: Whose holders something happens to, and how many of their shares it is told for, where it is not `symbol`.
_HOLDERS = {
    "cash_merger": "acquiree_symbol",
    "stock_merger": "acquiree_symbol",
    "stock_and_cash_merger": "acquiree_symbol",
    "unit_split": "old_symbol",
    "spin_off": "source_symbol",
    "rights_distribution": "source_symbol",
}
_OLD_RATES = {
    "stock_merger": "acquiree_rate",
    "stock_and_cash_merger": "acquiree_rate",
    "unit_split": "old_rate",
}


def read_rows(page: object, asked: str) -> list[tuple[str, Row]]:
    """Return the actions of a page, each with its kind, such as `cash_dividend`.

    Raises:
        BadData: There are no lists of actions.
    """
    kinds = read_field(page, "corporate_actions", asked)
    if not isinstance(kinds, dict) or not all(isinstance(rows, list) for rows in kinds.values()):
        raise BadData(f"{asked}: there are no lists of actions; {_CHANGED}")
    return [(kind.removesuffix("s"), row) for kind, rows in kinds.items() for row in rows]


def read_ex(row: Row, asked: str) -> int:
    """Return when an action takes effect: its ex-date, else the effective one, else that of processing.

    Raises:
        BadData: It has none of them.
    """
    for name in _DATES:
        if isinstance(row, Mapping) and row.get(name):
            return read_date(row[name], asked)
    return read_date(read_field(row, _DATES[0], asked), asked)


class Reader:
    """Makes an action of what Alpaca tells, or a caveat where none can say it."""

    def __init__(self, symbol: str, asked: str, bars: Bars, calendar: str) -> None:
        """Take whose actions they are, what was asked, and who tells prices that Alpaca's actions do not."""
        self._symbol, self._asked = symbol, asked
        self._bars, self._calendar = bars, calendar
        self._actions: list[Action] = []
        self._caveats: list[Caveat] = []
        self._forms: dict[str, Callable[[str, Row, int], Awaitable[Action | Caveat]]] = {
            "forward_split": self._split,
            "reverse_split": self._split,
            "stock_dividend": self._stock_dividend,
            "cash_dividend": self._dividend,
            "spin_off": self._spin_off,
            "rights_distribution": self._spin_off,
            "cash_merger": self._paid_out,
            "redemption": self._paid_out,
            "worthless_removal": self._paid_out,
            "stock_merger": self._exchanged,
            "stock_and_cash_merger": self._exchanged,
            "unit_split": self._exchanged,
            "name_change": self._renamed,
        }

    async def read(self, page: object, span: Span) -> None:
        """Take what a page has with an ex-date in a span.

        Raises:
            BadData: What is told is not complete.
        """
        for kind, row in read_rows(page, self._asked):
            ex = read_ex(row, self._asked)
            if not span.start <= ex < span.end:
                continue
            made = await self._read(kind, row, ex)
            if isinstance(made, Caveat):
                self._caveats.append(made)
            elif made is not None:
                self._actions.append(made)

    def deeds(self) -> Deeds:
        """Return what was read."""
        return Deeds(sorted(self._actions, key=turn_of), sorted(self._caveats, key=lambda one: one.ex))

    async def _read(self, kind: str, row: Row, ex: int) -> Action | Caveat | None:
        """Return what happens to the holders of the symbol; None where it is those of another company."""
        holder = _HOLDERS.get(kind)
        if holder is not None and read_field(row, holder, self._asked) != self._symbol:
            return None
        form = self._forms.get(kind)
        if form is None:
            return self._caveat(ex, f"{kind!r}, a kind that Openbell does not know, is not taken; {_BY_HAND}")
        return await form(kind, row, ex)

    async def _dividend(self, _kind: str, row: Row, ex: int) -> Action:
        return Dividend(self._symbol, ex, read_number(read_field(row, "rate", self._asked), self._asked))

    async def _stock_dividend(self, _kind: str, row: Row, ex: int) -> Action:
        ratio = 1 + self._fraction(row, "rate")
        return Split(self._symbol, ex, ratio.numerator, ratio.denominator)

    async def _split(self, _kind: str, row: Row, ex: int) -> Action:
        ratio = self._fraction(row, "new_rate") / self._fraction(row, "old_rate")
        return Split(self._symbol, ex, ratio.numerator, ratio.denominator)

    async def _spin_off(self, kind: str, row: Row, ex: int) -> Action | Caveat:
        child = str(read_field(row, "new_symbol", self._asked))
        if kind == "spin_off":
            ratio = self._fraction(row, "new_rate") / self._fraction(row, "source_rate")
        else:
            ratio = self._fraction(row, "rate")
        price = await self._opening(child, ex)
        if price is None:
            told = f"{ratio.numerator} {child} for {ratio.denominator}"
            return self._caveat(
                ex, f"the {_shown(kind)} of {told} is not taken: {child} has no bar that day; {_BY_HAND}"
            )
        return SpinOff(self._symbol, ex, child, ratio.numerator, ratio.denominator, price)

    async def _paid_out(self, kind: str, row: Row, ex: int) -> Action | Caveat:
        worthless = kind == "worthless_removal"
        price = 0.0 if worthless else read_number(read_field(row, "rate", self._asked), self._asked)
        return await self._delisted(kind, ex, price)

    async def _exchanged(self, kind: str, row: Row, ex: int) -> Action | Caveat:
        """Return the end of a symbol at what is given for a share, shares at what they open at.

        The holder is not given the shares themselves: no action exchanges one company's for another's, and a
        spin-off cannot take all that a share is worth.
        """
        old = self._fraction(row, _OLD_RATES[kind])
        mixed = kind == "stock_and_cash_merger"
        total = read_number(read_field(row, "cash_rate", self._asked), self._asked) if mixed else 0.0
        for name, rate in _PARTS[kind]:
            symbol, new = str(read_field(row, name, self._asked)), self._fraction(row, rate)
            price = await self._opening(symbol, ex)
            if price is None:
                return self._caveat(
                    ex, f"the {_shown(kind)} is not taken: {symbol} has no bar that day; {_BY_HAND}"
                )
            total += price * float(new)
        return await self._delisted(kind, ex, total / float(old))

    async def _delisted(self, kind: str, ex: int, price: float) -> Action | Caveat:
        end = await self._ending(ex)
        if end is None:
            return self._caveat(ex, f"the {_shown(kind)} is not taken: bars of it go on for days; {_BY_HAND}")
        return Delisting(self._symbol, end, price)

    async def _renamed(self, _kind: str, row: Row, ex: int) -> Action | Caveat:
        old, new = (str(read_field(row, name, self._asked)) for name in ("old_symbol", "new_symbol"))
        if new == self._symbol:
            return SymbolChange(old, ex, new)
        return self._caveat(ex, f"the company is called {new} from then on; fetch and trade {new} instead")

    async def _opening(self, symbol: str, ex: int) -> float | None:
        """Return what a symbol opened at in the session of a date's midnight, or of the next."""
        calendar = sessions(self._calendar, ex, ex)
        date = int(calendar.dates[np.searchsorted(calendar.dates, ex // NANOS_PER_DAY)]) * NANOS_PER_DAY
        first: float | None = None
        async for batch in self._bars(symbol, "1d", Span(date, date + NANOS_PER_DAY)):
            first = float(batch.columns["open"][0]) if len(batch.start) else first
        return first

    async def _ending(self, ex: int) -> int | None:
        """Return the first date from one on without a bar; None if they go on for days.

        Alpaca's dates are those on which accounts were booked: shares may be traded to the end of that day.
        """
        end, limit = ex, ex + _LINGERING * NANOS_PER_DAY
        async for batch in self._bars(self._symbol, "1d", Span(ex, limit)):
            end = int(batch.start[-1]) + NANOS_PER_DAY if len(batch.start) else end
        return end if end <= limit - _STILL * NANOS_PER_DAY else None

    def _caveat(self, ex: int, said: str) -> Caveat:
        return Caveat(self._symbol, ex, f"{self._symbol}: {day_of(ex)}, {said}")

    def _fraction(self, row: Row, field: str) -> Fraction:
        number = read_number(read_field(row, field, self._asked), self._asked)
        if number <= 0:
            raise BadData(f"{self._asked}: {field} is {number:g}, no share of a share")
        return Fraction(str(number))


def _shown(kind: str) -> str:
    return kind.replace("_", " ")
