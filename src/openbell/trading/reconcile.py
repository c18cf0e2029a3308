"""Reconciliation: the account as the broker has it, against what the session's books say it should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from openbell.core.orders import TERMINAL
from openbell.execution.port import Balance, Execution, Holding, LiveBroker, Report
from openbell.trading.floor import Floor
from openbell.trading.route import ZERO, Route, Stage, plain

#: How far back fills are asked for again, ns: a fill may be told late, and clocks differ.
OVERLAP = 300_000_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with a difference that nothing explains.

    Args:
        positions: `halt`: stop before anything is decided. `adopt`: the first strategy that trades the symbol
            takes it over at the broker's average price. `leave`: it is somebody else's.
        cash: `halt`, or `leave`: dividends, interest and deposits are booked as somebody else's.
        tolerance: A difference of cash up to this is none, in the account's currency.
    """

    positions: Literal["halt", "adopt", "leave"] = "halt"
    cash: Literal["halt", "leave"] = "leave"
    tolerance: Decimal = Decimal("0.01")


class Snapshot(NamedTuple):
    """The account as the broker has it; `time` is from before anything of it was asked for."""

    time: int
    balance: Balance
    holdings: Sequence[Holding]
    working: Sequence[Report]
    executions: Sequence[Execution]


class Difference(NamedTuple):
    """A position or the cash (no symbol) that is not what the books say."""

    symbol: str
    ours: Decimal
    theirs: Decimal
    average: Decimal = ZERO

    def __str__(self) -> str:
        what = f"position {self.symbol}" if self.symbol else "cash"
        return f"{what}: the broker has {plain(self.theirs)}, the books {plain(self.ours)}"


async def snapshot(broker: LiveBroker, since: int) -> Snapshot:
    """Ask the broker for the account; fills first, so that positions are not older than they."""
    time = await broker.now()
    executions = await broker.executions(max(since - OVERLAP, 0))
    working = await broker.working()
    holdings = await broker.holdings()
    return Snapshot(time, await broker.balance(), holdings, working, executions)


def missing(floor: Floor, seen: Snapshot) -> Iterator[Route]:
    """Yield the routes that should work at the broker, and are not among what works there."""
    there = {report.client_id for report in seen.working}
    for route in floor.router.open():
        if route.stage is Stage.WORKING and route.client_id not in there and not route.pending:
            yield route


def position_differences(floor: Floor, holdings: Sequence[Holding]) -> list[Difference]:
    """Return the positions that differ, by symbol."""
    ours = floor.held()
    theirs = {one.symbol: one for one in holdings if one.quantity}
    found = []
    for symbol in sorted({*ours, *theirs}):
        one = theirs.get(symbol)
        quantity = one.quantity if one is not None else ZERO
        if quantity != ours.get(symbol, ZERO):
            average = one.average if one is not None else ZERO
            found.append(Difference(symbol, ours.get(symbol, ZERO), quantity, average))
    return found


def cash_difference(floor: Floor, balance: Balance, tolerance: Decimal) -> Difference | None:
    """Return how cash differs, if it does by more than a tolerance and the grain of floating point."""
    ours = floor.cash()
    grain = abs(balance.cash) * Decimal("1e-9")
    if abs(balance.cash - ours) <= max(tolerance, grain):
        return None
    return Difference("", ours, balance.cash)


def base_of(floor: Floor, seen: Snapshot) -> Mapping[str, Decimal]:
    """Return what of the account's positions is of nobody in the session."""
    held = {one.symbol: one.quantity for one in seen.holdings}
    for symbol, quantity in floor.held().items():
        held[symbol] = held.get(symbol, ZERO) - quantity
    return {symbol: quantity for symbol, quantity in held.items() if quantity}


def foreign_orders(floor: Floor) -> list[Report]:
    """Return the orders that work in the account and are nobody's in the session: they are never touched."""
    return [one for one in floor.router.foreign.values() if one.status not in TERMINAL]
