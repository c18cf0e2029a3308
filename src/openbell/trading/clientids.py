"""Client order ids: the same for the same order in every life of a session, and never used twice."""

from __future__ import annotations

import re
from hashlib import blake2b

from openbell.core.errors import ConfigError
from openbell.execution.port import STOP_LEG

#: What every id of Openbell begins with.
PREFIX = "ob"
_SHORTEST = 24  #: that much an id needs to be told apart from all others


class ClientIds:
    """Makes the ids of a session: its own, the strategy, the order's number, how often it was changed."""

    def __init__(self, session: str, *, longest: int) -> None:
        """Take the session's id and the longest id that the broker accepts.

        Raises:
            ConfigError: That is too short to tell orders apart.
        """
        self._room = longest - len(STOP_LEG)
        if self._room < _SHORTEST:
            raise ConfigError(
                f"the broker's client order ids have {longest} characters; "
                f"{_SHORTEST + len(STOP_LEG)} are needed"
            )
        self._start = f"{PREFIX}{session}-"

    def make(self, strategy: str, order_id: int, revision: int) -> str:
        """Return the id of an order's n-th revision."""
        plain, digest = (f"{head}{order_id}-{revision}" for head in self._heads(strategy))
        return plain if len(plain) <= self._room and _slug(strategy) == strategy else digest

    def may_have_made(self, client_id: str, strategy: str) -> bool:
        """Tell whether an id is of an order of this session's strategy, whatever its number."""
        return client_id.startswith(self._heads(strategy))

    def _heads(self, strategy: str) -> tuple[str, str]:
        """Return what a strategy's ids begin with: in plain letters, and where those are too many."""
        digest = blake2b(f"{self._start}{strategy}".encode(), digest_size=6).hexdigest()
        return f"{self._start}{_slug(strategy)}-", f"{PREFIX}{digest}-"


def session_id(began: int) -> str:
    """Return a session's id from its first moment (ns UTC): the milliseconds in base 36, eight characters.

    It must be kept with the session, as a second life needs the same.
    """
    rest, digits = began // 1_000_000, ""
    while rest:
        rest, digit = divmod(rest, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def is_own(client_id: str) -> bool:
    """Tell whether an id looks as if Openbell had made it, in this session or in another."""
    return client_id.startswith(PREFIX)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", "", name)
