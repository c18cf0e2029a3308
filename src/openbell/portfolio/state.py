"""What an account is after its bookings: cash by currency, lots, profit, costs, carry, margin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from openbell.core import rules
from openbell.core.account import Entry
from openbell.core.costs import Margin
from openbell.portfolio.currencies import convert
from openbell.portfolio.holdings import Holdings
from openbell.portfolio.lots import Lot, lots_of


class State(NamedTuple):
    """An account in one currency. Money is in it, but for `cash`, which says its currency.

    `realised` is before fees, and so is `unrealised`: equity is what the account began with, plus both, plus
    dividends, less fees, borrow and interest.
    """

    currency: str
    cash: Mapping[str, float]  #: by currency
    positions: Mapping[str, float]  #: signed shares by symbol
    lots: Sequence[Lot]  #: that are held
    realised: float
    unrealised: float
    fees: float
    dividends: float  #: with what spin-offs left; shorts paid it
    borrow: float
    interest: float
    equity: float
    margin: float  #: equity that the positions tie up
    free: float  #: the rest
    maintenance: float  #: equity below which there is a margin call


def state_of(
    entries: Sequence[Entry],
    *,
    cash: float,
    prices: Mapping[str, float],
    currency: str = "USD",
    margin: Margin | None = None,
    method: str = "fifo",
) -> State:
    """Return the state of an account after bookings.

    Args:
        entries: Its ledger.
        cash: What it began with.
        prices: The last price of each symbol that is held.
        currency: Of all of them.
        margin: What positions tie up; a cash account if not given.
        method: How lots are taken: `fifo`, `lifo`, `average`, `highest`.

    Raises:
        ConfigError: The method is unknown.
    """
    terms, holdings = margin or Margin(), Holdings().add(entries)
    held = {symbol: one for symbol, one in holdings.positions.items() if one.quantity != 0.0}
    left = entries[-1].cash if entries else cash
    values = {symbol: one.quantity * prices[symbol] for symbol, one in held.items()}
    equity, gross = left + math.fsum(values.values()), math.fsum(map(abs, values.values()))
    shorts = math.fsum(-value for value in values.values() if value < 0.0)
    more = terms.maintenance_short - terms.maintenance if terms.maintenance_short else 0.0
    every = holdings.positions.values()
    return State(
        currency,
        {currency: left},
        {symbol: one.quantity for symbol, one in held.items()},
        lots_of(entries, method).open,
        math.fsum(one.realised for one in every),
        math.fsum(one.unrealised(prices[symbol]) for symbol, one in held.items()),
        math.fsum(one.fees for one in every),
        math.fsum(one.dividends for one in every),
        math.fsum(one.borrow for one in every),
        holdings.interest,
        equity,
        gross * terms.initial,
        rules.free_equity(equity, gross, terms.initial),
        gross * terms.maintenance + shorts * more,
    )


def cash_of(states: Iterable[State]) -> dict[str, float]:
    """Return the cash of several accounts by currency."""
    found: dict[str, list[float]] = {}
    for one in states:
        for currency, amount in one.cash.items():
            found.setdefault(currency, []).append(amount)
    return {currency: math.fsum(amounts) for currency, amounts in found.items()}


def worth(states: Iterable[State], into: str, rates: Mapping[str, float] | None = None) -> float:
    """Return what accounts are worth together, in one currency, at stated rates.

    Raises:
        ConfigError: A rate is missing.
    """
    found: dict[str, list[float]] = {}
    for one in states:
        found.setdefault(one.currency, []).append(one.equity)
    amounts = {currency: math.fsum(values) for currency, values in found.items()}
    return convert(amounts, into, rates or {})
