"""Going on with a session: only as the one that it is, and not without a word that another one was there."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.run import prepare
from openbell.run.course import describe_course, ground_of
from openbell.trading.continuation import check_same
from openbell.utils.logging import configure

SPAN: dict[str, Any] = {"start": "2012-01-03", "end": "2012-03-30"}
NO_COMMISSION = ob.Costs(commission=ob.Commission(per_share=0.0))
LOOSER = replace(ob.STANDARD_RISK, position=replace(ob.STANDARD_RISK.position, max_share=0.9))


def described(strategy: str = "sma_cross", symbol: str = "AAPL", **settings: Any) -> dict[str, Any]:
    plan, found, series = prepare(strategy, symbol, **SPAN, **settings)
    return describe_course(found.name, plan, ground_of(plan, series))


@pytest.mark.parametrize(
    ("was", "asked", "said"),
    [
        ({}, {"strategy": "rsi_reversion", "symbol": "MSFT"}, "runs sma_cross, and rsi_reversion is asked"),
        ({}, {"symbol": "MSFT", "cash": 5.0}, "trades AAPL, and MSFT is asked"),
        ({"parameters": {"slow": 12}}, {"parameters": {"slow": 20}}, "has slow=12, and 20 is asked"),
        ({}, {"parameters": {"slow": 12}}, "has no slow, and 12 is asked"),
        ({"parameters": {"slow": 12}}, {}, "has slow=12, and none is asked"),
        ({}, {"cash": 5_000.0}, "has cash=100000.0, and 5000.0 is asked"),
        (
            {},
            {"sizer": ob.FixedQuantity(7)},
            "has sizing.method='share_of_equity', and 'fixed_quantity' is asked",
        ),
        (
            {"sizer": ob.FixedQuantity(5)},
            {"sizer": ob.FixedQuantity(7)},
            "has sizing.quantity=5, and 7 is asked",
        ),
        ({}, {"costs": NO_COMMISSION}, "has costs.commission.per_share=0.005, and 0.0 is asked"),
        ({}, {"risk": ob.STANDARD_RISK}, "has no risk, and one is asked"),
        ({"risk": ob.STANDARD_RISK}, {}, "has risk, and none is asked"),
        ({"risk": ob.STANDARD_RISK}, {"risk": LOOSER}, "has risk.position.max_share=1.0, and 0.9 is asked"),
    ],
)
def test_the_first_setting_that_differs_is_named_in_words(
    was: dict[str, Any], asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        check_same({"strategies": [described(**was)]}, {"strategies": [described(**asked)]}, Path("state/k"))
    assert str(raised.value) == (
        f"the interrupted session in 'state/k' {said}; give the same, or begin anew with --new"
    )


def test_a_session_without_strategies_in_common_is_another_one() -> None:
    one = described()
    with pytest.raises(ConfigError, match="has 2 strategies, and 1 are asked"):
        check_same({"strategies": [one, one]}, {"strategies": [one]}, Path("state/k"))


def test_parts_in_another_order_are_others() -> None:
    one = described() | {"instruments": [{"symbol": "A"}, {"symbol": "B"}]}
    other = one | {"instruments": [{"symbol": "B"}, {"symbol": "A"}]}
    with pytest.raises(ConfigError, match="has other instruments; give the same"):
        check_same({"strategies": [one]}, {"strategies": [other]}, Path("state/k"))


def test_a_session_over_a_finished_one_says_so(tmp_path: Path) -> None:
    sink = io.StringIO()
    configure(sink=sink)
    ob.paper("sma_cross", "AAPL", state=tmp_path, **SPAN)
    assert "a new session" not in sink.getvalue()
    ob.paper("rsi_reversion", "AAPL", state=tmp_path, **SPAN)
    (line,) = [one for one in sink.getvalue().splitlines() if "a new session" in one]
    assert f"a new session is begun in {tmp_path}; the one of sma_cross that ended on 20" in line
    assert line.endswith("Z stays in its journal")
