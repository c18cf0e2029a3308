"""Explaining: a position that nobody here trades has changed, and a split of it says exactly why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from openbell.core.types import NANOS_PER_DAY, Action, Split
from openbell.trading.floor import Floor
from openbell.trading.reconcile import Difference
from openbell.trading.records import body_of_action
from openbell.utils.logging import get_logger

#: Asked for the corporate actions of symbols between two times, ns UTC.
Ask = Callable[[Sequence[str], int, int], Awaitable[Sequence[Action]]]

_GRAIN = Decimal("0.000001")  #: of a share: brokers round parts of shares
_EARLY = 2 * NANOS_PER_DAY  #: a broker may book a split that long after its date


class Books(Protocol):
    """What explaining needs of a session."""

    floor: Floor
    ask_actions: Ask | None

    def put(self, kind: str, body: Mapping[str, Any], moment: int) -> None:
        """Have an input taken in its turn."""


async def explain(books: Books, found: Sequence[Difference], now: int) -> bool:
    """Have positions that nobody here trades taken as they are now, where their splits explain them.

    Tell whether anybody was asked, which takes its time.

    Args:
        books: The session's.
        found: In what its account differs.
        now: The broker's time, ns UTC.
    """
    others = {one.symbol: one for one in found if one.symbol and not is_traded(books.floor, one.symbol)}
    if not others or books.ask_actions is None:
        return False
    since = max(books.floor.compared - _EARLY, 0)
    actions = await books.ask_actions(list(others), since, now + NANOS_PER_DAY)
    for symbol, one in others.items():
        splits = sorted(
            (a for a in actions if isinstance(a, Split) and a.symbol == symbol), key=lambda a: a.ex
        )
        splits = [split for split in splits if split not in books.floor.expected]
        if splits and fits(one, splits):
            said = ", ".join(f"{split.new:g} for {split.old:g}" for split in splits)
            get_logger().info(f"{one}; nobody here trades it, and it has split {said}")
            told = [dict(body_of_action(split)) for split in splits]
            body = {"symbol": symbol, "quantity": str(one.theirs), "actions": told}
            books.put("restate", body, max(books.floor.time, now))
    return True


def is_traded(floor: Floor, symbol: str) -> bool:
    """Tell whether a strategy of the session trades a symbol."""
    return any(symbol in course.tape.lanes for course in floor.courses.values())


def fits(one: Difference, splits: Sequence[Split]) -> bool:
    """Tell whether splits explain a difference: to the share, or less a fraction that is paid in cash."""
    exact = one.ours
    for split in splits:
        exact = exact * Decimal(repr(split.new)) / Decimal(repr(split.old))
    return abs(one.theirs - exact) <= _GRAIN or one.theirs == Decimal(int(exact))
