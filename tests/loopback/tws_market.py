"""The market data of a TWS: contracts, history, snapshots, and streams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.loopback.tws import Client, Fields, Tws

MARKET, DETAILS, HISTORY, REALTIME, TICKS, CANCEL_HISTORY = 1, 9, 20, 50, 97, 25

_SYMBOL, _CURRENCY = 2, 9  #: places in a contract
_SNAPSHOT = 17  #: the place in a request of market data


class Bar(NamedTuple):
    """A bar of history; `second` is since 1970."""

    second: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class TwsMarket(Tws):
    """Knows AAPL and BRK B. `bars` are those of any size; `quote` is bid, ask and their sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.bars: list[Bar] = []
        self.quote: tuple[float, float, float, float] | None = (10.0, 10.1, 100.0, 200.0)
        self.listings = {"AAPL": ["NASDAQ"], "BRK B": ["NYSE"], "TWIN": ["AMEX", "NYSE"]}
        self.dated = ""  #: how times of day are written; as seconds if empty
        self.streams: dict[str, list[str]] = {}  #: ids of requests by symbol
        self.halts: dict[str, str] = {}  #: the same, of market data
        self.on(DETAILS, self._details, number=2)
        self.on(HISTORY, self._history, number=1)
        self.on(MARKET, self._snapshot, number=2)
        self.on(REALTIME, self._subscribe, number=2)
        self.on(TICKS, self._subscribe, number=1)

    async def say_bar(self, symbol: str, second: object, *values: object) -> None:
        """Send a bar of five seconds: open, high, low, close, volume."""
        await self.tell(50, 3, self.streams[symbol][0], second, *values, 10.0, 7)

    async def say_trade(self, symbol: str, second: int, price: object, size: object) -> None:
        """Send a trade."""
        await self.tell(99, self.streams[symbol][0], 1, second, price, size, 0, "NASDAQ", "F I")

    async def say_quote(self, symbol: str, second: int, *sides: object) -> None:
        """Send a quote: bid, ask and their sizes."""
        await self.tell(99, self.streams[symbol][0], 3, second, *sides, 0)

    async def say_halt(self, symbol: str, value: int) -> None:
        """Send whether trading is halted: 0 for not, 1 and 2 for two kinds of halts, -1 for unknown."""
        await self.tell(45, 6, self.halts[symbol], 49, float(value))

    async def _details(self, client: Client, fields: Fields) -> None:
        request, contract = fields[2], fields[3:]
        symbol, currency = contract[_SYMBOL - 1], contract[_CURRENCY]
        listed = self.listings.get(symbol, []) if currency == "USD" else []
        if not listed:
            await client.fail(request, 200, "No security definition has been found for the request")
            return
        for number, exchange in enumerate(listed):
            await client.send(10, request, *_facts(symbol, exchange, 265598 + number + len(symbol)))
        await client.send(52, 1, request)

    async def _history(self, client: Client, fields: Fields) -> None:
        request, end, size, duration = fields[1], fields[15], fields[16], fields[17]
        until = datetime.strptime(end, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
        count, unit = duration.split()
        since = until - timedelta(days=int(count) * {"D": 1, "W": 7, "M": 31, "Y": 365}[unit])
        found = [bar for bar in self.bars if since.timestamp() <= bar.second < until.timestamp()]
        if not found:
            await client.fail(
                request, 162, "Historical Market Data Service error message:HMDS query returned no data: X"
            )
            return
        rows: list[Any] = []
        for bar in found:
            rows += [self._date(bar.second, size), *bar[1:], bar.close, 1]
        await client.send(17, request, "", end, len(found), *rows)

    def _date(self, second: int, size: str) -> str:
        if size == "1 day":
            return f"{datetime.fromtimestamp(second, UTC):%Y%m%d}"
        return f"{datetime.fromtimestamp(second, UTC):{self.dated}}" if self.dated else str(second)

    async def _snapshot(self, client: Client, fields: Fields) -> None:
        request = fields[2]
        once = fields[_SNAPSHOT] == "1"
        if not once:
            self.halts[fields[2 + _SYMBOL]] = request
        if self.quote is not None:
            bid, ask, bid_size, ask_size = self.quote
            await client.send(1, 6, request, 1, bid, bid_size, 0)
            await client.send(1, 6, request, 2, ask, ask_size, 0)
        if once:
            await client.send(57, 1, request)
        else:
            await client.send(46, 6, request, 45, "1704205800")

    async def _subscribe(self, client: Client, fields: Fields) -> None:
        place = 2 if int(fields[0]) == REALTIME else 1
        self.streams.setdefault(fields[place + _SYMBOL], []).append(fields[place])


def _facts(symbol: str, exchange: str, number: int) -> list[object]:
    """Return the fields of a stock's details, in the order of server version 178."""
    contract = [symbol, "STK", "", 0, "", "SMART", "USD", symbol, "NMS", "NMS", number, 0.01]
    naming = ["", "ACTIVETIM", "SMART", 1, 0, "A COMPANY", exchange, "", "Technology", "Computers", "PCs"]
    trading = ["US/Eastern", "20240102:0400-20240102:2000", "20240102:0930-20240102:1600", "", 0, 0]
    return [*contract, *naming, *trading, 1, "", "", "26", "", "COMMON", 0.0001, 0.0001, 100]
