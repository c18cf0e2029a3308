"""The command `risk whatif`: what an order would do, and what limits say of it, before it is sent."""

from __future__ import annotations

import math

from openbell.cli.answer import Answer, Column, Table
from openbell.cli.folders import find_sessions, state_folder
from openbell.core.errors import ConfigError
from openbell.core.inputs import shown
from openbell.core.market import as_datetime
from openbell.operation.revival import revive
from openbell.operation.whatif import Asked, Foreseen, ask, document_of
from openbell.portfolio.exposure import Exposure
from openbell.reporting.words import count, percent


def read_order(symbol: str, quantity: float, *, sell: bool, limit: float | None, stop: float | None) -> Asked:
    """Return the order that is typed.

    Raises:
        ConfigError: A number is not positive.
    """
    for name, value in (("QUANTITY", quantity), ("--limit", limit), ("--stop", stop)):
        if value is not None and not 0.0 < value < math.inf:
            hint = "; --sell is for sales" if name == "QUANTITY" else ""
            raise ConfigError(f"{name}: {shown(value)} must be a positive number{hint}")
    signed = -quantity if sell else quantity
    return Asked(symbol, signed, math.nan if limit is None else limit, math.nan if stop is None else stop)


def ask_what_if(asked: Asked, state: str | None, strategy: str | None) -> Answer:
    """Say what an order would do to the account of a session's strategy. It is not sent.

    Raises:
        ConfigError: Anything that was typed is wrong, or the session cannot be gone through again.
        BadData: The journal is damaged.
    """
    found = find_sessions(state)
    if len(found) != 1:
        listed = ", ".join(map(str, found)) or "none"
        raise ConfigError(
            f"what-if: which session? in {str(state_folder(state))!r} are: {listed}; "
            "name one, as in --state state/paper-sma_cross"
        )
    seen = ask(revive(found[0]), asked, strategy)
    return Answer(_said(asked, seen), {"folder": str(found[0]), **document_of(asked, seen)})


def _said(asked: Asked, seen: Foreseen) -> list[str | Table]:
    effect = seen.effect
    title = (
        f"{seen.strategy}: {_order(asked)}, as of {as_datetime(seen.time):%Y-%m-%d %H:%M}Z; nothing is sent"
    )
    rows = [
        (f"{asked.symbol}, shares", f"{seen.held:,.10g}", f"{seen.held + effect.quantity:,.10g}"),
        ("Cash", f"{seen.cash:,.2f}", f"{effect.cash:,.2f}"),
        ("Equity", f"{seen.equity:,.2f}", f"{effect.equity:,.2f}"),
        *((title, percent(was), percent(now)) for title, was, now in _exposures(effect.before, effect.after)),
    ]
    if seen.tails is not None:
        for at, label in enumerate(("Value at risk", "Expected shortfall")):
            before, after = (f"{tail[at]:,.2f}" for tail in seen.tails)
            rows.append((f"{label}, {seen.level:.10g}", before, after))
    columns = [Column("After the whole order"), Column("Before", right=True), Column("After", right=True)]
    fills = f"It would fill at {effect.price:,.4f}, with {effect.fee:,.2f} of fees."
    parts: list[str | Table] = [title, Table(columns, rows), "", fills, *_affordable(seen)]
    return [*parts, *_limits(seen)]


def _affordable(seen: Foreseen) -> list[str]:
    return (
        []
        if seen.effect.affordable
        else ["The account could not open it: too little is free, or it is a short sale."]
    )


def _limits(seen: Foreseen) -> list[str | Table]:
    answered = seen.answered
    if answered is None:
        return ["The strategy has no limits of risk."]
    rows = [(one.limit.value, "passes" if one.passes else "refuses", one.text) for one in answered.readings]
    said: list[str | Table] = [_verdict(seen)]
    if rows:
        said += ["", Table([Column("Limit"), Column("Order"), Column("With it")], rows)]
    return said


def _verdict(seen: Foreseen) -> str:
    answered = seen.answered
    assert answered is not None  # noqa: S101  # who asks has looked
    refusal = answered.refusal
    if refusal is None:
        return f"Passes {count(len(answered.readings), 'limit')}."
    because = f"{refusal.limit.value} ({refusal.text})"
    if not seen.enforced:
        return f"Passes, as limits are only recorded here; else refused by {because}."
    if answered.quantity > 0.0:
        return f"Cut to {answered.quantity:,.10g} by {because}."
    return f"Refused by {because}."


def _exposures(before: Exposure, after: Exposure) -> list[tuple[str, float, float]]:
    names = ("gross", "net", "long", "short", "largest")
    return [(f"{name.capitalize()} exposure", getattr(before, name), getattr(after, name)) for name in names]


def _order(asked: Asked) -> str:
    """Return an order in words, as in `buy 100 AAPL limit 95`."""
    prices = [
        f" {name} {price:.10g}" for name in ("limit", "stop") if not math.isnan(price := getattr(asked, name))
    ]
    side = "buy" if asked.quantity > 0.0 else "sell"
    return f"{side} {abs(asked.quantity):.10g} {asked.symbol}{''.join(prices)}"
