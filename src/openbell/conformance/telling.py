"""The words that stories are told in: what is asked, what the bars do, how an order ends."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from openbell.conformance.story import Act, Ask, Bar, Change, Result, Story
from openbell.core.types import OrderStatus

_S = OrderStatus
_EXACT = frozenset({"quantity", "limit", "stop", "trail", "take_profit", "stop_loss"})
PAST = "100 100 100 100"
CALM = "100 101 99.5 100"


def buy(label: str = "a", **fields: Any) -> Ask:
    """Return the wish to buy ten shares at the market, but for what is said otherwise."""
    exact = {name: Decimal(str(value)) for name, value in fields.items() if name in _EXACT}
    return Ask(label=label, **{**fields, **exact})


def sell(label: str = "a", **fields: Any) -> Ask:
    """Return the wish to sell."""
    return buy(label, side=-1, **fields)


def pair(limit: float, stop: float) -> Ask:
    """Return the wish for a target and a stop of which one fills."""
    return sell("p", limit=limit, stop_loss=stop, pair=True)


def change(label: str = "a", **fields: Any) -> Change:
    """Return the wish to change an order."""
    return Change(label, **{name: Decimal(str(value)) for name, value in fields.items()})


def bar(prices: str, volume: int | None = None, **fields: Any) -> Bar:
    """Return a bar."""
    return Bar(prices, volume, **fields)


LATE = bar("97 98 96 97", day=1, begin="16:00", end="17:00")  #: after the close


def filled(average: float | str, quantity: float = 10) -> Result:
    """Return an order that is filled, at an average price."""
    return Result(_S.FILLED, Decimal(str(quantity)), Decimal(str(average)))


def ended(status: OrderStatus, filled: int = 0, average: float | None = None) -> Result:
    """Return an order that stands as is said."""
    return Result(status, Decimal(filled), None if average is None else Decimal(str(average)))


WORKING = ended(_S.ACCEPTED)
CANCELLED = ended(_S.CANCELLED)
EXPIRED = ended(_S.EXPIRED)
REJECTED = ended(_S.REJECTED)


def story(
    name: str,
    *bars: str | Bar,
    acts: Sequence[Act] | dict[int, Sequence[Act]],
    position: float = 0,
    expected: dict[str, Result],
    **fields: Any,
) -> Story:
    """Return a story whose first bar is the past; acts without a bar's number come after that."""
    made = [bar if isinstance(bar, Bar) else Bar(bar) for bar in (PAST, *bars)]
    if fields.pop("whole", False):  # all bars are given, the past too
        made = made[1:]
    numbered = acts if isinstance(acts, dict) else {0: acts}
    return Story(
        name=name, bars=made, acts=numbered, expected=expected, position=Decimal(str(position)), **fields
    )


ENTRY = buy("e")
HELD = {"e": filled(100)}  #: bought at an open of 100
