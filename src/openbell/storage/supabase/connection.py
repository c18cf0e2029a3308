"""A connection to the database: it notices soon that the other side is gone, and says what that means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from openbell.core.errors import ConfigError, Disconnected, Rejected, RemoteError, Retryable
from openbell.storage.supabase.address import Address
from openbell.utils.logging import hide

if TYPE_CHECKING:
    from psycopg import Connection

#: Classes of SQLSTATE after which another attempt can do better: connection, resources (a full disk, too many
#: connections), an operator's doing (shutdown, time-out), the system, and transactions that met others.
_PASSING = ("08", "53", "57", "58", "40", "55", "25", "XX")
_REMEDIES = {
    "28": "check the user and the password in SUPABASE_DB_URL",
    "3D": "check the database's name in SUPABASE_DB_URL",
    "42P01": "run `openbell db migrate`",
    "42703": "run `openbell db migrate`",
    "3F000": "run `openbell db migrate`",
    "42501": "the user of SUPABASE_DB_URL needs the rights of the project's user postgres",
}


def import_psycopg() -> Any:
    """Return the driver.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise ConfigError(
            "the copy in Supabase needs psycopg; install it with: pip install 'openbell[supabase]'"
        ) from error
    return psycopg


def connect(address: Address, *, timeout: float = 10.0) -> Connection[Any]:
    """Open a connection that commits each statement by itself unless a transaction is asked for.

    Args:
        address: Where to.
        timeout: Seconds to wait for an answer to anything before the other side counts as gone.

    Raises:
        ConfigError: The driver is not installed.
        Retryable: The server is not there, or not ready.
        Rejected: It does not let us in.
    """
    psycopg = import_psycopg()
    with translated(f"database {address}"):
        opened: Connection[Any] = psycopg.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            dbname=address.database,
            autocommit=True,
            prepare_threshold=5 if address.keeps_session else None,
            connect_timeout=max(2, round(timeout)),
            keepalives_idle=max(1, round(timeout)),
            keepalives_interval=max(1, round(timeout / 3)),
            keepalives_count=3,
            tcp_user_timeout=round(2000 * timeout),
            **{"application_name": "openbell", **address.options},
        )
    return opened


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Let the driver's errors leave as Openbell's, in one line and without a secret.

    Args:
        what: Where it happened, for the message.

    Raises:
        Retryable: Another attempt can do better: the server is away, busy, full, or reads only for now.
        Disconnected: The connection is gone.
        Rejected: The server understood and refuses.
    """
    psycopg = import_psycopg()
    try:
        yield
    except psycopg.Error as error:
        raise _meaning(error, what) from error


def _meaning(error: Any, what: str) -> RemoteError:
    state = error.sqlstate or ""
    said = hide(" ".join(str(error).split()))
    for begin, remedy in _REMEDIES.items():
        if state.startswith(begin) or (begin == "28" and "password authentication failed" in said):
            return Rejected(f"{what}: {said}; {remedy}")
    if state[:2] in _PASSING:
        return Retryable(f"{what}: {said}; it is tried again")
    if not state and isinstance(error, import_psycopg().OperationalError | import_psycopg().InterfaceError):
        return Disconnected(f"{what}: {said or 'the connection is gone'}; check the network and the address")
    return Rejected(f"{what}: {said}; this is a fault of Openbell's, please report it")
