"""The command `openbell data health`: what may be typed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openbell.cli.answer import Answer, Exit
from openbell.cli.data import CatalogFolder, Names, Tape, Timeframe
from openbell.cli.datafetch import data
from openbell.cli.options import ConfigFolder, Environment, command

__all__ = ["data"]


@command(
    data,
    "openbell data health",
    "openbell data health AAPL --report reports/data",
    codes=(Exit.FAILED,),
)
def health(
    symbols: Names = None,
    *,
    provider: Tape = None,
    timeframe: Timeframe = None,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FOLDER", help="Write it there, as HTML and JSON."),
    ] = None,
    catalog: CatalogFolder = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Say how sound the stored prices are.

    What is missing by the exchange's calendar, spikes, prices that stand still, jumps that look like splits,
    files that are damaged, bars in quarantine, and where two vendors disagree.
    """
    from openbell.cli.folders import check_named
    from openbell.cli.health import show_health
    from openbell.cli.places import open_catalog
    from openbell.cli.stored import select

    if report is not None:
        check_named(report, "--report")
    store = open_catalog(catalog, folder, env)
    keys = select(store, symbols or (), provider, timeframe)
    return show_health(store, keys, None if report is None else Path(report))
