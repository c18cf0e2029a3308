"""The end of a live session: what filled in its last moment is booked before the books are closed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from openbell.core.types import OrderStatus
from openbell.execution.approval import ApprovedOrder
from openbell.execution.port import Capabilities, Report
from openbell.trading.ledger import fold
from openbell.trading.record import latest_session
from openbell.trading.session import Ending
from tests.loopback.direct import EVERYTHING, Direct
from tests.loopback.exchange import Exchange
from tests.unit.router_acts import PLAIN, buy, entry
from tests.unit.trading_by_hand import INSTRUMENTS, START, Acts, Life, scripted


class Late(Direct):
    """A broker that answers an order before it has filled, and whose stream is late."""

    async def place(self, order: ApprovedOrder) -> Report:
        self.muted = True
        report = await super().place(order)
        return report._replace(status=OrderStatus.ACCEPTED, filled=Decimal(0), average=Decimal(0))


async def stopped(path: Path, act: Acts, can: Capabilities) -> tuple[Life, Exchange]:
    """Let a session act once, and stop it while the fill is not told yet."""
    x = Exchange(INSTRUMENTS, time=START)
    x.trade("A", 98)
    life = Life(path, x, Late(x, can), {"s": scripted({1: act})})
    life.start()
    await life.moment(0, 98)
    assert life.floor.held() == {}
    life.wish.how = "keep"
    assert await life.finish() is Ending.STOPPED
    return life, x


async def test_a_fill_behind_its_answer_is_in_the_books(tmp_path: Path) -> None:
    life, x = await stopped(tmp_path, buy, EVERYTHING)
    (ledger,) = fold(latest_session(life.journal)[1]).values()
    assert {symbol: one.quantity for symbol, one in ledger.account.positions.items()} == {"A": 10.0}
    assert life.floor.held() == x.positions


async def test_what_filled_last_is_protected(tmp_path: Path) -> None:
    life, x = await stopped(tmp_path, entry, PLAIN)
    assert life.floor.held() == x.positions == {"A": Decimal(10)}
    assert [(one.type.value, one.quantity) for one in x.working()] == [("stop", Decimal(10))]


async def test_the_orders_of_a_stop_are_in_the_journal_like_any_other(tmp_path: Path) -> None:
    x = Exchange(INSTRUMENTS, time=START)
    x.trade("A", 98)
    life = Life(tmp_path, x, Direct(x, EVERYTHING), {"s": scripted({1: buy})})
    life.start()
    await life.moment(0, 98)
    life.wish.how = "flatten"
    assert await life.finish() is Ending.STOPPED
    (ledger,) = fold(latest_session(life.journal)[1]).values()
    orders = life.floor.courses["s"].engine.desk.orders
    assert {number: one.life for number, one in ledger.orders.items()} == {
        number: one.life for number, one in orders.items()
    }
    assert [(one.tag, one.status.value) for one in ledger.orders.values()] == [
        ("", "filled"),
        ("stopped", "filled"),
    ]
    assert x.positions == {"A": 0}
