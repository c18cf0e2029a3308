"""What goes wrong between Interactive Brokers and us: nothing is lost, nothing is doubled."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from tests.loopback import tws_frames as frames
from tests.loopback.tws_broker import Mishap
from tests.loopback.tws_scene import NOON, Scene, order, trading

from openbell.core.errors import ConfigError, Disconnected, Retryable
from openbell.core.types import OrderStatus
from openbell.execution.brokers.ib_wire import refuse
from openbell.execution.port import Execution

S = OrderStatus


@contextmanager
def hurried(scene: Scene) -> Iterator[None]:
    """Wait for answers a short time only."""
    waits: tuple[Any, ...] = (scene.broker._wire, scene.broker._desk._answers)
    before = [one._timeout for one in waits]
    for one in waits:
        one._timeout = 0.2
    try:
        yield
    finally:
        for one, timeout in zip(waits, before, strict=True):
            one._timeout = timeout


def is_fill(heard: object) -> bool:
    return isinstance(heard, Execution)


# --- orders whose answer does not come --------------------------------------------------------------------


@pytest.mark.parametrize(("mishap", "arrives"), [("silent", True), ("lost", False)])
async def test_an_order_without_an_answer_is_asked_for(mishap: Mishap, arrives: bool) -> None:
    async with trading() as scene:
        scene.tws.mishaps = [mishap]
        with hurried(scene), pytest.raises(Retryable, match="order a: no answer within"):
            await scene.broker.place(order("a", limit=90))
        found = await scene.broker.find("a")
        assert (found is not None) is arrives
        assert len(scene.x.orders) == arrives


@pytest.mark.parametrize(("mishap", "arrives"), [("cut after", True), ("cut before", False)])
async def test_a_connection_that_breaks_at_an_order_comes_back_and_tells(
    mishap: Mishap, arrives: bool
) -> None:
    async with trading() as scene:
        scene.tws.mishaps = [mishap]
        with pytest.raises(Disconnected):
            await scene.broker.place(order("a", limit=90))
        await scene.ear.until_link(up=True)
        found = await scene.broker.find("a")
        assert (found is not None) is arrives
        if arrives:
            await scene.broker.cancel("a")
        assert len(scene.x.orders) == arrives
        assert scene.x.working() == []


async def test_what_happens_while_the_connection_is_gone_is_there_to_be_asked_for() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        scene.tws.drop()
        await scene.ear.until_link(up=False)
        with pytest.raises(Disconnected, match="order b was not sent"):
            await scene.broker.place(order("b", limit=90))
        scene.x.trade("AAPL", 90)
        link = await scene.ear.until_link(up=True)
        assert link.why == ""
        (fill,) = await scene.broker.executions(NOON)
        assert (fill.client_id, fill.quantity) == ("a", Decimal(10))
        found = await scene.broker.find("a")
        assert found is not None
        assert (found.status, found.filled) == (S.FILLED, Decimal(10))


async def test_tws_restarts_and_the_orders_are_still_ours() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        scene.tws.accounts = ""  # it is not logged in yet
        scene.tws.drop()
        await scene.ear.until_link(up=False)
        await scene.tws.wait_for(71, count=2)
        scene.tws.accounts = "DU1"
        await scene.ear.until_link(up=True)
        await scene.broker.cancel("a")
        await scene.ear.until_status("a", S.CANCELLED)
        (ours,) = scene.x.orders.values()
        assert (ours.client_id, ours.status) == ("a", S.CANCELLED)
        assert list(scene.tws.clients) == [81]  # it came back by the number that its orders belong to


async def test_a_tws_that_comes_back_with_another_account_ends_it() -> None:
    async with trading() as scene:
        scene.tws.accounts = "DU2"
        scene.tws.drop()
        error = await scene.ear.until_error()
        assert isinstance(error, ConfigError)
        assert str(error) == "ib: account='DU1' is none of this login's; give one of DU2"


async def test_orders_that_ended_for_others_are_passed_over() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        asked = scene.tws.tickets[0].asked

        async def answer(client: Any, fields: list[str]) -> None:
            foreign = frames.completed_order(asked, 4713, "Cancelled", Decimal(0))
            foreign[19] = "DU9"
            await client.send(*foreign)
            await client.send(102)

        scene.tws.answers[99] = answer
        assert await scene.broker.find("b") is None


async def test_a_status_that_lags_behind_changes_nothing() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        ticket = scene.tws.tickets[0]
        for client in scene.tws.clients.values():
            client.put(*frames.open_order(ticket.asked, 81, 0, "PendingSubmit"))
        (found,) = await scene.broker.working()
        assert found.status is S.ACCEPTED


async def test_nothing_is_asked_after_the_end() -> None:
    async with trading() as scene:
        await scene.broker.close()
        with pytest.raises(Disconnected, match="closed"):
            await scene.broker.working()
        with pytest.raises(Disconnected, match="no connection to"):
            await scene.broker.now()


async def test_a_login_that_breaks_off_is_tried_again() -> None:
    async with trading() as scene:
        clock, times = scene.tws.answers[49], []

        async def answer(client: Any, fields: list[str]) -> None:
            times.append(1)
            if len(times) == 1:
                client.hang_up()
            else:
                await clock(client, fields)

        scene.tws.answers[49] = answer
        scene.tws.drop()
        await scene.ear.until_link(up=True)
        assert len(times) > 1


# --- connectivity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1100, 2110])
async def test_orders_are_held_while_tws_is_cut_off_from_ib(code: int) -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        scene.tws.say(2104, "Market data farm connection is OK")
        scene.tws.say(code, "Connectivity between IB and TWS has been lost.")
        link = await scene.ear.until_link(up=False)
        assert "TWS is cut off from IB" in link.why
        for call in (
            scene.broker.place(order("b")), scene.broker.cancel("a"), scene.broker.find("a"),
            scene.broker.working(), scene.broker.executions(0), scene.broker.cancel_all(),
            scene.broker.replace("a", order("b", limit=91)),
        ):  # fmt: skip
            with pytest.raises(Disconnected, match="cut off from IB"):
                await call
        assert (await scene.broker.balance()).blocked == link.why
        scene.tws.say(code, "still lost")
        scene.tws.say(1102, "Connectivity has been restored - data maintained.")
        await scene.ear.until_link(up=True)
        assert len(await scene.broker.holdings()) == 0
        await scene.broker.cancel("a")


async def test_a_mute_tws_is_noticed_and_left() -> None:
    async with trading(heartbeat=0.1) as scene:
        scene.tws.mute = True
        link = await scene.ear.until_link(up=False)
        assert "it is mute" in link.why
        scene.tws.mute = False
        await scene.ear.until_link(up=True)
        await scene.broker.place(order("a", limit=90))


async def test_a_quiet_tws_is_not_left() -> None:
    async with trading(heartbeat=0.05) as scene:
        scene.broker._wire.heard = time.monotonic() + 0.2  # as if it had just said something
        for _ in range(4):
            scene.tws.received.clear()
            await scene.tws.wait_for(49)
        assert scene.ear.heard == []


@pytest.mark.parametrize("call", ["working", "balance", "holdings"])
async def test_requests_that_wait_are_told_that_the_connection_is_gone(call: str) -> None:
    async with trading() as scene:
        scene.tws.mute = True
        asking = asyncio.create_task(getattr(scene.broker, call)())
        await asyncio.sleep(0)
        scene.tws.drop()
        with pytest.raises(Disconnected, match="the connection is gone"):
            await asking


async def test_an_answer_that_does_not_come_may_be_asked_for_again() -> None:
    async with trading() as scene:
        scene.tws.mute = True
        with hurried(scene), pytest.raises(Retryable, match="positions: no whole answer"):
            await scene.broker.holdings()
        scene.tws.mute = False
        assert await scene.broker.holdings() == []


async def test_a_balance_without_its_values_may_be_asked_for_again() -> None:
    async with trading() as scene:

        async def answer(client: Any, fields: list[str]) -> None:
            await client.send(64, 1, fields[2])

        scene.tws.answers[62] = answer
        with pytest.raises(Retryable, match="TWS has no TotalCashValue"):
            await scene.broker.balance()


async def test_a_request_that_is_refused_says_why() -> None:
    async with trading() as scene:

        async def answer(client: Any, fields: list[str]) -> None:
            await client.fail(fields[2], 321, "Error validating request: API is read-only")

        scene.tws.answers[62] = answer
        with pytest.raises(ConfigError, match=r"error 321 .*check the API settings of TWS"):
            await scene.broker.balance()
    assert isinstance(refuse(504, "Not connected", "x"), Retryable)


# --- fills and fees ---------------------------------------------------------------------------------------


async def test_a_fill_waits_for_what_it_cost() -> None:
    async with trading(fees=30.0) as scene:
        scene.tws.holds_fees = True
        await scene.broker.place(order("a"))
        await scene.ear.until_status("a", S.FILLED)
        assert scene.ear.fills == []
        asking = asyncio.create_task(scene.broker.executions(0))
        await asyncio.sleep(0.01)
        scene.tws.tell_fees()
        (fill,) = await asking
        assert fill.fee == Decimal("0.1")
        assert await scene.ear.until(is_fill) == [fill]


async def test_a_fee_that_does_not_come_is_not_waited_for_and_not_booked_later() -> None:
    async with trading(fees=0.05) as scene:
        scene.tws.holds_fees = True
        await scene.broker.place(order("a"))
        (fill,) = await scene.ear.until(is_fill)
        assert isinstance(fill, Execution)
        assert fill.fee == 0
        scene.tws.tell_fees()
        assert await scene.broker.executions(0) == [fill]
        assert scene.ear.fills == [fill]


async def test_a_fill_without_its_fee_is_told_at_the_end() -> None:
    async with trading(fees=30.0) as scene:
        scene.tws.holds_fees = True
        await scene.broker.place(order("a"))
        await scene.ear.until_status("a", S.FILLED)
        await scene.broker.close()
        (fill,) = await scene.ear.until(is_fill)
        assert isinstance(fill, Execution)
        assert fill.fee == 0


async def test_a_corrected_fill_is_the_same_fill() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a"))
        (fill,) = await scene.ear.until(is_fill)
        made, ticket = scene.x.fills[0], scene.tws.tickets[0]
        for client in scene.tws.clients.values():
            again = frames.execution(made, -1, ticket.number, ticket.client, ticket.perm)
            again[14] = str(again[14]).removesuffix("01") + "02"
            client.put(*again)
        assert await scene.broker.executions(0) == [fill]
        assert scene.ear.fills == [fill]


async def test_fills_of_other_accounts_are_not_ours() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a"))
        (fill,) = await scene.ear.until(is_fill)
        made, ticket = scene.x.fills[0], scene.tws.tickets[0]
        for client in scene.tws.clients.values():
            foreign = frames.execution(made, -1, 55, 9, 4711)
            foreign[14], foreign[16] = "ffff.1.1.01", "DU9"
            client.put(*foreign)
            order_of_another = frames.open_order(ticket.asked, 9, 4712, "Submitted")
            order_of_another[20] = "DU9"
            client.put(*order_of_another)
        assert await scene.broker.executions(0) == [fill]
        assert await scene.broker.working() == []


def twice(told: list[Any]) -> list[Any]:
    return [*told, *told]


def backwards(told: list[Any]) -> list[Any]:
    return told[::-1]


@pytest.mark.parametrize("muddle", [twice, backwards])
async def test_events_that_are_doubled_or_turned_round_lead_to_the_same(muddle: Any) -> None:
    async with trading(muddle=muddle, fees=0.5) as scene:
        await scene.broker.place(order("a", limit=99))
        scene.x.trade("AAPL", 99, 4)
        scene.x.trade("AAPL", 99, 6)
        done = await scene.ear.until_status("a", S.FILLED)
        assert done.filled == 10
        fills = await scene.ear.until(is_fill, count=2)
        assert [fill.quantity for fill in fills if isinstance(fill, Execution)] == [4, 6]
        assert [one.status for one in scene.ear.reports("a")] == [S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED]


async def test_a_late_status_does_not_bring_an_order_back() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=99))
        ticket = scene.tws.tickets[0]
        early = frames.order_status(scene.x.find("a"), ticket.number, 81, ticket.perm, "Submitted", 0)  # type: ignore[arg-type]  # it is there
        scene.x.trade("AAPL", 99)
        await scene.ear.until_status("a", S.FILLED)
        for client in scene.tws.clients.values():
            client.put(*early)
            client.put(3, 77_777, "Submitted", 0, 1, 0, 1, 0, 0, 5, "", 0)  # of nobody
        assert await scene.broker.working() == []
        assert scene.ear.reports("a")[-1].status is S.FILLED


async def test_random_mishaps_lose_nothing_and_double_nothing() -> None:
    """Orders are sent as the sender does: what has no answer is asked for, never sent again."""
    draw = random.Random(5)
    async with trading() as scene:
        wanted: dict[str, bool] = {}
        for number in range(60):
            name = f"o{number}"
            mishap = draw.choice([None, None, "silent", "lost", "cut after", "cut before"])
            scene.tws.mishaps = [mishap] if mishap else []  # type: ignore[list-item]  # they are Mishaps
            wanted[name] = await place(scene, name)
            assert wanted[name] is (mishap not in {"lost", "cut before"})
            scene.tws.mishaps = []
        assert sorted(scene.x.orders) == sorted(f"x{i + 1}" for i in range(sum(wanted.values())))
        fills = {fill.client_id: fill.quantity for fill in await scene.broker.executions(0)}
        assert fills == {name: Decimal(1) for name, is_there in wanted.items() if is_there}
        (held,) = await scene.broker.holdings()
        assert held.quantity == sum(wanted.values())


async def place(scene: Scene, name: str) -> bool:
    """Place an order, and tell whether the broker has it."""
    try:
        with hurried(scene):
            await scene.broker.place(order(name, quantity=1))
    except (Retryable, Disconnected):
        while True:
            try:
                return await scene.broker.find(name) is not None
            except (Retryable, Disconnected):
                await scene.ear.until_link(up=True)
    return True
