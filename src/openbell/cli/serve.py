"""The commands `dashboard` and `serve`, and what they answer."""

from __future__ import annotations

import os
import socket
from importlib.util import find_spec
from pathlib import Path

from openbell.cli.answer import Answer
from openbell.cli.jobs import find_reports
from openbell.cli.places import check_named
from openbell.core.errors import ConfigError
from openbell.utils.logging import get_logger, redact

_TOKEN = "OPENBELL_API_TOKEN"  # noqa: S105  # the variable's name


def run_server(*, state: str | None, reports: str | None, host: str, port: int, dashboard: bool) -> Answer:
    """Serve until Ctrl-C.

    Raises:
        ConfigError: The extra is not installed, the port is taken, or the address needs a token.
    """
    for module in ("fastapi", "uvicorn", *(("nicegui",) if dashboard else ())):
        if find_spec(module) is None:
            raise ConfigError(f'{module} is not installed; pip install "openbell[app]"')
    if state is not None:
        check_named(state, "--state")
    folder = Path(state or "state")
    token = os.environ.get(_TOKEN, "")
    redact(token)
    _check_free(host, port)
    from openbell.app.serving import serve  # fastapi and nicegui are slow to load

    get_logger().info(f"http://{host}:{port}{'' if dashboard else '/v1/health'} until Ctrl-C")
    serve(folder, find_reports(reports)[0], host=host, port=port, token=token, dashboard=dashboard)
    return Answer(["ended"], {"ended": True})


def _check_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"--host {host} --port {port}: cannot listen there ({error.strerror}); choose another port"
            ) from error
