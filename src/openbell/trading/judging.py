"""Judging: what becomes of differences between account and books that nothing explains, by policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from openbell.core.errors import Halt
from openbell.execution.port import LiveBroker
from openbell.trading.clientids import is_own
from openbell.trading.floor import Floor
from openbell.trading.reconcile import (
    Difference,
    Policy,
    Snapshot,
    base_of,
    cash_difference,
    foreign_orders,
    position_differences,
)
from openbell.trading.route import ZERO
from openbell.trading.wire import body_of_power


class Disputed(Protocol):
    """What a judgement needs of a session."""

    floor: Floor
    broker: LiveBroker

    def put(self, kind: str, body: Mapping[str, Any], moment: int) -> None:
        """Have an input taken in its turn."""

    def note(self, kind: str, body: Mapping[str, Any]) -> None:
        """Write down what changes nothing."""

    def alarm(self, said: str) -> None:
        """Write down and say loudly what somebody should look after."""


class Judgement:
    """Finds differences, and has them adopted, left as somebody else's, or halts on them."""

    def __init__(self, books: Disputed, policy: Policy) -> None:
        self._books, self._policy = books, policy

    def differences(self, seen: Snapshot) -> list[Difference]:
        """Return in what the account is not what the books say."""
        floor = self._books.floor
        found = position_differences(floor, seen.holdings)
        if floor.base is None:  # the first look: what nobody here trades is somebody else's
            traded = {symbol for course in floor.courses.values() for symbol in course.tape.symbols}
            return [one for one in found if one.symbol in traded]
        cash = cash_difference(floor, seen.balance, self._policy.tolerance)
        return found if cash is None else [*found, cash]

    def settle(self, seen: Snapshot) -> None:
        """Have what is left adopted or taken as somebody else's, by policy; the books agree then."""
        books, floor = self._books, self._books.floor
        found = self.differences(seen)
        others = dict(base_of(floor, seen))  # worked out now: no fill may come between
        cash = floor.base_cash + seen.balance.cash - floor.cash()
        time = max(floor.time, seen.balance.time)
        if floor.base is None:
            self._warn_of_leftovers()
        for one in found:
            if self._decide(one) == "adopt":
                adopted = others.pop(one.symbol)
                cash += adopted * one.average
                body = {"strategy": self._who(one), "symbol": one.symbol}
                body |= {"quantity": str(adopted), "price": str(one.average)}
                books.put("adopt", body, time)
        if floor.base is None or found:
            base = dict(floor.base or {})
            for symbol, quantity in others.items():
                base[symbol] = base.get(symbol, ZERO) + quantity
            held = {symbol: str(quantity) for symbol, quantity in base.items() if quantity}
            books.put("base", {"holdings": held, "cash": str(cash)}, time)
        books.put("power", body_of_power(seen.balance, seen.time), time)
        books.note("checked", {"positions": len(seen.holdings), "working": len(seen.working)})

    def _warn_of_leftovers(self) -> None:
        """Say which orders of earlier sessions still work: they are nobody's in this one."""
        for one in foreign_orders(self._books.floor):
            if is_own(one.client_id):
                said = (
                    f"order {one.client_id} of an earlier session still works, and is left alone; cancel it "
                    "at the broker, or go on with that session"
                )
                self._books.alarm(said)

    def _decide(self, one: Difference) -> str:
        who, name = self._who(one), self._books.broker.name
        policy = self._policy.positions if one.symbol else self._policy.cash
        if one.symbol and not who:
            policy = "leave"  # as at the first look: what nobody here trades is somebody else's
        if policy == "halt":
            raise Halt(
                f"{name}: {one}; nothing explains it, so nothing is traded. Set it right at the broker, or "
                "say in live.yaml what becomes of it: unexplained: adopt (a strategy takes it over) or leave "
                "(it is somebody else's)"
            )
        if policy == "adopt":
            self._books.alarm(f"{one}; strategy {who} takes it over")
            return "adopt"
        self._books.alarm(f"{one}; booked as somebody else's")
        return "leave"

    def _who(self, one: Difference) -> str:
        """Return the first strategy that trades a symbol; nothing if none does."""
        return next((n for n, c in self._books.floor.courses.items() if one.symbol in c.tape.lanes), "")
