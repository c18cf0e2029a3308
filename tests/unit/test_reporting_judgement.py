import json
import math

import numpy as np
import pytest

from openbell.portfolio.evidence import Standing, weigh
from openbell.portfolio.reality import Superiority
from openbell.portfolio.tried import Tried
from openbell.reporting.judgement import UNSOUND, Judgement, judge
from openbell.reporting.notices import Notice

RNG = np.random.default_rng(3)
DAYS = RNG.normal(0.0, 1.0, 2520)
DAYS = (DAYS - DAYS.mean()) / DAYS.std(ddof=1)


def record(yearly: float) -> np.ndarray:
    """Return ten years of returns with exactly this yearly Sharpe ratio."""
    return 0.01 * (DAYS + yearly / math.sqrt(252))


def said(yearly: float, *findings: Notice, **known) -> Judgement:
    evidence = weigh(record(yearly), **known)
    return judge(evidence, 252.0, against="holding A", findings=findings)


def test_luck_is_said_with_the_ratio_after_all_trials():
    found = said(0.9, tried=Tried(214, 31.0, 0.03), overfitting=0.62)
    assert str(found) == found.text
    assert found.text.startswith("Not distinguishable from luck: deflated Sharpe ratio 0.")
    assert found.text.endswith(" after 214 trials, PBO 0.62.")
    assert found.detail.startswith(
        "The luckiest of as many worthless trials is expected to reach a Sharpe ratio of 0."
    )
    assert "a year; this one has 0.90. What was chosen on one part of the sample" in found.detail
    assert "in 62.0% of the splits." in found.detail


def test_a_gain_may_be_more_than_luck_and_the_choice_not():
    found = said(2.0, tried=Tried(11, 5.0, 0.01), overfitting=0.63)
    assert found.standing == Standing.LUCK
    assert found.text == (
        "The choice was luck, PBO 0.63, though not what all have in common: "
        "deflated Sharpe ratio above 0.99 after 11 trials."
    )


def test_without_a_ledger_it_counts_as_the_only_trial_and_says_so():
    found = said(0.3)
    assert found.text == (
        "Not distinguishable from luck: probabilistic Sharpe ratio 0.83, counted as the only trial."
    )
    assert found.detail.startswith("How many others were tried is not known here;")


def test_a_first_trial_has_nothing_to_be_deflated_by():
    found = said(0.3, tried=Tried(1, 1.0, 0.0))
    assert found.text == "Not distinguishable from luck: probabilistic Sharpe ratio 0.83, after 1 trial."
    assert not found.detail


def test_a_loss_and_nothing_are_no_evidence():
    assert said(-0.2).text == "No evidence of a gain: the Sharpe ratio is −0.20 a year."
    nothing = judge(weigh(np.zeros(9)), 252.0, against="holding A")
    assert (nothing.standing, nothing.detail) == (Standing.NOTHING, "")
    assert nothing.text == "Nothing to judge: too few returns, or none that vary."


def test_more_than_luck_may_still_be_no_better_than_the_benchmark():
    benchmark = record(1.4) + RNG.normal(0.0, 0.001, 2520)
    found = said(1.3, benchmark=benchmark)
    assert found.standing == Standing.BENCHMARK
    assert "; but not shown to be better than holding A, probability 0." in found.text
    tests = Superiority(0.3, 0.2, 0.25, 0.3, 0)
    assert said(1.3, superiority=tests).text.endswith(
        "not shown to be better than holding A, p-value 0.25 by Hansen's test."
    )


def test_what_is_supported_is_said_soberly():
    assert said(2.0).text == (
        "Unlikely to be luck: probabilistic Sharpe ratio above 0.99, counted as the only trial."
    )
    tests = Superiority(0.001, 0.001, 0.001, 0.001, 0)
    assert "; better than holding A, p-value below 0.01 by Hansen's test" in said(2.0, superiority=tests).text
    against = said(2.0, benchmark=record(0.1)[::-1].copy())
    assert "; better than holding A, probability above 0.99." in against.text


def test_a_serious_finding_weighs_more_than_any_gain_and_less_than_luck():
    free = Notice("serious", "Without costs.", kind="no_costs")
    found = said(2.0, free)
    assert found.standing == UNSOUND
    assert found.text.startswith("Not to be believed before 1 serious finding is understood: probab")
    assert "before 2 serious findings are understood" in said(2.0, free, free).text
    assert said(0.3, free).standing == Standing.LUCK
    assert said(2.0, Notice("caution", "Few trades.")).standing == Standing.SUPPORTED


@pytest.mark.parametrize(("kind", "standing", "text"), [
    ("look_ahead", UNSOUND, "Evidence of nothing: the look-ahead check failed"),
    ("no_trades", Standing.NOTHING, "Nothing to judge: there was no trade."),
    ("ruin", Standing.LOSS, "No evidence of a gain: the account was wiped out."),
])  # fmt: skip
def test_some_findings_decide_alone(kind, standing, text):
    found = said(2.0, Notice("serious", "x", kind=kind))
    assert found.standing == standing
    assert found.text.startswith(text)


def test_as_json_ratios_are_yearly_and_what_is_not_known_is_null():
    values = said(0.9, tried=Tried(40, 20.0, 0.03)).as_json()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["sharpe"] == pytest.approx(0.9)
    assert values["years"] == 10.0
    assert (values["trials"], values["independent_trials"]) == (40, 20.0)
    assert values["luckiest_sharpe"] > 0.5
    assert values["overfitting_probability"] is None
    assert said(-0.2).as_json()["minimum_years"] is None  # no length would do
