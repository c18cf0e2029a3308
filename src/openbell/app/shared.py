"""What users of a Supabase project see: the sessions whose copies row level security shows them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from openbell.app.access import Caller
from openbell.app.desk import Desk
from openbell.app.follower import Follower
from openbell.core.errors import BadData, ConfigError, nearest
from openbell.storage.journal import JOURNAL, Journal
from openbell.storage.supabase.copies import id_of
from openbell.storage.supabase.reading import Copied, Database, Shown

_USERS = 64  #: users whose sessions are kept read; then those who asked longest ago are forgotten
_ALIVE = 60.0  #: seconds without a copied event after which a session elsewhere is not taken to run


class Share:
    """One user's sessions, read up to when they were asked for."""

    def __init__(self, database: Database, desk: Desk) -> None:
        self._database, self._desk = database, desk
        self._followers: dict[UUID, Follower] = {}
        self._names: dict[str, UUID] = {}
        self.unreadable: dict[str, str] = {}  #: as of a desk; sessions that cannot be read, and why
        self.turn = threading.Lock()

    def refresh(self, caller: Caller, name: str | None) -> None:
        """Read what there is, and one session's events or all; what may not be seen any more is forgotten."""
        shown = {one.id: one for one in self._database.journals(caller.claims)}
        self._names = self._named(shown)
        self._followers = {id_: one for id_, one in self._followers.items() if id_ in shown}
        self.unreadable = {}
        for known, id_ in self._names.items():
            if name is not None and known != name:
                continue
            copied = Copied(self._database, id_, caller.claims)
            if id_ not in self._followers:
                self._followers[id_] = Follower(self._desk.state / known, copied)
            follower = self._followers[id_]
            follower.read_from(copied, alive=shown[id_].age < _ALIVE)
            try:
                follower.refresh()
            except BadData as error:
                self.unreadable[known] = str(error)
                del self._followers[id_]

    def sessions(self) -> list[Follower]:
        """Return every session that can be read."""
        return [self._followers[id_] for id_ in self._names.values() if id_ in self._followers]

    def session(self, name: str) -> Follower:
        """Return one session.

        Raises:
            ConfigError: The user may see none of that name, or it cannot be read.
        """
        if name in self.unreadable:
            raise ConfigError(self.unreadable[name])
        if name not in self._names:
            raise ConfigError(f"session {name!r} is unknown{nearest(name, self._names)}")
        return self._followers[self._names[name]]

    def _named(self, shown: dict[UUID, Shown]) -> dict[str, UUID]:
        """Return the sessions by name: those of this computer as they are called here."""
        here = {id_: name for name, id_ in _ids(self._desk).items() if id_ in shown}
        return {here.get(id_) or f"{one.account}-{id_.hex[:8]}": id_ for id_, one in shown.items()}


class Shares:
    """All users' sessions."""

    def __init__(self, database: Database, desk: Desk) -> None:
        """Take where the copies are, and the sessions of this computer."""
        self._database, self._desk = database, desk
        self._users: OrderedDict[str, Share] = OrderedDict()
        self._turn = threading.Lock()

    @contextmanager
    def of(self, caller: Caller, name: str | None = None) -> Iterator[Share]:
        """Give a user's sessions, read up to now; nobody else reads in that user's name meanwhile.

        Raises:
            RemoteError: The database does not answer, or refuses.
        """
        with self._turn:
            share = self._users.setdefault(caller.name, Share(self._database, self._desk))
            self._users.move_to_end(caller.name)
            while len(self._users) > _USERS:
                self._users.popitem(last=False)
        with share.turn:
            share.refresh(caller, name)
            yield share

    def check(self, caller: Caller, name: str) -> None:
        """Make sure that a user may see a session.

        Raises:
            ConfigError: Row level security shows none of that name.
            RemoteError: The database does not answer, or refuses.
        """
        with self.of(caller, name) as share:
            share.session(name)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()


def _ids(desk: Desk) -> dict[str, UUID]:
    """Return what the copies of this computer's sessions are called in the database."""
    found = {}
    for path in desk.state.glob(f"*/{JOURNAL}"):
        try:
            with Journal(path, read_only=True) as journal:
                first = journal.rows(0, 1)
        except (BadData, ConfigError):  # it is no copy's, as far as can be told
            continue
        if first:
            found[path.parent.name] = id_of(first[0])
    return found
