"""What is written in the dashboard's charts can be read on a light page and on a dark one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from openbell.app import models
from openbell.app.dashboard import charts
from openbell.app.dashboard.frame import _DIM, DIM, PAPER

LEGIBLE = 4.5  #: WCAG 2.2, 1.4.3
RISK = models.Risk(
    equity=1.0, long=0.3, short=0.2, gross=0.5, net=0.1, largest=0.3, drawdown=0.0, refusals={},
    sectors={"devices": 0.3, "software": -0.2}, value_at_risk=0.01,
    expected_shortfall=0.02, symbols=["A", "B"], correlation=[[1.0, -1.0], [-1.0, 1.0]], bars=30,
    drawdown_limits={},
)  # fmt: skip


def light_of(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast_of(one: str, other: str) -> float:
    dark, light = sorted((light_of(one), light_of(other)))
    return (light + 0.05) / (dark + 0.05)


def texts_in(options: Any) -> Iterator[Any]:
    """Yield the colour of every axis's labels, legend and label of options."""
    if isinstance(options, dict):
        for name, value in options.items():
            if name in {"axisLabel", "textStyle", "label"} and value.get("show", True):
                yield value.get("color")
            yield from texts_in(value)
    elif isinstance(options, list):
        for value in options:
            yield from texts_in(value)


def test_contrast_is_as_defined() -> None:
    assert contrast_of("#000000", "#ffffff") == 21.0
    assert round(contrast_of("#767676", "#121212"), 1) == 4.1  # what charts had on dark pages


@pytest.mark.parametrize(("text", "paper"), list(zip(DIM, PAPER, strict=True)))
def test_the_text_of_charts_stands_out_from_the_page(text: str, paper: str) -> None:
    assert contrast_of(text, paper) >= LEGIBLE
    assert f"color: {text};" in _DIM


@pytest.mark.parametrize("paper", PAPER)
@pytest.mark.parametrize("colour", [charts.UP, charts.DOWN])
def test_what_is_drawn_stands_out_from_the_page(colour: str, paper: str) -> None:
    assert contrast_of(colour, paper) >= 3.0  # WCAG 2.2, 1.4.11


def test_all_that_is_written_at_a_chart_has_the_colour_of_its_page() -> None:
    correlation = charts.correlation_options(RISK)
    correlation.pop("series")  # written on the cells
    for options in (charts.base(), charts.sector_options(RISK), correlation):
        found = list(texts_in(options))
        assert found
        assert set(found) == {"currentColor"}
