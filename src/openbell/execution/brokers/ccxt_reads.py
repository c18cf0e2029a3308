"""Orders and fills as exchanges list them, and which client id goes with which of theirs."""

from __future__ import annotations

from typing import Any

from openbell.execution.brokers.ccxt_orders import is_direct

_PAGE = 100  #: fills that any exchange answers with, where ccxt does not know how many
_KEPT = 100_000  #: orders whose names are remembered


class Names:
    """The exchange's id and the symbol of a client id, and the other way."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[str, str]] = {}
        self._clients: dict[str, str] = {}

    def put(self, client_id: str, number: str, symbol: str) -> None:
        """Remember an order. One placed by hand may have no client id, and one of ours no number yet."""
        if client_id:
            self._places[client_id] = (number or self.place(client_id)[0], symbol)
        if number:
            self._clients[number] = client_id
        if len(self._places) > _KEPT:
            del self._places[next(iter(self._places))]
        if len(self._clients) > _KEPT:
            del self._clients[next(iter(self._clients))]

    def place(self, client_id: str) -> tuple[str, str]:
        """Return the exchange's id and the symbol; empty where they are not known."""
        return self._places.get(client_id, ("", ""))

    def client_id(self, number: str) -> str:
        """Return the client id of an order; empty if it is not known, or has none."""
        return self._clients.get(number, "")

    def has(self, number: str) -> bool:
        """Tell whether an order is known."""
        return number in self._clients


async def find_row(exchange: Any, client_id: str, symbol: str) -> Any:
    """Return an order of a symbol by its client id; None if there is none.

    An exchange that cannot be asked for it is asked for all, those that have ended as far as it lists them.
    """
    if is_direct(exchange):
        try:
            return await exchange.fetch_order("", symbol, {"clientOrderId": client_id})
        except Exception as error:
            if is_absent(error):
                return None
            raise
    rows = await exchange.fetch_open_orders(symbol)
    if exchange.has.get("fetchClosedOrders"):
        rows = [*rows, *await exchange.fetch_closed_orders(symbol)]
    elif exchange.has.get("fetchOrders"):
        rows = [*rows, *await exchange.fetch_orders(symbol)]
    return next((row for row in rows if row.get("clientOrderId") == client_id), None)


async def fetch_trades(exchange: Any, symbol: str, since: int) -> dict[str, Any]:
    """Return the fills of a symbol from a time in ms on, by their ids.

    They come page by page, and a page may begin with what ended the one before.
    """
    found: dict[str, Any] = {}
    page = exchange.feature_value(symbol, "fetchMyTrades", "limit") or _PAGE
    while True:
        rows = await exchange.fetch_my_trades(symbol, since, page)
        new = {str(row["id"]): row for row in rows if str(row["id"]) not in found}
        found |= new
        if len(rows) < page or not new:
            return found
        since = max(int(row["timestamp"]) for row in rows)


def is_absent(error: Exception) -> bool:
    """Tell whether an error of ccxt says that there is no such order."""
    from ccxt import OrderNotFound

    return isinstance(error, OrderNotFound)
