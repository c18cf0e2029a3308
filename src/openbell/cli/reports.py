"""The commands of reports: what may be typed."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from openbell.cli.answer import Answer, Exit
from openbell.cli.options import Reports, Run, command

_HELP = frozenset({"--help", "-h"})


class _Reports(TyperGroup):
    """`openbell report RUN` is `openbell report write RUN`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in the command that may be left out."""
        if args and args[0] not in self.commands and args[0] not in _HELP:
            args = ["write", *args]
        return super().parse_args(ctx, args)


reporting = typer.Typer(
    cls=_Reports,
    help="Write reports, statements, comparisons and exports. `openbell report RUN` is `report write RUN`.",
    rich_markup_mode=None,
)

State = Annotated[
    str | None, typer.Option("--state", metavar="FOLDER", help="Where sessions are; else state.")
]
Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]...", help="Runs or sessions; else all sessions."),
]
To = Annotated[str | None, typer.Option("--to", metavar="FILE", help="Where to write it: .html or .pdf.")]
Lots = Annotated[
    str, typer.Option("--lots", metavar="METHOD", help="Tax lots: fifo, lifo, average or highest.")
]


@command(
    reporting,
    "openbell report reports/sma_cross-AAPL-1a2b3c4d",
    "openbell report write reports/sma_cross-AAPL-1a2b3c4d --pdf",
    codes=(Exit.FAILED,),
)
def write(
    run: Run,
    *,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write a tear sheet for print too.")] = False,
    reports: Reports = None,
    state: State = None,
) -> Answer:
    """Write the report of a recorded run anew, or of a session.

    A run is run again from its run.json, as after an update of Openbell; if its ledger is not the same any
    more, nothing is written. A session's report is made of its journal, and written beside it.
    """
    from openbell.cli.reportpages import write_reports

    return write_reports(run, reports, state, pdf=pdf)


@command(
    reporting,
    "openbell report statement --month 2012-03",
    "openbell report statement sma_cross-AAPL --week 2012-W10",
    "openbell report statement paper-sma_cross --day 2012-03-05 --to st.pdf",
)
def statement(
    runs: Sources = None,
    *,
    day: Annotated[str | None, typer.Option("--day", metavar="2012-03-05", help="One session.")] = None,
    week: Annotated[str | None, typer.Option("--week", metavar="2012-W10", help="An ISO week.")] = None,
    month: Annotated[str | None, typer.Option("--month", metavar="2012-03", help="A month.")] = None,
    year: Annotated[str | None, typer.Option("--year", metavar="2012", help="A year.")] = None,
    to: To = None,
    reports: Reports = None,
    state: State = None,
) -> Answer:
    """Show what accounts did in a day, a week, a month or a year.

    Equity and cash before and after, profit and loss with its parts, positions, trades, fills, tax lots and
    everything else that was booked, of each strategy and of all together.
    """
    from openbell.cli.reportstatements import show_statement

    asked = {"day": day, "week": week, "month": month, "year": year}
    return show_statement(runs or [], asked, to, reports=reports, state=state)


@command(
    reporting,
    "openbell report compare sma_cross-AAPL rsi_reversion-MSFT",
    "openbell report compare sma_cross-AAPL paper-sma_cross --to both.html",
)
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two runs or more, up to six.")],
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="FILE", help="Where to; else reports.")] = None,
    reports: Reports = None,
    state: State = None,
) -> Answer:
    """Compare runs side by side: metrics with their differences, equity and drawdown on one chart."""
    from openbell.cli.reportpages import compare_runs

    return compare_runs(runs, to, reports=reports, state=state)


@command(
    reporting,
    "openbell report portfolio sma_cross-AAPL rsi_reversion-MSFT",
    "openbell report portfolio state/paper-two --to together.html",
    "openbell report portfolio us-run europe-run --rate EUR=1.08",
)
def portfolio(
    runs: Sources = None,
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="FILE", help="Where to; else reports.")] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", metavar="CODE", help="Of the whole; else the first run's.")
    ] = None,
    rates: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="CODE=RATE", help="What one unit of another currency is worth in it."),
    ] = None,
    reports: Reports = None,
    state: State = None,
) -> Answer:
    """Report several strategies as one portfolio: what each of them, and each symbol, brought."""
    from openbell.cli.reportpages import join_runs

    return join_runs(runs or [], to, currency=currency, rates=rates or (), reports=reports, state=state)


@command(
    reporting,
    "openbell report export sma_cross-AAPL --to out --format parquet",
    "openbell report export paper-sma_cross --to out --format csv,xlsx",
)
def export(
    runs: Sources = None,
    *,
    to: Annotated[str, typer.Option("--to", metavar="FOLDER", help="Where the files go.")],
    form: Annotated[
        str, typer.Option("--format", metavar="A,B", help="csv, parquet, xlsx and json.")
    ] = "csv",
    lots: Lots = "fifo",
    reports: Reports = None,
    state: State = None,
) -> Answer:
    """Write orders, fills, trades, lots, positions, attribution, equity and the ledger for other programs."""
    from openbell.cli.reportexports import export_tables

    return export_tables(runs or [], to, form, lots=lots, reports=reports, state=state)
