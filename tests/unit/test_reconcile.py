"""Reconciliation: what a session missed is booked, what nothing explains halts it or is taken by policy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openbell.core.errors import Halt
from openbell.core.types import OrderStatus, OrderType, Reason, Split, TimeInForce
from openbell.execution.port import Execution, Heard
from openbell.trading.reconcile import Policy, foreign_orders
from openbell.utils.logging import get_logger
from tests.loopback.direct import Direct, Faults
from tests.loopback.exchange import Exchange, Placed
from tests.unit.router_acts import bracket, buy, entry, limit
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life, scripted

S = OrderStatus


def exchange(**settings: Any) -> Exchange:
    made = Exchange(INSTRUMENTS, time=START, **settings)
    for symbol in ("A", "B"):
        made.trade(symbol, 100)
    return made


def by_hand(symbol: str = "A", kind: OrderType = OrderType.MARKET, **fields: Any) -> Placed:
    return Placed("", symbol, 1, kind, TimeInForce.GTC, Decimal(5), **fields)


def held_before(**order: Any) -> Exchange:
    """Return an exchange on which somebody has bought something before the session."""
    x = exchange()
    x.place(by_hand(**order))
    x.advance(1)
    return x


def plain(held: Mapping[str, Decimal] | None) -> dict[str, float]:
    return {symbol: float(quantity) for symbol, quantity in (held or {}).items()}


def entries(life: Life, kind: str) -> list[Any]:
    return [entry.body for entry in life.journal.read() if entry.kind == kind]


async def test_what_happened_while_nobody_looked_is_booked_before_the_first_decision(tmp_path: Path) -> None:
    x = exchange()
    acts = {"s": scripted({1: limit})}
    life = Life(tmp_path, x, Direct(x), acts)
    life.start()
    await life.moment(0, 100)
    await life.kill()
    await life.broker.close()
    x.trade("A", 98, 4)
    x.trade("A", 98)
    life = Life(tmp_path, x, Direct(x), acts)
    life.start()
    await life.rest()
    assert (plain(life.floor.held()), life.floor.cash(), x.audit()) == ({"A": 10}, x.cash, [])
    await life.end()


async def test_what_the_account_held_before_is_somebody_elses(tmp_path: Path) -> None:
    x = held_before(symbol="B")
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: buy})}, symbols=("A",))
    life.start()
    await life.moment(0, 100)
    assert plain(life.floor.base) == {"B": 5}
    assert life.floor.held() == x.positions
    await life.end()


async def test_a_position_that_nothing_explains_halts(tmp_path: Path) -> None:
    x = held_before()
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: buy})})
    life.start()
    with pytest.raises(Halt, match="position A: the broker has 5, the books 0"):
        await life.rest()
    assert [order.client_id for order in x.orders.values()] == [""]


async def test_a_position_is_adopted_where_the_policy_says_so_and_it_is_said_loudly(
    tmp_path: Path,
) -> None:
    x = held_before()
    acts = {"s": scripted({1: lambda s, _: s.close("A")})}
    life = Life(tmp_path, x, Direct(x), acts, policy=Policy(positions="adopt"))
    heard: list[Any] = []
    sink = get_logger().add(heard.append)
    life.start()
    await life.moment(0, 101)
    get_logger().remove(sink)
    loud = "position A: the broker has 5, the books 0; strategy s takes it over"
    assert [body["said"] for body in entries(life, "alarm")] == [loud]
    assert [one.record["message"] for one in heard if one.record["level"].name == "ERROR"] == [loud]
    assert (x.positions["A"], life.floor.cash()) == (Decimal(0), x.cash)
    assert life.floor.held() == {}
    assert life.floor.courses["s"].engine.desk.orders[1].tag == Reason.ADOPTED
    await life.kill()
    life = Life(tmp_path, x, Direct(x), acts, policy=Policy(positions="adopt"))
    assert life.floor.held() == {}


async def test_a_position_is_left_where_the_policy_says_so(tmp_path: Path) -> None:
    x = held_before()
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: buy})}, policy=Policy(positions="leave"))
    life.start()
    await life.moment(0, 100)
    assert (float(life.floor.courses["s"].quantity("A")), float(x.positions["A"])) == (10, 15)
    assert life.floor.held() == x.positions
    assert "somebody else" in entries(life, "alarm")[0]["said"]
    await life.end()


async def test_what_nobody_trades_cannot_be_adopted(tmp_path: Path) -> None:
    x = exchange()
    acts = {"s": scripted({})}
    life = Life(tmp_path, x, Direct(x), acts, policy=Policy(positions="adopt"), symbols=("A",))
    life.start()
    await life.rest()
    x.positions["B"] = x.averages["B"] = Decimal(3)  # a transfer from elsewhere
    life.session._examiner.ask()
    await life.rest()
    assert plain(life.floor.base) == {"B": 3}
    await life.end()


async def test_cash_that_nothing_explains_is_booked_or_halts(tmp_path: Path) -> None:
    for policy, halts in ((Policy(), False), (Policy(cash="halt"), True)):
        x = exchange()
        life = Life(tmp_path / policy.cash, x, Direct(x), {"s": scripted({1: buy})}, policy=policy)
        life.start()
        await life.moment(0, 100)
        x.cash += 25  # a dividend
        life.session._examiner.ask()
        if halts:
            with pytest.raises(Halt, match="cash: the broker has 99025"):
                await life.rest()
        else:
            await life.rest()
            assert life.floor.cash() == x.cash
            await life.end()


async def test_orders_placed_by_hand_stay_and_their_fills_are_known(tmp_path: Path) -> None:
    x = exchange()
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: buy})})
    life.start()
    await life.rest()
    x.place(by_hand())
    resting = x.place(by_hand(kind=OrderType.LIMIT, limit=Decimal(50)))
    await life.moment(0, 100)
    life.session._examiner.ask()
    await life.rest()
    assert life.floor.held() == {"A": 15}
    assert [one.broker_id for one in foreign_orders(life.floor)] == [resting.id]
    life.wish.how = "cancel"
    await life.finish()
    assert resting.status is S.ACCEPTED


async def test_an_account_that_cannot_trade_halts(tmp_path: Path) -> None:
    x = exchange()
    x.trading_blocked = "under review"
    life = Life(tmp_path, x, Direct(x), {"s": scripted({})})
    life.start()
    with pytest.raises(Halt, match="under review"):
        await life.rest()


async def test_a_protective_order_that_the_broker_ended_is_noticed_after_a_reconnect(tmp_path: Path) -> None:
    x = exchange()
    broker = Direct(x)
    life = Life(tmp_path, x, broker, {"s": scripted({1: entry})})
    life.start()
    await life.moment(0, 100)
    await life.moment(1, 98)
    broker.drop()
    stop = life.floor.router.open()[0]
    x.expire(next(one.id for one in x.working() if one.client_id == stop.client_id))
    broker.restore()
    await life.rest()
    assert stop.order.status is S.EXPIRED
    assert [body["up"] for body in entries(life, "link")] == [False, True]
    await life.end()


async def test_an_order_that_the_broker_knows_no_more_ends(tmp_path: Path) -> None:
    x = exchange()
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: limit})})
    life.start()
    await life.moment(0, 100)
    x.orders.clear()
    life.session._examiner.ask()
    await life.rest()
    order = life.floor.courses["s"].engine.desk.orders[1]
    assert (order.status, order.reason) == (S.CANCELLED, Reason.BROKER_CANCELLED)
    await life.end()


async def test_fills_that_the_stream_lost_are_fetched(tmp_path: Path) -> None:
    def lose(heard: Sequence[Heard]) -> Sequence[Heard]:
        return [one for one in heard if not isinstance(one, Execution)]

    x = exchange(fee=Decimal("0.01"))
    life = Life(tmp_path, x, Direct(x, muddle=lose), {"s": scripted({1: bracket, 2: buy})})
    life.start()
    await life.moment(0, 100)
    await life.moment(1, 99)
    assert abs(life.floor.cash() - x.cash) < Decimal("1e-6")
    assert life.floor.held() == x.positions
    await life.end()


async def test_fills_that_no_request_brings_are_booked_from_reports(tmp_path: Path) -> None:
    class Silent(Direct):
        async def executions(self, since: int) -> Sequence[Execution]:
            return []

    def lose(heard: Sequence[Heard]) -> Sequence[Heard]:
        return [one for one in heard if not isinstance(one, Execution)]

    x = exchange()
    life = Life(tmp_path, x, Silent(x, muddle=lose), {"s": scripted({1: buy})})
    life.start()
    await life.moment(0, 100)
    await life.rest()
    assert (life.floor.cash(), plain(life.floor.held())) == (x.cash, {"A": 10})
    assert "its executions do not come" in entries(life, "alarm")[0]["said"]
    await life.end()


async def test_reads_are_asked_again(tmp_path: Path) -> None:
    x = exchange()
    faults = Faults(
        *((call, "before", "retryable") for call in ("executions", "working", "holdings", "balance"))
    )
    life = Life(tmp_path, x, Direct(x, script=faults), {"s": scripted({1: buy})})
    life.start()
    await life.moment(0, 100)
    assert not faults.left
    assert x.positions["A"] == 10
    await life.end()


async def test_a_split_overnight_is_no_difference(tmp_path: Path) -> None:
    x = exchange()
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: buy})})
    life.session._actions = [Split("A", START + 90 * 60_000_000_000, 2, 1)]
    life.start()
    await life.moment(0, 100)
    x.set_time(START + 100 * 60_000_000_000)
    x.split("A", 2, 1)
    x.trade("A", 50)
    life.session._examiner.ask()
    await life.rest()
    assert life.floor.held() == x.positions == {"A": 20}
    await life.end()


async def test_a_position_that_settles_late_is_waited_for(tmp_path: Path) -> None:
    class Behind(Direct):
        late = 2

        async def holdings(self) -> Any:
            self.late -= 1
            return [] if self.late >= 0 else await super().holdings()

    x = exchange()
    broker = Behind(x)
    life = Life(tmp_path, x, broker, {"s": scripted({1: buy})})
    life.start()
    await life.moment(0, 100)
    broker.late = 2
    life.session._examiner.ask()
    await life.rest()
    await asyncio.sleep(0)
    assert life.floor.held() == {"A": 10}
    await life.end()


async def test_orders_of_an_earlier_session_are_said_and_left_alone(tmp_path: Path) -> None:
    x = exchange()
    x.place(Placed("obold-s-1-1", "A", 1, OrderType.LIMIT, TimeInForce.GTC, Decimal(5), limit=Decimal(50)))
    x.place(by_hand(kind=OrderType.LIMIT, limit=Decimal(50)))
    life = Life(tmp_path, x, Direct(x), {"s": scripted({})})
    life.start()
    await life.rest()
    said = [body["said"] for body in entries(life, "alarm")]
    assert (len(said), "order obold-s-1-1 of an earlier session" in said[0], len(x.working())) == (1, True, 2)
    await life.end()
