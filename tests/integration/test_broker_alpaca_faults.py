"""Alpaca as a broker when things go wrong: lost answers, busy servers, a stream that breaks or is mute."""

import asyncio
import json
import logging
import time
from decimal import Decimal

import pytest
from tests.integration.alpaca_desk import Ear, again, desk, order
from tests.loopback.alpaca import ENVIRON, KEY, SECRET
from tests.loopback.exchange import Placed
from tests.loopback.server import Fault

from openbell.core.errors import ConfigError, Rejected, Retryable
from openbell.core.types import OrderStatus, OrderType, TimeInForce
from openbell.execution.factory import open_broker
from openbell.execution.port import Execution, Link, Report
from openbell.utils.logging import configure

S, T, F = OrderStatus, OrderType, TimeInForce
REFUSAL = json.dumps({"code": 40310000, "message": "no"}).encode()


async def test_an_answer_that_is_lost_leaves_one_order_however_often_it_is_sent():
    async with desk() as d:
        d.server.lost = [("POST", "after")]
        with pytest.raises(Retryable, match="the connection broke"):
            await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))
        assert (await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))).client_id == "ob-1"
        assert len(d.x.orders) == 1


async def test_a_request_that_is_lost_is_known_to_nobody():
    async with desk() as d:
        d.server.lost = [("POST", "before")]
        with pytest.raises(Retryable):
            await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))
        assert await d.broker.find("ob-1") is None
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))
        assert len(d.x.orders) == 1


async def test_an_id_that_another_order_has_is_refused():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))
        with pytest.raises(Rejected, match="must be unique"):
            await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90, quantity=11))


@pytest.mark.parametrize(
    ("fault", "error", "after"),
    [
        (Fault(429, b'{"message": "too many requests."}', {"Retry-After": "7"}), Retryable, 7.0),
        (Fault(504, b"<html>gateway</html>"), Retryable, None),
        (Fault(500, b'{"message": "internal server error occurred"}'), Retryable, None),
        (Fault(403, b"<html>forbidden</html>"), Retryable, None),
        (Fault(400, b"[]"), Retryable, None),
        (Fault(200, b"<html>log in</html>"), Retryable, None),
        (Fault(200, b'{"id": "5', truncated=True), Retryable, None),
        (Fault(200, b"{", stalled=True), Retryable, None),
        (Fault(422, b'{"message": "cannot replace order in pending_new state"}'), Retryable, 0.5),
        (Fault(403, REFUSAL), Rejected, None),
        (Fault(422, b'{"message": "no code here"}'), Rejected, None),
        (Fault(401, b'{"message": "unauthorized."}'), ConfigError, None),
    ],
    ids=lambda one: f"{one.status}-{one.body[:24].decode()}" if isinstance(one, Fault) else "",
)
async def test_an_order_is_sent_once_and_its_error_says_what_to_do(fault, error, after):
    async with desk(timeout=0.3 if fault.stalled else 5.0) as d:
        d.server.fail(fault)
        with pytest.raises(error) as caught:
            await d.broker.place(order("ob-1"))
        assert "\n" not in str(caught.value)
        assert getattr(caught.value, "after", None) == after
        assert len([r for r in d.server.requests if r.method == "POST"]) == 1


async def test_a_server_that_is_not_there_is_retryable_and_a_missing_order_is_no_error():
    async with desk() as d:
        broker = open_broker("alpaca", {**d.server.options, "trading_url": "http://127.0.0.1:9"}, ENVIRON)
        with pytest.raises(Retryable, match="the connection broke"):
            await broker.now()
        await broker.close()


async def test_reads_that_hang_hold_no_order_up():
    async with desk(timeout=2.0) as d:
        d.server.hanging.add("GET")
        reads = [asyncio.create_task(d.broker.holdings()) for _ in range(12)]  # there are 8 threads for them
        await asyncio.sleep(0)
        begun = time.monotonic()
        await d.broker.place(order("ob-1"))
        assert time.monotonic() - begun < 1.5
        found = await asyncio.gather(*reads, return_exceptions=True)
        assert all(isinstance(one, Retryable) for one in found)


async def test_what_the_server_says_of_its_limit_is_followed():
    async with desk() as d:
        d.server.limits = {
            "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": str(round(time.time() + 2)),
        }  # fmt: skip
        await d.broker.now()
        d.server.limits = {}
        begun = time.monotonic()
        await d.broker.place(order("ob-1"))
        assert 0.5 < time.monotonic() - begun < 4.0


async def test_a_stream_that_breaks_comes_back_and_says_so():
    async with desk() as d:
        d.server.updates.drop()
        await d.ear.until(lambda h: isinstance(h, Link) and not h.up)
        await d.ear.until_links(True, False, True)
        await d.broker.place(order("ob-1"))
        await d.ear.until_status("ob-1", S.FILLED)
        fill = await d.ear.until(lambda h: isinstance(h, Execution))
        assert (fill.client_id, fill.quantity) == ("ob-1", 10)


async def test_fills_while_the_stream_is_down_are_told_when_asked_for():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=99))
        d.server.updates.taken = True
        d.server.updates.drop()
        await d.ear.until(lambda h: isinstance(h, Link) and not h.up)
        d.x.trade("A", 99)
        d.server.updates.taken = False
        await d.ear.until_links(True, False, True)
        assert d.ear.fills == []
        (fill,) = await d.broker.executions(0)
        assert (fill.client_id, fill.quantity) == ("ob-1", 10)


async def test_a_stream_that_is_open_elsewhere_is_waited_for():
    async with desk() as d:
        other = again(d)
        assert await other.connect() == "alpaca:paper:PA3TEST00001"
        ear = Ear(other)
        lost = await ear.until(lambda h: isinstance(h, Link) and not h.up)
        assert "429: the account has it open elsewhere" in lost.why
        await d.ear.stop()
        await d.broker.close()
        await ear.until(lambda h: isinstance(h, Link) and h.up)
        await ear.stop()
        await other.close()


@pytest.mark.parametrize("deaf", [False, True])
async def test_a_mute_stream_is_left(deaf):
    async with desk(silence=0.3) as d:
        d.server.updates.muted = True
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))
        d.server.updates.deaf = deaf
        lost = await d.ear.until(lambda h: isinstance(h, Link) and not h.up)
        assert "said nothing for 0.3 s" in lost.why
        d.server.updates.muted = d.server.updates.deaf = False
        await d.ear.until_links(True, False, True)


async def test_doubled_and_turned_events_say_the_same_in_the_end():
    async with desk() as d:
        d.server.updates.doubled, d.server.updates.held_back = True, []
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=99))
        d.x.trade("A", 99, 4)
        d.x.trade("A", 99, 6)
        d.server.updates.release(turned=True)
        await d.ear.until(lambda h: isinstance(h, Execution) and h.quantity == 4)
        await d.ear.until(lambda _: len(d.ear.heard) >= 1 + 6 + 4)
        told = [h for h in d.ear.heard if isinstance(h, Report)]
        assert {(one.status, one.filled) for one in told} == {(S.FILLED, Decimal(10))}  # an end is never left
        assert len({h.id for h in d.ear.heard if isinstance(h, Execution)}) == 2


@pytest.mark.parametrize(
    "frame", [b"no json", b"[1]", b'{"stream": "trade_updates", "data": {"event": "fill"}}']
)
async def test_a_frame_that_is_no_message_begins_the_stream_anew(frame):
    async with desk() as d:
        assert d.server.updates.stream is not None
        await d.server.updates.stream.send_bytes(frame)
        await d.ear.until_links(True, False, True)


async def test_an_update_that_cannot_be_looked_up_begins_the_stream_anew():
    async with desk() as d:
        d.x.trade("A", 100)
        fresh = again(d)
        await d.ear.stop()
        await d.broker.close()
        ear = Ear(fresh)
        await ear.until(lambda h: isinstance(h, Link) and h.up)
        d.server.fail(Fault(500, b"{}"))
        by_hand = Placed("by hand", "A", 1, T.LIMIT, F.GTC, Decimal(3), limit=Decimal(90))
        d.x.place(by_hand, take_profit=Decimal(110), stop_loss=Decimal(85))
        await ear.until_links(True, False, True)
        await ear.stop()
        await fresh.close()


async def test_refused_keys_end_the_login_and_the_stream():
    async with desk() as d:
        d.server.key_refused = True
        fresh = again(d)
        with pytest.raises(ConfigError, match="check ALPACA_API_KEY and ALPACA_SECRET_KEY"):
            await fresh.connect()
        d.server.updates.drop()
        with pytest.raises(ConfigError, match="the stream refuses the login"):
            await d.ear.until_links(True, False, True)
        await fresh.close()


async def test_keys_show_in_no_error_no_log_and_no_repr(caplog, capsys):
    caplog.set_level(logging.DEBUG)
    configure("TRACE")
    async with desk() as d:
        echo = json.dumps({"message": f"not with {KEY} and {SECRET}"}).encode()
        d.server.fail(Fault(403, echo))
        with pytest.raises(Rejected) as caught:
            await d.broker.place(order("ob-1"))
        d.server.updates.drop()
        await d.ear.until_links(True, False, True)
        shown = [str(caught.value), repr(caught.value), repr(d.broker), repr(vars(d.broker))]
    lines = [record.getMessage() for record in caplog.records]
    assert any("POST /v2/orders" in line for line in lines)
    for text in (*shown, *lines, capsys.readouterr().err):
        assert SECRET not in text
        assert KEY not in text


async def test_closing_twice_does_nothing():
    async with desk() as d:
        await d.broker.close()
        await d.broker.close()
        assert [one async for one in d.broker.events() if not isinstance(one, Link)] == []  # they have ended


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [(401, ConfigError, "the stream refuses the login"), (502, None, "the stream cannot be reached")],
)
async def test_a_stream_whose_handshake_is_refused(status, error, says):
    async with desk() as d:
        await d.ear.stop()
        await d.broker.close()
        fresh = again(d)
        d.server.fail(Fault(status, b"no", times=1))
        ear = Ear(fresh)
        if error is None:
            lost = await ear.until(lambda h: isinstance(h, Link) and not h.up)
            assert says in lost.why
            await ear.until(lambda h: isinstance(h, Link) and h.up)
        else:
            with pytest.raises(error, match=says):
                await ear.until(lambda h: isinstance(h, Link))
        await ear.stop()
        await fresh.close()


async def test_a_stream_that_does_not_answer_the_handshake_is_left():
    async with desk(timeout=0.2) as d:
        await d.ear.stop()
        await d.broker.close()
        fresh = again(d, timeout=0.2)
        d.server.fail(Fault(101, b"", stalled=True))
        ear = Ear(fresh)
        lost = await ear.until(lambda h: isinstance(h, Link) and not h.up)
        assert "did not answer" in lost.why or "cannot be reached" in lost.why
        await ear.until(lambda h: isinstance(h, Link) and h.up)
        await ear.stop()
        await fresh.close()


async def test_a_trickling_answer_is_not_waited_for_for_ever():
    async with desk(timeout=0.1) as d:
        d.server.trickling = True
        with pytest.raises(Retryable, match=r"no (whole )?answer within"):
            await d.broker.holdings()
        d.server.trickling = False
