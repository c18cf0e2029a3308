"""Where a live session's orders go: a broker's account, and how it may be used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from openbell.core.types import Instrument
from openbell.execution.port import Balance, Holding, LiveBroker
from openbell.operation.standby import Spare
from openbell.storage.lock import FolderLock
from openbell.trading.reconcile import Policy
from openbell.trading.sender import Timing
from openbell.utils.cache import cache_folder
from openbell.utils.logging import get_logger
from openbell.utils.ratelimit import Budget

#: How the names of a broker's options end that say where it is.
_ADDRESSES = ("url", "urls", "host", "port")
#: The part of a share that is a lot where fractions are traded: brokers' own are finer, and float noise.
FRACTION = 1e-06


@dataclass(frozen=True, slots=True)
class Venue:
    """Where orders go.

    Args:
        broker: The account, not connected yet.
        budget: How many requests it may make.
        policy: What to do with differences between account and books that nothing explains.
        timing: How long to wait for what.
        spare: What a second connection needs, by which a stop reaches the broker while the session hangs.
        fractional: Whether shares that can be are traded in parts of one.
        locks: Where this machine's sessions lock accounts with these addresses; None locks none.
    """

    broker: LiveBroker
    budget: Budget
    policy: Policy | None = None
    timing: Timing | None = None
    spare: Spare | None = None
    fractional: bool = False
    locks: Path | None = None

    def part(self, instrument: Instrument) -> Instrument:
        """Return an instrument with the lot that it is traded in here."""
        if not (self.fractional and instrument.fractionable):
            return instrument
        return replace(instrument, lot=min(instrument.lot, FRACTION))


def locks_at(options: Mapping[str, Any]) -> Path | None:
    """Return where sessions of this machine lock accounts of a broker: one place for each of its addresses.

    None, with a warning, where nothing can be written: then a second session is refused by its folder alone.
    """
    addresses = {name: options[name] for name in sorted(options) if name.endswith(_ADDRESSES)}
    root = cache_folder("accounts")
    try:
        if root is not None:
            root.mkdir(parents=True, exist_ok=True)
            return root / sha256(json.dumps(addresses).encode()).hexdigest()[:16]
        why = "there is no home"
    except OSError as error:
        why = f"{root}: {error.strerror}"
    get_logger().warning(
        f"nothing keeps a second session off the account ({why}); set OPENBELL_CACHE to a folder that can be "
        "written"
    )
    return None


@contextmanager
def hold_account(locks: Path | None, account: str) -> Iterator[None]:
    """Hold an account on this machine, whatever folders its sessions are in.

    Raises:
        ConfigError: Another process holds it.
    """
    if locks is None:
        yield
        return
    folder = locks / sha256(account.encode()).hexdigest()[:16]
    with FolderLock(folder, of=f"account {account}"):
        yield


@dataclass(frozen=True, slots=True)
class Account:
    """A broker's account, as it is shown before anything is sent."""

    id: str
    balance: Balance
    holdings: Sequence[Holding]

    @property
    def is_real(self) -> bool:
        """Whether real money is traded: its id does not say that it is on paper."""
        return ":paper:" not in self.id
