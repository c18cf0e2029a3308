"""How a signal's positions are entered and left: shares of the price at which the decision was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from openbell.core import rules
from openbell.core.requests import NO_EXITS, Exits, Ticket
from openbell.strategies.parameters import Parameter

#: What `@signal` takes beside its function's inputs. Zero is none; the last two are flags.
EXITS: Mapping[str, Parameter] = {
    "stop_loss": Parameter(0.0, ge=0.0, lt=1.0, help="share of the close at which a loss is cut"),
    "take_profit": Parameter(0.0, ge=0.0, help="share of the close at which a gain is taken"),
    "trailing_stop": Parameter(0.0, ge=0.0, lt=1.0, help="share of the best price since the entry"),
    "limit": Parameter(0.0, ge=0.0, lt=1.0, help="share of the close that an entry waits for"),
    "reenter": Parameter(False, kind=bool, help="enter again while the conviction stands"),
    "entries_only": Parameter(False, kind=bool, help="leave a position to its exits, whatever is decided"),
}


class Protection(NamedTuple):
    """The exits of a signal's positions, and how they are entered; shares of a price, zero is none."""

    stop_loss: float = 0.0
    take_profit: float = 0.0
    trailing_stop: float = 0.0
    limit: float = 0.0
    reenter: bool = False
    entries_only: bool = False

    @property
    def exits(self) -> bool:
        """Tell whether positions are protected."""
        return self.stop_loss > 0.0 or self.take_profit > 0.0 or self.trailing_stop > 0.0

    def orders(self, close: float, direction: float, held: float) -> tuple[Exits, Ticket]:
        """Return the exits and the ticket of a position that is decided on at `close`.

        Only what opens a position waits for a limit; what adds to one, or reduces it, goes at once.
        """
        ticket = Ticket()
        if self.limit > 0.0 and held * direction <= 0.0:
            ticket["limit"] = rules.away(close, -direction, self.limit)
        if not self.exits:
            return NO_EXITS, ticket
        exits = Exits(
            rules.away(close, -direction, self.stop_loss) if self.stop_loss > 0.0 else None,
            rules.away(close, direction, self.take_profit) if self.take_profit > 0.0 else None,
            self.trailing_stop if self.trailing_stop > 0.0 else None,
        )
        return exits, ticket


def protection_of(inputs: Mapping[str, Any]) -> Protection:
    """Return what of a signal's inputs protects its positions."""
    return Protection(**{name: thing.default for name, thing in inputs.items() if name in EXITS})


def as_exit(name: str, thing: Any) -> Parameter:
    """Return an exit as a parameter, from a number, a flag, None or `ob.param(...)`.

    Raises:
        ConfigError: It is something else, or out of bounds.
    """
    known = EXITS[name]
    if isinstance(thing, Parameter):
        known.checked(thing.default, where=f"@signal({name})")
        least = known.ge if thing.ge is None or known.ge is None else max(thing.ge, known.ge)
        below = known.lt if thing.lt is None or known.lt is None else min(thing.lt, known.lt)
        return replace(thing, kind=known.kind, ge=least, lt=below)
    if thing is None:
        return known
    return replace(known, default=known.checked(thing, where=f"@signal({name})"))
