"""The command `openbell data recorded`: what may be typed."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer
from openbell.cli.data import CatalogFolder
from openbell.cli.datahealth import data
from openbell.cli.options import ConfigFolder, Environment, command

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
