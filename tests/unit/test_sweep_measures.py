"""What a sweep measures is what a backtest measures."""

from __future__ import annotations

import math

import numpy as np
import pytest

import openbell as ob
from openbell import run
from openbell.backtesting.measures import MEASURES, MINIMISED, measure, read_objectives
from openbell.core.errors import ConfigError
from openbell.portfolio.summary import DESCRIPTIONS

CASES = [
    ("sma_cross", ["AAPL"], {}),
    ("rsi_reversion", ["MSFT"], {}),
    ("pairs_trade", ["AAPL", "MSFT"], {"costs": ob.Costs(margin=ob.REG_T)}),
    ("momentum_rotation", ["AAPL", "IBM", "MSFT"], {"costs": ob.NO_COSTS}),
    ("buy_and_hold", ["IBM"], {"start": "2012-01-03", "end": "2012-01-05"}),
]


@pytest.mark.parametrize(("name", "symbols", "settings"), CASES)
def test_the_figures_are_bit_for_bit_those_of_a_result(name, symbols, settings):
    settings = {"start": "2008-01-01", "end": "2010-12-31"} | settings
    result = ob.backtest(name, symbols, **settings)
    expected = {**result.metrics, "equity": result.final_equity}
    found = measure(run.simulate(*run.prepare(name, symbols, **settings)))
    assert found.dtype == np.float64
    for key, value in zip(MEASURES, found.tolist(), strict=True):
        assert value == expected[key] or (math.isnan(value) and math.isnan(expected[key])), key


def test_every_measure_but_the_equity_is_a_metric():
    assert set(MEASURES) - set(DESCRIPTIONS) == {"equity"}


@pytest.mark.parametrize("name", MEASURES)
def test_costs_and_risk_are_to_be_small_and_all_else_great(name):
    (objective,) = read_objectives(name)
    assert objective.sign == (-1 if name in {"costs_paid", "volatility", "exposure"} else 1)
    assert objective.word == ("lowest" if name in MINIMISED else "highest")
    assert np.argmax(objective.score(np.array([np.nan, 1.0, 2.0]))) == (1 if name in MINIMISED else 2)


def test_a_sign_turns_an_objective_round():
    few, much = read_objectives(["-trades", "+exposure"])
    assert (few.name, few.sign, much.name, much.sign) == ("trades", -1, "exposure", 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("sharp", "objective='sharp' is unknown; did you mean 'sharpe'?"),
        ("-sharp", "objective='-sharp' is unknown; did you mean 'sharpe'?"),
        (["sharpe", "+sharpe"], "objective: 'sharpe' is there twice"),
        ([], "objective=[] names nothing"),
        ([3], "objective=3 is unknown"),
        (None, "objective=None is unknown"),
    ],
)
def test_an_objective_that_is_none_is_refused(given, said):
    with pytest.raises(ConfigError) as error:
        read_objectives(given)
    assert said in str(error.value)
