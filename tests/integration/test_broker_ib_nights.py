"""IB's nights, when its servers are reset; and answers that come twice."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.loopback.tws_scene import order, trading

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_SECOND
from openbell.execution.brokers.ib_link import is_maintenance


@pytest.mark.parametrize(
    ("moment", "is_one"),
    [
        ("2024-07-02T03:44", False), ("2024-07-02T03:45", True), ("2024-07-02T04:44", True),
        ("2024-07-02T04:45", False), ("2024-07-06T03:00", True), ("2024-07-06T06:59", True),
        ("2024-07-06T07:00", False), ("2024-07-02T14:00", False),
    ],
)  # fmt: skip
def test_ibs_nightly_reset_is_known(moment: str, is_one: bool) -> None:
    time = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert is_maintenance(int(time.timestamp()) * NANOS_PER_SECOND) is is_one


async def test_the_reason_names_the_nightly_reset() -> None:
    async with trading() as scene:
        scene.x.set_time(int(datetime(2024, 7, 2, 4, 0, tzinfo=UTC).timestamp()) * NANOS_PER_SECOND)
        await scene.broker.now()
        scene.tws.drop()
        link = await scene.ear.until_link(up=False)
        assert link.why.endswith("IB resets its servers at this hour of the night")


async def test_an_answer_that_ends_twice_ends_once() -> None:
    async with trading() as scene:

        async def answer(client: Any, fields: list[str]) -> None:
            client.put(53, 1)
            client.put(53, 1)

        scene.tws.answers[16] = answer
        assert await scene.broker.working() == []


async def test_of_two_errors_the_first_counts() -> None:
    async with trading() as scene:

        async def answer(client: Any, fields: list[str]) -> None:
            client.put(4, 2, fields[2], 321, "first", "")
            client.put(4, 2, fields[2], 504, "second", "")

        scene.tws.answers[62] = answer
        with pytest.raises(ConfigError, match="first"):
            await scene.broker.balance()


async def test_an_order_is_forgotten_once() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        book = scene.broker._book
        known = book.refs["a"]
        book.drop(known)
        book.drop(known)
        assert "a" not in book.refs
        assert await scene.broker.find("a") is not None
