"""A live session: strategies, router, journal and broker together; lost answers, stops, restarts."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from openbell.core.errors import Disconnected, Halt
from openbell.core.messages import Quote
from openbell.core.types import OrderStatus, Reason
from openbell.data.live.items import Connected, Correction, Settled
from openbell.trading.reconcile import Policy
from openbell.trading.sender import Timing
from openbell.trading.session import Ending
from tests.loopback.direct import BARE, EVERYTHING, Direct, Faults
from tests.loopback.exchange import Exchange
from tests.unit.router_acts import both, bracket, buy, cancel, change, limit
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life, Scripted, bar, scripted

S = OrderStatus
UNSURE = BARE  #: a broker that would take the same client id twice


def exchange(**settings: Any) -> Exchange:
    made = Exchange(INSTRUMENTS, time=START, **settings)
    for symbol in ("A", "B"):
        made.trade(symbol, 100)
    return made


def life_of(
    path: Path, x: Exchange, acts: dict[int, Any], *faults: tuple[str, str, str], **more: Any
) -> Life:
    can = more.pop("capabilities", EVERYTHING)
    broker = more.pop("broker", None) or Direct(x, can, script=Faults(*faults))
    return Life(path, x, broker, {"s": scripted(acts)}, **more)


def order(life: Life, number: int = 1) -> Any:
    return life.floor.courses["s"].engine.desk.orders[number]


def alarms(life: Life) -> list[str]:
    return [entry.body["said"] for entry in life.journal.read() if entry.kind == "alarm"]


async def test_orders_go_out_and_fills_come_back(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {1: buy})
    life.start()
    await life.moment(0, 100)
    assert life.floor.held() == x.positions
    await life.moment(1, 101)
    assert await life.end() is Ending.END_OF_DATA
    assert (x.audit(), order(life).status) == ([], S.FILLED)


# --- unknown outcomes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["retryable", "disconnected"])
@pytest.mark.parametrize("kind", [EVERYTHING, UNSURE])
async def test_an_answer_that_is_lost_is_asked_for(tmp_path: Path, how: str, kind: Any) -> None:
    x = exchange(unique="no")
    faults = (("place", "after", how), ("find", "before", how))
    life = life_of(tmp_path, x, {1: limit}, *faults, capabilities=kind)
    life.start()
    await life.moment(0, 100)
    assert ([one.client_id for one in x.working()], order(life).status) == (["obt1-s-1-1"], S.ACCEPTED)
    await life.end()


async def test_a_request_that_is_lost_is_sent_again_where_ids_are_unique(tmp_path: Path) -> None:
    x = exchange()
    faults = (("place", "before", "retryable"), ("place", "before", "retryable"))
    life = life_of(tmp_path, x, {1: buy}, *faults)
    life.start()
    await life.moment(0, 100)
    assert (order(life).status, len(x.orders), life.broker.calls.count("place")) == (S.FILLED, 1, 3)  # type: ignore[attr-defined]
    await life.end()


async def test_a_request_that_is_lost_ends_where_ids_are_not_unique(tmp_path: Path) -> None:
    x = exchange(unique="no")
    life = life_of(tmp_path, x, {1: buy}, ("place", "before", "disconnected"), capabilities=UNSURE)
    life.start()
    await life.moment(0, 100)
    assert (order(life).status, order(life).reason, len(x.orders)) == (S.REJECTED, Reason.NOT_SENT, 0)
    await life.end()


async def test_an_order_that_was_slow_to_arrive_is_found_when_it_is_sent_again(tmp_path: Path) -> None:
    class Slow(Direct):
        finds = 0

        async def find(self, client_id: str) -> Any:
            self.finds += 1
            return None if self.finds <= 2 else await super().find(client_id)

    x = exchange()
    broker = Slow(x, script=Faults(("place", "after", "retryable")))
    life = life_of(tmp_path, x, {1: limit}, broker=broker)
    broker.muted = True
    life.start()
    await life.moment(0, 100)
    assert (order(life).status, len(x.orders)) == (S.ACCEPTED, 1)
    await life.end()


async def test_an_order_that_is_refused_when_sent_again_ends(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {1: limit}, ("place", "before", "retryable"))
    life.start()
    await life.rest()
    x.refusals.append("not today")
    await life.moment(0, 100)
    assert (order(life).status, order(life).reason) == (S.REJECTED, Reason.BROKER_REFUSED)
    await life.end()


async def test_a_refusal_is_an_end(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {1: buy})
    x.refusals.append("no")
    life.start()
    await life.moment(0, 100)
    assert (order(life).status, order(life).reason) == (S.REJECTED, Reason.BROKER_REFUSED)
    await life.end()


async def test_lost_cancels_and_changes_are_asked_for_too(tmp_path: Path) -> None:
    x = exchange()
    faults = (
        ("replace", "before", "retryable"),
        ("replace", "after", "retryable"),
        ("cancel", "before", "disconnected"),
        ("cancel", "after", "retryable"),
    )
    life = life_of(tmp_path, x, {1: limit, 2: change(limit=98), 3: change(limit=97), 4: cancel}, *faults)
    life.start()
    for number in range(4):
        await life.moment(number, 100)
    assert (order(life).status, order(life).reason, order(life).limit) == (S.CANCELLED, Reason.ASKED, 97)
    assert (x.working(), x.audit()) == ([], [])
    await life.end()


async def test_a_slow_answer_counts_as_none(tmp_path: Path) -> None:
    x = exchange()
    timing = Timing(answer=0.02, look=0.0, looks=1, patience=0.0, fills=0.0)
    life = life_of(tmp_path, x, {1: limit}, ("place", "after", "60"), timing=timing)
    life.start()
    await life.moment(0, 100)
    await asyncio.sleep(0.1)
    assert order(life).status is S.ACCEPTED
    await life.end()


async def test_a_stale_decision_is_not_sent_and_an_exit_is(tmp_path: Path) -> None:
    def leave(s: Scripted, _: int) -> None:
        s.close("A")
        s.order("B", 1)

    x = exchange()
    timing = Timing(answer=5.0, fresh=0.0, look=0.0, looks=1, patience=0.0, fills=0.0)
    life = life_of(tmp_path, x, {1: leave}, timing=timing, policy=Policy(positions="adopt"))
    x.positions["A"] = x.averages["A"] = Decimal(5)
    life.start()
    await life.moment(0, 100, "B")
    await life.moment(1, 100, "A")
    assert x.positions == {"A": 0}
    assert order(life, 3).reason is Reason.NOT_SENT
    await life.end()


# --- what a feed brings ----------------------------------------------------------------------------------


async def test_bars_are_gathered_until_they_are_settled(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {1: buy})
    life.start()
    for item in (
        Connected(START, again=False), bar(0, 100, "B"), bar(0, 100, "A"), bar(1, 101, "A"),
        Correction(START, bar(0, 99, "A"), None), Settled(START, START + MINUTE),
    ):  # fmt: skip
        life.feed.send(item)
    await life.rest()
    kinds = [entry.kind for entry in life.journal.read()]
    moments = [entry for entry in life.journal.read() if entry.kind == "moment"]
    assert (len(moments), [row[0] for row in moments[0].body["bars"]]) == (1, ["A", "B"])
    assert kinds.count("correction") == 1
    await life.end()


async def test_a_watched_stop_goes_at_a_quote(tmp_path: Path) -> None:
    def protect(s: Scripted, _: int) -> None:
        s.order("A", 10, stop_loss=95)

    x = exchange(unique="no")
    life = life_of(tmp_path, x, {1: protect}, capabilities=BARE)
    life.start()
    await life.moment(0, 100)
    life.feed.send(Quote("A", START + MINUTE, 96.0, 96.5))
    life.feed.send(Quote("A", START + MINUTE, 0.0, 0.0))
    await life.rest()
    assert x.positions["A"] == 10
    life.feed.send(Quote("A", START + MINUTE, 94.9, 96.5))
    await life.rest()
    assert x.positions["A"] == 0
    await life.end()


@pytest.mark.parametrize("around", [False, True])
async def test_a_watched_stop_sleeps_while_the_exchange_is_closed(tmp_path: Path, around: bool) -> None:
    def protect(s: Scripted, _: int) -> None:
        s.order("A", 10, stop_loss=95)

    x = exchange(unique="no")
    life = life_of(tmp_path, x, {1: protect}, capabilities=BARE)
    life.floor.courses["s"].tape.tracks["A"].around = around
    life.start()
    await life.moment(0, 100)
    life.floor.router.board.is_open = lambda _: False
    life.feed.send(Quote("A", START + MINUTE, 50.0, 150.0))  # as wide as before the open
    await life.rest()
    assert x.positions["A"] == 10
    assert life.journal.of_kind("touch") == []
    await life.moment(1, 94)
    assert x.positions["A"] == (10 if around else 0)
    life.floor.router.board.is_open = lambda _: True
    await life.moment(2, 94)
    assert x.positions["A"] == 0
    await life.end()


async def test_a_feed_waits_for_what_is_slow(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {})
    for number in range(3_000):
        life.feed.send(Quote("A", START + number, 99.0, 101.0))
    life.start()
    await life.rest()
    assert await life.end() is Ending.END_OF_DATA


# --- strategies ------------------------------------------------------------------------------------------


async def test_a_strategy_that_raises_is_stopped_alone(tmp_path: Path) -> None:
    def fail(s: Scripted, _: int) -> None:
        s.order("A", 1)
        s.cancel(s.made["a"])
        raise ValueError("oh")

    x = exchange()
    kinds = {"bad": scripted({1: bracket, 2: fail}), "good": scripted({1: buy, 3: buy})}
    life = Life(tmp_path, x, Direct(x), kinds)
    life.start()
    for number in range(3):
        await life.moment(number, 100)
    await life.moment(3, 98)
    bad, good = life.floor.courses["bad"], life.floor.courses["good"]
    assert "ValueError: oh" in str(bad.failure)
    assert (bad.quantity("A"), good.quantity("A"), x.positions["A"]) == (10, 20, 30)  # type: ignore[comparison-overlap]
    assert {route.order.status for route in life.floor.router.open("bad")} == {S.ACCEPTED}  # its exits
    await life.kill()
    again = Life(tmp_path, x, Direct(x), kinds)
    assert (again.resumed > 0, str(again.floor.courses["bad"].failure)) == (True, str(bad.failure))


async def test_a_strategy_that_raises_on_a_fill_has_it_booked(tmp_path: Path) -> None:
    class Bad(Scripted):
        acts: ClassVar[Any] = {1: buy}

        def on_fill(self, fill: Any) -> None:
            raise RuntimeError("no")

    x = exchange()
    life = Life(tmp_path, x, Direct(x), {"s": Bad})
    life.start()
    await life.moment(0, 100)
    assert life.floor.courses["s"].failure is not None
    assert life.floor.held() == x.positions
    await life.end()


# --- stops -----------------------------------------------------------------------------------------------


async def test_keep_leaves_what_works_and_goes_on_later(tmp_path: Path) -> None:
    x = exchange()
    acts = {1: bracket, 3: buy}
    life = life_of(tmp_path, x, acts)
    life.start()
    await life.moment(0, 100)
    life.wish.how = "keep"
    assert await life.finish() is Ending.STOPPED
    assert [one.client_id for one in x.working()] == ["obt1-s-1-1", "obt1-s-1-1-tp", "obt1-s-1-1-sl"]
    life.journal.close()
    life = life_of(tmp_path, x, acts)
    life.start()
    await life.moment(1, 100)
    await life.moment(2, 100)
    assert x.positions == {"A": 10}
    await life.end()


async def test_cancel_ends_own_orders_within_a_second(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {1: bracket, 2: limit})
    life.start()
    await life.moment(0, 100)
    await life.moment(1, 100)
    began = asyncio.get_running_loop().time()
    life.wish.how = "cancel"
    assert await life.finish() is Ending.STOPPED
    assert asyncio.get_running_loop().time() - began < 1.0
    assert (x.working(), order(life).reason) == ([], Reason.STOPPED)


async def test_flatten_closes_what_is_held(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {1: bracket, 2: buy})
    life.start()
    await life.moment(0, 100)
    await life.moment(1, 98)
    life.wish.how = "flatten"
    assert await life.finish() is Ending.STOPPED
    assert (x.working(), x.positions, x.audit()) == ([], {"A": Decimal(0)}, [])


async def test_cancel_all_that_is_not_answered_is_said(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {1: limit}, ("cancel_all", "before", "disconnected"))
    life.start()
    await life.moment(0, 100)
    life.wish.how = "cancel"
    await life.finish()
    assert "cancel-all was not answered" in alarms(life)[0]
    assert x.working() == []


async def test_a_stop_during_a_submit_waits_for_its_answer_and_begins_nothing(tmp_path: Path) -> None:
    x = exchange()
    timing = Timing(answer=5.0, look=0.0, looks=1, close=5.0)
    life = life_of(tmp_path, x, {1: both(limit, limit)}, ("place", "after", "0.2"), timing=timing)
    life.start()
    await life.moment(0, 100)
    life.wish.how = "keep"
    await life.finish()
    assert [one.client_id for one in x.working()] == ["obt1-s-1-1"]
    assert (order(life, 1).status, order(life, 2).reason) == (S.ACCEPTED, Reason.NOT_SENT)


async def test_a_stop_while_the_broker_is_away_ends_soon(tmp_path: Path) -> None:
    x = exchange()
    timing = Timing(answer=0.1, look=0.01, looks=1, close=0.3)
    faults = [("place", "before", "disconnected")] + [("find", "before", "disconnected")] * 1000
    life = life_of(tmp_path, x, {1: limit}, *faults, timing=timing)
    life.start()
    await life.moment(0, 100)
    life.wish.how = "keep"
    assert await life.finish() is Ending.STOPPED
    assert "ended before the broker had answered" in alarms(life)[0]
    life.journal.close()
    life = life_of(tmp_path, x, {1: limit})
    life.start()
    await life.rest()
    assert (order(life).status, order(life).reason, x.orders) == (S.REJECTED, Reason.NOT_SENT, {})
    await life.end()


@pytest.mark.parametrize("call", ["now", "balance"])
async def test_a_stop_while_the_account_is_asked_for_ends_soon(tmp_path: Path, call: str) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {}, *[(call, "before", "disconnected")] * 10_000)
    life.start()
    await asyncio.sleep(0.05)
    life.wish.how = "keep"
    assert await life.finish() is Ending.STOPPED
    assert not life.floor.started


async def test_a_stream_that_ends_for_good_halts(tmp_path: Path) -> None:
    x = exchange()
    life = life_of(tmp_path, x, {})
    life.start()
    await life.rest()
    await life.broker.close()
    with pytest.raises(Halt, match="ended for good"):
        await life.finish()


async def test_after_a_long_outage_old_decisions_are_dropped_and_new_ones_go_out(tmp_path: Path) -> None:
    x = exchange()
    timing = Timing(answer=0.2, fresh=0.05, look=0.001, looks=2, patience=0.001, fills=0.0)
    away = asyncio.Event()

    async def script(call: str, _point: str) -> None:
        if away.is_set() and call != "events":
            raise Disconnected("direct: connection refused")

    life = life_of(tmp_path, x, {1: buy, 2: buy, 3: buy}, broker=Direct(x, script=script), timing=timing)
    life.start()
    await life.rest()
    away.set()
    await life.moment(0, 100)
    await life.moment(1, 100)
    await asyncio.sleep(0.1)
    away.clear()
    await asyncio.sleep(0.1)
    await life.moment(2, 100)
    reasons = [order(life, number).reason for number in (1, 2)]
    assert (reasons, x.positions["A"] == 10) == ([Reason.NOT_SENT, Reason.NOT_SENT], True)
    assert life.floor.held() == x.positions
    await life.end()
