import httpx
import pytest
from aiohttp import web
from tests.loopback.server import Fault, Loopback


async def _well(_request: web.Request) -> web.Response:
    return web.Response(text="well")


async def test_faults_come_first_and_in_their_order() -> None:
    server = Loopback()
    server.on("GET", "/x", _well)
    async with server, httpx.AsyncClient(base_url=server.url) as client:
        server.fail(Fault(status=429, headers={"Retry-After": "3"}))
        server.fail(Fault(body=b"half", truncated=True))
        first = await client.get("/x")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/x")
        last = await client.get("/x?a=1")
    assert (first.status_code, first.headers["Retry-After"], last.text) == (429, "3", "well")
    assert [request.query for request in server.requests] == [{}, {}, {"a": "1"}]


async def test_a_stalled_body_outlasts_a_reader_with_a_limit() -> None:
    server = Loopback()
    server.on("GET", "/x", _well)
    async with server, httpx.AsyncClient(base_url=server.url, timeout=0.1) as client:
        server.fail(Fault(stalled=True))
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/x")
