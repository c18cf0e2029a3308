"""Every limit: a key of YAML, a reason, what it refuses on real prices, a row of the report, a page."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import openbell as ob
from openbell.config import load
from openbell.core.types import Reason
from openbell.data.frames import from_frame
from openbell.execution.risk.limits import SECTIONS
from openbell.reporting.html.limits import exit_grid, limit_grid
from tests.unit.risk_by_hand import GuardedSeat

DOCS = Path(__file__).parents[2] / "docs"
TWO = "30 IBM 500; 31 MSFT 500"
LATER = "130 IBM 500; 131 MSFT 500"
FALL = "140 AAPL 1500; 149 IBM 1"  # AAPL halves on day 148, 2000-09-29
KNOWN = "model: {window: 100}"


class Case(NamedTuple):
    """A limit in YAML, what is ordered (bar, symbol, shares, limit price), and why it is refused."""

    key: str
    value: str
    plan: str
    reason: Reason
    more: str = ""  #: other keys that it needs


TABLE = (
    Case("order.max_quantity", "100", "30 IBM 101", Reason.ORDER_QUANTITY),
    Case("order.max_notional", "10000", "30 IBM 101", Reason.ORDER_NOTIONAL),
    Case("order.collar", "0.05", "30 IBM 10 150", Reason.PRICE_COLLAR),
    Case("order.duplicate_seconds", "5", "30 IBM 10; 30 IBM 10", Reason.DUPLICATE_ORDER),
    Case("order.max_per_minute", "1", "30 IBM 10; 30 IBM 11", Reason.ORDER_RATE),
    Case("order.max_per_session", "1", "30 IBM 10; 30 IBM 11", Reason.ORDER_RATE),
    Case(
        "order.times_average_order",
        "10",
        "".join(f"{n} IBM 10;" for n in range(20, 25)) + "25 IBM 300",
        Reason.FAT_FINGER,
    ),
    Case("order.times_average_volume", "0.0001", "30 IBM 900", Reason.FAT_FINGER),
    Case("order.reduce_only", "true", "30 IBM 10", Reason.REDUCE_ONLY_MODE),
    Case("order.restricted", "[IBM]", "30 IBM 10", Reason.RESTRICTED_SYMBOL),
    Case("order.allowed", "[AAPL]", "30 IBM 10", Reason.RESTRICTED_SYMBOL),
    Case("position.max_quantity", "100", "30 IBM 60; 31 IBM 60", Reason.POSITION_QUANTITY),
    Case("position.max_notional", "10000", "30 IBM 100", Reason.POSITION_NOTIONAL),
    Case("position.max_share", "0.1", "30 IBM 100", Reason.POSITION_SHARE),
    Case("position.max_short_notional", "0", "30 IBM -1", Reason.SHORT_LIMIT),
    Case("position.max_short_share", "0.5", "30 IBM -300; 31 MSFT -300", Reason.SHORT_LIMIT),
    Case("position.max_volume_share", "0.0001", "30 IBM 900", Reason.LIQUIDITY),
    Case("position.max_exit_days", "0.001", "30 IBM 900", Reason.DAYS_TO_EXIT),
    Case("portfolio.max_gross", "80000", TWO, Reason.GROSS_EXPOSURE),
    Case("portfolio.max_leverage", "0.8", TWO, Reason.LEVERAGE),
    Case("portfolio.max_net", "0.8", TWO, Reason.NET_EXPOSURE),
    Case("portfolio.max_concentration", "0.8", TWO, Reason.CONCENTRATION, "portfolio: {largest: 2}"),
    Case("portfolio.max_sector", "0.8", TWO, Reason.SECTOR),
    Case(
        "portfolio.max_asset_class",
        "0.3",
        TWO,
        Reason.ASSET_CLASS,
        "portfolio: {asset_classes: {MSFT: crypto}}",
    ),
    Case("portfolio.max_positions", "1", TWO, Reason.POSITION_COUNT),
    Case("portfolio.max_turnover", "0.5", TWO, Reason.TURNOVER),
    Case("portfolio.max_correlation", "0.1", LATER, Reason.CORRELATION, KNOWN),
    Case("portfolio.max_beta", "0.5", LATER, Reason.BETA, KNOWN),
    Case("portfolio.max_var", "0.04", LATER, Reason.VALUE_AT_RISK, KNOWN),
    Case("portfolio.max_cvar", "0.05", LATER, Reason.EXPECTED_SHORTFALL, KNOWN),
    Case("portfolio.max_daily_loss", "0.1", "140 AAPL 1500; 148 IBM 1", Reason.DAILY_LOSS),
    Case("portfolio.drawdown_reduce", "0.2", FALL, Reason.DRAWDOWN),
    Case("portfolio.drawdown_halt", "0.2", FALL, Reason.DRAWDOWN),
    Case("operation.stop", "true", "30 IBM 10", Reason.EMERGENCY_STOP),
)
#: What is looked at in other tests here: hours need minutes, others a session, and these refuse nothing.
HOURS = ("order.in_session", "order.opening_minutes", "order.closing_minutes")
LIVE = {
    "operation.stale_seconds": Reason.STALE_DATA, "operation.max_spread_bps": Reason.SPREAD,
    "operation.max_clock_skew": Reason.CLOCK_SKEW, "operation.max_errors_per_minute": Reason.ERROR_RATE,
    "operation.stop_file": Reason.EMERGENCY_STOP,
}  # fmt: skip
EXITS = {
    "exits.stop_loss": ("0.1", "stop loss", "10.00%"),
    "exits.take_profit": ("0.1", "take profit", "10.00%"),
    "exits.trailing_stop": ("0.1", "trailing stop", "10.00%"),
    "exits.max_days": ("30", "time stop", "30 days"),
}
ALWAYS = {
    Reason.HALTED_SYMBOL: {"what": "halt", "symbol": "A", "halted": True},
    Reason.PRICE_BAND: {"what": "band", "symbol": "A", "low": 101.0, "high": 110.0},
    Reason.BROKER_DISAGREES: {"what": "disagreement", "said": "10 A at the broker, none in the books"},
    Reason.EMERGENCY_STOP: {"what": "stop", "stop": True},
}
#: How a limit is measured, and no limits.
SETTINGS = (
    "position.participation",
    "portfolio.largest",
    "portfolio.asset_classes",
    "portfolio.credit_closing",
)


class Told(ob.Strategy):
    """On some days, an order."""

    plan: str = ""

    def on_bar(self, bar: ob.Bar) -> None:
        for step in filter(None, self.plan.split(";")):
            day, symbol, shares, *limit = step.split()
            if bar.index == int(day) and bar.symbol == symbol:
                self.order(symbol, float(shares), limit=float(limit[0]) if limit else None)


def risk_of(folder: Path, key: str, value: str, more: str = "") -> ob.Risk:
    """Return the limits of a settings.yaml that has one."""
    section, _, name = key.partition(".")
    own = f"{section}: {{{name}: {value}"
    if more.startswith(f"{section}: {{"):
        own, more = f"{own}, {more.removeprefix(f'{section}: {{')[:-1]}", ""
    lines = [f"  {own}}}", *([f"  {more}"] if more else [])]
    (folder / "settings.yaml").write_text("risk:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return load(folder).settings.risk


def run(risk: ob.Risk, plan: str) -> ob.Result:
    last = max(int(step.split()[0]) for step in plan.split(";") if step)
    margin = ob.Margin(initial=0.25, maintenance=0.1, short=True)
    known = [ob.Instrument(symbol, sector="tech") for symbol in ("AAPL", "IBM", "MSFT")]
    return ob.backtest(
        Told, ["AAPL", "IBM", "MSFT"], parameters={"plan": plan}, costs=ob.Costs(margin=margin), risk=risk,
        instruments=known, end="2000-05-31" if last < 60 else "2000-12-29",
    )  # fmt: skip


def refused(result: ob.Result) -> set[Reason]:
    return {one.limit for one in result.outcome.refused if one.order_id}


def rows(result: ob.Result) -> list[list[str]]:
    return [[cell.text for cell in row] for row in limit_grid(result)[1]]


def test_every_limit_is_in_one_of_the_tables() -> None:
    fields = {
        f"{name}.{field.name}"
        for name, section in SECTIONS.items() if name != "model"
        for field in dataclasses.fields(section)
    }  # fmt: skip
    tried = [*(case.key for case in TABLE), *HOURS, *LIVE, *EXITS, *SETTINGS, "portfolio.drawdown_warn"]
    assert sorted(tried) == sorted(fields)


@pytest.mark.parametrize("case", TABLE, ids=[case.key for case in TABLE])
def test_a_limit_of_yaml_refuses_on_real_prices_and_the_report_has_its_numbers(
    case: Case, tmp_path: Path
) -> None:
    result = run(risk_of(tmp_path, case.key, case.value, case.more), case.plan)
    assert refused(result) == {case.reason}
    (first, *_) = (one for one in result.outcome.refused if one.order_id)
    assert first.text
    assert result.outcome.orders[first.order_id - 1].reason is case.reason
    own = [row for row in rows(result) if row[0] == case.reason.value.replace("_", " ")]
    assert int(own[0][3]) >= 1
    assert not refused(run(ob.Risk(), case.plan))  # without the limit all pass


@pytest.mark.parametrize(
    ("key", "value", "minute"), [(HOURS[0], "true", 0), (HOURS[1], "5", 3), (HOURS[2], "5", 386)]
)
def test_hours_refuse_and_are_in_the_report(key: str, value: str, minute: int, tmp_path: Path) -> None:
    first = "2012-03-05 14:30" if minute else "2012-03-05 12:30"  # before the open
    times = pd.date_range(first, periods=390, freq="min", tz="UTC")
    prices = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], 198.23), index=times)
    plan = {"plan": f"{minute} IBM 1"}
    data = from_frame(prices.assign(volume=1e4), "IBM", session="extended", calendar="XNYS")
    result = ob.backtest(Told, data, parameters=plan, risk=risk_of(tmp_path, key, value))
    assert refused(result) == {Reason.TRADING_HOURS}
    assert rows(result)[0][3] == "1"


@pytest.mark.parametrize(("key", "reason"), LIVE.items())
def test_what_a_session_knows_refuses(key: str, reason: Reason, tmp_path: Path) -> None:
    seat = GuardedSeat(risk_of(tmp_path, key, str(tmp_path) if key.endswith("file") else "2").operation)
    conditions, time = seat.conditions, seat.market.time
    assert seat.order("A", 1).status.value == "accepted"
    conditions.take({"what": "quote", "symbol": "A", "bid": 99.0, "ask": 101.0}, time)
    conditions.take({"what": "skew", "seconds": -3.0}, time)
    for _ in range(3):
        conditions.take({"what": "error", "said": "timed out"}, time)
    conditions.now = time + 10 * 1_000_000_000
    conditions.stop = seat.gate.stop_file_is_there
    assert seat.order("A", 1).reason is reason


@pytest.mark.parametrize(("reason", "body"), ALWAYS.items())
def test_what_is_always_looked_at_refuses(reason: Reason, body: dict[str, Any]) -> None:
    seat = GuardedSeat(ob.OrderLimits(max_quantity=1e9))
    seat.conditions.take(body, seat.market.time)
    assert seat.order("A", 1).reason is reason


@pytest.mark.parametrize(("key", "row"), EXITS.items())
def test_exits_of_yaml_are_placed_and_the_report_counts_them(
    key: str, row: tuple[str, str, str], tmp_path: Path
) -> None:
    value, name, at = row
    result = ob.backtest(
        Told, "IBM", parameters={"plan": "30 IBM 100"}, risk=risk_of(tmp_path, key, value), end="2000-12-29"
    )
    _, found = exit_grid(result)
    assert [[cell.text for cell in one] for one in found] == [[name, at, "1"]]


def test_a_warning_of_a_drawdown_is_in_the_report(tmp_path: Path) -> None:
    result = run(risk_of(tmp_path, "portfolio.drawdown_warn", "0.1"), "140 AAPL 1500")
    assert refused(result) == set()
    fall, most, said, highest = rows(result)[0][1:]
    assert (fall, most, said) == ("fall from the highest equity: a warning", "10.00%", "reached 1 time")
    assert float(highest.rstrip("%")) > 10


@pytest.mark.parametrize("page", ["reference/configuration.md", "explanation/risk.md"])
def test_a_page_names_every_limit(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    prefix = "`risk." if page.startswith("reference") else "`"
    keys = [*(case.key for case in TABLE), *HOURS, *LIVE]
    assert [key for key in keys if f"{prefix}{key}`" not in text] == []


def test_the_page_of_examples_shows_each_reason_at_work() -> None:
    text = (DOCS / "how-to/limit-risk.md").read_text(encoding="utf-8")
    names = (
        {case.key.partition(".")[2] for case in TABLE} | set(LIVE) | {key.partition(".")[2] for key in EXITS}
    )
    shown = {name.partition(".")[2] or name for name in names} - {"stop_file"}
    assert {name for name in shown if f"{name}=" not in text} == set()
