"""How the sessions below a folder stand, by their journals; one that cannot be read hides no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openbell.cli.places import check_named
from openbell.core.errors import BadData, ConfigError
from openbell.core.orders import Order
from openbell.papering import JOURNAL
from openbell.storage.journal import Journal
from openbell.storage.lock import is_held
from openbell.trading.continuation import is_unfinished
from openbell.trading.ledger import Ledger, fold
from openbell.trading.record import latest_session
from openbell.trading.session import Ending

#: Where sessions keep their journals, by default.
STATE = Path("state")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a session's journal says.

    Args:
        folder: The session's.
        state: Whether it runs, how it ended, or that it was interrupted.
        time: Its last event's, ns UTC.
        ledgers: What each strategy holds, owes and has done.
        prices: The last of each symbol.
        failed: What strategies raised, by their names.
        can_go_on: Whether it does not run and its bars have not ended.
    """

    folder: Path
    state: str
    time: int
    ledgers: Mapping[str, Ledger]
    prices: Mapping[str, float]
    failed: Mapping[str, str]
    can_go_on: bool


@dataclass(frozen=True, slots=True)
class Standings:
    """The sessions that can be read, and a line for each that cannot."""

    sessions: Sequence[Standing]
    warnings: Sequence[str]

    def orders(self) -> Iterable[tuple[Path, str, Order]]:
        """Yield each order with its session's folder and its strategy."""
        for one in self.sessions:
            for name, ledger in one.ledgers.items():
                for order in ledger.orders.values():
                    yield one.folder, name, order


def folder_of(state: str) -> Path:
    """Return the folder that `--state` names.

    Raises:
        ConfigError: It names none.
    """
    check_named(state, "--state")
    return Path(state)


def find_sessions(state: str | None) -> list[Path]:
    """Return the folders with a journal: the one that is given, or those below it."""
    root = STATE if state is None else folder_of(state)
    if (root / JOURNAL).exists():
        return [root]
    return sorted(path.parent for path in root.glob(f"*/{JOURNAL}"))


def read_sessions(state: str | None) -> Standings:
    """Return how the session of a folder stands, or those below it.

    Raises:
        ConfigError: The journal of the one that is named cannot be read.
        BadData: It is damaged.
    """
    read, warnings = [], []
    for folder in find_sessions(state):
        try:
            read.append(_read(folder))
        except (BadData, ConfigError) as error:
            if state is not None and folder == Path(state):
                raise
            warnings.append(f"session {folder} is left out: {error}")
    return Standings(read, warnings)


def _read(folder: Path) -> Standing:
    with Journal(folder / JOURNAL, read_only=True) as journal:
        begun, entries = latest_session(journal)
    prices: dict[str, float] = {}
    time, state, failed = 0, "begun", {}
    for entry in entries:
        time = max(time, entry.time)
        if entry.kind == "moment":
            prices.update((row[0], row[6]) for row in entry.body["bars"])
        elif entry.kind == "session":
            state = entry.body["state"]
        elif entry.kind == "failed":
            failed[entry.strategy] = entry.body["said"]
    held, ended = is_held(folder), state in {one.value for one in Ending}
    return Standing(
        folder,
        state="running" if held else state if ended else "interrupted",
        time=time,
        ledgers=fold(entries),
        prices=prices,
        failed=failed,
        can_go_on=begun is not None and is_unfinished(entries) and not held,
    )
