"""The commands `dashboard` and `serve`, and what they answer."""

from __future__ import annotations

import os
import socket
from importlib.util import find_spec

from openbell.app.access import Access, Scope, SupabaseUsers
from openbell.app.guard import check_reach
from openbell.cli.answer import Answer
from openbell.cli.folders import state_folder
from openbell.cli.jobs import find_reports
from openbell.core.errors import ConfigError
from openbell.storage.supabase.address import OWNER, URL, address_of
from openbell.storage.supabase.connection import import_psycopg
from openbell.storage.supabase.reading import Database
from openbell.utils.logging import get_logger, redact

#: The variables with the token of each scope.
_TOKENS = {
    "READ": "OPENBELL_API_TOKEN_READ", "TRADE": "OPENBELL_API_TOKEN_TRADE", "ADMIN": "OPENBELL_API_TOKEN",
}  # fmt: skip
_USERS = "OPENBELL_API_SUPABASE"  #: the variable with the Supabase project whose users are let in
_SHORTEST = 16  #: characters of a token
_LAST_PORT, _DIGITS = 65_535, 5


def run_server(*, state: str | None, reports: str | None, host: str, port: str, dashboard: bool) -> Answer:
    """Serve until Ctrl-C.

    Raises:
        ConfigError: The extra is not installed, the port is none or taken, the address needs a token, or the
            token is short.
    """
    number = _read_port(port)
    for module in ("fastapi", "uvicorn", *(("nicegui",) if dashboard else ())):
        if find_spec(module) is None:
            raise ConfigError(f'{module} is not installed; pip install "openbell[app]"')
    folder = state_folder(state)
    database = _read_database()
    access = _read_access(shared=database is not None)
    check_reach(host, is_open=access.is_open)
    _check_free(host, number)
    from openbell.app.serving import serve  # fastapi and nicegui are slow to load

    get_logger().info(f"http://{host}:{number}{'' if dashboard else '/v1/health'} until Ctrl-C")
    serve(
        folder, find_reports(reports)[0], host=host, port=number, access=access, dashboard=dashboard,
        database=database,
    )  # fmt: skip
    return Answer(["ended"], {"ended": True})


def _read_port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0
    if not 1 <= number <= _LAST_PORT:
        raise ConfigError(f"--port: {text!r} is no port; give a number from 1 to {_LAST_PORT}, such as 8321")
    return number


def _read_database() -> Database | None:
    """Return where the copies of journals are, if users of a Supabase project are to see them."""
    address = address_of(os.environ) if os.environ.get(_USERS, "").strip() else None
    if address is None:
        return None
    import_psycopg()
    return Database(address)


def _read_access(*, shared: bool) -> Access:
    """Return who is known by the environment: tokens, and users of a Supabase project."""
    tokens: dict[Scope, str] = {}
    for scope, variable in _TOKENS.items():
        token = os.environ.get(variable, "").strip()
        if 0 < len(token) < _SHORTEST:
            raise ConfigError(
                f"{variable} has {len(token)} characters, which can be guessed; set a random one of "
                f"{_SHORTEST} or more"
            )
        if token and token in tokens.values():
            raise ConfigError(f"{variable} is the token of another scope too; give each its own")
        redact(token)
        tokens[Scope[scope]] = token
    url = os.environ.get(_USERS, "").strip()
    if url and not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ConfigError(f"{_USERS}={url!r} must be https://PROJECT.supabase.co: keys come over it")
    owner = os.environ.get(OWNER, "").strip()
    if url and not (owner or shared):
        raise ConfigError(
            f"{_USERS} lets users in, and nothing says what is whose: set {URL}, whose row level security "
            f"decides, or {OWNER}, the one user who is let in"
        )
    verifier = SupabaseUsers(url, owner=owner, shared=shared) if url else None
    return Access(tokens, verifier)


def _check_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"--host {host} --port {port}: cannot listen there ({error.strerror}); choose another port"
            ) from error
