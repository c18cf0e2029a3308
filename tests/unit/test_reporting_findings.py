from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.core.types import Reason
from openbell.data.bars import Finding, FindingKind, Series
from openbell.reporting.credibility import interval
from openbell.reporting.findings import findings
from openbell.reporting.notices import LEVELS, Notice
from openbell.reporting.result import Result
from openbell.reporting.words import REASONS, commission, count, date, money, percent, slippage
from tests.unit import acting
from tests.unit.acting import idle
from tests.unit.fill_desk import days, series

DEAR = ob.Costs(volume_share=0.0)
MARGIN = replace(DEAR, margin=ob.REG_T)


run = partial(acting.run, costs=DEAR)


def flip(strategy: Any, bar: Any) -> None:
    """Buy on even bars, close on odd ones."""
    if bar.index % 2:
        strategy.close("X")
    else:
        strategy.order("X", 100)


def market(closes: list[float], **settings: Any) -> Series:
    """Bars of `X` that open at the close before."""
    opens = [closes[0], *closes[:-1]]
    rows = [f"{o} {max(o, c)} {min(o, c)} {c}" for o, c in zip(opens, closes, strict=True)]
    return series(rows, **settings)


def saw(count: int, *, step: float) -> list[float]:
    """Return closes that rise by `step` while `flip` holds, and stay otherwise."""
    closes = [100.0]
    for at in range(1, count):
        closes.append(closes[-1] + (step if at % 2 else 0.0))
    return closes


def texts(result: Result, level: str = "") -> str:
    return "\n".join(f"{n.text} {n.detail} {n.remedy}" for n in findings(result) if level in ("", n.level))


def test_the_most_serious_come_first():
    found = findings(run(market(saw(60, step=1.0)), flip, costs=ob.NO_COSTS))
    levels = [LEVELS.index(notice.level) for notice in found]
    assert levels == sorted(levels)
    assert found[0].text == "Without costs: no commission and no slippage."


def test_zero_trades_say_that_nothing_was_asked():
    assert "0 trades: in 5 bars its conditions never held" in texts(run(market([10.0] * 5), idle), "serious")


def test_zero_trades_name_the_reasons_of_what_was_refused():
    result = run(market([10.0] * 5), lambda s, _: s.order("X", 100_000), cash=1_000)
    assert f"0 trades: {REASONS[Reason.NO_BUYING_POWER]}." in texts(result, "serious")
    assert "5 orders of 5 refused. 5 × it cost more than the account could pay" in texts(result)


def test_zero_trades_name_decisions_that_came_to_no_order():
    result = run(market([1000.0] * 5), lambda s, _: s.buy("X"), cash=500)
    assert "0 trades: the sizer's target was less than one lot." in texts(result, "serious")
    assert "5 decisions came to no order. The sizer's target was less than one lot." in texts(result)


def why_none(data: Any, act: Any, **settings: Any) -> str:
    """Return how a run explains that it has no trade."""
    found = [n.text for n in findings(run(data, act, **settings)) if n.text.startswith("0 trades: ")]
    return found[0].removeprefix("0 trades: ")


def thin(*volumes: float) -> Series:
    """Bars of `X` at 10 with these volumes."""
    return series([f"10 11 9 10 {volume}" for volume in volumes])


def turn(strategy: Any, bar: Any) -> None:
    """Aim at another target at each bar."""
    strategy.target_quantity("X", 10 + bar.index)


UNMET = "no bar met its price, and "


@pytest.mark.parametrize(("data", "act", "why"), [
    (market([10.0] * 5), lambda s, bar: bar.index == 4 and s.order("X", 1), REASONS[Reason.END_OF_DATA]),
    (market([10.0] * 5), lambda s, bar: s.order("X", 1, limit=1), UNMET + REASONS[Reason.END_OF_DATA]),
    (market([10.0] * 5), lambda s, bar: s.buy("X", confidence=0.1 + 0.1 * bar.index, limit=1),
     UNMET + REASONS[Reason.REPLACED]),
    (market([10.0] * 3), lambda s, bar: bar.index == 0 and s.order("X", 1, stop=99, tif="day"),
     UNMET + REASONS[Reason.SESSION_END]),
    (market([10.0] * 3), lambda s, bar: bar.index == 0 and s.order("X", 1, limit=1, tif="ioc"),
     REASONS[Reason.NOT_IMMEDIATE]),
    (market([10.0] * 5), lambda s, bar: bar.index == 0 and s.order("X", 1, limit=1, stop_loss=0.5),
     UNMET + REASONS[Reason.END_OF_DATA]),
    (market([10.0] * 3), lambda s, _: s.order("X", -1, reduce_only=True), REASONS[Reason.NOTHING_TO_REDUCE]),
])  # fmt: skip
def test_zero_trades_say_what_the_orders_waited_for(data, act, why):
    assert why_none(data, act) == f"{why}."


@pytest.mark.parametrize("act", [turn, lambda s, bar: bar.index == 0 and s.order("X", 1, limit=9.5)])
def test_without_volume_there_is_nothing_to_fill_against(act):
    costs = replace(DEAR, volume_share=0.1)
    assert why_none(thin(0, 0, 0, 0), act, costs=costs) == "there was no volume to fill against."
    assert why_none(thin(9, 9, 9, 9), act, costs=costs) == (
        "10% of a bar's volume, the most that may fill, was less than one lot."
    )


def test_a_price_that_only_bars_without_volume_met_is_told_so():
    data = series(["10 11 9 10 1000", "10 11 9 10 1000", "5 5 5 5 0"])
    costs = replace(DEAR, volume_share=0.1)
    assert why_none(data, lambda s, bar: bar.index == 0 and s.order("X", 1, limit=6), costs=costs) == (
        f"no bar with enough volume met its price, and {REASONS[Reason.END_OF_DATA]}."
    )


def test_symbols_whose_indicators_never_had_a_value_are_named():
    class Waiting(ob.Strategy):
        def on_start(self) -> None:
            self.indicator(ob.SMA(4))

        def on_bar(self, bar: ob.Bar) -> None: ...

    short, long = (series(["10 11 9 10"] * bars, symbol=symbol) for bars, symbol in ((3, "A"), (5, "B")))
    found = findings(ob.backtest(Waiting, [short, long], costs=DEAR))
    text = "0 trades: in 8 bars its conditions never held; for A its indicators never had a value."
    assert text in [notice.text for notice in found]


def test_what_is_only_bought_is_no_closed_trade():
    result = run(market([10.0, 11.0, 12.0]), lambda s, bar: s.order("X", 1) if bar.index == 0 else None)
    assert "0 closed trades: what was bought is still held." in texts(result, "caution")


def test_few_trades_come_with_the_odds_they_leave_open():
    result = run(market([100.0, 105, 105, 100, 100, 100]), flip)
    assert "Only 2 trades: too few to tell skill from luck. With 1 of 2 won" in texts(result, "caution")


def test_the_interval_of_a_chance_is_wilsons():
    assert interval(8, 10) == pytest.approx((0.4901625, 0.9433178))
    assert interval(0, 5)[0] == 0.0
    assert interval(5, 5)[1] == 1.0


def test_thirty_trades_are_not_few():
    result = run(market(saw(64, step=-0.5)), flip)
    assert result.metrics["trades"] >= 30
    assert "too few" not in texts(result)


def test_figures_that_are_too_good_are_not_believed():
    closes = [100.0 + at for at in range(60)]
    found = texts(run(market(closes), flip, costs=ob.NO_COSTS), "serious")
    assert "A Sharpe ratio of " in found
    assert "All 29 trades made money" in found
    assert "The account never fell below a former peak" in found


def test_a_few_trades_without_a_loss_leave_the_profit_factor_undefined():
    found = texts(run(market([100.0, 105, 105, 110, 110]), flip), "caution")
    assert "No trade lost money, so the profit factor is undefined." in found


def test_a_lost_account_is_said_with_its_date():
    closes = [100.0, 100, 350, 350, 350]
    result = run(market(closes), lambda s, b: s.order("X", -1900) if b.index == 0 else None, costs=MARGIN)
    assert "The account was wiped out on 2024-01-04." in texts(result, "serious")


def test_margin_calls_are_counted():
    closes = [100.0, 100, 150, 150, 150]
    result = run(market(closes), lambda s, b: s.order("X", -1900) if b.index == 0 else None, costs=MARGIN)
    assert "1 margin call: all positions were closed by force." in texts(result, "serious")


def test_short_signals_of_a_cash_account_are_counted():
    result = run(market([10.0] * 4), lambda s, _: s.sell("X"))
    assert "4 short signals cut to flat: the account is a cash account." in texts(result, "caution")


def test_orders_cut_to_what_is_affordable_are_counted():
    data = series(["10 10 10 10", "12 12 12 12", "12 12 12 12"])
    costs = replace(DEAR, unaffordable="cut")
    result = run(data, lambda s, b: s.order("X", 99) if b.index == 0 else None, costs=costs, cash=1_000)
    assert "1 order cut to what was affordable." in texts(result, "note")


def test_bars_that_touch_stop_and_target_are_counted_with_the_better_reading():
    rows = ["10 10 10 10", "10 10 10 10", "10 12 8 10", "10 10 10 10"]
    entry = {"stop_loss": 9.0, "take_profit": 11.0}
    result = run(
        series(rows), lambda s, b: s.order("X", 100, **entry) if b.index == 0 else None, costs=ob.NO_COSTS
    )
    found = texts(result, "caution")
    assert "1 bar touched a stop and its target: the stop was booked each time." in found
    assert "would have given 200 more; the run's result is −100." in found


def test_bars_that_finer_ones_decided_are_no_guesses():
    rows = ["10 10 10 10", "10 10 10 10", "10 12 8 10", "10 10 10 10"]
    spans = days(4)
    opens, closes = spans[2]
    half = (opens + closes) // 2
    finer = series(["10 12 10 10", "10 10 8 10"], spans=[(opens, half), (half, closes)], timeframe="1h")
    entry = {"stop_loss": 9.0, "take_profit": 11.0}

    def act(strategy, bar):
        if bar.index == 0:
            strategy.order("X", 100, **entry)

    result = run(series(rows, spans=spans), act, finer=[finer])
    assert "1 bar touched a stop and its target: finer bars decided." in texts(result, "note")
    assert "stop was booked" not in texts(result)


def test_one_trade_that_makes_most_of_the_profit_is_named():
    closes = [100.0, 120, 120, 121, 121, 121, 121]
    found = texts(run(market(closes), flip), "caution")
    assert "One trade made 9" in found
    assert "X, 2024-01-03 to 2024-01-04: 1,9" in found


def test_profit_that_is_spread_and_losses_name_no_trade():
    assert "One trade" not in texts(run(market(saw(20, step=1.0)), flip))
    assert "One trade" not in texts(run(market(saw(20, step=-1.0)), flip))


def test_short_runs_are_told():
    assert "The run is shorter than a year: 5 sessions." in texts(run(market([10.0] * 5), idle))


def test_dates_that_were_asked_for_and_are_not_there_are_named():
    data = market([10.0] * 5)
    found = texts(run(data, idle, start="2023-06-01", end="2025-01-01"), "caution")
    assert "Data begin later than what was asked, 2023-06-01: X from 2024-01-02." in found
    assert "Data end earlier than what was asked, 2025-01-01: X to 2024-01-08." in found
    assert "Data " not in texts(run(data, idle, start="2024-01-01", end="2024-01-08"))


def test_symbols_that_begin_later_or_end_earlier_than_the_run_are_named():
    long = market([10.0] * 60)
    others = [
        market([10.0] * 5, symbol=f"L{i}", spans=days(60)[:5] if i < 6 else days(60)[-5:]) for i in range(8)
    ]
    found = texts(run([long, *others], idle), "caution")
    assert "Data begin later than the run: L6 from 2024-03-21, L7 from 2024-03-21." in found
    assert "Data end earlier than the run: L0 to 2024-01-08" in found
    assert "and 1 more." in found


def test_findings_about_the_data_are_told_by_how_much_they_matter():
    def finding(kind: FindingKind, number: int) -> Finding:
        return Finding(kind, "X", 0, f"X: {kind.value} {number}")

    found = [finding(FindingKind.UNRECORDED_SPLIT, 1), finding(FindingKind.ASSUMED_CALENDAR, 1)]
    found += [finding(FindingKind.MISSING_SESSIONS, number) for number in range(5)]
    result = run(replace(market([10.0] * 5), findings=tuple(found)), idle)
    assert "Data: X: unrecorded_split 1." in texts(result, "serious")
    assert "Data: X: assumed_calendar 1." in texts(result, "note")
    shown = texts(result, "caution")
    assert "missing_sessions 2" in shown
    assert "missing_sessions 3" not in shown
    assert "Data: 2 more findings of this kind about X." in shown


def test_findings_about_many_symbols_are_counted_and_the_symbols_named():
    gaps = [
        replace(
            market([10.0] * 5, symbol=name),
            findings=(Finding(FindingKind.MISSING_SESSIONS, name, 0, f"{name}: a gap"),),
        )
        for name in "ABCDEFGHIJ"
    ]
    shown = texts(run(gaps, idle), "caution")
    assert shown.count("a gap") == 3
    assert "Data: the same kind of finding about 7 more symbols: D, E, F, G, H and 2 more." in shown


def test_positions_that_are_open_at_the_end_are_told():
    result = run(market([100.0, 100, 105, 105, 110]), lambda s, b: flip(s, b) if b.index < 3 else None)
    assert "1 position still open at the end, worth " in texts(result, "note")


def test_one_symbol_was_chosen_with_hindsight_and_several_say_nothing():
    assert "X was chosen by somebody who knows what became of it." in texts(
        run(market([10.0] * 3), idle), "note"
    )
    two = [market([10.0] * 3), market([10.0] * 3, symbol="Y")]
    assert "was chosen" not in texts(run(two, idle))


def test_every_reason_has_words():
    assert set(REASONS) == set(Reason) - {Reason.NONE}


def test_a_result_keeps_its_findings():
    result = run(market([10.0] * 3), idle)
    assert result.findings == findings(result)
    assert isinstance(result.findings[0], Notice)


def test_numbers_and_dates_in_words():
    assert (percent(-0.1234), percent(-0.0001), percent(np.nan)) == ("−12.3%", "0.0%", "–")
    assert (money(-1234.5), money(np.nan)) == ("−1,234", "–")
    assert (count(1, "bar"), count(1200, "bar")) == ("1 bar", "1,200 bars")
    assert date(1_704_153_600_000_000_000) == "2024-01-01"  # midnight closes the day before


def test_costs_in_words():
    every = ob.Costs(ob.Commission(0.005, 1.0, 2.0, 1.0, 1.0, 0.01), ob.Slippage(0.01, 5.0, 2.0, 0.1))
    assert commission(every) == (
        "0.005 a share, 1 an order, 2 bps of the value, 1 bps as a maker, at least 1 an order, "
        "at most 1% of the value"
    )
    assert slippage(every) == (
        "5 bps of the price, 0.01 a share, half of a spread of 2 bps, "
        "an impact of 0.1 × √(shares / bar volume)"
    )
    assert (commission(ob.NO_COSTS), slippage(ob.NO_COSTS)) == ("none", "none")
