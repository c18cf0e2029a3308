"""The rules of an account are one model: what changes it changes the simulator and the live guard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core import rules
from openbell.core.costs import Margin
from openbell.core.types import OrderStatus, Reason
from openbell.portfolio.conduct import Conduct
from tests.unit.router_rig import Rig

CASH = Margin(settlement=True)
MARGIN = Margin(initial=0.5, short=True, day_trades=True, locates={"A": 1_000.0, "IBM": 1_000.0})


class Once(ob.Strategy):
    """Orders one share, once."""

    side: int = 1

    def on_bar(self, bar: Any) -> None:
        if bar.index == 3:
            self.order(bar.symbol, self.side)


class Short(Once):
    """Sells it short."""

    side: int = -1


def simulated(margin: Margin, kind: type[Once]) -> Reason:
    result = ob.backtest(kind, "IBM", costs=ob.Costs(margin=margin), end="2000-06-30", engine="event")
    (order,) = result.outcome.orders
    return order.reason


def live(folder: Path, margin: Margin, kind: type[Once]) -> Reason:
    rig = Rig(folder, {1: lambda strategy, _: strategy.order("A", kind.side)}, initial=margin.initial)
    rig.course.conduct = Conduct(margin, rig.course.tape.calendar)
    rig.moment(0, 100)
    order = rig.order(1)
    return order.reason if order.status is OrderStatus.REJECTED else Reason.NONE


def asked(answer: Any) -> Callable[..., Any]:
    return lambda *_, **__: answer


@pytest.mark.parametrize(("margin", "kind", "where", "name", "answer", "expected"), [
    (MARGIN, Once, Conduct, "barred", Reason.DAY_TRADES, Reason.DAY_TRADES),
    (MARGIN, Short, Conduct, "barred", Reason.NOT_LOCATED, Reason.NOT_LOCATED),
    (CASH, Once, Conduct, "unsettled", 1e12, Reason.UNSETTLED),
    (MARGIN, Once, rules, "free_equity", 0.0, Reason.NO_BUYING_POWER),
    (MARGIN, Once, rules, "required", 1e12, Reason.NO_BUYING_POWER),
    (MARGIN, Short, rules, "opening_part", 1e12, Reason.NO_BUYING_POWER),
])  # fmt: skip
def test_a_rule_is_written_once_for_the_simulator_and_for_the_live_guard(
    margin: Margin, kind: type[Once], where: Any, name: str, answer: Any, expected: Reason,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "before").mkdir()
    assert (simulated(margin, kind), live(tmp_path / "before", margin, kind)) == (Reason.NONE, Reason.NONE)
    monkeypatch.setattr(where, name, asked(answer))
    assert (simulated(margin, kind), live(tmp_path, margin, kind)) == (expected, expected)
