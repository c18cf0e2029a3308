"""What limits look at beside bars reaches the gate in sessions: quotes, halts, bands, faults, the clock."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openbell.core.clock import Sessions
from openbell.core.messages import PriceBand, Quote, TradingStatus
from openbell.core.types import OrderStatus, Reason
from openbell.data.live.items import Connected, Lost, Unusable
from openbell.execution.port import Holding
from openbell.execution.risk.conditions import Conditions
from openbell.execution.risk.gate import RiskGate
from openbell.execution.risk.limits import OperationLimits, OrderLimits, Risk
from openbell.trading.circumstances import Circumstances, channels_for, skew_of
from tests.loopback.direct import Direct, Faults
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life, scripted

WATCHED = OperationLimits(stale_seconds=90.0, max_spread_bps=50.0, max_errors_per_minute=2, stop_file="brake")


def exchange() -> Exchange:
    made = Exchange(INSTRUMENTS, time=START)
    for symbol in ("A", "B"):
        made.trade(symbol, 100)
    return made


def buy(strategy: Any, number: int) -> None:
    strategy.order("A", 1)


def life_of(path: Path, *faults: tuple[str, str, str], **more: Any) -> Life:
    x = exchange()
    acts = dict.fromkeys(range(1, 20), buy)
    risk = Risk(operation=more.pop("operation", WATCHED), order=OrderLimits(max_quantity=100.0))
    return Life(path, x, Direct(x, script=Faults(*faults)), {"s": scripted(acts)}, risk=risk, **more)


def last(life: Life) -> Any:
    return list(life.floor.courses["s"].engine.desk.orders.values())[-1]


NOW = START + 60
STEPS: dict[str, tuple[Any, Any, Reason]] = {
    "quote": (Quote("A", NOW, 99.0, 101.0), Quote("A", NOW, 100.0, 100.1), Reason.SPREAD),
    "halt": (TradingStatus("A", NOW, True, "news"), TradingStatus("A", NOW, False), Reason.HALTED_SYMBOL),
    "band": (PriceBand("A", NOW, 90.0, 100.0), PriceBand("A", NOW, 90.0, 110.0), Reason.PRICE_BAND),
}


@pytest.mark.parametrize("name", STEPS)
async def test_what_the_market_says_beside_bars_holds_orders_back_until_it_is_over(
    tmp_path: Path, name: str
) -> None:
    worse, better, reason = STEPS[name]
    life = life_of(tmp_path)
    life.start()
    await life.moment(0, 100)
    assert last(life).status is OrderStatus.FILLED
    life.feed.send(worse)
    life.feed.send(worse)  # said twice, it is news once
    await life.moment(1, 100)
    assert last(life).reason is reason
    life.feed.send(better)
    await life.moment(2, 100)
    assert last(life).status is OrderStatus.FILLED
    kinds = [entry.kind for entry in life.journal.read() if entry.kind == "condition"]
    assert len(kinds) == (3 if name == "band" else 2)
    await life.end()


async def test_a_session_that_is_gone_through_again_is_held_back_by_the_same(tmp_path: Path) -> None:
    life = life_of(tmp_path)
    life.start()
    life.feed.send(TradingStatus("A", NOW, True))
    await life.moment(0, 100)
    await life.kill()
    again = life_of(tmp_path)
    assert again.resumed
    assert "A" in again.floor.gates["s"].conditions.halted
    assert last(again).reason is Reason.HALTED_SYMBOL
    again.journal.close()


async def test_errors_of_broker_and_feed_are_counted_by_the_minute(tmp_path: Path) -> None:
    life = life_of(tmp_path, ("place", "before", "retryable"))
    life.start()
    await life.moment(0, 100)
    life.feed.send(Lost(START, "the socket was cut"))
    life.feed.send(Unusable(START, "A: no price"))
    await life.moment(0, 100)
    await life.moment(1, 100)
    assert last(life).reason is Reason.ERROR_RATE
    await life.moment(3, 100)
    assert last(life).status is OrderStatus.FILLED
    await life.end()


def pull(*, there: bool) -> None:
    Path("brake").touch() if there else Path("brake").unlink()


async def test_a_file_pulls_the_emergency_stop_and_lets_it_go(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    life = life_of(tmp_path)
    life.start()
    pull(there=True)
    await life.rest()
    await life.moment(0, 100)
    assert last(life).reason is Reason.EMERGENCY_STOP
    pull(there=False)
    await life.moment(1, 100)
    await life.moment(2, 100)
    assert last(life).status is OrderStatus.FILLED
    await life.end()


async def test_the_brokers_clock_is_held_against_the_computers(tmp_path: Path) -> None:
    life = life_of(tmp_path, operation=OperationLimits(max_clock_skew=1.0))  # our clock stands at 0
    life.start()
    await life.moment(0, 100)
    assert last(life).reason is Reason.CLOCK_SKEW
    await life.end()


async def test_what_the_account_has_otherwise_is_known_to_the_gate_while_it_is_looked_at(
    tmp_path: Path,
) -> None:
    class Late(Direct):
        looks = 0

        async def holdings(self) -> Any:
            self.looks += 1
            more = [Holding("A", Decimal(7), Decimal(100))] if self.looks in {2, 3} else []
            return [*await super().holdings(), *more]

    life = Life(tmp_path, x := exchange(), Late(x), {"s": scripted({})}, risk=Risk(operation=WATCHED))
    life.start()
    await life.rest()
    life.session._examiner.ask()
    await life.rest()
    said = [entry.body["said"] for entry in life.journal.read() if entry.kind == "condition"]
    assert said == ["position A: the broker has 7, the books 0", ""]
    await life.end()


def test_an_order_after_silence_is_decided_on_old_prices() -> None:
    conditions = Conditions(now=5)
    conditions.take({"what": "disagreement", "said": "cash"}, 7)
    assert (conditions.now, conditions.disagreement) == (5, "cash")


def test_what_limits_do_not_look_at_is_no_news() -> None:
    gate = course_gate()
    assert Circumstances({"s": gate}).news(Connected(0, again=False)) is None


def course_gate() -> Any:
    return RiskGate(Risk(operation=WATCHED), Sessions("none", [], []))


def test_nothing_is_news_without_limits() -> None:
    nobody = Circumstances({})
    assert nobody.news(Quote("A", 0, 1.0, 9.0)) is None
    assert nobody.error("lost") is None
    assert nobody.disagreement("cash") is None
    assert nobody.skew(3.0) is None
    assert list(nobody.brakes()) == []


def test_how_far_a_clock_is_off_is_known_up_to_the_time_that_asking_takes() -> None:
    assert skew_of(5, 7, 9) == 0.0
    assert skew_of(5_000_000_000, 3_000_000_000, 9_000_000_000) == 2.0
    assert skew_of(0, 3_000_000_000, 2_000_000_000) == 1.0


def test_a_session_subscribes_what_its_limits_look_at_and_the_provider_has() -> None:
    from openbell.data.providers import offer_of

    class Named:
        def __init__(self, name: str) -> None:
            self.offer = offer_of(name)

    spread = Risk(operation=OperationLimits(max_spread_bps=10.0))
    assert channels_for(Named("alpaca"), [Risk()]) == ("bars",)  # type: ignore[arg-type]
    assert channels_for(Named("alpaca"), [spread]) == ("bars", "quotes", "statuses")  # type: ignore[arg-type]
    assert channels_for(Named("synthetic"), [spread]) == ("bars", "quotes")  # type: ignore[arg-type]
