"""The commands of `openbell data` that ask providers. Each loads what does the work when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer, Exit
from openbell.cli.data import CatalogFolder, data
from openbell.cli.options import ConfigFolder, End, Environment, Overrides, command

__all__ = ["data"]

Timeframe = Annotated[str, typer.Option("--timeframe", metavar="TIME", help="A bar's length.")]
Feed = Annotated[
    str | None, typer.Option("--feed", metavar="NAME", help="Which of its tapes; else the setting's.")
]
Names = Annotated[list[str] | None, typer.Argument(metavar="[PROVIDER]...", help="Which; else all.")]


@command(
    data,
    "openbell data fetch AAPL MSFT --provider yahoo --start 2000-01-01",
    "openbell data fetch AAPL --provider alpaca --timeframe 1m --start 2024-01-02",
    "openbell data fetch AAPL --provider alpaca,yahoo --start 2020-01-01",
    codes=(Exit.FAILED,),
)
def fetch(  # noqa: PLR0913  # each is an option of the command line
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="Which.")],
    *,
    provider: Annotated[
        str, typer.Option("--provider", metavar="A,B", help="Whom to ask, and whom where that fails.")
    ],
    start: Annotated[str, typer.Option("--start", metavar="DATE", help="The first day.")],
    end: End = None,
    timeframe: Timeframe = "1d",
    feed: Feed = None,
    revise: Annotated[
        bool, typer.Option("--revise", help="Ask for all again, and replace what differs.")
    ] = False,
    catalog: CatalogFolder = None,
    settings: Overrides = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Fetch prices into the catalog, with splits, dividends and facts.

    Only what is missing is asked for, and each page is stored when it comes: run it again to go on after
    Ctrl-C. Bars of a session that is not over are left out.
    """
    from openbell.cli.fetching import Request, run_fetch

    return run_fetch(
        Request(
            symbols=symbols,
            provider=provider,
            feed=feed,
            timeframe=timeframe,
            start=start,
            end=end,
            revise=revise,
            catalog=catalog,
            settings=settings or (),
            folder=folder,
            env=env,
        )
    )


@command(data, "openbell data providers", "openbell data providers alpaca", "openbell data providers --ask")
def providers(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PROVIDER]...", help="Which; else all.")
    ] = None,
    *,
    ask: Annotated[bool, typer.Option("--ask", help="Ask each for a few bars.")] = False,
    settings: Overrides = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """List where prices can be fetched, what is installed and which keys are set."""
    from openbell.cli.asking import list_providers
    from openbell.cli.fetching import load_overrides

    return list_providers(names or (), load_overrides(settings or (), folder, env), ask=ask)


@command(
    data,
    "openbell data check yahoo",
    "openbell data check alpaca --symbol MSFT --feed sip",
    codes=(Exit.FAILED,),
)
def check(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="Which.")],
    *,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="SYMBOL", help="Of what; else a usual one.")
    ] = None,
    feed: Feed = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="NUMBER", min=0, help="How long to watch the stream.")
    ] = 5.0,
    settings: Overrides = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Ask a provider for one of everything that it has: facts, bars, actions, a quote, its stream."""
    from openbell.cli.asking import check_provider
    from openbell.cli.fetching import load_overrides

    loaded = load_overrides(settings or (), folder, env)
    return check_provider(provider, loaded, symbol=symbol, feed=feed, seconds=seconds)
