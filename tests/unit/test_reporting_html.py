import json
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.core.costs import Costs
from openbell.core.errors import ConfigError
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting import identity
from openbell.reporting.findings import look_ahead
from openbell.reporting.html import headline, page, palette, sections
from openbell.reporting.result import Result
from openbell.reporting.words import figure, span
from tests.unit.acting import idle, run
from tests.unit.bars_by_hand import daily, minutes

EVIL = "<script>alert('x')</script>"


def flip(strategy: Any, bar: Any) -> None:
    if bar.index % 2:
        strategy.close(bar.symbol)
    else:
        strategy.order(bar.symbol, 10)


def html(result: Result, lookahead=None) -> str:
    return page.render(result, identity.describe(result, lookahead=lookahead))


def without_plotly(text: str) -> str:
    return text.replace(page.plotly_script(), "")


def figures(text: str) -> dict[str, Any]:
    found = re.search(r"<script type='application/json' id='figures'>(.*?)</script>", text, re.DOTALL)
    assert found
    drawn: dict[str, Any] = json.loads(found[1])
    return drawn


class Outline(HTMLParser):
    """What tags are open and which ids there are."""

    VOID = frozenset({"meta", "link", "br", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"][1:]] if named.get("href", "").startswith("#") else []
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


@pytest.fixture(scope="module")
def example() -> Result:
    return ob.backtest("sma_cross", "AAPL")


@pytest.fixture(scope="module")
def text(example) -> str:
    return html(example)


def test_the_page_is_well_formed_with_headings_captions_and_working_links(text):
    outline = Outline()
    outline.feed(without_plotly(text))
    assert outline.stack == []
    assert outline.counts["h1"] == 1
    assert outline.counts["table"] == outline.counts["caption"]
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.links) <= set(outline.ids)


def test_the_page_loads_nothing_from_anywhere(text):
    own = without_plotly(text)
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", own)
    assert "default-src 'none'" in own
    assert page.plotly_script() in text


def test_the_headline_says_what_came_of_it_and_what_it_cost(text, example):
    m = example.metrics
    assert f"100,000 became {example.final_equity:,.0f}: {m['cagr']:.1%} a year after costs" in text
    assert "points a year less than holding AAPL" in text
    assert f"Costs are counted: {m['costs_paid']:,.0f}" in text
    assert "Commission: 0.005 a share, at least 1 an order, at most 1% of the value." in text


def test_every_metric_is_there_with_its_meaning(text):
    for metric in DESCRIPTIONS.values():
        assert escape(metric.label.replace(" %", "%")) in text
        assert escape(metric.meaning.replace(" %", "%")) in text


def test_the_page_stays_small(text):
    assert len(text) < 6_000_000


def test_a_run_without_costs_says_so_at_the_top(example):
    result = run(daily("A", [10, 11, 12, 13]), flip)
    top = html(result).split("<nav")[0]
    assert "Without costs" in top
    assert "before any costs" in top
    assert "better than trading would have given" in top


def test_what_users_wrote_is_escaped():
    def act(strategy, bar):
        if bar.index == 0:
            strategy.order(bar.symbol, 10, tag=EVIL)
        if bar.index == 2:
            strategy.order(bar.symbol, -10, tag=EVIL)

    result = run(daily(EVIL, [10, 11, 12, 13, 14]), act)
    evil = replace(result.plan, benchmark=EVIL, parameters={EVIL: EVIL})
    found = replace(result.found, name=EVIL, source=EVIL, origin=EVIL)
    made = html(
        Result(evil, found, result.outcome, result.benchmark_curve),
        {"clean": True, "kind": "clean", "text": EVIL},
    )
    assert EVIL not in made
    assert "<script>alert" not in made
    drawn = json.dumps(figures(made)["figures"])
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_findings_come_first_the_worst_before_the_rest(example):
    body = html(example, {"clean": True, "kind": "suspect", "text": "look at the table"})
    know = body.split("id='know'")[1].split("</section>")[0]
    assert know.index("Look at the table") < know.index("was chosen by somebody")
    assert "<li class='caution'><span class='level'>Look-ahead" in know
    checked = {"clean": False, "text": "look-ahead: 1.5 became 2. It reads the close."}
    (told,) = (one._asdict() for one in look_ahead(example, checked))
    assert "<strong>Look-ahead: 1.5 became 2.</strong> <span class='detail'>It reads the close.</span> " in (
        headline.notices([told])
    )
    assert "<span class='remedy'>Mend what is named, and run it again.</span>" in headline.notices([told])


def test_what_the_evidence_supports_is_said_before_anything_else(example):
    body = html(example).split("<header>")[1]
    said = f"</h1><p class='judgement benchmark'>{example.verdict.text}</p><p class='grounds'>"
    assert said in body
    bad = html(example, {"clean": False, "text": "look-ahead: 1.5 became 2."})
    assert "<p class='judgement unsound'>Evidence of nothing: the look-ahead check failed" in bad


def test_a_result_knows_of_the_look_ahead_check_that_was_made_of_it():
    result = ob.backtest("sma_cross", "AAPL", start="2012-01-01")
    assert any(one.text == "No look-ahead check was made." for one in result.findings)
    verdict = ob.check_lookahead(result, cuts=2)
    assert [one.figure for one in result.findings if one.kind == "look_ahead"] == [verdict.cuts]
    assert identity.describe(result)["lookahead"] == verdict.as_json()
    assert "No look-ahead check" not in html(result)
    result.take_check({"clean": False, "text": "x"})
    assert result.verdict.standing == "unsound"


@pytest.mark.parametrize(("clean", "kind", "level"), [
    (False, "leak", "serious"), (True, "clean", "note"), (True, "suspect", "caution"),
])  # fmt: skip
def test_a_look_ahead_check_is_as_serious_as_what_it_found(example, clean, kind, level):
    (told,) = look_ahead(example, {"clean": clean, "kind": kind, "text": "x", "cuts": 3})
    assert (told.level, told.text, told.figure) == (level, "X", 3.0)
    (told,) = look_ahead(example, None)
    assert told.text == "No look-ahead check was made."


# --- words -------------------------------------------------------------------------------------------------


def verdict(own: float, its: float, *, years: float = 2.0, **settings) -> str:
    result = run(daily("A", [10.0, *[10.0] * int(years * 365.25)]), idle, costs=Costs(), **settings)
    result.__dict__["metrics"] = {"cagr": own, "total_return": own, "max_drawdown": -0.2, "costs_paid": 0.0}
    return headline.summary(result, {"cagr": its, "total_return": its, "max_drawdown": -0.3})


def test_the_verdict_compares_with_holding():
    assert "10.0% a year after costs, 2.0 points a year more than holding A (8.0%)." in verdict(0.1, 0.08)
    assert "1.0 point a year less than holding A" in verdict(0.07, 0.08)
    assert "as much as holding A." in verdict(0.08, 0.08)
    assert "At worst it fell 20.0% from a peak; holding A fell 30.0%." in verdict(0.1, 0.08)
    assert "a year" not in verdict(0.1, 0.08, years=0.5)


def test_a_verdict_that_cannot_be_given_says_what_is_known():
    assert verdict(np.nan, 0.08) == "100,000 became 100,000."
    short = run(daily("A", [10.0]), idle)
    assert headline.summary(short, short.metrics) == "100,000 became 100,000."
    result = run(daily("A", [10.0, 10.0]), idle)
    result.__dict__["metrics"] = {"total_return": 0.1, "max_drawdown": np.nan}
    assert headline.summary(result, {"total_return": 0.1, "max_drawdown": 0.0}).endswith("holding A.")


def test_the_benchmark_has_a_name():
    one, two = daily("A", [10, 11]), daily("B", [10, 11])
    assert headline.benchmark_name(run(one, idle)) == "holding A"
    assert headline.benchmark_name(run([one, two], idle)) == "holding all 2 in equal parts"
    result = run(one, idle)
    named = Result(
        replace(result.plan, benchmark="SPY"), result.found, result.outcome, result.benchmark_curve
    )
    assert headline.benchmark_name(named) == "holding SPY"


def test_a_title_lists_a_few_symbols():
    many = [daily(f"S{i}", [10, 11]) for i in range(7)]
    assert headline.title(run(many, idle)) == "acting on S0, S1, S2, S3 and 3 more"


# --- sections ----------------------------------------------------------------------------------------------


def test_months_compound_to_years_and_are_shaded(example):
    made = sections.months(example)
    assert made.count("<tr>") == 1 + 14
    assert "class='number g5'" in made
    assert "class='number l5'" in made


def test_a_month_that_cannot_be_computed_is_a_dash():
    assert sections._shaded(float("nan")).text == "–"
    assert sections._shaded(0.0).css == ""


def test_falls_tell_whether_they_are_over():
    result = run(
        daily("A", [10, 10, 12, 9, 13, 11]), lambda s, b: s.order("A", 1000) if b.index == 0 else None
    )
    made = sections.falls(result)
    assert "not yet" in made
    assert "2024-01-05" in made
    assert "never fell" in sections.falls(run(daily("A", [10, 11, 12]), idle))


def test_a_long_list_of_trades_is_cut_and_says_so():
    result = run(daily("A", [10.0 + at % 3 for at in range(1100)]), flip)
    made = sections.trades(result)
    assert made.count("<tr>") == 501
    assert "The first 500 of 550 trades" in made


def test_trades_of_intraday_bars_have_their_minutes_and_open_ones_are_said():
    result = run(minutes("A", [10.0, 11, 12, 13, 14]), flip)
    made = sections.trades(result)
    assert "2024-01-01 00:01" in made
    assert "still open" in sections.trades(run(daily("A", [10, 11, 12]), lambda s, _: s.order("A", 1)))
    assert sections.trades(run(daily("A", [10, 11, 12]), idle)) == "<p>There were no trades.</p>"


def test_assumptions_tell_of_margin_volume_and_other_sizers():
    class Mine(ob.ShareOfEquity):
        pass

    costs = Costs(margin=ob.REG_T, volume_share=0.0)
    made = html(run(daily("A", [10, 11, 12]), idle, costs=costs, sizer=Mine()))
    assert "margin account: initial 50%, maintenance 25%, short sales allowed, borrow 1% a year" in made
    assert "no limit" in made
    assert "<dd>Mine</dd>" in made
    assert "The strategy&#x27;s code" not in made or "<details>" in made


def test_a_strategy_typed_at_a_prompt_has_no_code_to_show():
    result = run(daily("A", [10, 11, 12]), idle)
    bare = Result(result.plan, replace(result.found, source=""), result.outcome, result.benchmark_curve)
    assert "<details>" not in html(bare)


# --- files ------------------------------------------------------------------------------------------------


def test_a_plotly_without_its_script_is_named(monkeypatch, tmp_path):
    page.plotly_script.cache_clear()
    for spec in (None, type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})):
        monkeypatch.setattr(page, "find_spec", lambda _, spec=spec: spec)
        with pytest.raises(ConfigError, match="reinstall the package `plotly`"):
            page.plotly_script()
    folder = tmp_path / "package_data"
    folder.mkdir()
    (folder / "plotly.min.js").write_text("a = '</script>'")
    assert page.plotly_script() == "a = '<\\/script>'"
    page.plotly_script.cache_clear()


def test_the_pages_own_files_are_in_the_package():
    folder = Path(page.__file__).parent
    assert "</script" not in (folder / "script.js").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in palette.css()


@pytest.mark.parametrize(("days", "text"), [
    (173.2, "173 days"), (1.0, "1 day"), (2.5, "2.5 days"), (0.5, "12 hours"), (1 / 24, "1 hour"),
    (0.04, "58 minutes"), (3 / 1440, "3 minutes"), (0.0, "0 seconds"), (30 / 86_400, "30 seconds"),
    (-0.25, "-6 hours"),
])  # fmt: skip
def test_a_length_of_time_is_told_in_a_unit_that_says_something(days, text):
    assert span(days) == text


def test_trades_within_a_day_are_held_for_minutes_and_not_for_no_days():
    result = run(minutes("A", [100.0, 101.0, 99.0, 100.0] * 20), flip)
    assert 0.0 < result.metrics["average_holding"] < 0.01
    told = figure("average_holding", result.metrics["average_holding"])
    assert told == "1 minute"
    assert f"<td class='number'>{told}</td>" in html(result)
