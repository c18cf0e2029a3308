"""The commands `openbell alerts`: what may be typed."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer, Exit
from openbell.cli.options import ConfigFolder, Environment, command
from openbell.cli.sessions import State

alerts = typer.Typer(help="Tell people what happens in sessions.", rich_markup_mode=None)


@command(alerts, "openbell alerts watch", "openbell alerts watch --state state --config config")
def watch(*, state: State = None, config: ConfigFolder = None, env: Environment = None) -> Answer:
    """Watch all sessions, and tell whom config/alerts.yaml names, until Ctrl-C.

    Addresses are in the environment or .env. It reads the sessions' journals: no session waits for it.
    """
    from openbell.cli.alerts import watch_sessions

    return watch_sessions(state, config, env)


@command(alerts, "openbell alerts test", "openbell alerts test mail", name="test", codes=(Exit.FAILED,))
def send_test(
    target: Annotated[str | None, typer.Argument(metavar="[TARGET]", help="Which; else all.")] = None,
    *,
    state: State = None,
    config: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Send a test message. Exit code 1 when one does not arrive."""
    from openbell.cli.alerts import test_targets

    return test_targets(target, state, config, env)


@command(alerts, "openbell alerts list", "openbell alerts list --json", name="list")
def listed(*, state: State = None) -> Answer:
    """Show what was sent, and what could not be."""
    from openbell.cli.alerts import list_sent

    return list_sent(state)
