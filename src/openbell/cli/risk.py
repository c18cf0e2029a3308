"""The commands about limits of risk: what may be typed."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer
from openbell.cli.bundles import Given
from openbell.cli.options import End, Limits, Reports, Start, command

State = Annotated[
    str | None,
    typer.Option("--state", metavar="FOLDER", help="The session's folder, or one with several; else state."),
]

risk = typer.Typer(help="Say what limits of risk do.", rich_markup_mode=None)


@command(
    risk,
    "openbell risk check sma_cross --symbols AAPL --risk standard",
    "openbell risk check config/strategies.yaml --risk standard",
    "openbell risk check sma_cross --symbols IBM --set risk.order.collar=0.02",
)
def check(
    strategy: Annotated[
        str,
        typer.Argument(metavar="STRATEGY", help="A name, FILE.py, FILE.py:NAME, module:NAME or FILE.yaml."),
    ],
    *,
    risk: Limits = None,
    given: Given,
    start: Start = None,
    end: End = None,
) -> Answer:
    """Say what the limits would have done to a backtest.

    It is run without them and with them: which orders they refuse and why, profit either way, and the worst
    that exposure, value at risk and the like came to.
    """
    from openbell.cli.riskcheck import check_risk

    return check_risk(given.request(strategy, start=start, end=end, risk=risk))


@command(risk, "openbell risk loosen sma-cross-aapl --state state/live-alpaca")
def loosen(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Its name in the session.")],
    *,
    state: State = None,
    yes: Annotated[
        bool, typer.Option("--yes-trade-real-money", help="Do not ask whether that is wanted.")
    ] = False,
) -> Answer:
    """Agree that a session with real money loosens a strategy's limits as its edited file has them.

    What binds more counts without it.
    """
    from openbell.cli.loosening import agree_to_loosen

    return agree_to_loosen(strategy, state, agreed=yes)


@command(
    risk,
    "openbell risk whatif AAPL 100 --state state/paper-sma_cross",
    "openbell risk whatif AAPL 100 --limit 95",
    "openbell risk whatif AAPL 100 --sell --strategy sma_cross --json",
)
def whatif(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="What would be traded.")],
    quantity: Annotated[float, typer.Argument(metavar="QUANTITY", help="How many shares.")],
    *,
    sell: Annotated[bool, typer.Option("--sell", help="Sell them; else buy.")] = False,
    limit: Annotated[
        float | None, typer.Option("--limit", metavar="PRICE", help="The worst price that it may fill at.")
    ] = None,
    stop: Annotated[
        float | None, typer.Option("--stop", metavar="PRICE", help="The price that it waits for.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help="Whose, where several trade the symbol.")
    ] = None,
    state: State = None,
) -> Answer:
    """Say what an order would do to a session's account before it is sent, and what each limit says of it.

    Nothing is sent, and nothing of the session changes; it may be running, or have ended.
    """
    from openbell.cli.whatif import ask_what_if, read_order

    asked = read_order(symbol, quantity, sell=sell, limit=limit, stop=stop)
    return ask_what_if(asked, state, strategy)


@command(
    risk,
    "openbell risk stress",
    "openbell risk stress live-alpaca --shock market=-0.1,AAPL=-0.3",
    "openbell risk stress reports/risk_parity-AAPL-IBM-MSFT-f3e6e977 --json",
)
def stress(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A session or a recorded run; else every session.")
    ] = None,
    *,
    shock: Annotated[
        list[str] | None,
        typer.Option(
            "--shock", metavar="NAME=FRACTION,...", help="One of your own: market, sectors, symbols."
        ),
    ] = None,
    state: State = None,
    reports: Reports = None,
) -> Answer:
    """Say what falls would cost of what is held, and what each position adds to the risk.

    Falls that have happened, and shocks of your own: a symbol moves by its own part, its sector's, or by its
    beta times the market's.
    """
    from openbell.cli.stress import tell_stress

    return tell_stress(run, shock or (), reports=reports, state=state)
