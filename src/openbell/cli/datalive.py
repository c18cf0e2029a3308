"""The commands of `openbell data` about streams. Each loads what does the work when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer, Exit
from openbell.cli.data import CatalogFolder
from openbell.cli.datahealth import data
from openbell.cli.options import ConfigFolder, Environment, Overrides, command

__all__ = ["data"]


@command(
    data,
    "openbell data recorded state/paper-sma_cross",
    "openbell data recorded state/paper-sma_cross --to-catalog",
)
def recorded(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A session's folder, or a recorder's folder or file.")
    ],
    *,
    to_catalog: Annotated[
        bool, typer.Option("--to-catalog", help="Write its bars and their corrections to the catalog.")
    ] = False,
    provider: Annotated[
        str | None,
        typer.Option("--provider", metavar="NAME:FEED", help="Whose they are, if the recording lacks it."),
    ] = None,
    catalog: CatalogFolder = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Say what was heard of a stream, with corrected and late bars.

    In the catalog the last version of each bar counts. A stored bar gives way if it was stored before that
    version came; what was fetched later stays, and what was replaced is kept in the provenance.
    """
    from openbell.cli.places import open_catalog
    from openbell.cli.recordings import show_recordings

    store = open_catalog(catalog, folder, env) if to_catalog else None
    return show_recordings(path, store, provider=provider)


@command(
    data,
    "openbell data quotes",
    "openbell data quotes AAPL MSFT --provider alpaca",
    "openbell data quotes AAPL --provider alpaca --watch 60",
    codes=(Exit.FAILED,),
)
def quotes(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Which; else all that are shared.")
    ] = None,
    *,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Whom to ask; else nobody is.")
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option("--watch", metavar="SECONDS", min=0, help="Listen to the stream for so long."),
    ] = None,
    settings: Overrides = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Show the latest quotes.

    With OPENBELL_REDIS_URL set, the quotes that any process hears or asks for are shared: sessions, this
    command, and programs. Without --provider it shows those.
    """
    from openbell.cli.fetching import load_overrides
    from openbell.cli.quotes import show_quotes

    loaded = load_overrides(settings or (), folder, env)
    return show_quotes(symbols or (), loaded, provider=provider, watch=watch)
