"""Each order of the core at each broker: sent as it is, done here, or refused before it is sent.

The tables stand on the brokers' pages. An order goes the whole way to the adapter's own words for it:
strategy, router, gate, and what the adapter would put on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from openbell.core.errors import Rejected
from openbell.core.types import OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers import alpaca_terms, ccxt_orders, ib_orders
from openbell.execution.port import Capabilities
from tests.unit.router_rig import Rig
from tests.unit.test_broker_pages import PAGES, ccxt_capabilities
from tests.unit.trading_by_hand import START, Scripted

T, F = OrderType, TimeInForce
TILL = datetime(2024, 11, 13, tzinfo=UTC)

#: How a strategy asks for each, at a price of 100.
ORDERS: Mapping[str, Mapping[str, Any]] = {
    "market": {},
    "limit": {"limit": 99.0},
    "stop": {"stop": 105.0},
    "stop-limit": {"stop": 105.0, "limit": 106.0},
    "trailing-stop": {"trail": 2.0},
    "market with exits": {"stop_loss": 95.0, "take_profit": 110.0},
    "limit with exits": {"limit": 99.0, "stop_loss": 95.0, "take_profit": 110.0},
    "limit, extended": {"limit": 99.0, "extended": True},
}
SENT, HERE, PART, NO = "sent", "watched", "exits here", "no"


class Table(NamedTuple):
    """A broker: what it can, and what raises `Rejected` for an order that it would not be sent."""

    can: Capabilities
    write: Callable[[ApprovedOrder], object]


def table_of(page: str) -> Table:
    if page == "alpaca":
        return Table(alpaca_terms.CAPABILITIES, alpaca_terms.write_order)
    if page == "ib":
        return Table(ib_orders.CAPABILITIES, lambda order: ib_orders.write_orders(order, "DU1"))
    can = ccxt_capabilities()

    def write(order: ApprovedOrder) -> None:
        fault = ccxt_orders.find_fault(order, {"spot": True}, can)
        if fault:
            raise Rejected(fault)

    return Table(can, write)


def fate_of(table: Table, asked: Mapping[str, Any], tif: TimeInForce, folder: Path) -> tuple[str, str]:
    """Return what becomes of an order, and why it is refused if it is."""

    def act(s: Scripted, _: int) -> None:
        s.order("A", 10, tif=tif.value, good_till=TILL if tif is F.GTD else None, **asked)

    folder.mkdir()
    rig = Rig(folder, {1: act}, capabilities=table.can)
    sends = rig.moment(0, 100)
    if rig.course.failure is not None:  # no strategy can ask for it: it is no order of the core
        return NO, str(rig.course.failure)
    order = rig.order(1)
    if not sends:
        said = [one.body["said"] for one in rig.journal.read() if one.kind == "said"]
        return (HERE, "") if order.open else (NO, f"{order.reason.value}: {' '.join(said)}")
    (send,) = sends
    assert send.order is not None
    try:
        table.write(send.order)
    except Rejected as error:
        return NO, str(error)
    assert (send.order.type, send.order.limit) == (order.type, send.order.limit)
    if "stop_loss" in asked and send.order.stop_loss is None:
        return PART, ""
    return SENT, ""


def grid_of(page: str, folder: Path) -> list[list[str]]:
    """Return the rows of a page's table of orders; each refusal has a reason in words."""
    table = table_of(page)
    rows: list[list[str]] = []
    for name, asked in ORDERS.items():
        fates = [fate_of(table, asked, tif, folder / f"{len(rows)}-{tif.value}") for tif in F]
        assert all(len(why) > 20 for fate, why in fates if fate == NO), fates
        rows.append([name, *(fate for fate, _ in fates)])
    return rows


@pytest.mark.parametrize("page", ["alpaca", "ib", "ccxt"])
def test_a_page_says_what_becomes_of_each_order(page: str, tmp_path: Path) -> None:
    told = (PAGES / f"{page}.md").read_text(encoding="utf-8").partition("| order | ")[2].partition("\n\n")[0]
    head, _, *lines = told.splitlines()
    assert head == " | ".join(f"`{tif.value}`" for tif in F) + " |"
    assert [line.strip("| ").split(" | ") for line in lines] == grid_of(page, tmp_path)


@pytest.mark.parametrize(("tif", "sent"), [("day", F.GTC), ("gtd", F.GTC), ("ioc", F.IOC)])
def test_a_stop_that_is_watched_leaves_for_as_long_as_the_broker_has(
    tmp_path: Path, tif: str, sent: TimeInForce
) -> None:
    def act(s: Scripted, _: int) -> None:
        s.order("A", 10, stop=105, tif=tif, good_till=TILL if tif == "gtd" else None)

    can = Capabilities(frozenset({T.MARKET, T.LIMIT}), frozenset({F.GTC, F.IOC}))
    rig = Rig(tmp_path, {1: act}, capabilities=can)
    assert rig.moment(0, 100) == []
    (send,) = rig.moment(1, 106)
    assert send.order is not None
    assert (send.order.type, send.order.tif) == (T.MARKET, sent)
    rig.fill(send.client_id, 10)
    assert rig.ended(1) == (OrderStatus.FILLED, Reason.NONE)
    rig.again()


def test_a_stop_that_could_not_leave_when_it_is_reached_is_refused_at_once(tmp_path: Path) -> None:
    can = Capabilities(frozenset({T.MARKET, T.LIMIT}), frozenset({F.GTC}))
    rig = Rig(tmp_path, {1: lambda s, _: s.order("A", 10, stop=105, tif="ioc")}, capabilities=can)
    assert rig.moment(0, 100) == []
    assert rig.ended(1) == (OrderStatus.REJECTED, Reason.UNSUPPORTED)


def test_exits_of_an_order_that_ends_at_once_are_sent_for_what_has_filled(tmp_path: Path) -> None:
    def act(s: Scripted, _: int) -> None:
        s.order("A", 10, limit=100.0, tif="ioc", stop_loss=95.0, take_profit=110.0)

    rig = Rig(tmp_path, {1: act}, capabilities=alpaca_terms.CAPABILITIES)
    (entry,) = rig.moment(0, 100)
    assert entry.order is not None
    assert (entry.order.stop_loss, entry.order.tif) == (None, F.IOC)
    rig.report(entry.client_id, OrderStatus.PARTIALLY_FILLED, 4)
    sends = rig.execution(entry.client_id, 4)
    sends += rig.report(entry.client_id, OrderStatus.CANCELLED, 4, reason=Reason.NOT_IMMEDIATE)
    (target,) = [send.order for send in sends if send.order is not None]  # which keeps the shares at Alpaca
    assert (float(target.quantity), str(target.limit)) == (4.0, "110.00")
    assert rig.floor.router.would_trigger("A", 94.0, START)  # and the stop is watched
    rig.again()
