"""The commands `openbell dashboard` and `openbell serve`: what may be typed."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer
from openbell.cli.options import Reports, command
from openbell.cli.sessions import State

serving = typer.Typer()

Host = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; others than loopback need a token.")
]
Port = Annotated[str, typer.Option("--port", metavar="NUMBER", help="The port.")]


@command(serving, "openbell dashboard", "openbell dashboard --port 9000 --state state")
def dashboard(
    *, state: State = None, reports: Reports = None, host: Host = "127.0.0.1", port: Port = "8321"
) -> Answer:
    """Show sessions and runs in a browser, as they go on.

    OPENBELL_API_TOKEN, in the environment, is the token that clients of another address must give.
    """
    from openbell.cli.serve import run_server

    return run_server(state=state, reports=reports, host=host, port=port, dashboard=True)


@command(serving, "openbell serve", "openbell serve --port 9000")
def serve(
    *, state: State = None, reports: Reports = None, host: Host = "127.0.0.1", port: Port = "8321"
) -> Answer:
    """Serve the API alone, for programs: /v1/sessions, /v1/runs and what is below them.

    /v1/openapi.json describes it.
    """
    from openbell.cli.serve import run_server

    return run_server(state=state, reports=reports, host=host, port=port, dashboard=False)


@command(serving, "openbell traces --to http://127.0.0.1:4318")
def traces(
    *,
    to: Annotated[str, typer.Option("--to", metavar="URL", help="A collector, by OTLP over HTTP.")],
    state: State = None,
) -> Answer:
    """Send what each bar led to as OpenTelemetry's traces, until Ctrl-C.

    A trace joins a bar, its orders, their acceptance and their fills. It reads the sessions' journals: no
    session waits for it. Headers, such as a key, are in OTEL_EXPORTER_OTLP_HEADERS.
    """
    from openbell.cli.traces import send_traces

    return send_traces(to, state)
