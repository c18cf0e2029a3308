"""The commands that choose on one part of the data and judge on another."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer
from openbell.cli.options import (
    Cash,
    ConfigFolder,
    Costs,
    Data,
    End,
    Environment,
    Holdout,
    Parameters,
    Provider,
    Reports,
    Seed,
    Settings,
    Start,
    Symbols,
    Timeframe,
    Timezone,
    command,
)
from openbell.cli.sweepoptions import (
    Address,
    Anchored,
    Boundary,
    Choose,
    Embargo,
    Folds,
    Gap,
    Grid,
    Lingering,
    Memory,
    Method,
    Objectives,
    Purge,
    Refit,
    Require,
    Resume,
    Samples,
    SweepEngine,
    Test,
    TestFolds,
    Train,
    Where,
    Workers,
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
    grid: Grid = None,
    train: Train,
    test: Test,
    gap: Gap = 0,
    embargo: Embargo = 0,
    anchored: Anchored = False,
    choose: Choose = "plateau",
    boundary: Boundary = "close",
    where: Where = None,
    objective: Objectives = None,
    require: Require = None,
    method: Method = "grid",
    samples: Samples = None,
    refit: Refit = None,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    parameters: Parameters = None,
    settings: Settings = None,
    cash: Cash = None,
    provider: Provider = None,
    data: Data = None,
    timezone: Timezone = None,
    timeframe: Timeframe = None,
    costs: Costs = True,
    seed: Seed = None,
    engine: SweepEngine = "auto",
    address: Address = None,
    workers: Workers = None,
    memory: Memory = None,
    resume: Resume = None,
    holdout: Holdout = None,
    reports: Reports = None,
    config: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Choose parameters on one window, trade the next, and go on so to the end.

    Lengths are bars (504) or time (3y, 6m, 4w, 90d). Written are a page of the windows, a report of all tests
    as one run, and a strategies.yaml with the last choice, which `openbell paper` takes. With --refit
    parameters are chosen on the newest window alone and put into that file: for cron or a timer.
    """
    from openbell.backtesting.windows import Scheme
    from openbell.cli.jobs import Request
    from openbell.cli.searches import Typed
    from openbell.cli.walk import Asked, run_walk

    flags = {"cash": cash, "provider": provider, "timeframe": timeframe, "seed": seed, "reports": reports}
    flags["holdout"] = holdout
    request = Request(
        strategy, symbols=symbols or (), start=start, end=end, parameters=parameters or (),
        settings=settings or (), flags=flags, data=data, timezone=timezone, costs=costs, config=config,
        env=env, research=True,
    )  # fmt: skip
    typed = Typed(
        grid=[*(grid or ()), *(more or ())], where=where, method=method, samples=samples,
        objectives=objective or (), require=require, engine=engine, address=address, workers=workers,
        memory=memory, resume=resume,
    )  # fmt: skip
    scheme = Scheme(train, test, gap, anchored, embargo)
    return run_walk(request, Asked(scheme, typed, choose, boundary, refit))


@command(
    forward,
    "openbell crossvalidate sma_cross --symbols AAPL --folds 6 fast=5,9 slow=30",
)
def crossvalidate(  # noqa: PLR0913  # each is an option of the command line
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Its name, or file.py:Class.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUES", help="More of --grid.")] = None,
    *,
    grid: Grid = None,
    folds: Folds = 6,
    test_folds: TestFolds = 2,
    purge: Purge = 0,
    embargo: Lingering = 0,
    choose: Choose = "plateau",
    where: Where = None,
    objective: Objectives = None,
    require: Require = None,
    method: Method = "grid",
    samples: Samples = None,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    parameters: Parameters = None,
    settings: Settings = None,
    cash: Cash = None,
    provider: Provider = None,
    data: Data = None,
    timezone: Timezone = None,
    timeframe: Timeframe = None,
    costs: Costs = True,
    seed: Seed = None,
    engine: SweepEngine = "auto",
    address: Address = None,
    workers: Workers = None,
    memory: Memory = None,
    resume: Resume = None,
    holdout: Holdout = None,
    reports: Reports = None,
    config: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Choose parameters on some folds of the data, test them on the others, and make paths of the tests.

    All choices of test folds are made, so that each fold is tested by several choices: combinatorial purged
    cross-validation. Written are a page and the figures of each path and each split.
    """
    from openbell.backtesting.folds import Division
    from openbell.cli.crossvalidate import Asked, run_crossvalidation
    from openbell.cli.jobs import Request
    from openbell.cli.searches import Typed

    flags = {"cash": cash, "provider": provider, "timeframe": timeframe, "seed": seed, "reports": reports}
    flags["holdout"] = holdout
    request = Request(
        strategy, symbols=symbols or (), start=start, end=end, parameters=parameters or (),
        settings=settings or (), flags=flags, data=data, timezone=timezone, costs=costs, config=config,
        env=env, research=True,
    )  # fmt: skip
    typed = Typed(
        grid=[*(grid or ()), *(more or ())], where=where, method=method, samples=samples,
        objectives=objective or (), require=require, engine=engine, address=address, workers=workers,
        memory=memory, resume=resume,
    )  # fmt: skip
    return run_crossvalidation(request, Asked(Division(folds, test_folds, purge, embargo), typed, choose))
