"""A run's state, its tax lots, and where its profit came from, as tables."""

from __future__ import annotations

from openbell.portfolio.attribution import Part, attribute, divide, in_cents
from openbell.portfolio.currencies import currency_of
from openbell.portfolio.lots import Disposal, Lots, lots_of
from openbell.portfolio.state import State, state_of
from openbell.reporting.result import Result
from openbell.reporting.tables import Kind, Table

LOTS: dict[str, Kind] = {
    "symbol": "text", "side": "text", "quantity": "number", "opened": "time", "closed": "time",
    "entry_price": "number", "exit_price": "number", "cost": "number", "proceeds": "number",
    "gain": "number", "term": "text",
}  # fmt: skip
PARTS: dict[str, Kind] = {
    "symbol": "text", "sector": "text", "side": "text", "pnl": "number", "fees": "number", "carry": "number",
}  # fmt: skip


def tax_lots(result: Result, method: str = "fifo") -> Table:
    """Return what was closed of each lot, a row each: `fifo`, `lifo`, `average` or `highest` cost first.

    Raises:
        ConfigError: The method is unknown.
    """
    return Table(LOTS, [lot_row(one) for one in lots(result, method).closed])


def lots(result: Result, method: str = "fifo") -> Lots:
    """Return a run's lots.

    Raises:
        ConfigError: The method is unknown.
    """
    return lots_of(result.outcome.entries, method)


def currency(result: Result) -> str:
    """Return the currency of a run: that of what it traded."""
    return currency_of(track.instrument for track in result.outcome.panel.tracks.values())


def state(result: Result, method: str = "fifo") -> State:
    """Return what a run's account is at its end, its lots taken by a method.

    Raises:
        ConfigError: The method is unknown.
    """
    return state_of(
        result.outcome.entries, cash=result.plan.cash, prices=_last_prices(result), currency=currency(result),
        margin=result.plan.costs.margin, method=method,
    )  # fmt: skip


def parts(result: Result) -> list[Part]:
    """Return a run's profit by symbol and side, open positions valued at their last prices."""
    panel, outcome = result.outcome.panel, result.outcome
    return attribute(
        {result.found.name: outcome.entries},
        _last_prices(result),
        sectors={symbol: track.instrument.sector for symbol, track in panel.tracks.items()},
    )


def _last_prices(result: Result) -> dict[str, float]:
    panel = result.outcome.panel
    return {symbol: float(panel.closes(symbol)[-1]) for symbol in panel.symbols}


def part_rows(result: Result) -> list[tuple[object, ...]]:
    """Return a run's profit by symbol and side as rows of `PARTS`, unrounded."""
    return [(p.symbol, p.sector, p.side, p.pnl, p.fees, p.carry) for p in parts(result)]


def attribution(result: Result, by: str = "symbol") -> Table:
    """Return the profit by `strategy`, `symbol`, `sector` or `side`, to the cent.

    Raises:
        ConfigError: There is no such way.
    """
    amounts = in_cents(divide(parts(result), by))
    return Table({by: "text", "pnl": "number"}, list(amounts.items()))


def lot_row(one: Disposal) -> tuple[object, ...]:
    """Return a closed lot as a row of `LOTS`."""
    side = "long" if one.side > 0 else "short"
    return (
        one.symbol, side, one.quantity, one.opened, one.closed, one.entry, one.exit, one.cost, one.proceeds,
        one.gain, one.term,
    )  # fmt: skip
