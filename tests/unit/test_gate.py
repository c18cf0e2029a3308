"""The gate: what it lets through, exact and on the grid, and what it refuses with which reason."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from openbell.core.errors import ConfigError, OpenbellError
from openbell.core.orders import Order
from openbell.core.types import Instrument, OrderType, Reason, Side, TimeInForce
from openbell.execution.approval import ApprovedOrder
from openbell.execution.port import Capabilities
from openbell.trading.clientids import ClientIds, is_own, session_id
from openbell.trading.gate import Exits, Gate, Refusal, Standing, Terms
from openbell.trading.route import terms_of
from tests.loopback.direct import BARE, EVERYTHING
from tests.unit.trading_by_hand import START

T = OrderType
STANDING = Standing(price=100.0, held=0.0, free=10_000.0, power=math.inf, initial=1.0, open=True, short=True)


def order(side: Side = 1, quantity: float = 10, **fields: Any) -> Order:
    return Order(1, "s", "A", side, quantity, 1, **fields)


def check(
    one: Order,
    *,
    can: Capabilities = EVERYTHING,
    instrument: Instrument | None = None,
    terms: Terms | None = None,
    exits: Exits | None = None,
    **standing: Any,
) -> ApprovedOrder | Refusal:
    return Gate(can).check(
        one,
        terms or terms_of(one),
        instrument or Instrument("A"),
        STANDING._replace(**standing),
        client_id="id",
        exits=exits or Exits(),
    )


def passed(*args: Any, **more: Any) -> ApprovedOrder:
    verdict = check(*args, **more)
    assert isinstance(verdict, ApprovedOrder)
    return verdict


def refused(*args: Any, **more: Any) -> Reason:
    verdict = check(*args, **more)
    assert isinstance(verdict, Refusal)
    assert verdict.said
    return verdict.reason


def test_prices_and_quantities_leave_exact() -> None:
    made = passed(
        order(type=T.STOP_LIMIT, limit=0.1 + 0.2, stop=100.07), exits=Exits(take_profit=1.1, stop_loss=0.9)
    )
    exact = (made.limit, made.stop, made.quantity, made.take_profit, made.stop_loss)
    assert [str(one) for one in exact] == ["0.30", "100.07", "10.0", "1.10", "0.90"]
    assert (made.client_id, made.trail) == ("id", None)


def test_only_the_gate_makes_orders_that_may_be_sent() -> None:
    with pytest.raises(OpenbellError, match="around the risk gate"):
        ApprovedOrder(
            client_id="x", symbol="A", side=1, type=T.MARKET, tif=TimeInForce.GTC, quantity=Decimal(1)
        )


def test_a_trail_is_on_ticks_or_a_share() -> None:
    amount = passed(order(type=T.TRAILING_STOP, trail=1.234, reduce_only=True))
    share = passed(order(type=T.TRAILING_STOP, trail=0.05, trail_percent=True))
    assert (str(amount.trail), float(share.trail or 0), share.trail_percent) == ("1.23", 0.05, True)


def test_what_the_broker_does_not_have_is_refused() -> None:
    assert refused(order(type=T.STOP, stop=5), can=BARE) is Reason.UNSUPPORTED
    assert refused(order(tif=TimeInForce.FOK), can=BARE) is Reason.UNSUPPORTED
    assert refused(order(type=T.LIMIT, limit=5, extended=True), can=BARE) is Reason.UNSUPPORTED
    assert passed(order(type=T.LIMIT, limit=5, extended=True)).extended_hours
    fraction = Instrument("A", lot=0.1)
    assert refused(order(quantity=1.5), can=BARE, instrument=fraction) is Reason.BAD_QUANTITY
    assert str(passed(order(quantity=1.5), instrument=fraction).quantity) == "1.5"


def test_a_market_order_is_for_the_day_where_there_is_nothing_longer() -> None:
    day = Capabilities(frozenset({T.MARKET, T.LIMIT}), frozenset({TimeInForce.DAY}))
    assert passed(order(), can=day).tif is TimeInForce.DAY
    assert refused(order(type=T.LIMIT, limit=1), can=day) is Reason.UNSUPPORTED


def test_an_orders_own_faults_are_found() -> None:
    assert refused(order(quantity=1.5)) is Reason.BAD_QUANTITY
    assert refused(order(type=T.LIMIT)) is Reason.BAD_PRICE
    one = order()
    assert refused(one, terms=terms_of(one)._replace(quantity=0.3)) is Reason.BAD_QUANTITY


def test_without_a_price_or_a_session_it_waits_for_nothing() -> None:
    assert refused(order(), price=math.nan) is Reason.NO_PRICE
    assert refused(order(tif=TimeInForce.IOC), open=False) is Reason.MARKET_CLOSED
    assert passed(order(tif=TimeInForce.DAY), open=False)


def test_short_sales_need_the_account_the_broker_and_the_instrument() -> None:
    sale = order(-1)
    assert passed(sale)
    assert refused(sale, short=False) is Reason.SHORT_NOT_ALLOWED
    assert refused(sale, can=BARE) is Reason.SHORT_NOT_ALLOWED
    assert refused(sale, instrument=Instrument("A", shortable=False)) is Reason.SHORT_NOT_ALLOWED
    assert passed(sale, short=False, held=10.0)
    assert passed(order(-1, reduce_only=True), short=False)


@pytest.mark.parametrize(
    ("side", "held", "more", "short"),
    [
        (-1, 0.0, {}, 10),
        (-1, 4.0, {}, 6),
        (-1, 10.0, {}, 0),
        (-1, -5.0, {}, 10),
        (1, 0.0, {}, 0),
        (-1, 4.0, {"reduce_only": True}, 0),
    ],
)
def test_an_order_says_how_much_of_it_is_to_be_borrowed(
    side: Side, held: float, more: dict[str, Any], short: int
) -> None:
    assert passed(order(side, **more), held=held).short == short


def test_what_opens_must_be_affordable_for_the_strategy_and_the_account() -> None:
    assert passed(order(quantity=100))
    assert refused(order(quantity=101)) is Reason.NO_BUYING_POWER
    assert passed(order(quantity=200), initial=0.5)
    assert refused(order(quantity=50), power=4_999.0) is Reason.NO_BUYING_POWER
    assert passed(order(quantity=125, type=T.LIMIT, limit=80))
    assert passed(order(quantity=300), held=-250.0)


def test_client_ids_tell_sessions_strategies_orders_and_revisions_apart() -> None:
    ids = ClientIds("abc", longest=48)
    assert ids.make("sma", 7, 2) == "obabc-sma-7-2"
    made = {ids.make(name, 1, 1) for name in ("a b", "ab", "x" * 60, "x" * 61)}
    made |= {ClientIds("abd", longest=48).make("a b", 1, 1)}
    assert len(made) == 5
    assert all(is_own(one) and len(one) <= 45 for one in made)
    assert not is_own("my order")
    assert int(session_id(START), 36) * 10**6 == START
    with pytest.raises(ConfigError, match="27 are needed"):
        ClientIds("abc", longest=20)
