"""The simulated broker: one for backtests and for paper trading.

It fills orders from bars by the rules that `docs/explanation/fills.md` draws. What happens to an order is
in `book`, when and where it fills in `matching`, for how much in `fills` and `funds`, and what holding
costs in `holding`; here they are put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.costs import Costs
from openbell.core.orders import Cancel, Order
from openbell.core.ports import Command, Event, Market
from openbell.core.types import OrderStatus, Split
from openbell.execution.brokers.ambiguity import Ambiguity, Detail
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.fills import Fills
from openbell.execution.brokers.funds import Funds
from openbell.execution.brokers.holding import Holding
from openbell.execution.brokers.matching import Matching

__all__ = ["Ambiguity", "Detail", "SimulatedBroker"]


class SimulatedBroker:
    """Takes commands and bars, and yields what happens to orders.

    The driver feeds each event to the engine at once: the account is booked before the broker goes on.
    """

    def __init__(
        self,
        *,
        strategy: str,
        account: Account,
        market: Market,
        sessions: Sessions,
        costs: Costs,
        detail: Detail | None = None,
    ) -> None:
        funds = Funds(account, market, costs)
        self._book = Book(account=account, tracks=market.tracks, sessions=sessions, funds=funds)
        self._matching = Matching(
            self._book,
            Fills(self._book, account, funds=funds, costs=costs),
            account=account,
            sessions=sessions,
            detail=detail,
        )
        self._holding = Holding(
            strategy, account=account, market=market, sessions=sessions, margin=costs.margin
        )

    @property
    def busy(self) -> bool:
        """Tell whether the next bars can change anything here: an order works or a position costs."""
        return self._book.busy or self._holding.costs

    @property
    def ambiguities(self) -> list[Ambiguity]:
        """Return the bars so far that touched a stop and its target."""
        return self._matching.ambiguities

    def submit(self, commands: Iterable[Command], time: int) -> Iterator[Event]:
        """Take commands at `time`; yield acceptances, rejections and cancellations."""
        for command in commands:
            if isinstance(command, Order):
                yield from self._book.accept(command, time)
            elif isinstance(command, Cancel):
                working = self._book.open.get(command.order_id)
                if working is not None:
                    yield from self._book.end(working, OrderStatus.CANCELLED, time, command.reason)
            else:
                yield from self._book.replace(command, time)

    def match(self, time: int) -> Iterator[Event]:
        """Let the bars that become known at `time` fill what rests. They are not known to anybody yet."""
        if self._holding.costs:
            yield from self._holding.charge(time)
        yield from self._matching.run(time)
        self._holding.note(time)

    def call_margin(self, time: int) -> Iterable[Event]:
        """Ask for all positions to be closed when equity is below the maintenance margin at the closes."""
        return self._holding.call(time, closing=self._book.is_closing) if self._holding.costs else ()

    def act(self, split: Split) -> Iterator[Event]:
        """Adjust what rests to a split: more shares at a lower price. A reverse split cancels it."""
        yield from self._book.split(split)

    def finish(self, time: int) -> Iterator[Event]:
        """End everything that still works, because the run ends."""
        yield from self._book.finish(time)
