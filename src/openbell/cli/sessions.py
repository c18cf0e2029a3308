"""The commands of trading sessions: what may be typed."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer, Exit
from openbell.cli.bundles import Given
from openbell.cli.options import Limits, Universe, command

sessions = typer.Typer()

State = Annotated[
    str | None,
    typer.Option("--state", metavar="FOLDER", help="The session's folder, or one with several; else state."),
]


@command(
    sessions,
    "openbell paper sma_cross --symbols AAPL --replay 2012-01-03 --speed 100x",
    "openbell paper config/strategies.yaml",
    "openbell paper sma_cross --symbols AAPL --feed synthetic --until 2024-07-02",
    codes=(Exit.FAILED,),
)
def paper(  # noqa: PLR0913  # each is an option of the command line
    strategy: Annotated[
        str,
        typer.Argument(metavar="STRATEGY", help="A name, FILE.py, FILE.py:NAME, module:NAME or FILE.yaml."),
    ],
    *,
    given: Given,
    universe: Universe = None,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="DATE", help="The first day of stored bars to play.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="The last day.")] = None,
    feed: Annotated[
        str | None,
        typer.Option("--feed", metavar="NAME", help="Trade on a provider's stream, such as alpaca."),
    ] = None,
    history: Annotated[
        int | None,
        typer.Option("--history", metavar="BARS", min=0, help="Bars of before for indicators; else 500."),
    ] = None,
    hours: Annotated[
        bool, typer.Option("--sessions", help="Listen while the exchange is open only, day after day.")
    ] = False,
    speed: Annotated[
        str, typer.Option("--speed", metavar="SPEED", help="How much faster than life: 100x, or max.")
    ] = "max",
    state: State = None,
    new: Annotated[
        bool, typer.Option("--new", help="Begin anew, although an interrupted session could go on.")
    ] = False,
    risk: Limits = None,
) -> Answer:
    """Trade on paper: stored bars, or a stream's, through the live driver and the simulated broker.

    The same bars give the same orders and fills as `openbell backtest`. A journal keeps everything that
    happens; Ctrl-C stops between two bars, and the same command goes on from there.
    """
    from openbell.cli.paper import Course, run_session

    request = given.request(
        strategy, universe=universe, start=replay, end=until, risk=risk, feed=feed,
        dates=("--replay", "--until"),
    )  # fmt: skip
    return run_session(request, Course(speed, state, new, history, hours))


@command(sessions, "openbell resume", "openbell resume --state state/paper-sma_cross", codes=(Exit.FAILED,))
def resume(
    *,
    state: State = None,
    yes: Annotated[
        bool, typer.Option("--yes-trade-real-money", help="Do not ask before real money is traded.")
    ] = False,
) -> Answer:
    """Go on with an interrupted session, with the options that it was begun with."""
    from openbell.cli.paper import resume_session

    return resume_session(state, agreed=yes)


@command(sessions, "openbell status", "openbell status --state state/paper-sma_cross --json")
def status(*, state: State = None) -> Answer:
    """Show the sessions, whether they run, and how their strategies stand."""
    from openbell.cli.paper import show_status

    return show_status(state)


@command(sessions, "openbell orders --working", "openbell orders --json")
def orders(
    *,
    state: State = None,
    working: Annotated[bool, typer.Option("--working", help="Only those that still work.")] = False,
) -> Answer:
    """Show the orders of every session."""
    from openbell.cli.paper import show_orders

    return show_orders(state, working=working)


@command(sessions, "openbell positions", "openbell positions --json")
def positions(*, state: State = None) -> Answer:
    """Show what every session holds."""
    from openbell.cli.paper import show_positions

    return show_positions(state)


@command(sessions, "openbell stop --keep", "openbell stop --flatten --state state/paper-sma_cross")
def stop(
    *,
    state: State = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave orders and positions as they are.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the session's orders.")] = False,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Cancel its orders, close its positions.")
    ] = False,
) -> Answer:
    """Ask running sessions to stop."""
    from openbell.cli.stopping import check_hows, stop_sessions

    return stop_sessions(state, check_hows([("keep", keep), ("cancel", cancel), ("flatten", flatten)]))


@command(
    sessions,
    "openbell parity paper-sma_cross",
    "openbell parity state/paper-sma_cross --json",
    codes=(Exit.FAILED,),
)
def parity(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A session's folder, or its name below the folder state.")
    ],
) -> Answer:
    """Play a session's bars through the backtest again, and explain each order that differs.

    A paper session of one strategy has no difference. Of a live one, prices, fees, rejections and times may
    differ: those are the market's. Exit code 1 when nothing explains a difference.
    """
    from openbell.cli.parity import show_parity

    return show_parity(run)
