"""The commands: what may be typed. Each loads what does the work when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

import openbell
from openbell.cli.alerting import alerts
from openbell.cli.answer import Answer, Exit
from openbell.cli.datahealth import data
from openbell.cli.db import db
from openbell.cli.golive import accounts
from openbell.cli.options import (
    Benchmark,
    Cash,
    ConfigFolder,
    Costs,
    Data,
    End,
    Engine,
    Environment,
    Limits,
    NoCheck,
    Overrides,
    Parameters,
    Provider,
    Reports,
    Run,
    Same,
    Seed,
    Settings,
    Start,
    Symbols,
    Timeframe,
    Timezone,
    Universe,
    command,
)
from openbell.cli.reports import reporting
from openbell.cli.risk import risk
from openbell.cli.serving import serving
from openbell.cli.sessions import sessions
from openbell.cli.sweepoptions import (
    Address,
    Anchored,
    Choose,
    Each,
    Figures,
    Gap,
    Grid,
    Memory,
    Method,
    Objectives,
    Resume,
    Samples,
    SweepEngine,
    Test,
    Top,
    Train,
    Where,
    Workers,
)

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
    symbols: Symbols = None,
    universe: Universe = None,
    start: Start = None,
    end: End = None,
    parameters: Parameters = None,
    settings: Settings = None,
    cash: Cash = None,
    provider: Provider = None,
    data: Data = None,
    timezone: Timezone = None,
    timeframe: Timeframe = None,
    benchmark: Benchmark = None,
    costs: Costs = True,
    risk: Limits = None,
    seed: Seed = None,
    engine: Engine = "auto",
    reports: Reports = None,
    no_check: NoCheck = False,
    config: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Run a strategy over history and write a report.

    With a strategies.yaml, run each strategy that it lists.
    """
    from openbell.cli.backtests import run_backtests
    from openbell.cli.jobs import Request

    flags = {"cash": cash, "provider": provider, "timeframe": timeframe, "benchmark": benchmark, "seed": seed}
    request = Request(
        strategy,
        symbols=symbols or (),
        universe=universe,
        start=start,
        end=end,
        parameters=parameters or (),
        settings=settings or (),
        flags={**flags, "reports": reports},
        data=data,
        timezone=timezone,
        costs=costs,
        config=config,
        env=env,
        risk=risk,
    )
    return run_backtests(request, check=not no_check, engine=engine)


@command(
    app,
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
    grid: Grid = None,
    where: Where = None,
    objective: Objectives = None,
    figures: Figures = "all",
    symbols: Symbols = None,
    each: Each = False,
    method: Method = "grid",
    samples: Samples = None,
    start: Start = None,
    end: End = None,
    parameters: Parameters = None,
    settings: Settings = None,
    cash: Cash = None,
    provider: Provider = None,
    data: Data = None,
    timezone: Timezone = None,
    timeframe: Timeframe = None,
    costs: Costs = True,
    seed: Seed = None,
    engine: SweepEngine = "auto",
    address: Address = None,
    workers: Workers = None,
    memory: Memory = None,
    top: Top = 10,
    resume: Resume = None,
    reports: Reports = None,
    config: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Try many values of a strategy's parameters, and write a table and a map.

    VALUES are a range with both ends (5:60:5), a list (5,10,20), or for a sample a span (0.1:0.5, or
    1e-4:1e-1:log). Several symbols are one portfolio, unless --each sweeps each by itself.
    """
    from openbell.cli.jobs import Request
    from openbell.cli.sweeps import Asked, run_sweep

    flags = {"cash": cash, "provider": provider, "timeframe": timeframe, "seed": seed, "reports": reports}
    request = Request(
        strategy,
        symbols=symbols or (),
        start=start,
        end=end,
        parameters=parameters or (),
        settings=settings or (),
        flags=flags,
        data=data,
        timezone=timezone,
        costs=costs,
        config=config,
        env=env,
    )
    return run_sweep(
        request,
        Asked(
            grid=[*(grid or ()), *(more or ())],
            where=where,
            method=method,
            samples=samples,
            objectives=objective or (),
            figures=figures,
            each=each,
            engine=engine,
            address=address,
            workers=workers,
            memory=memory,
            resume=resume,
            top=top,
        ),
    )


@command(
    app,
    "openbell walkforward sma_cross --symbols AAPL --train 3y --test 1y fast=5,10",
)
def walkforward(  # noqa: PLR0913  # each is an option of the command line
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Its name, or file.py:Class.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUES", help="More of --grid.")] = None,
    *,
    grid: Grid = None,
    train: Train,
    test: Test,
    gap: Gap = 0,
    anchored: Anchored = False,
    choose: Choose = "plateau",
    where: Where = None,
    objective: Objectives = None,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    parameters: Parameters = None,
    settings: Settings = None,
    cash: Cash = None,
    provider: Provider = None,
    data: Data = None,
    timezone: Timezone = None,
    timeframe: Timeframe = None,
    costs: Costs = True,
    seed: Seed = None,
    engine: SweepEngine = "auto",
    address: Address = None,
    workers: Workers = None,
    memory: Memory = None,
    reports: Reports = None,
    config: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Choose parameters on one window, trade the next, and go on so to the end.

    Lengths are bars (504) or time (3y, 6m, 4w, 90d). Written are the windows, a report of all tests as one
    run, and a strategies.yaml with the last choice, which `openbell paper` takes.
    """
    from openbell.backtesting.windows import Scheme
    from openbell.cli.jobs import Request
    from openbell.cli.walk import Asked, run_walk

    flags = {"cash": cash, "provider": provider, "timeframe": timeframe, "seed": seed, "reports": reports}
    request = Request(
        strategy, symbols=symbols or (), start=start, end=end, parameters=parameters or (),
        settings=settings or (), flags=flags, data=data, timezone=timezone, costs=costs, config=config,
        env=env,
    )  # fmt: skip
    scheme = Scheme(train, test, gap, anchored)
    chosen = Asked(
        scheme,
        [*(grid or ()), *(more or ())],
        choose,
        where,
        objective or (),
        engine,
        address,
        workers,
        memory,
    )
    return run_walk(request, chosen)


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
    "openbell montecarlo reports/sma_cross-AAPL-1a2b3c4d",
    "openbell montecarlo sma_cross-IBM --draws 50000 --ruin 0.5",
)
def montecarlo(
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
    reports: Reports = None,
) -> Answer:
    """Draw other courses that a recorded run could have taken.

    Its sessions are drawn anew in blocks, its trades in other orders. Written beside the run: how often such
    courses lose, how deep they fall, and how exact the run's figures are.
    """
    from openbell.cli.montecarlo import draw_courses
    from openbell.reporting.montecarlo import Asked

    return draw_courses(run, reports, Asked(draws, block, ruin, drop, confidence, seed))


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
