"""Funds: what an account has of each currency, as its broker told it last or as a session's ledgers say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from openbell.portfolio.currencies import convert
from openbell.storage.entries import Entry
from openbell.trading.ledger import Ledger


class Funds(NamedTuple):
    """The money of an account at a time, ns UTC: that of the amounts and of the rates.

    `currency` is that which it is valued in, or nothing where there are several and no rate is known.
    """

    time: int
    currency: str
    cash: Mapping[str, float]  #: by currency
    rates: Mapping[str, float]  #: what one unit of each other currency is worth in `currency`
    equity: float  #: positions and cash of all currencies, in `currency`; NaN where it has none
    power: float = math.nan  #: what the broker lets it spend; NaN where there is no broker

    @property
    def worth(self) -> float:
        """All cash in `currency`; NaN where it has none."""
        return convert(self.cash, self.currency, self.rates) if self.currency else math.nan

    def rate(self, currency: str) -> float | None:
        """Return what one unit of a currency is worth in the account's; None where that is not known."""
        return 1.0 if currency == self.currency else self.rates.get(currency)


def told_funds(entry: Entry) -> Funds | None:
    """Return what a broker told of its account, of an event `power`; None of one by an earlier version."""
    body = entry.body
    if "cash" not in body:
        return None
    currency, cash, rates = body["currency"], *(
        {name: float(text) for name, text in body[key].items()} for key in ("cash", "rates")
    )  # fmt: skip
    ordered = dict(sorted(cash.items(), key=lambda one: one[0] != currency))  # the account's own first
    return Funds(body["time"], currency, ordered, rates, float(body["equity"]), float(body["power"]))


def own_funds(
    begun: Mapping[str, Any], ledgers: Mapping[str, Ledger], price: Callable[[str], float], time: int
) -> Funds:
    """Return what the strategies of a session have together, where no broker tells it.

    Args:
        begun: How the session began; it has each strategy's currency.
        ledgers: Of its strategies.
        price: Returns the last price of a symbol.
        time: Of the last event, ns UTC.
    """
    cash: dict[str, float] = {}
    for name, ledger in ledgers.items():
        currency = currency_in(begun, name)
        cash[currency] = cash.get(currency, 0.0) + ledger.account.cash
    one = next(iter(cash)) if len(cash) == 1 else ""
    equity = math.fsum(ledger.account.equity(price) for ledger in ledgers.values()) if one else math.nan
    return Funds(time, one, cash, {}, equity)


def currency_in(begun: Mapping[str, Any], strategy: str) -> str:
    """Return the currency of what a strategy trades, by how its session began."""
    for described in begun.get("strategies", ()):
        if described.get("name") == strategy:
            for instrument in described.get("instruments", ()):
                return str(instrument.get("currency", "USD"))
    return "USD"
