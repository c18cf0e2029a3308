"""Who may ask the API: this computer alone, unless a token says otherwise; and no other web page."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from openbell.core.errors import ConfigError

_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    title: str
    detail: str


class Guard:
    """Judges requests by their host, origin, token and number.

    On a loopback address no token is needed: then the `Host` must be a loopback name, so that no web page can
    reach the API under a name of its own, and a request that changes something must not come from another
    site. On any other address every request needs the token.
    """

    def __init__(
        self,
        host: str,
        *,
        token: str = "",
        rate: float = 50.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the address that is listened on, and the token.

        Args:
            host: The address.
            token: What a client must say; empty for none.
            rate: Requests a second that one client may make over time, and ten times as many at once.
            clock: Seconds.

        Raises:
            ConfigError: The address is not this computer's own, and there is no token.
        """
        check_reach(host, token)
        self.local = is_loopback(host)
        self._token, self._rate, self._clock = token, rate, clock
        self._left: dict[str, tuple[float, float]] = {}

    def judge(self, method: str, *, host: str, origin: str, token: str, client: str) -> Refusal | None:
        """Return why a request is refused; None if it may be answered."""
        if not self._within_rate(client):
            return Refusal(429, "Too many requests", "ask less often")
        if self._token:
            if not hmac.compare_digest(token.encode(), self._token.encode()):
                return Refusal(401, "Not authorised", "give the token, as in Authorization: Bearer TOKEN")
        elif urlsplit(f"//{host}").hostname not in _NAMES:
            return Refusal(403, "Wrong host", f"the API answers to localhost, not to {host[:60]!r}")
        if origin and (method not in _SAFE) and urlsplit(origin).netloc != host:
            return Refusal(403, "Wrong origin", "another site may not change anything here")
        return None

    def judge_socket(self, *, host: str, origin: str, token: str, client: str) -> Refusal | None:
        """Judge a WebSocket, which browsers open for any page: its origin must be this site's."""
        return self.judge("POST", host=host, origin=origin, token=token, client=client)

    def _within_rate(self, client: str) -> bool:
        """Take one from a client's bucket; tell whether there was one."""
        now = self._clock()
        left, then = self._left.get(client, (10.0 * self._rate, now))
        left = min(10.0 * self._rate, left + (now - then) * self._rate)
        self._left[client] = (max(left - 1.0, 0.0), now)
        return left >= 1.0


def check_reach(host: str, token: str) -> None:
    """Refuse an address that others reach, unless a token keeps them out.

    Raises:
        ConfigError: It is not this computer's own, and the token is empty.
    """
    if not is_loopback(host) and not token:
        raise ConfigError(
            f"--host {host} can be reached from elsewhere, so it needs a token: set OPENBELL_API_TOKEN"
        )


def is_loopback(host: str) -> bool:
    """Tell whether an address is this computer's own."""
    if host in _NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
