"""Reports of runs with spin-offs, delistings and new names, and the compiled engine that cannot have them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.core.types import Action, Delisting, SpinOff, SymbolChange
from openbell.data.bars import Series
from openbell.reporting.export import write_run
from openbell.reporting.result import Result
from openbell.run import prepare, simulate_compiled
from tests.unit.fill_desk import days, series

FLAT = "100 101 99 100"
DAYS = days(8)


def ex(day: int) -> int:
    return DAYS[day][0]


def flat(symbol: str, *actions: Action, first: int = 0, last: int = 8) -> Series:
    return series([FLAT] * (last - first), symbol, spans=DAYS[first:last], actions=actions)


class Buys(ob.Strategy):
    """Buys each symbol once, and sells what a spin-off brought on its third day."""

    def on_bar(self, bar: ob.Bar) -> None:
        if bar.symbol == "KID":
            if bar.index == 2:
                self.close(bar.symbol)
        elif bar.index == 0:
            self.order(bar.symbol, 10.0)


def run(*data: Series) -> Result:
    return ob.backtest(Buys, list(data), costs=ob.NO_COSTS)


def said(result: Result, word: str) -> list[tuple[str, str]]:
    return [(notice.level, notice.text) for notice in result.findings if word in notice.text]


GONE = Delisting("X", ex(4), 30.0)
LEAVES = SpinOff("X", ex(3), "KID", 1, 2, 40.0)


def test_a_report_says_which_positions_a_delisting_closed() -> None:
    result = run(flat("X", GONE, last=4), flat("Y"))
    assert said(result, "delisting") == [
        ("caution", "1 position closed by delisting: X at 30 on 2024-01-08.")
    ]
    (trade,) = (trade for trade in result.outcome.trades if trade.symbol == "X")
    assert (trade.is_open, trade.pnl, trade.exit, trade.fills) == (False, -700.0, 30.0, 1)
    row = result.trades.iloc[0]
    assert (row["exit_reason"], row["mae"]) == ("delisting", -0.7)
    assert result.final_equity == 100_000 - 700


def test_many_delistings_are_counted() -> None:
    names = [f"S{i}" for i in range(7)]
    data = [flat(name, Delisting(name, ex(4)), last=4) for name in names]
    assert said(run(*data, flat("Y")), "S4 at 100 on 2024-01-08 and 2 more")


def test_a_report_says_what_a_spin_off_paid_in_cash() -> None:
    result = run(flat("X", LEAVES))
    assert said(result, "KID") == [("note", "KID, which left X on 2024-01-05, was paid in cash: 200.")]
    assert said(run(flat("X", SpinOff("X", ex(1), "KID", 1, 2, 40.0))), "KID") == []  # nothing was held yet
    assert result.outcome.trades[0].carry == 200.0


def test_what_a_spin_off_brought_is_a_trade_of_its_own(tmp_path: Path) -> None:
    result = run(flat("X", LEAVES), flat("KID", first=4))
    assert said(result, "paid in cash") == []
    kid = next(trade for trade in result.outcome.trades if trade.symbol == "KID")
    assert (kid.entry, kid.exit, kid.quantity, kid.fills) == (40.0, 100.0, 5.0, 1)
    assert kid.pnl == 5 * 60.0
    assert result.outcome.equity.tolist()[2:4] == [100_000, 100_200]
    folder = write_run(result, tmp_path / "run")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "spin_off" in (folder / "ledger.csv").read_text(encoding="utf-8")
    assert "KID" in page


def test_a_report_says_which_symbol_had_another_name() -> None:
    change = SymbolChange("OLD", ex(3), "X")
    assert said(run(flat("X", change)), "OLD") == [("note", "X was called OLD before 2024-01-05.")]
    assert said(run(flat("X", SymbolChange("OLD", ex(0) - 1, "X"))), "OLD") == []


@pytest.mark.parametrize(
    ("action", "said"),
    [(Delisting("X", ex(7) + 1), "X is delisted"), (LEAVES, "X has a spin-off")],
)
def test_compiled_code_refuses_what_it_does_not_book(action: Action, said: str) -> None:
    plan, found, data = prepare("sma_cross", [flat("X", action)])
    with pytest.raises(ConfigError, match=f"^{said}, so it cannot be compiled .*use engine='event'"):
        simulate_compiled(plan, found, data)
    assert ob.backtest("sma_cross", data).engine == "event"


def test_a_new_name_compiles() -> None:
    plan, found, data = prepare("sma_cross", [flat("X", SymbolChange("OLD", ex(3), "X"))])
    assert simulate_compiled(plan, found, data).entries == []


def test_a_delisting_after_the_asked_end_is_not_known_yet() -> None:
    data = flat("X", GONE, last=4)
    later = ob.backtest(Buys, data, costs=ob.NO_COSTS, end="2024-01-05")
    assert [entry.kind.value for entry in later.outcome.entries] == ["fill"]
    now = ob.backtest(Buys, data, costs=ob.NO_COSTS, end="2024-01-08")
    assert [entry.kind.value for entry in now.outcome.entries] == ["fill", "delisting"]
    assert now.outcome.equity[-1] == now.final_equity == 99_300
    assert ob.check_lookahead(now).clean


def test_the_curve_of_a_delisted_symbol_holds_no_dead_price() -> None:
    outcome = run(flat("X", Delisting("X", ex(4), 0.0), last=4), flat("Y")).outcome
    assert outcome.equity.tolist() == [100_000] * 4 + [99_000] * 4
    values: Any = outcome.values["X"]
    assert values.tolist() == [0, 1000, 1000, 1000, 0, 0, 0, 0]
    assert np.isfinite(outcome.gross).all()
