"""The simulated broker: one for backtests and for paper trading.

It fills orders from bars by the rules that `docs/explanation/fills.md` draws. What happens to an order is
in `book`, when and where it fills in `matching`, for how much in `fills` and `funds`, what is quicker for
market orders beside which nothing rests in `crossing`, for exits that are alone in `brackets`, and what
holding costs in `holding`; here they are put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.costs import Costs
from openbell.core.orders import Cancel, Order, ReviewedOrder
from openbell.core.ports import Ear, Market, Reviewed
from openbell.core.types import Action, OrderStatus
from openbell.execution.brokers import corporate
from openbell.execution.brokers.ambiguity import Ambiguity, Detail
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.brackets import Brackets
from openbell.execution.brokers.crossing import Crossing
from openbell.execution.brokers.fills import Fills
from openbell.execution.brokers.funds import Funds
from openbell.execution.brokers.holding import Holding
from openbell.execution.brokers.matching import Matching

__all__ = ["Ambiguity", "Detail", "SimulatedBroker"]


class SimulatedBroker:
    """Takes commands and bars, and says what happens to orders.

    The ear that it is connected to books each event at once, before the broker goes on.
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
        funds = Funds(account, market, costs, sessions)
        self.book = Book(account=account, tracks=market.tracks, sessions=sessions, funds=funds)
        self._fills = Fills(self.book, account, funds=funds, costs=costs)
        self._matching = Matching(self.book, self._fills, account=account, sessions=sessions, detail=detail)
        self._brackets = Brackets(self.book, self._fills, account, market=market)
        self._crossing = Crossing(self.book, account, market=market, funds=funds, costs=costs)
        self.holding = Holding(
            strategy, account=account, market=market, sessions=sessions, margin=costs.margin
        )

    def connect(self, ear: Ear) -> None:
        """Say from now on to `ear` what happens."""
        self.book.ear = self._fills.ear = self.holding.ear = ear
        self._crossing.ear = self._brackets.ear = ear

    @property
    def ambiguities(self) -> list[Ambiguity]:
        """Return the bars so far that touched a stop and its target."""
        return self._matching.ambiguities

    def submit(self, commands: Iterable[Reviewed], time: int) -> None:
        """Take commands at `time`: orders are accepted or rejected, cancelled and changed."""
        book = self.book
        for command in commands:
            if isinstance(command, Order):
                book.accept(command, time)
            elif isinstance(command, Cancel):
                working = book.open.get(command.order_id)
                if working is not None:
                    book.end(working, OrderStatus.CANCELLED, time, command.reason)
            else:
                book.replace(command, time)

    def take(self, orders: Sequence[ReviewedOrder], sent: int, time: int) -> bool:
        """Take market orders at `sent`, and let the bars that become known at `time` fill what there is.

        Orders that wait for one of them may follow it. The same as `submit` and then `match`, for when
        nobody looks in between; so it may be quicker.

        Returns:
            Whether they filled, and nothing works.
        """
        if self.book.open or self.holding.since:
            crossed = False
        elif orders[-1].parent:
            crossed = self._cross(orders, sent, time)
        else:
            crossed = self._crossing.cross(orders, sent, time)
        if not crossed:
            self.submit(orders, sent)
            self.match(time)
            return False
        self.holding.note(time)
        return not self.book.open

    def _cross(self, orders: Sequence[ReviewedOrder], sent: int, time: int) -> bool:
        """Let a lone market order cross, and lay the exits that wait for it; tell whether they did."""
        exits = self._brackets.lay(orders[0], orders[1:], time)
        if exits is None or not self._crossing.cross(orders[:1], sent, time, exits):
            return False
        self._brackets.wake(exits)
        return True

    def match(self, time: int) -> None:
        """Let the bars that become known at `time` fill what rests. They are not known to anybody yet."""
        holding = self.holding
        if holding.since:
            holding.charge(time)
        if not self._brackets.leave(time):
            self._matching.run(time)
        holding.note(time)

    def call_margin(self, time: int) -> None:
        """Ask for all positions to be closed when equity is below the maintenance margin at the closes."""
        if self.holding.since:
            self.holding.call(time, closing=self.book.resting.is_closing)

    def act(self, action: Action) -> None:
        """Do to what rests what a corporate action does: a dividend and a new name do nothing."""
        corporate.act(self.book, action)

    def finish(self, time: int) -> None:
        """End everything that still works, because the run ends."""
        self.book.finish(time)
