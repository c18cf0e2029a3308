"""To let no bar meet the broker that cannot change anything changes nothing."""

import random
from typing import Any

import numpy as np
import pytest
from tests.unit.fill_desk import days

import openbell as ob
from openbell.backtesting.agenda import Agenda
from openbell.backtesting.ledger import ledger_text
from openbell.core.costs import Costs, Margin
from openbell.core.errors import StrategyError
from openbell.core.types import Dividend, Split
from openbell.data.bars import Series, Source

TIFS = ["gtc", "gtc", "day", "ioc", "fok", "opg", "cls"]
KINDS: list[dict[str, float]] = [{}, {}, {"limit": 1}, {"stop": 1}, {"stop": 1, "limit": 1}, {"trail": 0.05}]


class Wild(ob.Strategy):
    """Orders at random, of every kind, with and without exits."""

    seed: int = ob.param(0)

    def on_start(self) -> None:
        self.dice = random.Random(self.seed)
        self.average = self.indicator(ob.SMA(5))
        self.made: list[ob.Order] = []

    def on_bar(self, bar: ob.Bar) -> None:
        dice, symbol, close = self.dice, bar.symbol, bar.close
        self.made = [order for order in self.made if order.open]
        near = close * dice.uniform(0.96, 1.04)
        try:
            match dice.randrange(30):
                case 0 | 1:
                    self.buy(symbol, stop_loss=0.97 * close, take_profit=1.03 * close)
                case 2:
                    self.sell(symbol, confidence=0.5, trailing_stop=0.03)
                case 3:
                    self.close(symbol)
                case 4 | 5 | 6:
                    fields: dict[str, Any] = dict.fromkeys(dice.choice(KINDS), near)
                    if "trail" in fields:
                        fields |= {"trail": 0.05, "trail_percent": True}
                    tif = dice.choice(TIFS) if set(fields) <= {"limit"} else dice.choice(["gtc", "day"])
                    quantity = dice.choice([-1, 1]) * dice.randint(1, 300)
                    self.made.append(self.order(symbol, quantity, tif=tif, **fields))
                case 7 if self.made:
                    self.cancel(dice.choice(self.made))
                case 8 if self.made:
                    self.replace(dice.choice(self.made), quantity=dice.randint(1, 300))
                case 9:
                    self.target_weight(symbol, dice.uniform(0, 0.5))
        except StrategyError:
            pass


def universe(seed: int) -> list[Series]:
    """Return one to three symbols of one calendar; two of three universes have gaps, some have actions."""
    dice = np.random.default_rng(seed)
    spans = np.array(days(160))
    found = []
    for k in range(1 + seed % 3):
        rows = np.flatnonzero(dice.random(len(spans)) > 0.2 * (k > 0))
        close = 50 * np.exp(np.cumsum(dice.normal(0, 0.02, len(rows))))
        open_ = np.roll(close, 1) * np.exp(dice.normal(0, 0.005, len(rows)))
        open_[0] = close[0]
        high, low = np.maximum(open_, close) * 1.01, np.minimum(open_, close) * 0.99
        start, known = spans[rows].T.copy()
        name, at = f"S{k}", int(start[60])
        actions = (Split(name, at, 3, 2), Dividend(name, int(start[90]), 0.4)) if seed % 2 else ()
        volume = dice.choice([0.0, 500.0, 1e5], len(rows))
        source = Source("test", "walk")
        found.append(Series(name, "1d", start, known, open_, high, low, close, volume, source, actions))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_bars_that_do_not_meet_the_broker_would_have_changed_nothing(seed, monkeypatch):
    costs = Costs(margin=Margin(initial=0.5, short=seed % 4 > 1), unaffordable=["reject", "cut"][seed % 2])

    def run() -> tuple[Any, ...]:
        result = ob.backtest(
            Wild, universe(seed), parameters={"seed": seed}, cash=20_000, costs=costs
        ).outcome
        lives = [(order.id, order.life, order.filled, order.average) for order in result.orders]
        return ledger_text(result.entries), lives, result.ambiguities, result.equity.tolist()

    seldom = run()
    assert len(seldom[1]) > 10
    monkeypatch.setattr(Agenda, "next_after", lambda _self, at: at + 1)
    assert run() == seldom
