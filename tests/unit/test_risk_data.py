"""Limits as data: read, refused in one line, written and read back."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.core.messages import Quote
from openbell.core.orders import Replace
from openbell.core.requests import Exits
from openbell.core.types import Delisting, OrderStatus, Reason, SpinOff
from openbell.execution.risk.gate import RiskGate, gate_of, open_gate
from openbell.execution.risk.limits import STANDARD_RISK, Risk, risk_from_json
from tests.unit.market_by_hand import DAY
from tests.unit.risk_by_hand import GuardedSeat

made: Any = ob  #: what a caller may type, whatever the types say
WRONG: list[tuple[Any, str]] = [
    (lambda: made.OrderLimits(max_quantity=-1), "order.max_quantity=-1 must be a number, more than zero"),
    (lambda: made.OrderLimits(max_quantity="5"), "order.max_quantity='5' must be a number, more than zero"),
    (lambda: made.OrderLimits(max_per_minute=1.5), "order.max_per_minute=1.5 must be a whole number"),
    (lambda: made.OrderLimits(reduce_only=1), "order.reduce_only=1 must be true or false"),
    (lambda: made.OrderLimits(restricted="IBM"), "order.restricted='IBM' must be a list of names"),
    (
        lambda: made.OrderLimits(allowed=[""]),
        r"order.allowed=\[''\] must be a list of names, none of them empty",
    ),
    (
        lambda: made.PositionLimits(max_short_share=-1),
        "position.max_short_share=-1 must be .*, zero or more",
    ),
    (lambda: made.PositionLimits(participation=2), "position.participation=2 must be at most 1"),
    (lambda: made.ProtectiveExits(stop_loss=5), r"exits.stop_loss=5 must be at most 1 \(0.05 is 5 %\)"),
    (lambda: made.PortfolioLimits(asset_classes=["A"]), "portfolio.asset_classes=.* must be a mapping"),
    (
        lambda: made.PortfolioLimits(drawdown_warn=0.2, drawdown_halt=0.1),
        "portfolio.drawdown_warn=0.2 must not exceed portfolio.drawdown_halt=0.1",
    ),
    (lambda: made.RiskModel(methods=["ewmaa"]), "model.methods='ewmaa' is unknown; did you mean 'ewma'"),
    (lambda: made.RiskModel(methods=[]), "must name at least one of historical"),
    (lambda: made.RiskModel(unknown="maybe"), "model.unknown='maybe' must be 'refuse' or 'pass'"),
    (lambda: made.RiskModel(level=1.0), "model.level=1 must be below 1"),
    (lambda: made.RiskModel(minimum=300), "model.minimum=300 must not exceed model.window=250"),
    (lambda: made.OperationLimits(stop_file=5), "operation.stop_file=5 must be text"),
    (lambda: made.Risk(order=5), r"risk.order=5 must be ob.OrderLimits\(...\)"),
    (lambda: made.Risk(enforce="no"), "risk.enforce='no' must be true or false"),
    (lambda: risk_from_json({"oder": {}}), "risk.oder: unknown; did you mean 'order'"),
    (lambda: risk_from_json({"order": 5}), "risk.order=5 must be a mapping of limits"),
    (lambda: risk_from_json({"order": {"colar": 1}}), "risk.order.colar: unknown; did you mean 'collar'"),
    (lambda: made.backtest("sma_cross", "AAPL", risk=5), r"risk=5 must be ob.Risk\(...\)"),
    (
        lambda: made.backtest("sma_cross", "AAPL", risk=made.Risk(model=made.RiskModel(benchmark="SPY"))),
        "risk.model.benchmark: 'SPY' is not traded in this run",
    ),
]


@pytest.mark.parametrize(("make", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_is_no_limit_is_refused_in_one_line(make, says):
    with pytest.raises(ob.ConfigError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_limits_are_written_and_read_back():
    risk = replace(STANDARD_RISK, enforce=False)
    assert risk_from_json(json.loads(json.dumps(risk.as_json()))) == risk
    result = ob.backtest("sma_cross", "AAPL", end="2001-12-31", risk=STANDARD_RISK)
    again = ob.backtest(
        "sma_cross", "AAPL", end="2001-12-31", risk=risk_from_json(result.plan.as_json()["risk"])
    )
    assert again.hash == result.hash


def test_no_limits_are_no_gate():
    seat = GuardedSeat(ob.OrderLimits())
    sessions = seat.gate._sessions
    assert open_gate(Risk(), sessions) is None
    assert isinstance(open_gate(STANDARD_RISK, sessions), RiskGate)
    assert gate_of(seat.engine) is seat.gate
    seat.engine.screen = None
    assert gate_of(seat.engine) is None
    assert not seat.gate.stop_file_is_there


def test_a_symbol_without_volume_is_of_no_usual_size():
    seat = GuardedSeat(ob.PositionLimits(max_volume_share=1.0))
    seat.market.columns["A"][6][:] = [0.0]
    assert seat.order("A", 1).reason is Reason.LIQUIDITY


def test_a_delisted_or_spun_off_symbol_has_returns_of_its_own():
    seat = GuardedSeat(ob.PortfolioLimits(max_var=0.5))
    forecast = seat.gate.forecast
    assert forecast is not None
    seat.gate.act(SpinOff("A", seat.market.time, "Z", 1, 10, 50.0))
    seat.gate.act(Delisting("B", seat.market.time))
    seat.engine.step(seat.market.move(A=95.0, C=100.0))
    np.testing.assert_allclose(forecast.window.last, [0.0, 0.0, 0.0], atol=1e-12)
    assert forecast.window.known.tolist() == [1, 0, 1]


def test_what_is_refused_is_told_to_who_listens():
    seat, told = GuardedSeat(ob.OrderLimits(max_quantity=10)), []
    seat.engine.tell_refusals(lambda order, asked, refusal: told.append((order.id, asked, refusal.limit)))
    order = seat.order("A", 10, limit=90.0)
    change = Replace(order.id, quantity=20.0)
    seat.desk.blotter.replace(order, change)
    seat.pass_on()
    (told_of,) = told
    assert (told_of[0], told_of[1].quantity, told_of[2]) == (order.id, 20.0, Reason.ORDER_QUANTITY)
    big = seat.order("B", 11, Exits(stop_loss=90.0))
    assert [one[2] for one in told[1:]] == [Reason.ORDER_QUANTITY, Reason.PARENT_ENDED]
    assert big.status is OrderStatus.REJECTED


def test_a_quote_with_both_sides_has_a_spread():
    seat = GuardedSeat(ob.OperationLimits(max_spread_bps=1))
    seat.conditions.quotes["A"] = Quote("A", DAY, 99.0, 101.0)
    assert seat.conditions.spread_bps("A") == pytest.approx(200.0)
