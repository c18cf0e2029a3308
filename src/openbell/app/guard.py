"""Who may ask: this computer alone, unless a token says otherwise; and no other web page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from secrets import token_urlsafe
from urllib.parse import urlsplit

from openbell.app.access import Access, Caller
from openbell.core.errors import ConfigError

_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CLIENTS = 4_096  #: whose rates are remembered; then those that have rested are forgotten
VISIT = 12 * 3600.0  #: seconds that a browser stays signed in
_VISITS = 1_000


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
    site. On any other address every request needs a token.
    """

    def __init__(
        self,
        host: str,
        access: Access | None = None,
        *,
        rate: float = 50.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the address that is listened on, and who is known.

        Args:
            host: The address.
            access: The tokens; none is for loopback.
            rate: Requests a second that one client may make over time, and ten times as many at once.
            clock: Seconds.

        Raises:
            ConfigError: The address is not this computer's own, and there is no token.
        """
        self.access = access or Access()
        check_reach(host, is_open=self.access.is_open)
        self._rate, self._clock = rate, clock
        self._left: dict[str, tuple[float, float]] = {}
        self._visits: dict[str, tuple[Caller, float]] = {}

    def judge(self, method: str, *, host: str, origin: str, token: str, client: str) -> Caller | Refusal:
        """Return who asks, or why the request is refused. `token` is a token, or a browser's cookie."""
        if not self._within_rate(client):
            return Refusal(429, "Too many requests", "ask less often; wait a second")
        if self.access.is_open and urlsplit(f"//{host}").hostname not in _NAMES:
            return Refusal(403, "Wrong host", f"the API answers to localhost, not to {host[:60]!r}")
        if origin and (method not in _SAFE) and urlsplit(origin).netloc != host:
            return Refusal(403, "Wrong origin", "another site may not change anything here")
        caller = self._visitor(token) or self.access.caller_of(token)
        if caller is None:
            return Refusal(401, "Not authorised", "give the token, as in Authorization: Bearer TOKEN")
        return caller

    def sign_in(self, token: str) -> str | None:
        """Return the cookie of a browser whose user said a token; None where it is nobody's."""
        caller = self.access.caller_of(token)
        if caller is None:
            return None
        now = self._clock()
        self._visits = {name: visit for name, visit in self._visits.items() if visit[1] > now}
        if len(self._visits) >= _VISITS:
            self._visits.pop(next(iter(self._visits)))
        cookie = token_urlsafe(32)
        self._visits[cookie] = (caller, now + min(VISIT, caller.until - time.time()))
        return cookie

    def sign_out(self, cookie: str) -> None:
        """Forget a browser."""
        self._visits.pop(cookie, None)

    def _visitor(self, cookie: str) -> Caller | None:
        visit = self._visits.get(cookie)
        return visit[0] if visit is not None and visit[1] > self._clock() else None

    def _within_rate(self, client: str) -> bool:
        """Take one from a client's bucket; tell whether there was one."""
        now, full = self._clock(), 10.0 * self._rate
        left, then = self._left.get(client, (full, now))
        left = min(full, left + (now - then) * self._rate)
        if len(self._left) >= _CLIENTS and client not in self._left:
            rested = [name for name, (has, at) in self._left.items() if has + (now - at) * self._rate >= full]
            for name in rested or list(self._left)[: _CLIENTS // 2]:
                del self._left[name]
        self._left[client] = (max(left - 1.0, 0.0), now)
        return left >= 1.0


def check_reach(host: str, *, is_open: bool) -> None:
    """Refuse an address that others reach, unless a token keeps them out.

    Raises:
        ConfigError: It is not this computer's own, and nobody has to say who they are.
    """
    if is_open and not is_loopback(host):
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
