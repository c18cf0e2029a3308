"""Limits in one line, as they are shown before a live session begins."""

from __future__ import annotations

from openbell.cli.limits import describe_limits, only_recorded
from openbell.execution.risk.limits import OrderLimits, PositionLimits, Risk


def test_only_the_limits_that_are_set_are_named() -> None:
    risk = Risk(
        order=OrderLimits(max_quantity=100, restricted=("A", "B")), position=PositionLimits(max_share=0.2)
    )
    said = "order.max_quantity 100, order.restricted A, B, position.max_share 0.2"
    assert describe_limits(risk) == said
    assert describe_limits(only_recorded(risk)) == f"{said} (only recorded)"


def test_no_limit_is_none() -> None:
    assert describe_limits(Risk()) == "none"
