import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import BadData, ConfigError, StrategyError
from openbell.core.types import Dividend, Split
from openbell.data.bars import Series
from openbell.data.calendar import sessions
from openbell.data.panel import Panel
from openbell.indicators import field
from tests.unit.bars_by_hand import DAY, MINUTE, MONDAY, daily, minutes


def panel_of(*series: Series) -> Panel:
    last = max(int(time) for s in series for time in s.known)
    return Panel(series, sessions=sessions("24/7", MONDAY, last))


def walk(panel: Panel) -> list[tuple[int, tuple[str, ...]]]:
    """Return the time and the symbols of each moment, after the actions due at it."""
    seen = []
    schedule = panel.schedule()
    for at in range(len(panel)):
        while schedule and schedule[0][0] == at:
            panel.act(schedule.pop(0)[1])
        bars = panel.advance(at)
        seen.append((bars.time, tuple(bar.symbol for bar in bars.bars)))
    return seen


def test_symbols_that_share_their_times_make_one_dense_timeline():
    panel = panel_of(daily("A", [1, 2, 3]), daily("B", [4, 5, 6]))
    assert panel.dense
    assert walk(panel) == [(MONDAY + (i + 1) * DAY, ("A", "B")) for i in range(3)]


def test_symbols_that_begin_end_and_pause_apart_meet_on_the_union_of_their_times():
    panel = panel_of(daily("A", [1, 2, 3, 4]), daily("B", [5, 6], days=[1, 3]), daily("C", [7], days=[5]))
    assert [symbols for _, symbols in walk(panel)] == [("A",), ("A", "B"), ("A",), ("A", "B"), ("C",)]
    assert panel.price("A") == 4.0
    assert panel.price("B") == 6.0


def test_bars_join_when_they_are_known_not_when_they_begin():
    hours = minutes("FAST", range(1, 1441))
    panel = panel_of(hours, daily("SLOW", [10.0]))
    for at in range(1439):
        assert [bar.symbol for bar in panel.advance(at).bars] == ["FAST"]
        assert np.isnan(panel.price("SLOW"))
    assert [bar.symbol for bar in panel.advance(1439).bars] == ["FAST", "SLOW"]


def test_the_finest_bars_of_a_symbol_are_traded_and_the_coarser_are_read():
    fine = minutes("A", np.arange(1.0, 2881.0).tolist())
    coarse = daily("A", [1440.0, 2880.0])
    panel = panel_of(coarse, fine)
    assert len(panel) == 2880
    view = panel.indicator(field("close").at("1d"), "A")
    seen = []
    for at in range(len(panel)):
        panel.advance(at)
        seen.append(view[-1])
    assert np.isnan(seen[:1439]).all()
    assert seen[1439:2879] == [1440.0] * 1440
    assert seen[2879] == 2880.0


def test_a_coarser_timeframe_that_is_not_given_is_made_of_the_bars():
    panel = panel_of(minutes("A", np.arange(1.0, 31.0).tolist()))
    view: Any = panel.indicator(ob.SMA(2).at("10m"), "A")
    for at in range(30):
        panel.advance(at)
        expected = {9: np.nan, 18: np.nan, 19: 15.0, 28: 15.0, 29: 25.0}
        if at in expected:
            assert view[-1] == pytest.approx(expected[at], nan_ok=True)
    assert view[-2] == 15.0
    assert view.last(2).tolist() == [15.0, 25.0]


def test_an_unfinished_week_is_never_seen():
    closes = np.arange(1.0, 15.0).tolist()
    panel = panel_of(daily("A", closes))  # Monday to the Sunday after next
    view = panel.indicator(field("close").at("1w"), "A")
    seen = []
    for at in range(14):
        panel.advance(at)
        seen.append(view[-1])
    assert np.isnan(seen[:6]).all()
    assert seen[6:13] == [7.0] * 7
    assert seen[13] == 14.0


def test_a_finer_timeframe_than_the_bars_is_refused():
    panel = panel_of(daily("A", [1, 2]))
    with pytest.raises(ConfigError, match="1h of A cannot be made of its 1d bars"):
        panel.indicator(field("close").at("1h"), "A")


def test_a_symbol_given_twice_with_the_same_bars_is_refused():
    with pytest.raises(ConfigError, match="A is given twice with 1d bars"):
        panel_of(daily("A", [1]), daily("A", [2]))


def test_no_series_and_no_bars_are_refused():
    with pytest.raises(BadData, match="no series"):
        Panel([], sessions=sessions("24/7", 0, DAY))
    with pytest.raises(BadData, match="A: no bars"):
        panel_of(daily("A", [1]), daily("A", []))


def test_prices_before_a_split_are_seen_in_the_shares_of_today():
    split = Split("A", MONDAY + 2 * DAY, 2, 1)
    panel = panel_of(daily("A", [100.0, 110.0, 60.0, 66.0], actions=[split]))
    view = panel.indicator(ob.SMA(2), "A")
    schedule = panel.schedule()
    assert [at for at, _ in schedule] == [2]
    panel.advance(0)
    panel.advance(1)
    assert view[-1] == 105.0
    panel.act(schedule[0][1])
    assert panel.price("A") == 55.0
    assert view[-1] == 52.5
    panel.advance(2)
    assert panel.price("A") == 60.0
    assert view[-1] == (55.0 + 60.0) / 2
    assert panel.history("A", "close", 5).tolist() == [50.0, 55.0, 60.0]
    assert panel.history("A", "volume", 5).tolist() == [2e6, 2e6, 1e6]


def test_prices_before_a_dividend_are_seen_without_it():
    dividend = Dividend("A", MONDAY + DAY, 2.0)
    panel = panel_of(daily("A", [100.0, 99.0], actions=[dividend]))
    panel.advance(0)
    panel.act(dividend)
    assert panel.price("A") == pytest.approx(98.0, abs=1e-12)
    panel.advance(1)
    assert panel.history("A", "close", 2).tolist() == pytest.approx([98.0, 99.0], abs=1e-12)
    assert panel.history("A", "volume", 2).tolist() == [1e6, 1e6]


def test_the_bar_at_the_cursor_is_raw_to_the_bit_after_every_action():
    closes = [100.0, 33.1, 33.3, 35.7]
    actions: list[Split | Dividend] = [Split("A", MONDAY + DAY, 3, 1), Dividend("A", MONDAY + 2 * DAY, 0.37)]
    panel = panel_of(daily("A", closes, actions=actions))
    view = panel.indicator(field("close"), "A")
    schedule = panel.schedule()
    for at, close in enumerate(closes):
        while schedule and schedule[0][0] == at:
            panel.act(schedule.pop(0)[1])
        bar = panel.advance(at).bars[0]
        assert bar.close == close
        assert view[-1] == close
        assert panel.history("A", "close", 1).tolist() == [close]


def test_a_suspended_symbol_keeps_todays_shares_until_it_trades_again():
    split = Split("B", MONDAY + 2 * DAY, 2, 1)
    panel = panel_of(
        daily("A", [1, 1, 1, 1, 1]), daily("B", [100.0, 110.0, 60.0], days=[0, 1, 4], actions=[split])
    )
    schedule = panel.schedule()
    assert [at for at, _ in schedule] == [2]
    panel.advance(0)
    panel.advance(1)
    panel.act(split)
    for at in (2, 3):
        panel.advance(at)
        assert panel.price("B") == 55.0
    panel.advance(4)
    assert panel.price("B") == 60.0
    assert panel.closes("B").tolist() == [100.0, 110.0, 55.0, 55.0, 60.0]


def test_a_cross_section_has_a_gap_where_a_symbol_has_no_bar():
    panel = panel_of(daily("A", [1.0, 2.0, 3.0]), daily("B", [5.0, 6.0], days=[0, 2]))
    panel.advance(0)
    bars = panel.advance(1)
    assert bars.close.tolist() == pytest.approx([2.0, np.nan], nan_ok=True)
    assert "B" not in bars
    assert bars["A"].close == 2.0
    with pytest.raises(StrategyError, match="symbol 'B' has no bar now"):
        bars["B"]
    bars = panel.advance(2)
    assert bars.history("close", 3).ravel().tolist() == pytest.approx([1, 5, 2, np.nan, 3, 6], nan_ok=True)
    assert list(bars.symbols) == ["A", "B"]
    assert bars.open.tolist() == [2.0, 5.0]
    assert bars.high.tolist() == [4.0, 7.0]
    assert bars.low.tolist() == [1.0, 4.0]
    assert bars.volume.tolist() == [1e6, 1e6]


def test_a_cross_sections_history_is_adjusted_as_of_now():
    split = Split("B", MONDAY + DAY, 2, 1)
    panel = panel_of(daily("A", [1.0, 2.0, 3.0]), daily("B", [100.0, 60.0, 61.0], actions=[split]))
    bars = panel.advance(0)
    assert bars.history("close", 2).tolist() == [[1.0, 100.0]]
    panel.act(split)
    bars = panel.advance(1)
    assert bars.history("close", 2).tolist() == [[1.0, 50.0], [2.0, 60.0]]
    assert bars.history("volume", 2).tolist() == [[1e6, 2e6], [1e6, 1e6]]


def test_growth_reinvests_dividends_and_stands_still_before_the_first_bar():
    dividend = Dividend("B", MONDAY + 2 * DAY, 10.0)
    panel = panel_of(daily("A", [1, 1, 1]), daily("B", [100.0, 90.0], days=[1, 2], actions=[dividend]))
    assert panel.growth("B").tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_an_unknown_symbol_or_column_is_named_with_the_nearest():
    panel = panel_of(daily("AAPL", [1, 2]), daily("MSFT", [1, 2]))
    with pytest.raises(StrategyError, match="'APPL' is not in this run; did you mean 'AAPL'"):
        panel.history("APPL", "close", 2)
    with pytest.raises(ConfigError, match="no column 'clse'; did you mean 'close'"):
        panel.history("AAPL", "clse", 2)


def test_actions_outside_a_symbols_bars_do_nothing():
    actions = [Split("A", MONDAY - DAY, 2, 1), Split("A", MONDAY + 9 * DAY, 2, 1)]
    panel = panel_of(daily("A", [1.0, 2.0], actions=actions))
    assert panel.schedule() == []
    panel.advance(0)
    panel.advance(1)
    assert panel.history("A", "close", 2).tolist() == [1.0, 2.0]


def test_an_indicator_of_many_symbols_speaks_of_the_one_in_focus():
    panel = panel_of(daily("A", [1.0, 3.0]), daily("B", [5.0, 9.0]))
    average: Any = panel.indicator(ob.SMA(2))
    panel.advance(0)
    panel.advance(1)
    panel.focus("B")
    assert average[-1] == 7.0
    assert average.of("A")[-1] == 2.0
    assert average.values.tolist() == [2.0, 7.0]
    bands: Any = panel.indicator(ob.BBANDS(2))
    assert bands.middleband[-1] == 7.0
    with pytest.raises(StrategyError, match="'C' is not in this run"):
        average.of("C")
    with pytest.raises(AttributeError):
        _ = average._hidden


def test_a_second_given_coarser_series_is_adjusted_like_the_bars():
    split = Split("A", MONDAY + DAY, 2, 1)
    fine = minutes("A", [100.0] * 1440 + [50.0] * 1440)
    fine = replace(fine, actions=(split,))
    panel = panel_of(fine, daily("A", [100.0, 50.0], actions=[split]))
    view = panel.indicator(field("close").at("1d"), "A")
    for at in range(1440):
        panel.advance(at)
    assert view[-1] == 100.0
    panel.act(split)
    panel.advance(1440)
    assert view[-1] == 50.0
    assert panel.time == MONDAY + DAY + MINUTE


def weekly(closes: list[float], actions: Sequence[Split | Dividend]) -> Series:
    """Return bars of seven days, beginning on a Monday."""
    days = daily("A", closes)
    start = MONDAY + np.arange(len(closes), dtype=np.int64) * 7 * DAY
    return replace(days, timeframe="1w", start=start, known=start + 7 * DAY, actions=tuple(actions))


def test_a_dividend_inside_a_bar_is_taken_after_it():
    panel = panel_of(weekly([100.0, 99.0, 98.0], [Dividend("A", MONDAY + 9 * DAY, 1.0)]))
    assert [at for at, _ in panel.schedule()] == [2]
    walk(panel)
    assert panel.history("A", "close", 3).tolist() == pytest.approx([100 * 98 / 99, 98.0, 98.0])


def test_a_split_inside_a_bar_is_refused():
    with pytest.raises(BadData, match="the split on 2024-01-10 lies inside a 1w bar"):
        panel_of(weekly([100.0, 50.0], [Split("A", MONDAY + 9 * DAY, 2, 1)]))


def test_a_split_of_a_symbol_that_never_pauses_leaves_its_prices_alone_beside_one_that_does():
    whole = daily("A", [10, 10, 5, 5], actions=[Split("A", MONDAY + 2 * DAY, 2, 1)])
    panel = panel_of(whole, daily("B", [7, 7], days=[0, 3]))
    walk(panel)
    assert panel.closes("A").tolist() == [10, 10, 5, 5]
    assert panel.closes("B").tolist() == [7, 7, 7, 7]


SPLIT_TWICE = [Split("A", MONDAY + 2 * DAY, 2, 1), Split("A", MONDAY + 4 * DAY, 1, 2)]
GIVEN = [8.0, 10.0, 6.0, 5.0, 9.0, 11.0]


@pytest.mark.parametrize("actions", [[], SPLIT_TWICE])
@pytest.mark.parametrize("recipe", [ob.SMA(2), ob.BBANDS(2).middleband, field("close").at("1w")])
def test_what_is_revealed_at_once_is_what_is_seen_bar_by_bar(recipe, actions):
    given = [daily("A", GIVEN * 3, actions=actions), daily("B", [7.0, 8.0], days=[0, 3])]
    whole = panel_of(*given).revealed(recipe, "A")
    panel = panel_of(*given)
    view, seen, schedule = panel.indicator(recipe, "A"), [], panel.schedule()
    for at in range(len(panel)):
        while schedule and schedule[0][0] == at:
            panel.act(schedule.pop(0)[1])
        panel.advance(at)
        seen.append(view[-1])
        assert panel.ready([recipe], "A") is not np.isnan(seen[-1])
    np.testing.assert_array_equal(whole, seen)


def test_an_indicator_of_several_outputs_is_not_revealed_as_one():
    with pytest.raises(StrategyError, match="has several outputs; choose one"):
        panel_of(daily("A", GIVEN)).revealed(ob.BBANDS(2), "A")


@pytest.mark.parametrize("others", [[], [daily("B", [7.0, 8.0], days=[0, 3])]])
def test_a_leap_is_where_its_steps_would_have_led(others):
    given = [daily("A", GIVEN, actions=SPLIT_TWICE[:1]), *others]
    walked, leapt = panel_of(*given), panel_of(*given)
    for at in range(5):
        if at == 2:
            walked.act(SPLIT_TWICE[0])
        walked.advance(at)
    leapt.leap(1)
    leapt.act(SPLIT_TWICE[0])
    leapt.leap(4)
    for symbol in leapt.symbols:
        assert leapt.history(symbol, "close", 9).tolist() == walked.history(symbol, "close", 9).tolist()
        assert leapt.price(symbol) == walked.price(symbol)


def test_trading_after_the_last_bar_has_none_left():
    panel = panel_of(daily("A", GIVEN))
    assert [panel.after(time) for time in (None, MONDAY, MONDAY + DAY)] == [0, 0, 1]
    with pytest.raises(BadData, match="no bar is left"):
        panel.after(MONDAY + 9 * DAY)


def test_a_price_is_reached_where_a_bar_first_touches_it():
    panel = panel_of(daily("A", GIVEN))
    panel.advance(0)
    reached = [
        panel.next_reach("A", falls, rises, math.inf)
        for falls, rises in [(5.0, math.inf), (-math.inf, 11.0), (-math.inf, math.inf)]
    ]
    assert reached == [2, 1, len(panel)]  # a bar reaches from 1 below its close to 1 above
    assert panel.next_reach("A", -math.inf, math.inf, MONDAY + 3 * DAY) == 2


def test_a_panel_tells_all_series_that_it_was_made_of():
    given = [minutes("A", [1.0] * 1440), daily("A", [1.0]), daily("B", [2.0])]
    assert {(one.symbol, one.timeframe) for one in panel_of(*given).series} == {
        ("A", "1m"), ("A", "1d"), ("B", "1d"),
    }  # fmt: skip
