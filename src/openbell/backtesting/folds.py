"""How periods are divided for a cross-validation, and which tests make a whole path together.

Purged k-fold and combinatorial purged cross-validation: López de Prado (2018), Advances in Financial Machine
Learning, chapters 7 and 12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import ConfigError, Translation
from openbell.strategies.faults import said

Periods = NDArray[np.int64]
_MOST = 20_000


class Splitter(Protocol):
    """A combinatorial splitter of another package, such as skfolio's `CombinatorialPurgedCV`."""

    def split(self, X: Any) -> Any:  # noqa: N803  # the packages' own name
        """Yield the periods of training, and a list of those of each test."""


class Split(NamedTuple):
    """One way to divide the periods."""

    train: Periods
    tests: tuple[int, ...]  #: the folds that are tested


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """All ways to divide the periods, and the paths that their tests make."""

    folds: tuple[Periods, ...]  #: the periods of each
    splits: tuple[Split, ...]

    @property
    def paths(self) -> NDArray[np.int64]:
        """(paths, folds) which split tests a fold on a path: each of its tests is on one path."""
        by_fold = [
            [at for at, one in enumerate(self.splits) if fold in one.tests] for fold in range(len(self.folds))
        ]
        return np.array(by_fold, np.int64).T


@dataclass(frozen=True, slots=True)
class Division:
    """How periods are to be divided: into how many folds, and what lies between training and tests.

    Folds are as long as each other, but for the last, which has what is left over as well. With one fold
    tested at a time it is the purged k-fold, with one path.
    """

    folds: int | Splitter = 6  #: or another package's splitter, which decides all else too
    test_folds: int = 2  #: tested at a time
    purge: int = 0  #: periods before and after a test that are not trained on
    embargo: int = 0  #: periods after a test, beside those

    def divide(self, count: int) -> Folds:
        """Divide `count` periods.

        Raises:
            ConfigError: A number does not fit.
        """
        if not isinstance(self.folds, int):
            return _divide_by(self.folds, count)
        self._check(self.folds, count)
        size = count // self.folds
        bounds = [fold * size for fold in range(self.folds)] + [count]
        parts = tuple(np.arange(low, high) for low, high in pairwise(bounds))
        splits = []
        for tests in combinations(range(self.folds), self.test_folds):
            free = np.ones(count, np.bool_)
            for fold in tests:
                low, high = bounds[fold], bounds[fold + 1]
                free[max(low - self.purge, 0) : high + self.purge + self.embargo] = False
            splits.append(Split(np.flatnonzero(free), tests))
        return Folds(parts, tuple(splits))

    @property
    def setting(self) -> dict[str, Any]:
        """What it is, as JSON values."""
        if not isinstance(self.folds, int):
            return {"splitter": " ".join(repr(self.folds).split())}
        return {"test_folds": self.test_folds, "purge": self.purge, "embargo": self.embargo}

    def _check(self, folds: int, count: int) -> None:
        """Refuse numbers that do not fit."""
        for name, value, least in (
            ("folds", folds, 2), ("test_folds", self.test_folds, 1), ("purge", self.purge, 0),
            ("embargo", self.embargo, 0),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name}={value!r} must be a whole number, {least} or more")
        if self.test_folds >= folds:
            raise ConfigError(
                f"test_folds={self.test_folds} leaves none of folds={folds} to train on; test fewer"
            )
        splits = math.comb(folds, self.test_folds)
        if splits > _MOST:
            raise ConfigError(
                f"folds={folds}, test_folds={self.test_folds} are {splits:,} splits, and "
                f"{_MOST:,} are the most; take fewer folds"
            )
        size = count // folds
        if size < 2 or self.purge + self.embargo >= size - 1:
            raise ConfigError(
                f"purge={self.purge} and embargo={self.embargo} leave nothing of a fold of {size} sessions; "
                "make them smaller, or widen the range of dates"
            )


def _divide_by(splitter: Splitter, count: int) -> Folds:
    """Return how another package's splitter divides `count` periods.

    Raises:
        ConfigError: It refuses, or yields no list of tests.
    """
    name = type(splitter).__name__
    with Translation(lambda error, _: ConfigError(f"folds={name}: {said(error)}")):
        made = [
            (np.asarray(train), [np.asarray(one) for one in tests])
            for train, tests in splitter.split(np.zeros((count, 1)))
        ]
        known = sorted({tuple(one.tolist()) for _, tests in made for one in tests})
        splits = tuple(
            Split(train, tuple(sorted(known.index(tuple(one.tolist())) for one in tests)))
            for train, tests in made
        )
    folds = Folds(tuple(np.array(one, np.int64) for one in known), splits)
    tested = [sum(fold in one.tests for one in splits) for fold in range(len(known))]
    if not known or len(set(tested)) != 1 or sum(map(len, known)) != count:
        raise ConfigError(
            f"folds={name} does not test every period equally often, so that its tests make no paths; "
            "give a combinatorial one, such as skfolio's CombinatorialPurgedCV"
        )
    return folds
