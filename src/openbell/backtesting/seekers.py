"""Searches that look at what came of combinations before they choose the next ones."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from openbell.backtesting.axes import Axis
from openbell.backtesting.grid import Check, Combinations
from openbell.core.errors import ConfigError

#: How good a combination is in each objective; minus infinity where it does not count.
Score = tuple[float, ...]
#: The share of an axis that a coordinate search begins to step by.
_FIRST_STEP = 4
#: Combinations that are asked for at a time, and what share of all: the same however many workers there are.
_BATCH, _ROUNDS = 8, 20
#: Asks for each new combination that is wanted, before the search counts as having come to its end.
_TRIES = 8


class Seeker(Protocol):
    """Chooses combinations, round by round."""

    @property
    def most(self) -> int | None:
        """Return how many combinations it tries at most, where that is known."""

    def propose(self) -> list[dict[str, Any]]:
        """Return what to try next, each for the first time; nothing when the search is over."""

    def learn(self, scores: Sequence[Score]) -> None:
        """Take how good the last proposals are, in their order."""


class CoordinateSearch:
    """Steps from the middle of a grid along each parameter, to what is best, until no step helps.

    Steps begin with a quarter of each parameter's values and halve where none helps; a parameter that is no
    number is stepped to each of its other values. Kolda, Lewis and Torczon (2003), Optimization by Direct
    Search, section 3 (compass search), with all steps of a round tried at a time.
    """

    most: int | None = None

    def __init__(self, grid: Combinations) -> None:
        """Take the combinations of a grid that may be tried."""
        self._names = grid.names
        self._numeric = [_is_numeric(values) for values in grid.values]
        self._order = [_ordered(values) for values in grid.values]
        self._values = [
            [values[at] for at in order] for values, order in zip(grid.values, self._order, strict=True)
        ]
        places = np.stack(
            [np.argsort(order)[grid.codes[:, at]] for at, order in enumerate(self._order)], axis=1
        )
        self._allowed = {tuple(row) for row in places.tolist()}
        self._sizes = [len(values) for values in self._values]
        self._steps = [max(size // _FIRST_STEP, 1) for size in self._sizes]
        middle = np.array([(size - 1) / 2.0 for size in self._sizes])
        near = np.abs((places - middle) / np.maximum(middle, 1.0)).sum(axis=1)
        self._at: tuple[int, ...] = tuple(places[int(np.argmin(near))].tolist())
        self._known: dict[tuple[int, ...], Score] = {}
        self._asked: list[tuple[int, ...]] = []

    def propose(self) -> list[dict[str, Any]]:
        """Return the neighbours that are not known yet."""
        self._asked = [self._at] if self._at not in self._known else self._next()
        return [self._named(place) for place in self._asked]

    def learn(self, scores: Sequence[Score]) -> None:
        """Take how good they are."""
        self._known.update(zip(self._asked, scores, strict=True))

    def _next(self) -> list[tuple[int, ...]]:
        """Go where it is best, and return what is not known around there; nothing at the end."""
        while True:
            near = self._neighbours()
            unknown = [place for place in near if place not in self._known]
            if unknown:
                return unknown
            best = max(near, key=self._known.__getitem__, default=self._at)
            if self._known[best] > self._known[self._at]:
                self._at = best
            elif all(step == 1 for step in self._steps):
                return []
            else:
                self._steps = [max(step // 2, 1) for step in self._steps]

    def _neighbours(self) -> list[tuple[int, ...]]:
        found = []
        for axis, size in enumerate(self._sizes):
            step, at = self._steps[axis], self._at[axis]
            steps = (at - step, at + step) if self._numeric[axis] else range(size)
            for to in steps:
                place = (*self._at[:axis], to, *self._at[axis + 1 :])
                if to != at and 0 <= to < size and place in self._allowed:
                    found.append(place)
        return found

    def _named(self, place: tuple[int, ...]) -> dict[str, Any]:
        return {name: values[at] for name, values, at in zip(self._names, self._values, place, strict=True)}


class TreeSearch:
    """Optuna's tree-structured Parzen estimator, seeded; a batch at a time, so that workers have work.

    Bergstra, Bardenet, Bengio and Kégl (2011), Algorithms for Hyper-Parameter Optimization. Of several
    objectives the first guides it.
    """

    def __init__(
        self,
        axes: Sequence[Axis],
        samples: int,
        seed: int,
        *,
        check: Check,
        meets: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        """Take what to search in, and what may be tried.

        Raises:
            ConfigError: Optuna is not installed, or a value is wrong.
        """
        self._optuna = load_optuna()
        self._meets, self._check = meets, check
        self.most: int | None = samples
        self._batch = max(_BATCH, samples // _ROUNDS)
        self._axes = [_Sought.of(axis, self._optuna, check) for axis in axes]
        with warnings.catch_warnings():  # some of the sampler's settings count as experimental
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            sampler = self._optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self._study = self._optuna.create_study(direction="maximize", sampler=sampler)
        self._known: dict[str, Score] = {}
        self._asked: dict[str, list[Any]] = {}

    def propose(self) -> list[dict[str, Any]]:
        """Return a batch of combinations that were not tried before."""
        wanted = min(self._batch, (self.most or 0) - len(self._known))
        self._asked = {}
        found: list[dict[str, Any]] = []
        for _ in range(wanted * _TRIES):
            if len(found) == wanted:
                break
            trial = self._study.ask({one.axis.name: one.distribution for one in self._axes})
            named = {one.axis.name: one.value(trial.params[one.axis.name]) for one in self._axes}
            key = repr(named)
            if key in self._asked:
                self._asked[key].append(trial)
            elif key in self._known:
                self._tell(trial, self._known[key])
            elif not self._meets(named):
                self._tell(trial, (-np.inf,))
            else:
                self._asked[key] = [trial]
                found.append(named)
        return found

    def learn(self, scores: Sequence[Score]) -> None:
        """Take how good they are."""
        for (key, trials), score in zip(self._asked.items(), scores, strict=True):
            self._known[key] = score
            for trial in trials:
                self._tell(trial, score)

    def _tell(self, trial: Any, score: Score) -> None:
        """Tell the study; what does not count is worse than all that does."""
        if np.isfinite(score[0]):
            self._study.tell(trial, score[0])
        else:
            self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)


class _Sought:
    """One parameter as Optuna sees it: a place in an ordered list or in any list, or a share of draws."""

    def __init__(self, axis: Axis, distribution: Any, value: Callable[[Any], Any]) -> None:
        self.axis, self.distribution, self.value = axis, distribution, value

    @classmethod
    def of(cls, axis: Axis, optuna: Any, check: Check) -> _Sought:
        kinds = optuna.distributions
        if axis.values is None:
            return cls(
                axis, kinds.FloatDistribution(0.0, 1.0), lambda share: check(axis.name, axis.quantile(share))
            )
        values = [check(axis.name, value) for value in axis.values]
        listed = [values[at] for at in _ordered(values)]
        if _is_numeric(listed):
            return cls(axis, kinds.IntDistribution(0, len(listed) - 1), listed.__getitem__)
        return cls(axis, kinds.CategoricalDistribution(range(len(listed))), listed.__getitem__)


def load_optuna() -> Any:
    """Return the package, which is told to be quiet.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        raise ConfigError('Optuna is not installed; pip install "openbell[research]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _ordered(values: Sequence[Any]) -> list[int]:
    """Return the places of values in their order: of numbers from small to great, else as they are listed."""
    places = list(range(len(values)))
    return sorted(places, key=values.__getitem__) if _is_numeric(values) else places
