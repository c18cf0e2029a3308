"""The ports: everything that touches the world, as protocols. `run` chooses what is behind them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from openbell.core.market import Bar, Slice, Track
from openbell.core.orders import (
    Cancel,
    Order,
    OrderUpdate,
    Refusal,
    Replace,
    ReviewedOrder,
    ReviewedReplace,
)
from openbell.core.types import Action, Charge, Fill, Instrument, MarginCall, OrderStatus

if TYPE_CHECKING:  # the desk's own imports lead here
    from openbell.core.desk import Desk
    from openbell.core.situation import Situation, Size

#: What an engine is told.
Event = Slice | Fill | OrderUpdate | Charge | MarginCall | Action
#: What an engine asks for.
Command = Order | Cancel | Replace
#: What may be handed to a broker; a cancel takes no risk.
Reviewed = ReviewedOrder | Cancel | ReviewedReplace


class Ear(NamedTuple):
    """Where a broker says what happens, at once: what it tells of is booked when the call returns."""

    fill: Callable[[Fill], object]
    accepted: Callable[[Order, int], object]  #: an order works as soon as it is sent, at a time
    moved: Callable[[Order, OrderStatus, int], object]  #: an order goes a step on, and has not ended
    update: Callable[[OrderUpdate], object]
    other: Callable[[Charge | MarginCall], object]


class Members(Protocol):
    """A universe at each moment."""

    def at(self, time: int) -> AbstractSet[str]:
        """Return the symbols that belong to it at a time, ns UTC."""


class Market(Protocol):
    """What is known of the market now."""

    @property
    def symbols(self) -> Sequence[str]:
        """Return the symbols, in their fixed order."""

    @property
    def time(self) -> int:
        """Return the time of the last event in ns."""

    @property
    def tracks(self) -> Mapping[str, Track]:
        """Return the bars of each symbol."""

    @property
    def members(self) -> Members | None:
        """Return who may be bought at each moment; None where everything may."""

    def focus(self, symbol: str) -> None:
        """Make `symbol` the one that indicators without a symbol speak of."""

    def price(self, symbol: str) -> float:
        """Return the last known close in today's shares; NaN when there is none."""

    def indicator(self, recipe: Any, symbol: str) -> Any:
        """Return an indicator's values up to now: of one symbol, or of each when `symbol` is empty."""

    def history(self, symbol: str, column: str, count: int) -> Any:
        """Return the last `count` values of a column, oldest first, adjusted as of now."""


class PlainSizer(Protocol):
    """Turns a conviction into a signed number of shares, whole lots.

    One whose `needs_equity` is False is not told the equity: it gets NaN.
    """

    def size(self, conviction: float, *, instrument: Instrument, price: float, equity: float) -> float:
        """Return the target position for a conviction in [-1, 1]."""


@runtime_checkable
class InformedSizer(Protocol):
    """The same from all that is known at the decision: the signal's stop, past prices, what else is held."""

    def size_in(self, conviction: float, situation: Situation) -> Size:
        """Return the target position for a conviction in [-1, 1], and why it is of that size."""


Sizer: TypeAlias = PlainSizer | InformedSizer


class Hooks(Protocol):
    """What the engine calls of a strategy. `openbell.strategies.Strategy` is the one a user derives from."""

    name: str

    def on_start(self) -> None:
        """Prepare: called once, before the first bar."""

    def on_bar(self, bar: Bar) -> None:
        """Decide on one symbol's bar."""

    def on_bars(self, bars: Any) -> None:
        """Decide on all symbols' bars of one moment."""

    def on_fill(self, fill: Fill) -> None:
        """Take note of an execution."""

    def on_stop(self) -> None:
        """Clean up: called once, after the last bar."""


class Broker(Protocol):
    """Takes commands, and answers with events."""

    def connect(self, ear: Ear) -> None:
        """Say from now on what happens to orders."""

    def submit(self, commands: Iterable[Reviewed], time: int) -> None:
        """Send commands, which have been reviewed."""


class Gate(Protocol):
    """Stands between an engine and its broker. It may order at the desk itself: an exit, a way out."""

    @property
    def enforces(self) -> bool:
        """Tell whether what is refused is held back, and not only recorded."""

    def bind(self, desk: Desk) -> None:
        """Take the desk whose orders it reviews."""

    def watch(self) -> Sequence[Refusal]:
        """Take note of a moment's bars, before the strategy decides on them; return what to warn of."""

    def act(self, action: Action) -> None:
        """Take note of a corporate action that is being booked."""

    def retire(self, gone: Collection[int]) -> None:
        """Let go of orders that ended long ago, by id."""

    def begin(self, commands: Sequence[Command]) -> None:
        """Take note of what leaves together: an order may have its exits beside it."""

    def review(self, command: Order | Replace) -> Refusal | None:
        """Return why an order, or a change of one, may not pass; None lets it pass and counts it in."""

    def review_again(self, command: Order | Replace) -> Refusal | None:
        """Return why what passed, and has not left, may not any more: what was cancelled may have filled."""
