"""Where profit came from: by strategy, symbol, sector, long and short. The parts add up to the whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from openbell.core.account import Entry, EntryKind
from openbell.core.errors import ConfigError, nearest

#: What profit can be divided by.
WAYS = ("strategy", "symbol", "sector", "side")
#: The symbol, sector and side of what belongs to none: interest on cash.
NONE = "none"


class Part(NamedTuple):
    """What one side of one symbol brought a strategy. `pnl` is everything: prices, fees, carry."""

    strategy: str
    symbol: str
    sector: str
    side: str  #: `long`, `short` or `none`
    pnl: float
    fees: float
    carry: float  #: dividends and spin-offs less borrow and interest


def attribute(
    ledgers: Mapping[str, Sequence[Entry]],
    prices: Mapping[str, float],
    *,
    sectors: Mapping[str, str] | None = None,
) -> list[Part]:
    """Divide the profit of strategies into parts, open positions valued at `prices`.

    Each booking's change of cash goes to the side that it opens, closes or belongs to, and what is held at
    the end is added at its value: so the parts add up to the change of the account's equity.

    Args:
        ledgers: Each strategy's bookings.
        prices: The last price of every symbol that is held.
        sectors: The sector of a symbol; empty where it has none.
    """
    known = sectors or {}
    parts: list[Part] = []
    for strategy, entries in ledgers.items():
        tally = _Tally()
        for entry in entries:
            tally.add(entry)
        tally.value(prices)
        for (symbol, side), (pnl, fees, carry) in tally.sums.items():
            sector = known.get(symbol) or NONE
            name = {1: "long", -1: "short"}.get(side, NONE)
            parts.append(
                Part(
                    strategy, symbol or NONE, sector, name, math.fsum(pnl), math.fsum(fees), math.fsum(carry)
                )
            )
    return parts


def divide(parts: Iterable[Part], by: str) -> dict[str, float]:
    """Return the profit by one of `WAYS`, in the order in which they first traded.

    Raises:
        ConfigError: There is no such way.
    """
    if by not in WAYS:
        raise ConfigError(f"attribution: by={by!r} is unknown{nearest(str(by), WAYS)}")
    found: dict[str, list[float]] = {}
    for part in parts:
        found.setdefault(getattr(part, by), []).append(part.pnl)
    return {name: math.fsum(values) for name, values in found.items()}


def in_cents(parts: Mapping[str, float]) -> dict[str, float]:
    """Return amounts in whole cents whose sum is that of the unrounded ones, rounded: no cent is lost.

    Each part is rounded down, and those with the largest rests get the cents that are missing.
    """
    exact = {name: 100.0 * value for name, value in parts.items()}
    cents = {name: math.floor(value) for name, value in exact.items()}
    missing = round(math.fsum(exact.values())) - sum(cents.values())
    for name in sorted(exact, key=lambda name: cents[name] - exact[name])[:missing]:
        cents[name] += 1
    return {name: value / 100.0 for name, value in cents.items()}


_CARRY = (EntryKind.DIVIDEND, EntryKind.BORROW, EntryKind.INTEREST)


class _Tally:
    """Sums by symbol and side, as terms that are added up exactly at the end."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, int], tuple[list[float], list[float], list[float]]] = {}
        self._held: dict[str, float] = {}
        self._side: dict[str, int] = {}  # the side that a symbol was on last

    def add(self, entry: Entry) -> None:
        """Give one booking to the sides that it belongs to."""
        symbol, after = entry.symbol, entry.position
        before = self._held.get(symbol, 0.0)
        self._held[symbol] = after
        if before * after < 0.0:  # through zero: each side its part
            share = abs(before) / (abs(before) + abs(after))
            self._put(symbol, before, before * entry.price - entry.fee * share, fee=entry.fee * share)
            rest = entry.fee * (1.0 - share)
            self._put(symbol, after, -after * entry.price - rest, fee=rest)
            return
        carried = entry.kind in _CARRY or (entry.kind is EntryKind.SPIN_OFF and entry.quantity == 0.0)
        fee = entry.fee if entry.kind is EntryKind.FILL else 0.0
        self._put(symbol, before or after, entry.amount, fee=fee, carry=entry.amount if carried else 0.0)

    def value(self, prices: Mapping[str, float]) -> None:
        """Add what is held at its value."""
        for symbol, held in self._held.items():
            if held != 0.0:
                self._put(symbol, held, held * prices[symbol])

    def _put(
        self, symbol: str, position: float, amount: float, *, fee: float = 0.0, carry: float = 0.0
    ) -> None:
        if position != 0.0:
            self._side[symbol] = 1 if position > 0.0 else -1
        key = (symbol, self._side.get(symbol, 0))
        for terms, value in zip(self.sums.setdefault(key, ([], [], [])), (amount, fee, carry), strict=True):
            terms.append(value)
