"""The replay meets the broker where something can happen, and shows what is known and no more."""

import gc

import pytest

import openbell as ob
from openbell.core.errors import LookAhead, StrategyError
from openbell.core.orders import IllegalTransition
from openbell.core.types import Delisting, Split
from openbell.data.panel import LOOKS
from openbell.execution.brokers.simulated import SimulatedBroker
from tests.unit.fill_desk import days, series, trade

CALM = "100 101 99 100"


@pytest.fixture
def meetings(monkeypatch) -> list[int]:
    """The times at which bars met the broker."""
    times: list[int] = []
    match = SimulatedBroker.match

    def noted(self: SimulatedBroker, time: int) -> None:
        times.append(time)
        match(self, time)

    monkeypatch.setattr(SimulatedBroker, "match", noted)
    return times


def test_bars_that_pass_a_resting_order_by_do_not_meet_the_broker(meetings):
    rows = [CALM] * 40 + ["100 101 89 90"] + [CALM] * 9
    run = trade(rows, {0: lambda s: s.order("X", 10, limit=95)})
    assert run.fills == [(40, 10, 95)]
    assert meetings == [days(50)[40][1]]


def test_only_so_many_bars_are_looked_at_ahead(meetings):
    spans = days(LOOKS + 100)
    known = [close for _, close in spans]
    trade([series([CALM] * len(spans), spans=spans)], {0: lambda s: s.order("X", 10, stop=150)})
    assert meetings == [known[LOOKS + 1]]


def test_with_nothing_at_work_no_bar_meets_the_broker(meetings):
    trade([CALM] * 20, {})
    assert meetings == []


def test_a_resting_order_that_is_moved_to_the_price_meets_the_next_bar():
    script = {0: lambda s: s.order("X", 10, limit=50), 3: lambda s: s.replace(s.made(0), limit=99.5)}
    assert trade([CALM] * 9, script).fills == [(4, 10, 99.5)]


def test_a_split_brings_a_resting_order_to_the_new_price():
    spans = days(9)
    rows = [CALM] * 4 + ["50 51 49.5 50"] * 3 + ["50 51 49 50"] * 2
    halved = series(rows, spans=spans, actions=[Split("X", spans[4][0], 2, 1)])
    run = trade([halved], {0: lambda s: s.order("X", 10, limit=98.4)})
    assert run.fills == [(7, 20, 49.2)]


def test_a_trailing_stop_meets_every_bar(meetings):
    trade([CALM] * 20, {0: lambda s: s.order("X", 10), 2: lambda s: s.order("X", -10, trail=50)})
    assert len(meetings) == 17  # and the entry crosses with its bar by itself


def test_a_market_order_waits_for_the_symbols_own_next_bar():
    spans = days(5)
    whole = series([CALM] * 5, "A", spans=spans)
    gaps = series([CALM] * 3, "B", spans=[spans[0], spans[3], spans[4]])
    run = trade([whole, gaps], {0: lambda s: s.order("B", 10)})
    assert run.fills == [(1, 10, 100)]
    assert run.engine.fills[0].time == spans[3][0]


def test_a_days_market_order_runs_out_when_its_session_has_no_bar():
    spans = days(4)
    gap = series([CALM] * 3, spans=[spans[0], *spans[2:]])
    run = trade([gap], {0: lambda s: s.order("X", 10, tif="day")})
    assert (run.fills, run.ends) == ([], [("expired", "session_end")])


@pytest.mark.parametrize("tif", ["day", "opg", "cls"])
def test_an_order_runs_out_in_time_while_its_symbol_has_no_bar(tif):
    spans = days(6)
    whole = series([CALM] * 6, "A", spans=spans)
    gaps = series([CALM] * 3, "B", spans=[spans[0], spans[4], spans[5]])
    seen = []
    script = {
        0: lambda s: s.order("B", 10, limit=50, tif=tif),
        2: lambda s: seen.append(s.made(0).status.value),
    }
    run = trade([whole, gaps], script)
    assert run.ends == [("expired", "session_end")]
    assert seen == ["expired"]


@pytest.mark.parametrize("orders", [1, 2])
def test_a_bar_without_an_open_fills_no_market_order(orders):
    rows = [CALM, "nan nan nan nan", CALM]
    run = trade(rows, {0: lambda s: [s.order("X", 10) for _ in range(orders)]})
    assert run.fills == [(2, 10, 100)] * orders


def test_an_order_is_accepted_once():
    run = trade([CALM] * 3, {0: lambda s: s.order("X", 10, limit=50)})
    with pytest.raises(IllegalTransition, match="is expired and cannot become submitted"):
        run.orders[0].accept(5)


class Peeking(ob.Strategy):
    """Writes down what an indicator shows at bars, fills and the end."""

    lead: int = ob.param(0)

    def on_start(self):
        self.close_ = self.indicator(ob.SMA(1))
        self.told: list[tuple[str, float, float]] = []
        self.late = None

    def on_bar(self, bar):
        self.told.append(("bar", self.close_[-1], self.close_[-2]))
        assert self.close_[-1] == bar.close
        if bar.index == self.lead + 2:
            self.late = self.indicator(ob.SMA(2))
            self.buy(bar.symbol)
        if self.late is not None:
            assert self.late[-1] == (self.close_[-1] + self.close_[-2]) / 2

    def on_fill(self, fill):
        self.told.append(("fill", self.close_[-1], self.close_[-2]))

    def on_stop(self):
        self.told.append(("stop", self.close_[-1], self.close_[-2]))


@pytest.mark.parametrize("lead", [0, 100])
def test_a_fill_is_told_before_the_indicators_show_its_bar(lead):
    closes = [*([99.0] * lead), 100.0, 101.0, 102.0, 103.0, 104.0]
    told: list[tuple[str, float, float]] = []

    class Told(Peeking):
        def on_stop(self):
            super().on_stop()
            told.extend(self.told[-7:])

    rows = [f"{c:g} {c + 1:g} {c - 1:g} {c:g}" for c in closes]
    ob.backtest(Told, [series(rows, spans=days(len(rows)))], parameters={"lead": lead})
    assert [what for what, *_ in told] == ["bar", "bar", "bar", "fill", "bar", "bar", "stop"]
    assert [now for _, now, _ in told] == [100, 101, 102, 102, 103, 104, 104]
    assert [before for _, _, before in told[1:]] == [100, 101, 101, 102, 103, 103]


@pytest.mark.parametrize(
    "look",
    [lambda v: v[0], lambda v: v[3], list, max, lambda v: 3.0 in v, lambda v: v + 1, len],
)
def test_an_indicator_shows_neither_the_future_nor_a_length(look):
    class Looking(ob.Strategy):
        def on_start(self):
            self.view = self.indicator(ob.SMA(1))

        def on_bar(self, bar):
            look(self.view)

    with pytest.raises(StrategyError, match=r"\[-1\] is now|unsupported operand"):
        ob.backtest(Looking, [series([CALM] * 9)])


def test_an_indicator_is_something_and_says_its_value():
    shown = []

    class Looking(ob.Strategy):
        def on_start(self):
            self.view = self.indicator(ob.SMA(1))

        def on_bar(self, bar):
            shown.append((bool(self.view), repr(self.view), self.view.values.tolist(), self.view.of("X")[-1]))

    ob.backtest(Looking, [series([CALM] * 3)])
    assert shown == [(True, "<100 now>", [100.0], 100.0)] * 3


def test_the_collector_of_cycles_is_left_as_it_was():
    before = gc.get_threshold()
    inside = []

    class Failing(ob.Strategy):
        def on_bar(self, bar):
            inside.append(gc.get_threshold())
            raise ValueError("no")

    with pytest.raises(StrategyError):
        ob.backtest(Failing, [series([CALM] * 3)])
    assert inside[0] != before
    assert gc.get_threshold() == before


def test_look_ahead_is_named_also_where_a_value_is_shown():
    class Early(ob.Strategy):
        def on_start(self):
            self.view = self.indicator(ob.SMA(2))

        def on_bar(self, bar):
            if bar.index == 40:
                self.view[1]

    with pytest.raises(LookAhead, match="is not known yet"):
        ob.backtest(Early, [series([CALM] * 60)])


def test_the_progress_of_a_run_is_told_from_its_first_moment_to_its_end():
    told = []
    ob.backtest("buy_and_hold", [series([CALM] * 60)], progress=lambda done, of: told.append((done, of)))
    assert told == [(0, 60), (60, 60)]


class Once(ob.Strategy):
    """Buys ten shares at one bar."""

    at: int = ob.param(0)

    def on_bar(self, bar: ob.Bar) -> None:
        if bar.index == self.at:
            self.order(bar.symbol, 10)


@pytest.mark.parametrize(("at", "marks"), [(0, ([1, 4], [1, 2])), (3, ([4], [2]))])
def test_a_delisting_after_the_last_bar_counts_to_the_last_moment(at, marks):
    spans = days(6)
    gone = series([CALM] * 5, spans=spans[:5], actions=[Delisting("X", spans[5][0], 80.0)])
    found = ob.backtest(Once, gone, parameters={"at": at}, costs=ob.NO_COSTS, engine="event").outcome
    assert (list(found.marks.moments), list(found.marks.entries)) == marks
    assert found.cash[-1] == found.equity[-1] == 99_800
