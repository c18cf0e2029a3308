"""Who somebody is and what they may do: by a token, by a JWT of Supabase, or by sitting at this computer."""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from openbell.core.errors import ConfigError


class Scope(IntEnum):
    """What somebody may do; each may what the ones before it may."""

    READ = 1  #: look
    TRADE = 2  #: ask things of sessions, and start jobs
    ADMIN = 3  #: see who did what


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a name for the audit log, and a scope."""

    name: str
    scope: Scope
    #: Of a user whose sessions row level security decides on, what the JWT says of them; else nothing.
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    owns: bool = True  #: whether what is on this computer is theirs: runs, jobs, the dashboard, the logs
    until: float = math.inf  #: when it is no longer so, in seconds since 1970


class Verifier(Protocol):
    """Knows more callers than the tokens here."""

    def caller_of(self, token: str) -> Caller | None:
        """Return whose a token is; None if it is nobody's."""


class Access:
    """The tokens, and who else may be known."""

    def __init__(self, tokens: Mapping[Scope, str] | None = None, verifier: Verifier | None = None) -> None:
        """Take a token for each scope that has one. None at all is for loopback only: who asks is at home."""
        self._tokens = {scope: token for scope, token in (tokens or {}).items() if token}
        self._verifier = verifier

    @property
    def is_open(self) -> bool:
        """Whether nobody has to say who they are."""
        return not self._tokens and self._verifier is None

    @property
    def may_wait(self) -> bool:
        """Whether to find out who somebody is may take a request of its own."""
        return self._verifier is not None

    def caller_of(self, token: str) -> Caller | None:
        """Return who says this token; None if nobody may.

        Every token is compared, in a time that does not depend on what is alike.
        """
        if self.is_open:
            return Caller("this computer", Scope.ADMIN)
        found = None
        for scope, mine in sorted(self._tokens.items()):
            if hmac.compare_digest(token.encode(), mine.encode()):
                found = Caller(f"the {scope.name.lower()} token", scope)
        if found is None and token and self._verifier is not None:
            return self._verifier.caller_of(token)
        return found


class SupabaseUsers:
    """Verifies the JWTs of Supabase Auth by its published keys, which are fetched once and when one is new.

    What a user may do stands in `app_metadata.openbell`, as read, trade or admin: users cannot change that
    themselves. Who has nothing there may nothing. Where copies of the journals are read, each user sees the
    sessions that row level security shows them, and the owner the rest of this computer too. Where none are,
    only the owner is let in.
    """

    def __init__(self, url: str, *, owner: str, shared: bool = False) -> None:
        """Take the project's address, such as `https://abc.supabase.co`.

        Args:
            url: The address.
            owner: The user whose the rows of this computer's journals are.
            shared: Whether sessions are read from the database, in the users' own names.

        Raises:
            ConfigError: PyJWT is not installed.
        """
        try:
            import jwt
        except ModuleNotFoundError as error:
            raise ConfigError('PyJWT is not installed; pip install "openbell[app]"') from error
        self._jwt: Any = jwt
        issuer = f"{url.rstrip('/')}/auth/v1"
        self._issuer, self._owner, self._shared = issuer, owner, shared
        self._keys = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json", timeout=5)

    def caller_of(self, token: str) -> Caller | None:
        """Return whose a JWT is; None if it is forged, over, or of somebody who may nothing."""
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims = self._jwt.decode(
                token,
                key.key,
                algorithms=["ES256", "RS256", "EdDSA"],
                audience="authenticated",
                issuer=self._issuer,
                options={"require": ["exp", "sub"]},
            )
        except self._jwt.PyJWTError:
            return None
        said = claims.get("app_metadata")
        name = str(said.get("openbell", "")).upper() if isinstance(said, Mapping) else ""
        owns = claims["sub"] == self._owner
        if name not in Scope.__members__ or not (owns or self._shared):
            return None
        said = dict(claims) if self._shared else {}
        return Caller(f"user {claims['sub']}", Scope[name], said, owns, float(claims["exp"]))
