"""Tear sheets: whole, in words, the same bytes again, for one trade and for thousands."""

import builtins
import re

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY
from openbell.reporting.pdf import charts
from openbell.reporting.pdf.tearsheet import lay_out, tearsheet
from openbell.reporting.pdf.typeset import style, typeset
from tests.unit.acting import run
from tests.unit.bars_by_hand import daily


def flip(strategy, bar):
    strategy.close(bar.symbol) if bar.index % 2 else strategy.order(bar.symbol, 10)


@pytest.fixture(scope="module")
def result():
    return ob.backtest("sma_cross", ["AAPL", "MSFT"], start="2009-01-01", risk=ob.STANDARD_RISK)


@pytest.fixture(scope="module")
def sheet(result):
    return lay_out(result)


def test_a_tear_sheet_has_every_section_in_a_readers_order(sheet):
    assert [one.title for one in sheet.sections] == [
        "", "Months", "Over time", "Returns and falls", "Trades", "Exposure",
        "What falls would cost", "Costs", "Limits and refusals",
        "Metrics", "What these figures rest on", "Glossary",
    ]  # fmt: skip
    assert set(sheet.charts) == {"growth", "rolling", "distribution", "moves", "times", "exposure"}


def test_the_same_run_prints_the_same_bytes(result, sheet):
    (first,) = typeset(sheet)
    assert first.startswith(b"%PDF")
    assert tearsheet(result) == first


def test_every_chart_says_in_words_what_it_shows(sheet):
    told = [part for one in sheet.sections for part in one.parts if part["kind"] == "chart"]
    assert len(told) == len(sheet.charts)
    assert all(len(part["alt"]) > 20 for part in told)


def test_costs_on_the_print_are_those_of_the_run(result, sheet):
    (section,) = [one for one in sheet.sections if one.title == "Costs"]
    total = section.parts[-1]["rows"][-1]
    assert total[1]["text"] == f"−{result.metrics['costs_paid']:,.2f}"


@pytest.mark.parametrize("closes", [[10, 11, 12, 13], [10, 11], [10 + n % 3 for n in range(60)]], ids=len)
def test_short_runs_and_those_with_few_trades_print_too(closes):
    printed = tearsheet(run(daily("A", closes), flip))
    assert printed.startswith(b"%PDF")


def test_what_a_user_wrote_is_no_markup(monkeypatch):
    def tagged(strategy, bar):
        strategy.order(bar.symbol, 1 if bar.index % 2 else -1, tag="#panic() *$ @x <y>")

    done = run(daily("A", [10, 11, 12, 13]), tagged)
    assert tearsheet(done).startswith(b"%PDF")


@pytest.mark.parametrize("package", ["typst", "matplotlib"])
def test_a_missing_package_is_one_line_that_says_what_to_install(result, package, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == package:
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=re.escape('pip install "openbell[pdf]"')):
        tearsheet(result)


def test_the_names_of_curves_cover_none_of_them(monkeypatch):
    drawn: list[tuple[float, float]] = []
    real = charts.draw

    def draw(height, paint):
        def keep(figure):
            paint(figure)
            figure.draw_without_rendering()
            drawn.extend(
                (axis.get_legend().get_window_extent().y0, axis.bbox.y1)
                for axis in figure.axes
                if axis.get_legend() is not None
            )

        return real(height, keep)

    monkeypatch.setattr(charts, "draw", draw)
    falling = np.linspace(2.0, 1.0, 50)  # begins where a legend inside the axes would be
    times = np.arange(50) * NANOS_PER_DAY
    with style():
        charts.growth(times, {"held": (falling, "#777777"), "own": (falling, "#000000")})
        charts.histogram(falling - 1.5, falling - 1.4, ("own", "held"))
        charts.moves(-falling, falling, falling - 1.5)
    assert len(drawn) == 3
    assert all(lowest >= top for lowest, top in drawn)
