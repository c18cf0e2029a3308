"""The commands that choose on one part of the data and judge on another."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer
from openbell.cli.bundles import Given, Searched
from openbell.cli.options import End, Holdout, Reports, Start, command
from openbell.cli.sweepoptions import (
    Anchored,
    Boundary,
    Choose,
    Embargo,
    Folds,
    Gap,
    Lingering,
    Purge,
    Refit,
    Test,
    TestFolds,
    Train,
)

forward = typer.Typer(rich_markup_mode=None)


@command(
    forward,
    "openbell walkforward sma_cross --symbols AAPL --train 3y --test 1y fast=5,10",
)
def walkforward(  # noqa: PLR0913  # each is an option of the command line
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Its name, or file.py:Class.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUES", help="More of --grid.")] = None,
    *,
    train: Train,
    test: Test,
    gap: Gap = 0,
    embargo: Embargo = 0,
    anchored: Anchored = False,
    choose: Choose = "plateau",
    boundary: Boundary = "close",
    searched: Searched,
    refit: Refit = None,
    given: Given,
    start: Start = None,
    end: End = None,
    holdout: Holdout = None,
    reports: Reports = None,
) -> Answer:
    """Choose parameters on one window, trade the next, and go on so to the end.

    Lengths are bars (504) or time (3y, 6m, 4w, 90d). Written are a page of the windows, a report of all tests
    as one run, and a strategies.yaml with the last choice, which `openbell paper` takes. With --refit
    parameters are chosen on the newest window alone and put into that file: for cron or a timer.
    """
    from openbell.backtesting.windows import Scheme
    from openbell.cli.walk import Asked, run_walk

    flags = {"reports": reports, "holdout": holdout}
    request = given.request(strategy, start=start, end=end, flags=flags, research=True)
    scheme = Scheme(train, test, gap, anchored, embargo)
    return run_walk(request, Asked(scheme, searched.joined(more), choose, boundary, refit))


@command(
    forward,
    "openbell crossvalidate sma_cross --symbols AAPL --folds 6 fast=5,9 slow=30",
)
def crossvalidate(  # noqa: PLR0913  # each is an option of the command line
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Its name, or file.py:Class.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUES", help="More of --grid.")] = None,
    *,
    folds: Folds = 6,
    test_folds: TestFolds = 2,
    purge: Purge = 0,
    embargo: Lingering = 0,
    choose: Choose = "plateau",
    searched: Searched,
    given: Given,
    start: Start = None,
    end: End = None,
    holdout: Holdout = None,
    reports: Reports = None,
) -> Answer:
    """Choose parameters on some folds of the data, test them on the others, and make paths of the tests.

    All choices of test folds are made, so that each fold is tested by several choices: combinatorial purged
    cross-validation. Written are a page and the figures of each path and each split.
    """
    from openbell.backtesting.folds import Division
    from openbell.cli.crossvalidate import Asked, run_crossvalidation

    flags = {"reports": reports, "holdout": holdout}
    request = given.request(strategy, start=start, end=end, flags=flags, research=True)
    division = Division(folds, test_folds, purge, embargo)
    return run_crossvalidation(request, Asked(division, searched.joined(more), choose))
