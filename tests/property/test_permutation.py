"""Permutation tests: what knows the next move is found out, and noise is as likely anywhere."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from tests.unit.fill_desk import costs, days, series

import openbell as ob
from openbell import run
from openbell.backtesting import pairing, splitmix
from openbell.backtesting.laws import Permutation
from openbell.backtesting.pairing import pair_anew, positions_of
from openbell.backtesting.worlds import Worlds
from openbell.core.errors import BadData
from openbell.portfolio.permutation import permutation_p

BARS = 120
SPANS = days(BARS)


@ob.signal(now=ob.ROC(1))
def follow(now: float) -> float:
    """Long after a rise."""
    return 1.0 if now > 0.0 else 0.0


def walk(seed: int, *, memory: float) -> ob.Result:
    """Run the strategy over a random walk whose returns follow each other by `memory`."""
    random = np.random.default_rng(seed)
    moves = 0.01 * random.standard_normal(BARS)
    for at in range(1, BARS):
        moves[at] += memory * moves[at - 1]
    close = 100.0 * np.exp(np.cumsum(moves))
    opened = np.concatenate([[100.0], close[:-1]])  # no gap: what a bar moves can be had at its open
    rows = [f"{o} {max(o, c)} {min(o, c)} {c} 1e9" for o, c in zip(opened, close, strict=True)]
    return ob.backtest(follow, [series(rows, spans=SPANS)], costs=costs())


def shuffled(result: ob.Result, count: int) -> float:
    """Return the probability by bars in other orders, without all else that a run is put through."""
    series, orders = result.outcome.panel.series, Worlds(Permutation(), 0)
    others = [
        run.simulate(result.plan, result.found, orders.of(series, number)).equity[-1]
        for number in range(count)
    ]
    return permutation_p(result.final_equity, np.array(others))


def test_a_signal_that_knows_the_next_move_is_found_out():
    made = ob.robustness(walk(1, memory=0.8), histories=0, drops=0, permutations=49, engine="event")
    assert made.probability == pytest.approx(1 / 50)
    assert made.pairing is not None
    assert made.pairing < 0.01


def flat(found: list[float], count: int) -> bool:
    """Tell whether probabilities are spread as evenly as so many of them are in 99.9 % of cases."""
    ordered = np.sort(found)
    apart = np.abs(ordered - (np.arange(count) + 0.5) / count).max()
    return bool(apart < 1.95 / np.sqrt(count) + 0.5 / count + 0.05)  # of Kolmogorov; 0.05 is one step of p


def test_of_noise_every_probability_is_as_likely():
    found = [shuffled(walk(seed, memory=0.0), 19) for seed in range(12)]
    assert flat(found, 12)
    assert min(found) < 0.3
    assert max(found) > 0.7


def test_of_noise_every_probability_of_positions_is_as_likely():
    found = []
    for seed in range(40):
        paired = pair_anew(walk(seed, memory=0.0).outcome, draws=400)
        found.append(permutation_p(paired.own, paired.others))
    assert flat(found, 40)
    assert 0.05 <= np.mean(np.array(found) < 0.2) <= 0.4


@pytest.mark.slow
def test_of_much_noise_every_probability_is_as_likely():
    found = [shuffled(walk(seed, memory=0.0), 39) for seed in range(300)]
    assert flat(found, 300)
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.04)


def test_positions_are_those_held_and_earn_what_the_run_earned():
    result = walk(3, memory=0.5)
    weights, returns = positions_of(result.outcome)
    assert weights.shape == returns.shape == (BARS - 1, 1)
    close = result.outcome.panel.series[0].close
    assert returns[:, 0] == pytest.approx(close[1:] / close[:-1] - 1.0)
    held = result.outcome.holdings["X"][:-1] > 0.0
    assert ((weights[:, 0] > 0.0) == held).all()


def test_what_is_compiled_does_what_is_written(monkeypatch):
    outcome = walk(5, memory=0.3).outcome
    compiled = pair_anew(outcome, draws=6, seed=2)
    for name in ("begin", "share_of", "_measure", "_pair"):
        monkeypatch.setattr(pairing, name, getattr(pairing, name).py_func)
    monkeypatch.setattr(splitmix, "processors", lambda: 1)
    with np.errstate(over="ignore"):  # the generator counts modulo 2⁶⁴
        written = pair_anew(outcome, draws=6, seed=2)
    assert written.own == pytest.approx(compiled.own)
    assert written.others == pytest.approx(compiled.others)


def test_the_same_seed_makes_the_same_orders_and_nothing_held_is_refused():
    outcome = walk(4, memory=0.2).outcome
    first, again, other = (pair_anew(outcome, draws=50, seed=seed).others for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    never = ob.backtest(follow, [series(["10 10 10 10"] * 30)]).outcome
    with pytest.raises(BadData, match="cannot be judged"):
        pair_anew(never, draws=5)


def test_the_probability_of_fishers_example():
    """Fisher (1935), The Design of Experiments, 21: Darwin's maize, 863 of the 32,768 signs are as good."""
    eighths = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])
    signs = np.array(list(product((1, -1), repeat=15)))
    others = signs[(signs != np.sign(eighths)).any(axis=1)] @ np.abs(eighths)
    assert permutation_p(float(eighths.sum()), others.astype(float)) == pytest.approx(863 / 32_768)


def test_a_probability_is_never_zero_and_needs_numbers():
    assert permutation_p(3.0, np.array([1.0, 2.0])) == pytest.approx(1 / 3)
    assert permutation_p(1.0, np.array([1.0 + 1e-12, 1.0 - 1e-12, 0.0])) == pytest.approx(3 / 4)
    for own, others in ((np.nan, np.ones(2)), (1.0, np.array([np.nan])), (1.0, np.empty(0))):
        with pytest.raises(BadData, match="numbers are needed"):
            permutation_p(own, others)
