"""What holding costs at the simulated broker: borrow and interest for each night, and margin calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.costs import Margin
from openbell.core.market import Track
from openbell.core.ports import Ear, Market
from openbell.core.types import NANOS_PER_DAY, Charge, MarginCall


class Holding:
    """Watches shorts and debts between the moments of a run."""

    def __init__(
        self, strategy: str, *, account: Account, market: Market, sessions: Sessions, margin: Margin
    ) -> None:
        self.ear: Ear
        self._strategy = strategy
        self._account = account
        self._price = market.price
        self._tracks: Mapping[str, Track] = market.tracks
        self._sessions = sessions
        self._margin = margin
        self.since = 0  #: the last bars' time if something is held that the next night is charged for, or 0

    def note(self, time: int) -> None:
        """Remember that something is short or owed after the bars of `time`."""
        self.since = time if self._account.shorts or self._account.cash < 0.0 else 0

    def charge(self, time: int) -> None:
        """Charge the calendar nights since the last bars, at the last closes, as of the session's open."""
        before, now = (self._sessions.index_after(moment - 1) for moment in (self.since, time))
        closes = self._sessions.closes
        nights = closes[now] // NANOS_PER_DAY - closes[before] // NANOS_PER_DAY
        if nights == 0:
            return
        moment = self._sessions.opens[now]
        debt = -self._account.cash
        for symbol, position in list(self._account.positions.items()):
            if position.quantity < 0.0:
                value = -position.quantity * self._tracks[symbol].price()
                self._charge(symbol, "borrow", value, self._margin.borrow_of(symbol), nights, moment)
        if debt > 0.0:
            self._charge("", "interest", debt, self._margin.interest_rate, nights, moment)

    def _charge(self, symbol: str, kind: str, value: float, rate: float, nights: int, moment: int) -> None:
        if rate > 0.0:
            self.ear.other(Charge(self._strategy, symbol, kind, rules.carry(value, rate, nights), moment))

    def call(self, time: int, *, closing: Callable[[str], bool]) -> None:
        """Ask for all positions to be closed when equity is below the maintenance margin at the closes.

        Where every position is `closing` already, asking again would only put its order off.
        """
        account = self._account
        equity = account.equity(self._price)
        needed = self._margin.maintenance * account.gross(self._price)
        if self._margin.maintenance_short:
            more = self._margin.maintenance_short - self._margin.maintenance
            needed += more * _short_value(account, self._price)
        held = (symbol for symbol, position in account.positions.items() if position.quantity != 0.0)
        if equity < needed and not all(map(closing, held)):
            self.ear.other(MarginCall(self._strategy, equity, needed, time))


def _short_value(account: Account, price: Callable[[str], float]) -> float:
    return sum(-one.quantity * price(name) for name, one in account.positions.items() if one.quantity < 0.0)
