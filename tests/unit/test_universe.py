"""Universes: who belongs when, what a strategy sees and may buy, and how much of it there are prices of."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.backtesting.plan import plan_from_json
from openbell.core.errors import BadData, ConfigError
from openbell.data.bars import Series
from openbell.data.calendar import sessions
from openbell.data.universe import Universe, measure
from openbell.run import execute, prepare
from openbell.run.engines import simulate, simulate_compiled
from openbell.storage.journal import Journal
from openbell.trading.moments import moments_of
from tests.identity.test_paper import actions_of, engine_of, session_of, stream, told
from tests.unit.fill_desk import days, series

FLAT = "100 101 99 100"
SIX = days(6)


def dated(day: int) -> str:
    return str(np.datetime64(SIX[day][0], "ns").astype("datetime64[D]"))


def universe(tmp_path: Path, *rows: str) -> Universe:
    file = tmp_path / "index.csv"
    file.write_text("\n".join(["symbol,start,end", *rows]), encoding="utf-8")
    return Universe.read(file)


def joins(tmp_path: Path) -> Universe:
    """Return a universe that A is in up to the third day, and B from the third on."""
    return universe(tmp_path, f"A,,{dated(2)}", f"B,{dated(2)},")


# --- the file ------------------------------------------------------------------------------------------


def test_a_universe_knows_who_belonged_on_a_day(tmp_path: Path) -> None:
    index = universe(
        tmp_path, "A,2005-01-03,2005-06-30", "", "B,,", "A,2006-01-01,", "C,2005-06-30,2005-06-30"
    )
    assert index.name == "index"
    assert index.members("2005-01-02") == {"B"}
    assert index.members("2005-06-30") == {"A", "B", "C"}
    assert index.members("2005-07-01") == {"B"}
    assert index.members("2030-01-01") == {"A", "B"}
    assert index.between(None, None) == ("A", "B", "C")
    assert index.between(int(np.datetime64("2005-07-01", "ns").astype(int)), None) == ("A", "B")
    assert index.between(None, int(np.datetime64("2005-01-03", "ns").astype(int))) == ("B",)
    assert Universe.from_json(index.as_json()) == index


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol,start,end\n", "universe index: it has no member; give rows"),
        ("symbol,strat,end\nA,,", "no column 'start'; did you mean 'strat'.*write symbol,start,end"),
        ("symbol,start,end\nA,,\n,,2005-01-01", "line 3: no symbol"),
        ("symbol,start,end\nA,2005-13-01,", "line 2: .*; write a day as 2005-01-31"),
        ("symbol,start,end\nA,2005-02-01,2005-01-01", "line 2: A ends on 2005-01-01, before it starts on"),
        ("symbol,start,end\nA,,2005-01-05\nA,2005-01-05,", "A is a member twice on 2005-01-05"),
        ("symbol,start,end\nA,,\nA,,", "A is a member twice"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "index.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match=said):
        Universe.read(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"universe '.*none\.csv' cannot be read"):
        Universe.read(tmp_path / "none.csv")


# --- a run ---------------------------------------------------------------------------------------------


class Notes(ob.Strategy):
    """Buys whatever it is asked about, and writes down what it sees."""

    def on_start(self) -> None:
        self.asked: list[tuple[int, str]] = []
        self.shown: list[tuple[list[str], list[float], list[float]]] = []
        self.mean = self.indicator(ob.SMA(1))

    def on_bar(self, bar: ob.Bar) -> None:
        self.asked.append((bar.index, bar.symbol))
        if self.position(bar.symbol) == 0:
            self.order(bar.symbol, 1.0)

    def on_bars(self, bars: Any) -> None:
        past = bars.history("close", 2)[0].tolist()
        self.shown.append(([bar.symbol for bar in bars.bars], bars.close.tolist(), past))


def run_on(index: Universe, form: Any, *data: Series, **settings: Any) -> Any:
    plan, found, loaded = prepare(form, list(data), costs=ob.NO_COSTS, **settings)
    return replace(plan, universe=index), found, loaded


def flat(symbol: str, rows: int = 6) -> Series:
    return series([FLAT] * rows, symbol)


def test_a_strategy_is_asked_about_members_and_what_it_holds(tmp_path: Path) -> None:
    plan, found, data = run_on(joins(tmp_path), Notes, flat("A"), flat("B"))
    outcome = simulate(plan, found, data)
    notes: Any = found_strategy(plan, found, data)
    assert notes.asked == [(0, "A"), (1, "A"), (2, "A"), (2, "B"), *((i, s) for i in (3, 4, 5) for s in "AB")]
    assert [(fill.symbol, fill.time) for fill in outcome.fills] == [("A", SIX[1][0]), ("B", SIX[3][0])]


def found_strategy(plan: Any, found: Any, data: list[Series]) -> Any:
    """Return the strategy of a run that has been."""
    kept: list[Any] = []

    class Kept(Notes):
        def on_stop(self) -> None:
            kept.append(self)

    plan, other, _ = run_on(plan.universe, Kept, *data)
    simulate(plan, other, data)
    return kept[0]


def test_a_cross_section_shows_members_alone(tmp_path: Path) -> None:
    plan, found, data = run_on(joins(tmp_path), Notes, flat("A"), flat("B"))
    shown = found_strategy(plan, found, data).shown
    assert [names for names, *_ in shown] == [["A"]] * 2 + [["A", "B"]] + [["B"]] * 3
    assert [np.isnan(close).tolist() for _, close, _ in shown[1:4]] == [
        [False, True],
        [False, False],
        [True, False],
    ]
    assert [np.isnan(past).tolist() for *_, past in shown[1:4]] == [
        [False, True],
        [False, False],
        [True, False],
    ]


class Late(ob.Strategy):
    """Orders B every day, whatever it is asked about."""

    def on_start(self) -> None:
        self.mean = self.indicator(ob.SMA(1))
        self.means: list[list[bool]] = []

    def on_bars(self, bars: Any) -> None:
        self.means.append(np.isnan(self.mean.values).tolist())
        self.order("B", 1.0)
        if self.position("A"):
            self.close("A")
        else:
            self.order("A", 1.0)


def test_a_membership_is_known_from_its_first_sessions_open_and_not_before(tmp_path: Path) -> None:
    plan, found, data = run_on(joins(tmp_path), Late, flat("A"), flat("B"))
    outcome = simulate(plan, found, data)
    of_b = [(o.status.value, o.reason.value) for o in outcome.orders if o.symbol == "B"]
    assert of_b == [("rejected", "not_a_member")] * 2 + [("filled", "")] * 3 + [("expired", "end_of_data")]


def test_what_is_no_member_any_more_can_be_closed_and_not_opened(tmp_path: Path) -> None:
    plan, found, data = run_on(joins(tmp_path), Late, flat("A"), flat("B"))
    outcome = simulate(plan, found, data)
    of_a = [(o.side, o.reason.value) for o in outcome.orders if o.symbol == "A"]
    assert of_a == [(1, ""), (-1, ""), (1, ""), (-1, ""), (1, "not_a_member"), (1, "not_a_member")]


def test_an_indicator_over_all_symbols_has_no_value_of_what_is_no_member(tmp_path: Path) -> None:
    kept: list[Any] = []

    class Kept(Late):
        def on_stop(self) -> None:
            kept.extend(self.means)

    simulate(*run_on(joins(tmp_path), Kept, flat("A"), flat("B")))
    assert kept == [[False, True]] * 2 + [[False, False]] + [[True, False]] * 3


def test_a_lone_symbol_is_asked_about_only_while_it_is_a_member(tmp_path: Path) -> None:
    index = universe(tmp_path, f"A,{dated(1)},{dated(2)}", f"A,{dated(4)},")
    plan, found, data = run_on(index, Notes, flat("A"))
    assert [fill.time for fill in simulate(plan, found, data).fills] == [SIX[2][0]]
    assert found_strategy(plan, found, data).asked == [(i, "A") for i in range(1, 6)]


@pytest.mark.parametrize("form", [Notes, Late, "momentum_rotation"])
async def test_a_universe_trades_on_paper_as_in_its_backtest(form: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    data = []
    for symbol in "ABCD":
        walk = 100 * np.cumprod(1 + random.normal(0, 0.02, 300))
        rows = [f"{p:.2f} {1.01 * p:.2f} {0.99 * p:.2f} {p:.2f}" for p in walk]
        data.append(series(rows, symbol, spans=days(300)))
    index = universe(tmp_path, "A,,2024-10-01", "B,2024-02-01,2024-11-01", "C,,", "D,2024-09-15,")
    plan, found, loaded = run_on(index, form, *data)
    outcome = simulate(plan, found, loaded)
    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, found, loaded, journal)
        session.begin({}, actions_of(loaded))
        await session.run(stream(moments_of(loaded)))
    engine = engine_of(session)
    assert outcome.fills
    assert engine.account.entries == outcome.account.entries
    assert told(engine.desk.orders.values()) == told(outcome.orders)


def test_compiled_code_refuses_a_universe(tmp_path: Path) -> None:
    plan, found, data = run_on(joins(tmp_path), "sma_cross", flat("A"), flat("B"))
    with pytest.raises(ConfigError, match="in a universe, members come and go, so it cannot be compiled"):
        simulate_compiled(plan, found, data)


# --- from a provider -----------------------------------------------------------------------------------


def test_a_backtest_over_a_universe_says_what_it_covers(tmp_path: Path) -> None:
    index = universe(
        tmp_path, "AAPL,,2005-06-30", "MSFT,2005-07-01,", "GONE,2005-01-01,2005-12-31", "OLD,,2001-01-01"
    )
    result = ob.backtest("sma_cross", index, start="2005-01-01", end="2006-12-31")
    assert result.plan.symbols == ("AAPL", "MSFT")
    found = result.coverage
    assert found is not None
    assert (found.symbols, found.missing, found.stayed) == (3, ("GONE",), 1)
    assert (found.sessions, found.priced) == (125 + 378 + 252, 125 + 378)
    text = {notice.level: notice.text for notice in result.findings if "niverse" in notice.text}
    assert text == {
        "serious": "Universe index: prices for 66.6% of the sessions of 3 members; 33.3% were members still "
        "at the end. Without prices: GONE."
    }
    assert "universe index (2 symbols)" in repr(result)
    assert {fill.symbol for fill in result.outcome.fills} <= {"AAPL", "MSFT"}
    again = execute(plan_from_json(result.plan.as_json()))
    assert again.hash == result.hash


def test_a_universe_that_nobody_leaves_is_called_a_list_of_survivors(tmp_path: Path) -> None:
    index = universe(tmp_path, "AAPL,,", "MSFT,,")
    result = ob.backtest("buy_and_hold", index, start="2005-01-01", end="2006-12-31")
    said = [notice.text for notice in result.findings if "survivors" in notice.text]
    assert said == ["Nobody leaves universe index in this time: it may be a list of survivors."]
    assert ob.check_lookahead(result).clean


def test_a_universe_without_members_or_prices_is_refused(tmp_path: Path) -> None:
    index = universe(tmp_path, "NONE,2005-01-01,2005-12-31")
    with pytest.raises(ConfigError, match="universe index: nobody is a member in the range"):
        ob.backtest("sma_cross", index, start="2007-01-01")
    with pytest.raises(ConfigError, match=r"bars of none of its 1 members in the range of dates: .*NONE"):
        ob.backtest("sma_cross", index)
    early = universe(tmp_path, "AAPL,1990-01-01,1990-12-31")
    with pytest.raises(ConfigError, match=r"bars of none of its 1 members in the range of dates$"):
        ob.backtest("sma_cross", early, start="1990-01-01", end="1990-12-31")


def test_nothing_is_covered_where_nobody_is_a_member(tmp_path: Path) -> None:
    index = universe(tmp_path, "A,1990-01-01,1990-12-31")
    one = flat("A")
    found = measure(index, [one], sessions("XNYS", int(one.start[0]), int(one.known[-1])))
    assert (found.share, found.survivorship, found.missing) == (0.0, 0.0, ())
