"""Other histories of the same symbols: by a law that is fitted to the bars, in blocks, or shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from openbell.backtesting.histories import Observed, Parts, Rows
from openbell.backtesting.regimes import fit_regimes
from openbell.core.errors import ConfigError, nearest
from openbell.data.bars import Floats, Series
from openbell.portfolio.bootstrap import block_length, stationary_rows


class Law(Protocol):
    """What histories are drawn by. It has what was fitted and no bars, so that it can be sent."""

    @property
    def told(self) -> Mapping[str, float]:
        """What was fitted, by name; returns are logarithms, of a bar."""

    def draw(self, observed: Observed, random: np.random.Generator) -> list[Series]:
        """Draw a history of what was observed."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Sessions in blocks by the stationary bootstrap, the same ones for all symbols.

    So what moves together goes on to. The first session stays as it is.
    """

    length: float  #: of a block, in sessions on average

    @property
    def told(self) -> Mapping[str, float]:
        """The length."""
        return {"block": self.length}

    def draw(self, observed: Observed, random: np.random.Generator) -> list[Series]:
        """Draw a history."""
        count = observed.sessions - 1
        (found,) = stationary_rows(count, self.length, 1, seed=int(random.integers(2**63)))
        rows = observed.rows_of(np.concatenate([[0], found + 1]))
        return observed.build(observed.parts.pick(rows), rows)


@dataclass(frozen=True, slots=True)
class Permutation:
    """The bars in another order, the same one for all symbols: the end stays, what led to it does not.

    Masters (2020), Permutation and Randomization Tests for Trading System Development: bodies, each with its
    high and low, in one order, and gaps in another; the first bar stays. Gaps over night are put in the
    place of such gaps, those inside a session of such.
    """

    @property
    def told(self) -> Mapping[str, float]:
        """Nothing: there is nothing to fit."""
        return {}

    def draw(self, observed: Observed, random: np.random.Generator) -> list[Series]:
        """Draw an order."""
        parts, width = observed.parts, observed.width
        count = len(parts.gap)
        bodies = np.concatenate([[0], 1 + random.permutation(count - 1)])
        gaps = np.arange(count)
        nights = np.arange(width, count, width)
        inside = np.setdiff1d(gaps[1:], nights)
        for kind in (nights, inside):
            gaps[kind] = random.permutation(kind)
        made = Parts(parts.gap[gaps], parts.up[bodies], parts.down[bodies], parts.body[bodies])
        return observed.build(made, bodies)


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """Normal log returns, in one state or in two that a Markov chain switches between, for all symbols.

    Inside a bar prices take a Brownian path to its close, of whose variance the gap has the share that the
    real gaps have. High and low are drawn from the law of such a path's extremes, given its ends
    (Karatzas and Shreve, 1991, 4.3.40).
    """

    means: Floats  #: (states, symbols)
    roots: Floats  #: (states, symbols, symbols) whose squares the covariances are
    stays: Floats  #: (states,) the probability that a state goes on for another bar
    told: Mapping[str, float] = field(default_factory=dict)

    def draw(self, observed: Observed, random: np.random.Generator) -> list[Series]:
        """Draw a history."""
        parts = observed.parts
        states = self._states(len(parts.gap) - 1, random)
        shocks = random.standard_normal((len(states), len(observed.series)))
        moves = np.empty_like(shocks)
        for state, (mean, root) in enumerate(zip(self.means, self.roots, strict=True)):
            mine = states == state
            moves[mine] = mean + shocks[mine] @ root.T
        variance = (self.roots**2).sum(axis=2)[states]
        drawn = _inside(parts, moves, variance, random)
        whole = (np.concatenate([a[:1], b]) for a, b in zip(parts, drawn, strict=True))
        return observed.build(Parts(*whole))

    def _states(self, count: int, random: np.random.Generator) -> Rows:
        """Draw the states of so many bars."""
        states = np.zeros(count, np.int64)
        if len(self.stays) == 1:
            return states
        calm = (1.0 - self.stays[1]) / (2.0 - self.stays.sum())
        state = int(random.random() >= calm)
        changes = (random.random((2, count)) >= self.stays[:, None]).tolist()
        for at in range(count):
            states[at] = state
            state ^= changes[state][at]
        return states


def fit(name: str, observed: Observed, *, block: float | None = None) -> Law:
    """Fit a law to what was observed.

    Args:
        name: `gbm`, `regimes` or `blocks`.
        observed: The bars.
        block: Of blocks, the mean length in sessions; None chooses it from the market's returns and from
            their sizes: the longer of what keeps the one and the other.

    Raises:
        ConfigError: There is no such law, or the bars have further columns, of which it knows nothing.
        BadData: The returns do not vary.
    """
    if name not in LAWS:
        raise ConfigError(f"prices={name!r} is unknown{nearest(name, LAWS)}")
    fitting = LAWS[name]
    if fitting is None:
        market = observed.market  # whose returns may follow each other by chance while their sizes do not
        length = max(block_length(market), block_length(np.abs(market))) if block is None else block
        return Blocks(min(length, float(observed.sessions - 1)))
    extra = [column for one in observed.series for column in one.extra]
    if extra:
        raise ConfigError(
            f"prices={name!r} cannot make the column {extra[0]!r}, which the bars have beside their prices; "
            "use prices='blocks'"
        )
    return fitting(observed)


def fit_brownian(observed: Observed) -> Normal:
    """Fit a geometric Brownian motion: normal log returns with the means and covariances of the real ones."""
    moves = observed.parts.moves[1:]
    market, one = moves.mean(axis=1), np.ones(1)
    told = {"mean": float(market.mean()), "deviation": float(market.std(ddof=1))}
    root = _root(_covariance(moves, np.ones(len(moves))))
    return Normal(moves.mean(axis=0)[None], root[None], one, told)


def fit_switching(observed: Observed) -> Normal:
    """Fit two regimes of the market, which all symbols share, and each symbol's law in both.

    The chain is fitted to the mean of the symbols' returns by `fit_regimes`; means and covariances are those
    of the returns, weighted with the probability of the regime.
    """
    moves = observed.parts.moves[1:]
    found = fit_regimes(moves.mean(axis=1))
    means = np.array([found.shares[:, k] @ moves / found.shares[:, k].sum() for k in range(2)])
    roots = np.array([_root(_covariance(moves, found.shares[:, k])) for k in range(2)])
    told = {
        f"{state}_{name}": float(value)
        for name, values in (
            ("mean", found.means), ("deviation", found.deviations), ("bars", 1.0 / (1.0 - found.stays)),
        )
        for state, value in zip(("calm", "wild"), values, strict=True)
    }  # fmt: skip
    return Normal(means, roots, found.stays, told)


#: What fits each law; blocks have none.
LAWS: Mapping[str, Callable[[Observed], Law] | None] = {
    "gbm": fit_brownian, "regimes": fit_switching, "blocks": None,
}  # fmt: skip


def _covariance(moves: Floats, weights: Floats) -> Floats:
    """Return the covariances of rows with weights; with equal ones, those of a sample."""
    total = weights.sum()
    centred = moves - weights @ moves / total
    found: Floats = (centred * weights[:, None]).T @ centred / (total - (weights**2).sum() / total)
    return found


def _root(covariance: Floats) -> Floats:
    """Return a matrix whose square a covariance is, also where it has no inverse."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _inside(parts: Parts, moves: Floats, variance: Floats, random: np.random.Generator) -> Parts:
    """Draw what is inside of bars that move so far, (bars, symbols), with such variances."""
    gap, body = parts.gap[1:].var(axis=0), parts.body[1:].var(axis=0)
    share = np.divide(gap, gap + body, out=np.zeros_like(gap), where=gap + body > 0.0)
    gaps = share * moves + np.sqrt(share * (1.0 - share) * variance) * random.standard_normal(moves.shape)
    bodies = moves - gaps
    reach = -2.0 * (1.0 - share) * variance * np.log(1.0 - random.random((2, *moves.shape)))
    up = 0.5 * (bodies + np.sqrt(bodies**2 + reach[0]))
    down = 0.5 * (bodies - np.sqrt(bodies**2 + reach[1]))
    return Parts(gaps, up, down, bodies)
