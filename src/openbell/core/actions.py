"""What companies do to their shares: the records. `docs/explanation/corporate-actions.md` has the rules.

An `ex` is the open of the ex-date's session, ns UTC.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from openbell.core.errors import BadData
from openbell.core.inputs import real, shown


@dataclass(frozen=True, slots=True)
class Split:
    """`new` shares for each `old`: 2 for 1 is `Split("X", ex, 2, 1)`. `ex` is the ex-date's session open.

    A stock dividend is one too: of 5 %, it is `Split("X", ex, 105, 100)`.
    """

    symbol: str
    ex: int
    new: int
    old: int

    def __post_init__(self) -> None:
        if not (1.0 <= real(self.new) < math.inf and 1.0 <= real(self.old) < math.inf):
            raise BadData(
                f"{self.symbol}: split of {shown(self.new)}:{shown(self.old)}; both sides must be 1 or more"
            )

    @property
    def ratio(self) -> float:
        """Shares after the split for one share before it."""
        return self.new / self.old


@dataclass(frozen=True, slots=True)
class Dividend:
    """Cash a share, owed to whoever holds at the close before `ex`. `ex` is the ex-date's session open."""

    symbol: str
    ex: int
    amount: float

    def __post_init__(self) -> None:
        if not 0.0 < real(self.amount) < math.inf:
            raise BadData(f"{self.symbol}: dividend of {shown(self.amount)}; it must be a positive amount")


@dataclass(frozen=True, slots=True)
class SpinOff:
    """`new` shares of `child` for each `old` of `symbol`, worth `price` each, to whoever held before `ex`."""

    symbol: str
    ex: int
    child: str
    new: int
    old: int
    price: float

    def __post_init__(self) -> None:
        if not (isinstance(self.child, str) and self.child.strip()) or self.child == self.symbol:
            raise BadData(f"{self.symbol}: spin-off of {shown(self.child)}; name the company that leaves it")
        if not (1.0 <= real(self.new) < math.inf and 1.0 <= real(self.old) < math.inf):
            ratio = f"{shown(self.new)}:{shown(self.old)}"
            raise BadData(f"{self.symbol}: spin-off of {ratio} {self.child}; both sides must be 1 or more")
        if not 0.0 < real(self.price) < math.inf:
            raise BadData(
                f"{self.symbol}: spin-off of {self.child} at {shown(self.price)}; its price must be positive"
            )

    @property
    def amount(self) -> float:
        """What leaves the company with one of its shares."""
        return self.price * self.new / self.old


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """From `ex` on, `symbol` is called `new_symbol`: the same company, the same shares."""

    symbol: str
    ex: int
    new_symbol: str

    def __post_init__(self) -> None:
        if not (isinstance(self.new_symbol, str) and self.new_symbol.strip()):
            raise BadData(f"{self.symbol}: change to {shown(self.new_symbol)}; name the new symbol")
        if self.new_symbol == self.symbol:
            raise BadData(f"{self.symbol}: change to itself; name the new symbol, or leave it out")


@dataclass(frozen=True, slots=True)
class Delisting:
    """From `ex` on the symbol is not traded; a share is paid `price`: 0 is worthless, None the last close."""

    symbol: str
    ex: int
    price: float | None = None

    def __post_init__(self) -> None:
        if self.price is None:
            return
        if self.price != self.price:  # NaN
            object.__setattr__(self, "price", None)  # one way to say that it is not known
        elif not 0.0 <= real(self.price) < math.inf:
            raise BadData(f"{self.symbol}: delisting at {shown(self.price)}; its price must be 0 or more")


Action = Split | Dividend | SpinOff | SymbolChange | Delisting

#: In which order actions of one moment happen: what is paid first, as it is owed on the shares of before.
_TURNS: dict[type, int] = {Dividend: 0, SpinOff: 1, Split: 2, SymbolChange: 3, Delisting: 4}


def turn_of(action: Action) -> tuple[int, int]:
    """Return what sorts a symbol's actions: their date, and on one date the order in which they happen."""
    return action.ex, _TURNS[type(action)]
