"""The money of sessions' accounts, by currency, as the terminal and JSON say it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from openbell.cli.standings import Standing
from openbell.core.market import as_datetime
from openbell.trading.funds import Funds


def tell_funds(sessions: Iterable[Standing]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return a line for each session's account, and what JSON has of it."""
    known = [(str(one.folder), one.funds) for one in sessions if one.ledgers]
    return [f"{folder}: {_say(funds)}" for folder, funds in known], [
        {
            "folder": folder, "time": funds.time, "currency": funds.currency, "cash": dict(funds.cash),
            "rates": dict(funds.rates), "worth": _known(funds.worth), "equity": _known(funds.equity),
            "buying_power": _known(funds.power),
        }
        for folder, funds in known
    ]  # fmt: skip


def _say(funds: Funds) -> str:
    parts = []
    for currency, amount in funds.cash.items():
        rate = funds.rates.get(currency)
        parts.append(f"{amount:,.2f} {currency}" + ("" if rate is None else f" at {rate:g}"))
    said = f"cash {', '.join(parts)}"
    if not funds.currency:
        return f"{said}; no rate between them is known"
    if len(parts) > 1:
        said += f", together {funds.worth:,.2f} {funds.currency}"
    return f"{said}; equity {funds.equity:,.2f} {funds.currency}, {as_datetime(funds.time):%Y-%m-%d %H:%M}Z"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
