"""What a provider's account may ask for: one budget on this machine, kept to before each request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from openbell.core.errors import Retryable
from openbell.data.providers.protocol import Limit, Offer, Provider
from openbell.utils.cache import cache_folder
from openbell.utils.ratelimit import Budget, shared_budget

#: Seconds that a request waits for its turn; who would have to wait longer is told when to come back.
LONGEST = 120.0

#: The ends of the names of options that say whom a provider asks: another server counts for itself.
_PLACES = ("url", "urls", "host", "port", "exchange")


class Spent(Retryable):
    """The account's requests are used up, so that none was made."""


def budget_of(
    provider: Provider,
    environ: Mapping[str, str],
    *,
    rate: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Budget | None:
    """Return the budget of a provider's account, to which the provider keeps from now on; None is no limit.

    All processes of this user on this machine that name the account share it.

    Args:
        provider: Which.
        environ: Where its secrets are.
        rate: Requests a minute that the account may make; None is what the provider usually allows.
        options: The provider's settings, which say whom it asks.
    """
    limit = provider.offer.limit if rate is None else Limit(rate, 60.0)
    if limit is None:
        return None
    account = account_of(provider.name, provider.offer, environ, options or {})
    budget = shared_budget(account, *limit, folder=cache_folder("budgets"), reserve=0.0)

    async def wait() -> None:
        delay = budget.delay()
        if delay > LONGEST:
            raise Spent(
                f"{provider.name}: {limit.requests:g} requests in {limit.seconds:g} s are allowed, and they "
                f"are used up; the next is free in {delay / 60.0:.0f} minutes",
                after=delay,
            )
        await budget.acquire()

    provider.pace(wait)
    watch = getattr(provider, "watch", None)
    if watch is not None:
        watch(budget.follow)
    return budget


def account_of(name: str, offer: Offer, environ: Mapping[str, str], options: Mapping[str, Any]) -> str:
    """Return what tells accounts apart: the provider's name, and a digest of whom it asks with which secrets.

    Without secrets the limit is of the address, which all processes of a machine share.
    """
    places = {option: options[option] for option in sorted(options) if option.endswith(_PLACES)}
    secrets = [environ.get(variable, "").strip() for variable in offer.variables]
    told = json.dumps([places, secrets], default=str)
    return f"{name}:{sha256(told.encode()).hexdigest()[:16]}"
