"""The commands of `openbell data`: what may be typed. Each loads what does the work when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer, Exit
from openbell.cli.options import ConfigFolder, End, Environment, Start, command

data = typer.Typer(help="Keep prices on disk, look at them, and check them.", rich_markup_mode=None)

Names = Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Which; else all.")]
CatalogFolder = Annotated[
    str | None, typer.Option("--catalog", metavar="FOLDER", help="The catalog; else the setting's.")
]
Tape = Annotated[
    str | None, typer.Option("--provider", metavar="NAME", help="Whose, such as alpaca or alpaca:iex.")
]
Timeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="TIME", help="A bar's length, such as 5m or 1d.")
]


@command(
    data,
    "openbell data import prices/ --provider mine",
    "openbell data import prices/AAPL.csv --provider mine --revise",
    name="import",
)
def import_(  # noqa: PLR0913  # each is an option of the command line
    path: Annotated[str, typer.Argument(metavar="PATH", help="A CSV or Parquet file, or a folder of them.")],
    *,
    provider: Annotated[str, typer.Option("--provider", metavar="NAME", help="Whose prices they are.")],
    feed: Annotated[str, typer.Option("--feed", metavar="NAME", help="Which of its tapes.")] = "",
    symbols: Annotated[
        list[str] | None, typer.Option("--symbols", metavar="A,B", help="Which; else all files.")
    ] = None,
    timeframe: Timeframe = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="Zone of times that name none.")
    ] = None,
    calendar: Annotated[
        str, typer.Option("--calendar", metavar="NAME", help="The exchange's, such as XNYS or 24/7.")
    ] = "auto",
    stamp: Annotated[
        str, typer.Option("--stamp", metavar="WHICH", help="Whether times are the start or end of bars.")
    ] = "start",
    revise: Annotated[bool, typer.Option("--revise", help="Replace stored bars that differ.")] = False,
    catalog: CatalogFolder = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Put prices from files into the catalog.

    A file is SYMBOL.csv or SYMBOL.parquet. Bars that are in the catalog already must be equal, unless
    --revise says that the new ones are right.
    """
    from openbell.cli.places import open_catalog
    from openbell.cli.transfers import Reading, import_files

    reading = Reading(timeframe or "1d", calendar, stamp, timezone)
    return import_files(
        open_catalog(catalog, folder, env), path, provider=provider, feed=feed,
        symbols=symbols or (), reading=reading, revise=revise,
    )  # fmt: skip


@command(data, "openbell data list", "openbell data list AAPL --json", name="list")
def list_(
    symbols: Names = None,
    *,
    provider: Tape = None,
    timeframe: Timeframe = None,
    catalog: CatalogFolder = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """List what the catalog holds."""
    from openbell.cli.places import open_catalog
    from openbell.cli.stored import list_series, select

    store = open_catalog(catalog, folder, env)
    return list_series(store, select(store, symbols or (), provider, timeframe))


@command(data, "openbell data show AAPL", "openbell data show AAPL --timeframe 1d --json")
def show(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which.")],
    *,
    provider: Tape = None,
    timeframe: Timeframe = None,
    catalog: CatalogFolder = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Show a symbol's series: what they cover, and where each range came from."""
    from openbell.cli.places import open_catalog
    from openbell.cli.stored import select, show_series

    store = open_catalog(catalog, folder, env)
    return show_series(store, select(store, [symbol], provider, timeframe))


@command(data, "openbell data gaps", "openbell data gaps AAPL --timeframe 1d")
def gaps(
    symbols: Names = None,
    *,
    provider: Tape = None,
    timeframe: Timeframe = None,
    catalog: CatalogFolder = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Say which sessions and bars are missing, by the exchange's calendar.

    A bar may be missing because nothing was traded; a session without any bar seldom is.
    """
    from openbell.cli.places import open_catalog
    from openbell.cli.stored import list_gaps, select

    store = open_catalog(catalog, folder, env)
    return list_gaps(store, select(store, symbols or (), provider, timeframe))


@command(data, "openbell data verify", "openbell data verify AAPL --json", codes=(Exit.FAILED,))
def verify(
    symbols: Names = None,
    *,
    provider: Tape = None,
    timeframe: Timeframe = None,
    catalog: CatalogFolder = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Work out the hash of every stored file anew, and name what is damaged."""
    from openbell.cli.places import open_catalog
    from openbell.cli.stored import select, verify_series

    store = open_catalog(catalog, folder, env)
    return verify_series(store, select(store, symbols or (), provider, timeframe))


@command(
    data,
    "openbell data export AAPL --to aapl.csv",
    "openbell data export AAPL --timeframe 1w --adjusted total --to aapl.parquet",
)
def export(  # noqa: PLR0913  # each is an option of the command line
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which.")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="FILE", help="A .csv or .parquet file.")],
    provider: Tape = None,
    timeframe: Timeframe = None,
    start: Start = None,
    end: End = None,
    adjusted: Annotated[
        str, typer.Option("--adjusted", metavar="HOW", help="raw, split or total (dividends too).")
    ] = "raw",
    catalog: CatalogFolder = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Write a symbol's bars to a file.

    Coarser bars than the stored ones are made of them. Adjusted prices are for looking at: a backtest takes
    raw ones, and adjusts by itself.
    """
    from openbell.cli.places import open_catalog
    from openbell.cli.transfers import export_file

    return export_file(
        open_catalog(catalog, folder, env), symbol, to, provider=provider,
        timeframe=timeframe or "1d", start=start, end=end, adjusted=adjusted,
    )  # fmt: skip
