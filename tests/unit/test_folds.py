"""How sessions are divided for a cross-validation, beside skfolio's splitter."""

from math import comb

import numpy as np
import pytest

from openbell.backtesting.folds import Division
from openbell.core.errors import ConfigError


@pytest.mark.parametrize(
    ("count", "folds", "tests", "purge", "embargo"),
    [(60, 6, 2, 0, 0), (61, 6, 2, 3, 2), (97, 5, 3, 4, 0), (120, 8, 4, 0, 5)],
)
def test_periods_and_paths_are_those_of_skfolio(count, folds, tests, purge, embargo):
    from skfolio.model_selection import CombinatorialPurgedCV

    theirs = CombinatorialPurgedCV(n_folds=folds, n_test_folds=tests, purged_size=purge, embargo_size=embargo)
    made = Division(folds, tests, purge, embargo).divide(count)
    pairs = list(theirs.split(np.zeros((count, 1))))
    assert len(made.splits) == len(pairs) == comb(folds, tests)
    for split, (train, tested) in zip(made.splits, pairs, strict=True):
        assert split.train.tolist() == train.tolist()
        assert [made.folds[fold].tolist() for fold in split.tests] == [one.tolist() for one in tested]
    assert made.paths.tolist() == theirs.recombined_paths.T.tolist()


def test_a_splitter_of_another_package_divides_alike():
    from skfolio.model_selection import CombinatorialPurgedCV

    theirs = CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=2, embargo_size=1)
    made, own = Division(theirs).divide(61), Division(6, 2, 2, 1).divide(61)
    assert made.paths.tolist() == own.paths.tolist()
    assert [one.train.tolist() for one in made.splits] == [one.train.tolist() for one in own.splits]
    assert "CombinatorialPurgedCV" in Division(theirs).setting["splitter"]
    with pytest.raises(ConfigError, match=r"folds=CombinatorialPurgedCV: ValueError: The sum of"):
        Division(theirs).divide(12)


def test_one_fold_at_a_time_is_the_purged_k_fold():
    made = Division(4, 1, purge=2, embargo=1).divide(21)
    assert [one.tests for one in made.splits] == [(0,), (1,), (2,), (3,)]
    assert made.folds[3].tolist() == [15, 16, 17, 18, 19, 20]
    assert made.splits[1].train.tolist() == [0, 1, 2, 13, 14, 15, 16, 17, 18, 19, 20]
    assert made.paths.tolist() == [[0, 1, 2, 3]]


def test_every_path_tests_each_fold_once_and_no_test_is_on_two():
    made = Division(7, 3).divide(70)
    assert made.paths.shape == (comb(7, 3) * 3 // 7, 7)
    for fold in range(7):
        splits = made.paths[:, fold].tolist()
        assert len(set(splits)) == len(splits)
        assert all(fold in made.splits[one].tests for one in splits)


def test_a_splitter_that_makes_no_paths_is_refused():
    class Once:
        def split(self, X):  # noqa: N803  # as other packages name it
            yield np.arange(10, len(X)), [np.arange(10)]

    with pytest.raises(ConfigError, match="folds=Once does not test every period equally often"):
        Division(Once()).divide(30)


@pytest.mark.parametrize(
    ("division", "said"),
    [
        (Division(1), "folds=1 must be a whole number, 2 or more"),
        (Division(6, 0), "test_folds=0 must be a whole number, 1 or more"),
        (Division(6, 2, purge=-1), "purge=-1 must be"),
        (Division(6, 2, embargo=1.5), "embargo=1.5 must be"),  # type: ignore[arg-type]
        (Division(6, 6), "test_folds=6 leaves none of folds=6"),
        (Division(30, 15), "155,117,520 splits, and 20,000 are the most"),
        (Division(6, 2, purge=9), "purge=9 and embargo=0 leave nothing of a fold of 10 sessions"),
    ],
)
def test_a_number_that_does_not_fit_is_named(division, said):
    with pytest.raises(ConfigError, match=said):
        division.divide(60)
