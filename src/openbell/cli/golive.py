"""The command `openbell live`: what may be typed."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer, Exit
from openbell.cli.options import (
    Cash,
    ConfigFolder,
    Environment,
    Parameters,
    Seed,
    Settings,
    Symbols,
    command,
)
from openbell.cli.sessions import State

accounts = typer.Typer()


@command(
    accounts,
    "openbell live config/live.yaml",
    "openbell live sma_cross --symbols AAPL --broker alpaca --feed alpaca",
    codes=(Exit.FAILED,),
)
def live(  # noqa: PLR0913  # each is an option of the command line
    strategy: Annotated[
        str, typer.Argument(metavar="FILE|STRATEGY", help="A live.yaml, a strategies.yaml, or a strategy.")
    ],
    *,
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="NAME", help="The account, by its name in brokers.yaml.")
    ] = None,
    feed: Annotated[
        str | None, typer.Option("--feed", metavar="PROVIDER", help="Whose stream brings the bars.")
    ] = None,
    symbols: Symbols = None,
    parameters: Parameters = None,
    settings: Settings = None,
    cash: Cash = None,
    seed: Seed = None,
    history: Annotated[
        int | None, typer.Option("--history", metavar="BARS", min=0, help="Bars of before, for indicators.")
    ] = None,
    hours: Annotated[
        bool, typer.Option("--sessions", help="Listen while the exchange is open only, day after day.")
    ] = False,
    state: State = None,
    new: Annotated[
        bool, typer.Option("--new", help="Begin anew, although an interrupted session could go on.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes-trade-real-money", help="Do not ask before real money is traded.")
    ] = False,
    config: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Trade on a broker's account.

    The account, its strategies and limits are shown first. Real money is traded only after somebody has
    typed the account's id, or --yes-trade-real-money. Ctrl-C or `openbell stop` ends it; the same command
    goes on where it was.
    """
    from openbell.cli.jobs import Request
    from openbell.cli.live import Going, run_account

    request = Request(
        strategy,
        symbols=symbols or (),
        parameters=parameters or (),
        settings=settings or (),
        flags={"cash": cash, "seed": seed},
        config=config,
        env=env,
        feed=feed,
    )
    return run_account(request, Going(state, new, yes, broker, history, hours))
