"""Currencies: one for a run and its account, and several only where accounts are looked at together.

A ledger is kept in the currency of what it trades, as fills, fees and dividends come in it. What accounts in
several currencies are worth together needs rates, and these are stated by who asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from openbell.core.errors import ConfigError
from openbell.core.types import Instrument


def currency_of(instruments: Iterable[Instrument], *, account: str = "") -> str:
    """Return the one currency of what a run trades.

    Args:
        instruments: What it trades.
        account: The currency of its account, where a broker says it.

    Raises:
        ConfigError: There are two, or the account is in another one.
    """
    first: Instrument | None = None
    for one in instruments:
        first = first or one
        if one.currency != first.currency:
            raise ConfigError(
                f"{first.symbol} is priced in {first.currency} and {one.symbol} in {one.currency}: a run has "
                "one currency; run them apart, each with its own cash"
            )
    if first is None:
        return account
    if account and first.currency != account:
        raise ConfigError(
            f"{first.symbol} is priced in {first.currency}, and the account is in {account}: its cash and "
            "equity would be compared with another currency's; trade on an account in that currency"
        )
    return first.currency


def convert(amounts: Mapping[str, float], into: str, rates: Mapping[str, float]) -> float:
    """Return amounts by currency in one currency.

    Args:
        amounts: Money by currency.
        into: The currency that is asked for.
        rates: What one unit of each other currency is worth in `into`.

    Raises:
        ConfigError: A rate is missing, or is no positive number.
    """
    return math.fsum(amount * rate_of(currency, into, rates) for currency, amount in amounts.items())


def rate_of(currency: str, into: str, rates: Mapping[str, float]) -> float:
    """Return what one unit of a currency is worth in another one; arguments as for `convert`.

    Raises:
        ConfigError: The rate is missing, or is no positive number.
    """
    if currency == into:
        return 1.0
    rate = rates.get(currency)
    if rate is None:
        raise ConfigError(f"no rate of {currency} in {into} is given; state it, as in {currency}=1.1")
    if not 0.0 < rate < math.inf:
        raise ConfigError(f"rate {currency}={rate!r} must be a positive number, of {into} for one {currency}")
    return rate
