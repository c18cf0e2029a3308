"""The commands: what may be typed. Each loads what does the work when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

import openbell
from openbell.cli.alerting import alerts
from openbell.cli.answer import Answer, Exit
from openbell.cli.bundles import Given
from openbell.cli.counting import trials
from openbell.cli.datalive import data
from openbell.cli.db import db
from openbell.cli.doubts import doubts
from openbell.cli.forward import forward
from openbell.cli.golive import accounts
from openbell.cli.journals import journal
from openbell.cli.options import (
    Benchmark,
    ConfigFolder,
    End,
    Engine,
    Environment,
    Holdout,
    Limits,
    NoCheck,
    Overrides,
    Reports,
    Run,
    Same,
    Start,
    Universe,
    Unlock,
    command,
)
from openbell.cli.reports import reporting
from openbell.cli.research import research
from openbell.cli.risk import risk
from openbell.cli.serving import serving
from openbell.cli.sessions import sessions

app = typer.Typer(
    name="openbell",
    help="Run trading strategies over history, with costs, and see what they would have led to.",
    epilog="Start with `openbell demo`. `openbell COMMAND --help` has examples.",
    rich_markup_mode=None,  # rich's help takes 0.2 s longer and breaks examples over lines
    context_settings={"help_option_names": ["-h", "--help"]},
)
new = typer.Typer(help="Write a start for something of your own.", rich_markup_mode=None)
config = typer.Typer(help="Show the settings, and where each came from.", rich_markup_mode=None)
app.add_typer(new, name="new")
app.add_typer(config, name="config")
app.add_typer(alerts, name="alerts")
app.add_typer(data, name="data")
app.add_typer(db, name="db")
app.add_typer(reporting, name="report")
app.add_typer(risk, name="risk")
app.add_typer(journal, name="journal")
app.add_typer(trials, name="trials")
app.add_typer(research)
app.add_typer(doubts)
app.add_typer(forward)
app.add_typer(sessions)
app.add_typer(accounts)
app.add_typer(serving)


def _print_version(asked: bool) -> None:  # noqa: FBT001  # the parser calls it
    if asked:
        typer.echo(f"openbell {openbell.__version__}")
        raise typer.Exit


@app.callback()
def _start(
    *,
    version: Annotated[  # its callback acts
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Run trading strategies over history, with costs, and see what they would have led to."""


@command(
    app,
    "openbell demo",
    "openbell demo --reports /tmp/demo --json",
    codes=(Exit.LOOK_AHEAD,),
)
def demo(*, reports: Reports = None, no_check: NoCheck = False) -> Answer:
    """Run the example strategies on real prices and write reports.

    The prices come with the package: daily bars of AAPL, IBM and MSFT from 2000 to 2013. Costs are on, each
    run stands beside a benchmark, and each is checked for look-ahead.
    """
    from openbell.cli.demo import run_demo

    return run_demo(reports, check=not no_check)


@command(
    app,
    "openbell backtest sma_cross --symbols AAPL --start 2005-01-01 --set fast=20",
    "openbell backtest config/strategies.yaml",
    "openbell backtest my.py:Buys --symbols AAPL,MSFT --data prices/ --cash 50000",
    "openbell backtest sma_cross --symbols IBM --set costs.slippage.bps=3",
    "openbell backtest sma_cross --symbols MSFT --engine compiled",
    "openbell backtest momentum_rotation --universe index.csv",
    codes=(Exit.LOOK_AHEAD,),
)
def backtest(  # noqa: PLR0913  # each is an option of the command line
    strategy: Annotated[
        str,
        typer.Argument(metavar="STRATEGY", help="A name, FILE.py, FILE.py:NAME, module:NAME or FILE.yaml."),
    ],
    *,
    given: Given,
    universe: Universe = None,
    start: Start = None,
    end: End = None,
    benchmark: Benchmark = None,
    risk: Limits = None,
    engine: Engine = "auto",
    reports: Reports = None,
    no_check: NoCheck = False,
    holdout: Holdout = None,
    unlock_holdout: Unlock = False,
) -> Answer:
    """Run a strategy over history and write a report.

    With a strategies.yaml, run each strategy that it lists.
    """
    from openbell.cli.backtests import run_backtests

    flags = {"benchmark": benchmark, "reports": reports, "holdout": holdout}
    request = given.request(
        strategy, universe=universe, start=start, end=end, flags=flags, risk=risk, research=True,
        unlock=unlock_holdout,
    )  # fmt: skip
    return run_backtests(request, check=not no_check, engine=engine)


@command(app, "openbell strategies", "openbell strategies sma_cross", "openbell strategies my.py --json")
def strategies(
    strategy: Annotated[str | None, typer.Argument(metavar="[STRATEGY]", help="Which; else all.")] = None,
) -> Answer:
    """List the strategies that have a name, or show one."""
    from openbell.cli.catalog import list_strategies, show_strategy

    return show_strategy(strategy) if strategy is not None else list_strategies()


@command(new, "openbell new strategy my_idea", "openbell new strategy my_idea --folder strategies")
def strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, in lower case with underscores.")],
    *,
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Where to write it.")] = ".",
) -> Answer:
    """Write a strategy that runs, with a test."""
    from openbell.cli.catalog import write_new

    return write_new(name, folder)


@command(
    app,
    "openbell verify reports/sma_cross-AAPL-1a2b3c4d",
    "openbell verify sma_cross-IBM --json",
    codes=(Exit.FAILED,),
)
def verify(run: Run, *, reports: Reports = None) -> Answer:
    """Run a recorded run again and compare the ledger.

    The comparison is byte for byte. Where it fails, the first line that differs is shown, and what has
    changed since: the strategy's code, the data, or versions.
    """
    from openbell.cli.saved import check_again

    return check_again(run, reports)


@command(
    config,
    "openbell config explain costs.slippage.bps",
    "openbell config explain costs --set costs.slippage.bps=3",
)
def explain(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A setting or a section, such as costs.")],
    *,
    settings: Overrides = None,
    more: Same = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Show a setting's value, where it came from, and what it outweighs."""
    from openbell.cli.settings import explain_settings

    return explain_settings(key, folder=folder, env=env, settings=settings or (), more=more or ())


@command(config, "openbell config show", "openbell config show --env dev --json")
def show(
    *,
    settings: Overrides = None,
    more: Same = None,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Show every setting and where it came from."""
    from openbell.cli.settings import explain_settings

    return explain_settings("", folder=folder, env=env, settings=settings or (), more=more or ())


@command(app, "openbell doctor", "openbell doctor --json", codes=(Exit.FAILED,))
def doctor(*, reports: Reports = None) -> Answer:
    """Check that what Openbell needs is here and works."""
    from openbell.cli.doctor import examine

    return examine(reports)
