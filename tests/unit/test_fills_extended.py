"""Orders and bars outside of the exchange's sessions. `docs/explanation/fills.md` says what fills there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openbell.backtesting.kernel.exact import CannotCompile
from openbell.backtesting.kernel.inputs import check_hours
from openbell.core.clock import AFTER_HOURS
from openbell.core.errors import StrategyError
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.bars import Series, Source
from tests.unit.fill_desk import Outcome, Script, days, series, trade

HOUR = 3600 * NANOS_PER_SECOND
OPEN, CLOSE = days(1)[0]
NEXT_OPEN = days(2)[1][0]
FLAT = "100 101 99 100"
LOW = "95 96 94 95"


def bars(*rows: str, starts: list[int], around: bool = True) -> Series:
    """Return bars of half an hour at these times."""
    made = series(rows, spans=[(one, one + HOUR // 2) for one in starts], timeframe="30m")
    return replace(made, source=Source("test", "by hand", session="extended")) if around else made


#: Before the open, in the session, twice after the close, before the next open, in that session.
TIMES = [OPEN - HOUR, OPEN, CLOSE, CLOSE + HOUR, NEXT_OPEN - HOUR, NEXT_OPEN]


def run(script: Script, *rows: str, **options: Any) -> Outcome:
    return trade([bars(*rows, starts=TIMES[: len(rows)])], script, **options)


def buy(**fields: Any) -> Script:
    return {1: lambda s: s.order("X", 10, **fields)}


def test_an_order_of_the_session_waits_through_bars_outside_of_it() -> None:
    found = run(buy(), FLAT, FLAT, LOW, LOW, LOW, FLAT)
    assert found.fills == [(5, 10, 100)]


def test_a_limit_of_the_session_is_not_touched_outside_of_it() -> None:
    found = run(buy(limit=97), FLAT, FLAT, LOW, LOW, LOW, FLAT)
    assert (found.fills, found.orders[0].reason.value) == ([], "end_of_data")


def test_an_extended_limit_fills_after_the_close() -> None:
    found = run(buy(limit=97, extended=True), FLAT, FLAT, LOW, LOW)
    assert found.fills == [(2, 10, 95)]


def test_an_extended_limit_fills_before_the_open() -> None:
    found = run({-1: lambda s: None, 0: lambda s: s.order("X", 10, limit=97, extended=True)}, FLAT, LOW)
    assert found.fills == [(1, 10, 95)]
    assert found.orders[0].describe() == "buy 10 X limit 97 gtc extended"


def test_a_stop_is_not_reached_and_does_not_trail_outside_of_the_session() -> None:
    script: Script = {
        0: lambda s: s.order("X", 10),
        1: lambda s: (s.order("X", -10, stop=97), s.order("X", -10, trail=5.0)),
    }
    found = run(script, FLAT, FLAT, "100 120 94 100", "100 120 94 100", "100 120 94 100", "100 101 98 100")
    assert found.fills == [(1, 10, 100)]


def test_an_exit_of_an_extended_entry_works_from_the_next_open_on() -> None:
    script = buy(limit=97, extended=True, stop_loss=90, take_profit=120)
    found = run(script, FLAT, FLAT, LOW, "95 96 80 95", "95 96 80 95", "95 96 89 95")
    assert found.fills == [(2, 10, 95), (5, -10, 90)]


def test_a_day_order_that_is_extended_works_until_trading_ends_after_the_close() -> None:
    found = run(buy(limit=97, extended=True, tif="day"), FLAT, FLAT, FLAT, FLAT, LOW)
    assert found.ends == [("expired", "session_end")]
    assert found.orders[0].life[-1].time == CLOSE + AFTER_HOURS


def test_a_day_order_of_the_session_expires_at_its_close() -> None:
    assert run(buy(limit=97, tif="day"), FLAT, FLAT, LOW).orders[0].life[-1].time == CLOSE


@pytest.mark.parametrize(
    "fields", [{}, {"stop": 105}, {"limit": 97, "tif": "ioc"}, {"limit": 97, "tif": "cls"}]
)
def test_only_limits_that_last_are_extended(fields: dict[str, Any]) -> None:
    with pytest.raises(StrategyError, match=r"extended=True is for limit orders that are day, gtc, gtd"):
        run(buy(extended=True, **fields), FLAT, FLAT, FLAT)


def test_where_no_bar_may_lie_outside_nothing_is_looked_up() -> None:
    daily = trade([FLAT, LOW], {0: lambda s: s.order("X", 10, limit=97, extended=True)})
    assert daily.fills == [(1, 10, 95)]


def test_compiled_code_leaves_such_bars_to_the_event_engine() -> None:
    with pytest.raises(CannotCompile, match="X has bars outside of the sessions"):
        check_hours(run({}, FLAT, FLAT).panel)
