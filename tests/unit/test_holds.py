"""What an order ties up until it fills: what it would pay, and as much again after a change of its terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openbell.core.types import OrderStatus, Reason
from openbell.trading.route import Outcome
from tests.unit.router_acts import both, calls, change, only
from tests.unit.router_rig import Rig
from tests.unit.trading_by_hand import Acts

S = OrderStatus


def asks(**terms: float) -> Acts:
    """Order ten shares by some terms."""

    def act(s: Any, _: int) -> None:
        s.made["a"] = s.order("A", 10, **terms)

    return act


def rig_of(path: Path, acts: dict[int, Acts], cash: float) -> Rig:
    return Rig(path, acts, cash=cash)


@pytest.mark.parametrize(("terms", "each"), [({"limit": 50}, 500), ({"stop": 120}, 1200), ({}, 1000)])
@pytest.mark.parametrize("enough", [True, False])
def test_an_order_ties_up_what_it_would_pay(
    tmp_path: Path, terms: dict[str, float], each: float, enough: bool
) -> None:
    rig = rig_of(tmp_path, {1: both(asks(**terms), asks(**terms))}, 2 * each - (not enough))
    assert calls(rig.moment(0, 100)) == ["place"] * (1 + enough)
    if not enough:
        assert rig.ended(2) == (S.REJECTED, Reason.NO_BUYING_POWER)
    rig.again()


def test_an_orders_own_hold_pays_for_its_change(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, {1: asks(limit=100), 2: change(limit=99)}, 1_000)
    rig.take("power", {"power": "1000", "since": 1})
    rig.accept(only(rig.moment(0, 100)))
    assert calls(rig.moment(1, 100)) == ["replace"]
    assert rig.floor.router.board.power == pytest.approx(10)
    rig.again()


def test_a_dearer_change_ties_up_more(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, {1: asks(limit=50), 2: change(limit=90), 3: asks(limit=50)}, 1_000)
    rig.accept(only(rig.moment(0, 100)))
    rig.answer(only(rig.moment(1, 100)), Outcome.DONE)
    assert rig.moment(2, 100) == []
    assert rig.ended(2) == (S.REJECTED, Reason.NO_BUYING_POWER)
    rig.again()


def test_a_change_that_is_refused_ties_up_what_was_before(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, {1: asks(limit=50), 2: change(limit=90), 3: asks(limit=50)}, 1_000)
    rig.accept(only(rig.moment(0, 100)))
    rig.answer(only(rig.moment(1, 100)), Outcome.REFUSED, "no")
    assert calls(rig.moment(2, 100)) == ["place"]
    rig.again()


def test_what_has_filled_is_not_paid_for_again_by_a_change(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, {1: asks(limit=100), 2: change(limit=99)}, 1_000)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.fill(send.client_id, 4)
    assert calls(rig.moment(1, 100)) == ["replace"]
    assert rig.floor.router.board.holds.total["s"] == pytest.approx(6 * 99)
    rig.again()
