"""Yahoo Finance's chart and stream servers on loopback, as yfinance asks them.

The chart's format is that of `/v8/finance/chart/SYMBOL`; the stream sends JSON with a base64 `PricingData`
of protocol buffers, whose fields stand in yfinance's pricing.proto.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from tests.loopback.server import Fault, Loopback, receive_json

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]
Row = tuple[str, float, float, float, float, float]  #: local time, then raw open, high, low, close, volume

_SECONDS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "1d": 86_400}


class YahooServer(Loopback):
    """Answers as Yahoo does: prices, volumes and dividends are adjusted by all splits that came later."""

    def __init__(self, *, zone: str = "America/New_York") -> None:
        super().__init__()
        self.zone = zone
        self.told_zone = zone
        self.days: dict[str, list[Row]] = {}
        self.intraday: dict[str, list[Row]] = {}
        self.splits: dict[str, list[tuple[str, int, int]]] = {}  #: date, new, old
        self.dividends: dict[str, list[tuple[str, float]]] = {}
        self.facts: dict[str, dict[str, Any]] = {}  #: of profiles and quotes, by symbol
        self.wrong_facts: list[Fault] = []  #: of the next questions for them
        self.wrong: list[Fault] = []  #: of the next charts
        self.charts: list[Mapping[str, str]] = []  #: what was asked of charts
        self.crumb_status = 200
        self.talk: Talk = _wait
        self.asked: list[Any] = []
        self.on("GET", "/", self._cookie)
        self.on("GET", "/consent", self._cookie)
        self.on("GET", "/v1/test/getcrumb", self._crumb)
        self.on("GET", "/v8/finance/chart/{symbol}", self._chart)
        self.on("GET", "/v10/finance/quoteSummary/{symbol}", self._summary)
        self.on("GET", "/v7/finance/quote", self._quotes)
        self.on("GET", "/ws/fundamentals-timeseries/v1/finance/timeseries/{symbol}", self._series)
        self.on_socket("/stream", self._stream)

    async def _cookie(self, _request: web.Request) -> web.Response:
        return web.Response(text="<html></html>", content_type="text/html")

    async def _crumb(self, _request: web.Request) -> web.Response:
        return web.Response(text="crumb-of-nobody", status=self.crumb_status)

    async def _chart(self, request: web.Request) -> web.StreamResponse:
        symbol = request.match_info["symbol"]
        self.charts.append({"symbol": symbol, **request.query})
        if self.wrong:
            return await self._misbehave(request, self.wrong.pop(0))
        if symbol not in self.days:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return web.json_response({"chart": {"result": None, "error": error}}, status=404)
        return web.json_response({"chart": {"result": [self._result(symbol, request.query)], "error": None}})

    async def _summary(self, request: web.Request) -> web.StreamResponse:
        symbol = request.match_info["symbol"]
        if self.wrong_facts:
            return await self._misbehave(request, self.wrong_facts.pop(0))
        if symbol not in self.facts:
            error = {"code": "Not Found", "description": f"Quote not found for symbol: {symbol}"}
            return web.json_response({"quoteSummary": {"result": None, "error": error}}, status=404)
        profile = {"sector": self.facts[symbol]["sector"]} if "sector" in self.facts[symbol] else {}
        result = {"assetProfile": profile, "quoteType": {"quoteType": "EQUITY", "symbol": symbol}}
        return web.json_response({"quoteSummary": {"result": [result], "error": None}})

    async def _quotes(self, request: web.Request) -> web.StreamResponse:
        found = [
            {"symbol": s, **self.facts[s]} for s in request.query["symbols"].split(",") if s in self.facts
        ]
        return web.json_response({"quoteResponse": {"result": found, "error": None}})

    async def _series(self, request: web.Request) -> web.StreamResponse:
        meta = {"symbol": [request.match_info["symbol"]], "type": ["trailingPegRatio"]}
        return web.json_response({"timeseries": {"result": [{"meta": meta}], "error": None}})

    def _result(self, symbol: str, query: Mapping[str, str]) -> dict[str, Any]:
        daily = query["interval"] == "1d"
        known = self.days[symbol] if daily else self.intraday.get(symbol, [])
        first, beyond = (
            int(query.get(name, limit)) for name, limit in (("period1", 0), ("period2", 1 << 40))
        )
        rows = [row for row in known if first <= self._second(row[0]) < beyond]
        splits = {
            str(self._second(f"{date}T09:30")): {
                "date": self._second(f"{date}T09:30"), "numerator": new, "denominator": old,
                "splitRatio": f"{new}:{old}",
            }
            for date, new, old in self.splits.get(symbol, [])
            if first <= self._second(f"{date}T09:30") < beyond
        }  # fmt: skip
        dividends = {
            str(self._second(f"{date}T09:30")): {
                "date": self._second(f"{date}T09:30"), "amount": amount / self._factor(symbol, date),
            }
            for date, amount in self.dividends.get(symbol, [])
            if first <= self._second(f"{date}T09:30") < beyond
        }  # fmt: skip
        result: dict[str, Any] = {"meta": self._meta(symbol, rows, query["interval"]), "indicators": {}}
        events = {name: found for name, found in (("splits", splits), ("dividends", dividends)) if found}
        if events:
            result["events"] = events
        factors = [self._factor(symbol, row[0][:10]) for row in rows]
        quote = {
            name: [float(row[n]) / factor for row, factor in zip(rows, factors, strict=True)]
            for n, name in enumerate(("open", "high", "low", "close"), 1)
        } | {"volume": [int(row[5] * factor) for row, factor in zip(rows, factors, strict=True)]}
        if rows:
            result["timestamp"] = [self._second(row[0]) for row in rows]
            result["indicators"] = {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]}
        else:
            result["indicators"] = {"quote": [{}], "adjclose": [{}]}
        return result

    def _meta(self, symbol: str, rows: list[Row], interval: str) -> dict[str, Any]:
        periods = [
            [{
                "start": self._second(f"{date}T09:30"), "end": self._second(f"{date}T16:00"),
                "timezone": "EST", "gmtoffset": -18_000,
            }]
            for date in sorted({row[0][:10] for row in rows})
        ]  # fmt: skip
        more = {} if interval == "1d" else {"tradingPeriods": periods}
        return {
            "currency": "USD", "symbol": symbol, "instrumentType": "EQUITY", "exchangeName": "NMS",
            "exchangeTimezoneName": self.told_zone, "timezone": "EST", "gmtoffset": -18_000, "priceHint": 2,
            "dataGranularity": interval, "range": "", "validRanges": ["1d", "5d", "1mo", "max"], **more,
        }  # fmt: skip

    def _factor(self, symbol: str, date: str) -> float:
        factor = 1.0
        for ex, new, old in self.splits.get(symbol, []):
            if date < ex:
                factor *= new / old
        return factor

    def _second(self, local: str) -> int:
        return int(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(self.zone)).timestamp())

    async def _stream(self, socket: web.WebSocketResponse) -> None:
        asked = await receive_json(socket)
        if asked is not None:
            self.asked.append(asked)
            await self.talk(socket)


async def send_price(socket: web.WebSocketResponse, **fields: Any) -> None:
    """Send a price as Yahoo packs it; `time` is in ms."""
    from yfinance.pricing_pb2 import PricingData

    packed = base64.b64encode(PricingData(**fields).SerializeToString()).decode()
    await socket.send_str(json.dumps({"type": "pricing", "message": packed}))


async def _wait(socket: web.WebSocketResponse) -> None:
    """Say nothing, until the client leaves."""
    async for _ in socket:
        pass


def day(date: str, close: float, volume: float = 1000.0) -> Row:
    """Return a day's row, which Yahoo stamps with the session's open."""
    return (f"{date}T09:30", close - 1, close + 1, close - 2, close, volume)
