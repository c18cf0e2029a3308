"""Each limit that is set has numbers in the report."""

from __future__ import annotations

import openbell as ob
from openbell.reporting.html import sections
from openbell.reporting.html.limits import limit_grid

LIMITS = ob.Risk(
    order=ob.OrderLimits(max_per_minute=600, max_per_session=5_000, restricted=("MSFT",)),
    position=ob.PositionLimits(max_share=0.6),
    portfolio=ob.PortfolioLimits(max_var=0.06),
)


def rows(risk: ob.Risk) -> list[tuple[str, ...]]:
    result = ob.backtest("sma_cross", "AAPL", end="2001-12-31", risk=risk)
    _, found = limit_grid(result)
    return [tuple(cell.text for cell in row) for row in found]


def test_each_limit_has_its_bound_what_it_refused_and_the_highest_of_it():
    found = {row[0] + row[2]: row for row in rows(LIMITS)}
    assert found["position share60.00%"] == (
        "position share", "share of equity", "60.00%", "9", "94.99%",
    )  # fmt: skip
    assert found["order rate600"][3:] == ("0", "")
    assert found["order rate5,000"][3:] == ("0", "")
    assert found["restricted symbol"][2:] == ("", "0", "")
    assert "halted symbol" not in found


def test_what_could_not_be_measured_has_no_highest_value():
    known_late = ob.Risk(portfolio=ob.PortfolioLimits(max_var=0.5), model=ob.RiskModel(minimum=200))
    (row,) = rows(known_late)
    assert row[:3] == ("value at risk", "value at risk, of equity", "50.00%")
    assert int(row[3]) > 0
    assert row[4] == ""


def test_the_page_shows_them():
    result = ob.backtest("sma_cross", "AAPL", end="2001-12-31", risk=LIMITS)
    page = sections.limits(result)
    assert "Each limit" in page
    assert "94.99%" in page
