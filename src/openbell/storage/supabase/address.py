"""Where the database is, and whose the rows are: from the environment, never shown with the password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from uuid import UUID

from openbell.core.errors import ConfigError
from openbell.utils.logging import redact

URL = "SUPABASE_DB_URL"  #: the variable with the address
OWNER = "SUPABASE_OWNER"  #: the variable with the id of the user whose rows they are

#: The transaction pooler's port: a connection there is another one in each transaction.
_TRANSACTION_POOLER = 6543
_PORT = 5432
_LOCAL = ("127.0.0.1", "::1", "localhost")
_SHAPE = "postgresql://USER:PASSWORD@HOST:PORT/postgres"

Kind = Literal["transaction pooler", "session pooler", "direct"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is.

    Args:
        host: A name, an address or the folder of a socket.
        port: 5432, or 6543 of the transaction pooler.
        user: Who logs in.
        database: Its name there.
        password: What the user logs in with; it is in no representation.
        options: What else the address says, such as `sslmode`.
        owner: The user whose rows they are; None is the project's only user.
    """

    host: str
    port: int
    user: str
    database: str
    password: str = field(repr=False)
    options: Mapping[str, str] = field(repr=False)
    owner: UUID | None = None

    @property
    def kind(self) -> Kind:
        """What answers at this address."""
        if self.port == _TRANSACTION_POOLER:
            return "transaction pooler"
        return "session pooler" if ".pooler.supabase." in self.host else "direct"

    @property
    def is_here(self) -> bool:
        """Whether it is on this computer."""
        return _is_local(self.host)

    @property
    def keeps_session(self) -> bool:
        """Whether what is set or prepared in one transaction is there in the next."""
        return self.kind != "transaction pooler"

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database} ({self.kind})"


def address_of(environ: Mapping[str, str]) -> Address | None:
    """Return where the database is; None where none is configured.

    Raises:
        ConfigError: The address or the owner cannot be understood. Its text is not repeated: the password is
            in it.
    """
    text = environ.get(URL, "").strip()
    if not text:
        return None
    parts = _split(text)
    words = dict(parse_qsl(parts.query, keep_blank_values=True))
    password = unquote(parts.password or "") or words.pop("password", "")
    redact(password)
    redact(text)
    host = unquote(parts.hostname or "") or words.pop("host", "")
    if not host:
        raise ConfigError(f"{URL} names no host; it should be like {_SHAPE}")
    if not (_is_local(host) or "sslmode" in words):
        words["sslmode"] = "require"  # else a server without encryption would be sent everything in clear
    return Address(
        host,
        _port(parts, words),
        unquote(parts.username or "") or words.pop("user", "postgres"),
        unquote(parts.path.lstrip("/")) or "postgres",
        password,
        words,
        _owner(environ.get(OWNER, "").strip()),
    )


def needed(address: Address | None) -> Address:
    """Return an address that must be there.

    Raises:
        ConfigError: None is configured.
    """
    if address is None:
        raise ConfigError(
            f"{URL} is not set; put the connection string of your Supabase project there, in .env for example"
        )
    return address


def _split(text: str) -> SplitResult:
    """Split an address.

    Raises:
        ConfigError: It is none. The cause is left out, as it may repeat a piece of the password.
    """
    if re.search(r"\[[A-Z-]*PASSWORD\]", text):
        raise ConfigError(f"{URL} still has the placeholder for the password; put the password in its place")
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"postgresql", "postgres"} and parts.netloc.count("@") <= 1
        fine = fine and not parts.fragment and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:
        raise ConfigError(
            f"{URL} cannot be understood; it should be like {_SHAPE}, and signs of the password that are no "
            "letters or digits are written as in URLs: @ is %40, # is %23, / is %2F"
        )
    return parts


def _port(parts: SplitResult, words: dict[str, str]) -> int:
    said = words.pop("port", "")
    return parts.port or (int(said) if said.isdecimal() else _PORT)


def _owner(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise ConfigError(
            f"{OWNER}={text!r} is no user's id; it is a UUID, which the project's page Authentication shows"
        ) from error


def _is_local(host: str) -> bool:
    return host in _LOCAL or host.startswith("/")
