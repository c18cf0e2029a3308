"""Limits see the whole account that several strategies trade: what one may not, two may not either."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openbell.core.orders import Refusal, Replace
from openbell.core.types import OrderStatus, Reason, Split
from openbell.execution.risk.limits import PortfolioLimits, PositionLimits, RiskModel
from openbell.execution.risk.whole import Member, Whole
from tests.unit.risk_by_hand import GuardedSeat, risk_of

MODEL = RiskModel(methods=("historical", "ewma", "ledoit_wolf"), window=25, minimum=20, decay=0.5)
SECTORS = {"A": "x", "B": "x"}
DRAWN = np.random.default_rng(3).normal(scale=0.02, size=(30, 4))
PATHS = 100.0 * np.cumprod(1.0 + DRAWN[:, :1] + 0.5 * DRAWN[:, 1:], axis=0)  # what they have in common first
P, Q = PortfolioLimits, PositionLimits

#: Limits, what one strategy holds already, and the order that is one too many.
CASES: dict[str, tuple[Any, dict[str, float], tuple[str, float], Reason]] = {
    "gross": (P(max_gross=50_000), {"A": 300}, ("B", 300), Reason.GROSS_EXPOSURE),
    "leverage": (P(max_leverage=0.3), {"A": 400}, ("B", 300), Reason.LEVERAGE),
    "net": (P(max_net=0.3), {"A": 400}, ("B", 300), Reason.NET_EXPOSURE),
    "concentration": (
        P(max_concentration=0.3, largest=2), {"A": 400, "C": 50}, ("B", 300), Reason.CONCENTRATION,
    ),
    "largest": (P(max_concentration=0.3, largest=1), {"A": 400}, ("A", 300), Reason.CONCENTRATION),
    "sector": (P(max_sector=0.3), {"A": 400}, ("B", 300), Reason.SECTOR),
    "class": (P(max_asset_class=0.3), {"A": 400}, ("B", 300), Reason.ASSET_CLASS),
    "positions": (P(max_positions=2), {"A": 10, "C": 10}, ("B", 10), Reason.POSITION_COUNT),
    "shares": (Q(max_quantity=500), {"A": 400}, ("A", 300), Reason.POSITION_QUANTITY),
    "value": (Q(max_notional=50_000), {"A": 400}, ("A", 300), Reason.POSITION_NOTIONAL),
    "share": (Q(max_share=0.3), {"A": 400}, ("A", 300), Reason.POSITION_SHARE),
    "short": (Q(max_short_notional=50_000), {"A": -400}, ("A", -300), Reason.SHORT_LIMIT),
    "shorts": (Q(max_short_share=0.3), {"A": -400}, ("B", -300), Reason.SHORT_LIMIT),
    "liquidity": (Q(max_volume_share=5e-4), {"A": 400}, ("A", 300), Reason.LIQUIDITY),
    "days": (Q(max_exit_days=5e-3), {"A": 400}, ("A", 300), Reason.DAYS_TO_EXIT),
    "var": (P(max_var=0.012), {"A": 400}, ("B", 150), Reason.VALUE_AT_RISK),
    "cvar": (P(max_cvar=0.015), {"A": 400}, ("B", 150), Reason.EXPECTED_SHORTFALL),
    "beta": (P(max_beta=0.2), {"A": 400}, ("B", 150), Reason.BETA),
    "correlation": (P(max_correlation=0.5), {"A": 400}, ("B", 300), Reason.CORRELATION),
}  # fmt: skip


def together(*seats: GuardedSeat, slowest: GuardedSeat | None = None) -> Whole:
    """Let seats trade one account; one of them may have the longest bars."""
    pace = [] if slowest is None else list(slowest.market.tracks.values())
    whole = Whole([Member(one.desk, one.gate.book) for one in seats], seats[0].sessions, pace=pace)
    for seat in seats:
        seat.gate.share(whole)
    return whole


def seat(*parts: Any, cash: float = 100_000.0, symbols: str = "ABC") -> GuardedSeat:
    sectors: dict[str, Any] = {symbol: name for symbol, name in SECTORS.items() if symbol in symbols}
    return GuardedSeat(*parts, MODEL, symbols=symbols, cash=cash, **sectors)


def live(*seats: GuardedSeat, path: Any = PATHS) -> None:
    """Let the same days pass for all."""
    for row in path:
        for one in seats:
            one.move(**{s: float(x) for s, x in zip("ABC", row, strict=True) if s in one.market.symbols})


def hold(one: GuardedSeat, positions: dict[str, float]) -> None:
    for symbol, quantity in positions.items():
        one.hold(symbol, quantity)


def only(refusals: Any) -> Refusal:
    (refusal,) = refusals
    return refusal  # type: ignore[no-any-return]  # of the sequence


@pytest.mark.parametrize("name", CASES)
def test_what_one_strategy_may_not_two_may_not_together(name: str) -> None:
    limits, held, (symbol, quantity), reason = CASES[name]
    one = seat(limits, cash=200_000.0)
    first, second = seat(), seat(limits, symbols=f"{symbol}C" if symbol != "C" else "C")
    together(first, second)
    live(one, first, second)
    hold(one, held)
    hold(first, held)
    live(one, first, second, path=PATHS[-1:])
    for each in (one, second):
        assert each.order(symbol, quantity).reason is reason
    alone, both = only(one.refusals), only(second.refusals)
    assert (both.limit, both.bound) == (alone.limit, alone.bound)
    assert both.value == pytest.approx(alone.value, rel=1e-9)
    assert both.text == alone.text + " (all strategies of the account)"


@pytest.mark.parametrize("name", CASES)
def test_without_the_others_the_same_order_passes(name: str) -> None:
    limits, _, (symbol, quantity), _ = CASES[name]
    first, second = seat(), seat(limits)
    together(first, second)
    live(first, second)
    second.order(symbol, quantity)
    assert not second.refusals


def test_what_works_elsewhere_counts_as_filled_and_as_what_it_grows_to() -> None:
    first, second = seat(), seat(Q(max_quantity=100))
    together(first, second)
    working = first.order("A", 60, limit=90.0)
    assert second.order("A", 60).reason is Reason.POSITION_QUANTITY
    assert second.order("A", 40, limit=90.0).status is OrderStatus.ACCEPTED
    first.desk.blotter.replace(working, Replace(working.id, quantity=61.0))
    first.pass_on()  # this strategy has no limits
    assert second.order("A", 1).reason is Reason.POSITION_QUANTITY
    first.desk.cancel(working)
    first.pass_on()
    assert second.order("A", 60).status is OrderStatus.ACCEPTED


def test_orders_of_one_moment_are_counted_one_after_the_other() -> None:
    first, second = seat(P(max_var=0.9)), seat(P(max_var=0.018))
    together(first, second)
    live(first, second)
    first.order("A", 200)
    assert second.order("C", 50).status is OrderStatus.ACCEPTED
    first.order("B", 200)
    assert second.order("C", 50).reason is Reason.VALUE_AT_RISK
    assert second.refusals[-1].text.endswith("(all strategies of the account)")


def test_what_two_strategies_hold_against_each_other_counts_twice_as_either_may_go() -> None:
    first, second = seat(P(max_gross=50_000)), seat(P(max_gross=50_000))
    together(first, second)
    first.hold("A", 300)
    assert second.order("A", -300).reason is Reason.GROSS_EXPOSURE
    second.hold("A", -200)
    assert first.order("A", -300).status is OrderStatus.ACCEPTED  # it only closes
    assert second.order("A", 200).status is OrderStatus.ACCEPTED


def test_what_makes_the_account_no_worse_passes() -> None:
    first, second = seat(P(max_net=0.2)), seat(P(max_net=0.2))
    together(first, second)
    first.hold("A", 500)
    assert second.order("B", 10).reason is Reason.NET_EXPOSURE
    assert second.order("B", -10).status is OrderStatus.ACCEPTED


def test_a_fall_of_the_account_halts_all_its_strategies() -> None:
    staged = P(drawdown_warn=0.1, drawdown_reduce=0.15, drawdown_halt=0.2, max_daily_loss=0.05)
    first, second = seat(), seat(staged)
    together(first, second)
    first.hold("A", 1_000)
    second.hold("B", 10)
    for price, stage in ((75, "a warning"), (68, "only orders that reduce"), (50, "everything is closed")):
        first.move(A=price)
        second.move()
        assert second.refusals[-1].text.startswith("the account's equity is")
        assert stage in second.refusals[-1].text
    assert second.desk.working["B"]  # it is being closed
    assert second.order("C", 1).reason is Reason.DRAWDOWN


def test_a_day_of_losses_elsewhere_holds_orders_back() -> None:
    first, second = seat(), seat(P(max_daily_loss=0.05))
    together(first, second)
    first.hold("A", 500)
    live(first, second, path=[[100.0] * 3])
    first.move(A=70.0)
    second.move()
    assert second.order("B", 1).reason is Reason.DAILY_LOSS
    assert "all strategies" in second.refusals[-1].text


def test_turnover_is_of_all_strategies() -> None:
    first, second = seat(P(max_turnover=0.5)), seat(P(max_turnover=0.3))
    together(first, second)
    assert first.order("A", 500).status is OrderStatus.ACCEPTED
    assert second.order("B", 200).reason is Reason.TURNOVER


def test_a_split_is_no_loss_of_the_account() -> None:
    first, second = seat(P(max_var=0.5)), seat(P(max_var=0.5))
    whole = together(first, second)
    live(first, second)
    for one in (first, second):
        one.engine.step(Split("A", ex=one.market.time, new=4, old=1))
    quarter = PATHS[-1] * [0.25, 1.0, 1.0]
    live(first, second, path=[quarter])
    forecast = whole.forecast_of(second.gate.risk)
    assert forecast is not None
    assert abs(forecast.window.last).max() < 1e-12


@pytest.mark.parametrize("limited", [0, 1])
def test_with_bars_of_two_lengths_the_account_is_looked_at_over_the_longer(limited: int) -> None:
    parts: list[tuple[Any, ...]] = [(), ()]
    parts[limited] = (P(max_var=0.02),)
    quick, slow = (seat(*one) for one in parts)
    whole = together(quick, slow, slowest=slow)
    for row in PATHS:
        for part in (0.25, 0.5, 0.75):  # what lies between two of the longer bars is no return
            live(quick, path=[100.0 + part * (row - 100.0)])
        slow.market.time = quick.market.time
        closes = {symbol: float(x) for symbol, x in zip("ABC", row, strict=True)}
        events = [
            one.market.move(**closes) for one in (quick, slow)
        ]  # both know of them before either is asked
        for one, event in zip((quick, slow), events, strict=True):
            one.engine.step(event)
    of, beside = (quick, slow) if limited == 0 else (slow, quick)
    forecast = whole.forecast_of(of.gate.risk)
    assert forecast is not None
    alone, both = seat(P(max_var=0.02)), seat()
    same = together(alone, both)
    live(alone, both)
    expected = same.forecast_of(alone.gate.risk)
    assert expected is not None
    assert forecast.window.filled == expected.window.filled
    assert forecast.window.rows == pytest.approx(expected.window.rows)
    hold(beside, {"A": 400})
    hold(both, {"A": 400})
    assert of.order("B", 150).reason is alone.order("B", 150).reason is Reason.VALUE_AT_RISK
    assert of.refusals[-1].text == alone.refusals[-1].text
    assert of.refusals[-1].text.endswith("(all strategies of the account)")
    assert of.order("B", 20).status is alone.order("B", 20).status is OrderStatus.ACCEPTED


def test_new_limits_hold_for_the_account_too() -> None:
    first, second = seat(), seat(Q(max_quantity=500))
    together(first, second)
    first.hold("A", 80)
    second.gate.limit(risk_of(Q(max_quantity=100), MODEL))
    assert second.order("A", 30).reason is Reason.POSITION_QUANTITY
    assert second.order("A", 20).status is OrderStatus.ACCEPTED


def test_what_a_strategy_and_the_others_have_of_a_symbol_is_one_position() -> None:
    first, second = seat(), seat(P(max_concentration=0.3, largest=1, max_positions=2))
    together(first, second)
    first.hold("A", 400)
    second.hold("A", 50)
    assert second.order("A", 160).reason is Reason.CONCENTRATION
    assert second.refusals[-1].value == pytest.approx(0.305)
    assert second.order("A", 140).status is OrderStatus.ACCEPTED
    first.hold("B", 1)
    assert second.order("C", 1).reason is Reason.POSITION_COUNT
    assert second.order("B", 1).status is OrderStatus.ACCEPTED
