"""The command line of `robustness`: a recorded run again, under doubt."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer
from openbell.cli.options import Reports, Run, command
from openbell.cli.sweepoptions import Address, Memory, SweepEngine, Workers

doubts = typer.Typer(rich_markup_mode=None)


@command(
    doubts,
    "openbell robustness sma_cross-IBM",
    "openbell robustness sma_cross-IBM --histories 1000 --prices blocks",
    "openbell robustness sma_cross-IBM --histories 0 --permutations 0 --drop 0.2",
)
def robustness(  # noqa: PLR0913  # each is an option of the command line
    run: Run,
    *,
    prices: Annotated[
        str, typer.Option("--prices", metavar="LAWS", help="Of other histories: gbm, regimes, blocks.")
    ] = "gbm,regimes,blocks",
    histories: Annotated[
        int, typer.Option("--histories", metavar="COUNT", help="How many of each; 0 for none.")
    ] = 200,
    permutations: Annotated[
        int, typer.Option("--permutations", metavar="COUNT", help="Of the prices; 0 for none.")
    ] = 200,
    drop: Annotated[float, typer.Option("--drop", metavar="SHARE", help="Share of entries missed.")] = 0.1,
    drops: Annotated[
        int, typer.Option("--drops", metavar="COUNT", help="How many times others are missed; 0 for never.")
    ] = 20,
    figure: Annotated[
        str, typer.Option("--figure", metavar="NAME", help="What decides, such as total_return.")
    ] = "sharpe",
    block: Annotated[
        float | None, typer.Option("--block", metavar="SESSIONS", help="Mean length of a block; else chosen.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Of all that is drawn.")] = 0,
    engine: SweepEngine = "auto",
    address: Address = None,
    workers: Workers = None,
    memory: Memory = None,
    reports: Reports = None,
) -> Answer:
    """Run a recorded run again: dearer, late, over other histories, over shuffled prices.

    Written beside the run: what is left of its return, Sharpe ratio and drawdown under each, where it lies
    among histories that could have been, and how likely so good a run is where prices have no pattern.
    """
    from openbell.cli.robustness import doubt
    from openbell.reporting.robustness import Asked
    from openbell.searching import Search

    laws = tuple(name.strip() for name in prices.split(","))
    asked = Asked(laws, histories, permutations, drop, drops, figure, block, seed)
    search = Search(engine=engine, address=address, workers=workers, memory=memory)
    return doubt(run, reports, asked, search)
