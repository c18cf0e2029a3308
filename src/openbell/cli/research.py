"""The commands that doubt a result: many parameters, windows in turn, other courses."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer
from openbell.cli.bundles import Given, Searched
from openbell.cli.options import End, Holdout, Reports, Run, Start, command
from openbell.cli.sweepoptions import Address, Each, Figures, Top, Workers

research = typer.Typer(rich_markup_mode=None)


@command(
    research,
    "openbell sweep sma_cross --symbols AAPL --grid fast=5:60:5 slow=20:200:20",
    'openbell sweep sma_cross --symbols IBM fast=5:60:5 --where "fast < slow"',
    "openbell sweep my.py:Buys --symbols AAPL,MSFT --each --grid days=5,10,20",
)
def sweep(  # noqa: PLR0913  # each is an option of the command line
    strategy: Annotated[
        str, typer.Argument(metavar="STRATEGY", help="A name, FILE.py, FILE.py:NAME or module:NAME.")
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUES", help="More of --grid.")] = None,
    *,
    searched: Searched,
    figures: Figures = "all",
    each: Each = False,
    top: Top = 10,
    given: Given,
    start: Start = None,
    end: End = None,
    holdout: Holdout = None,
    reports: Reports = None,
) -> Answer:
    """Try many values of a strategy's parameters, and write a table and a map.

    VALUES are a range with both ends (5:60:5), a list (5,10,20), or for a sample a span (0.1:0.5, or
    1e-4:1e-1:log). Several symbols are one portfolio, unless --each sweeps each by itself.
    """
    from openbell.cli.sweeps import Asked, run_sweep

    flags = {"reports": reports, "holdout": holdout}
    request = given.request(strategy, start=start, end=end, flags=flags, research=True)
    return run_sweep(request, Asked(searched.joined(more), figures, each, top))


@command(
    research,
    "openbell montecarlo reports/sma_cross-AAPL-1a2b3c4d",
    "openbell montecarlo sma_cross-IBM --draws 50000 --ruin 0.5",
)
def montecarlo(  # noqa: PLR0913  # each is an option of the command line
    run: Run,
    *,
    draws: Annotated[int, typer.Option("--draws", metavar="COUNT", help="How many courses.")] = 10_000,
    block: Annotated[
        float | None, typer.Option("--block", metavar="SESSIONS", help="Mean length of a block; else chosen.")
    ] = None,
    ruin: Annotated[float, typer.Option("--ruin", metavar="SHARE", help="The loss that is ruin.")] = 0.3,
    drop: Annotated[float, typer.Option("--drop", metavar="SHARE", help="Share of trades missed.")] = 0.1,
    confidence: Annotated[
        float, typer.Option("--confidence", metavar="SHARE", help="Of the figures' intervals.")
    ] = 0.95,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Of the draws.")] = 0,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="auto draws here, ray on a cluster.")
    ] = "auto",
    address: Address = None,
    workers: Workers = None,
    reports: Reports = None,
) -> Answer:
    """Draw other courses that a recorded run could have taken.

    Its sessions are drawn anew in blocks, its trades in other orders. Written beside the run: how often such
    courses lose, how deep they fall, and how exact the run's figures are.
    """
    from openbell.cli.montecarlo import Typed, draw_courses
    from openbell.reporting.montecarlo import Asked

    asked = Asked(draws, block, ruin, drop, confidence, seed)
    return draw_courses(run, reports, asked, Typed(engine, address, workers))
