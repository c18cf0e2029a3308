"""Summaries: how a session stands, kept beside its saves, so that who asks need not read all of its journal.

A summary is only ever a shorter way: the journal names the event up to which it goes and has its file's
digest, and what came later is read. Without one that can be used all is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from openbell.core.types import NANOS_PER_DAY
from openbell.storage.entries import Entry
from openbell.storage.journal import Journal
from openbell.trading.build import build
from openbell.trading.freezing import Unfrozen, freeze, thaw
from openbell.trading.funds import Funds, told_funds
from openbell.trading.ledger import KINDS, Ledger, fold
from openbell.trading.record import BEGUN, Ending, Record
from openbell.utils.files import write_whole

SUMMED = "summed"
_KEPT = 3 * NANOS_PER_DAY  #: what ended longer ago is in the journal alone


@dataclass(slots=True)
class Summary:
    """How a session stands.

    Args:
        ledgers: What each strategy holds, owes and has done of late.
        prices: The last of each symbol.
        failed: What strategies raised, by their names.
        state: The last that was said of the session.
        time: Its last event's, ns UTC.
        ended: Whether its bars have ended, so that it cannot be gone on with.
        funds: What the broker told last of the account; None where there is no broker.
    """

    ledgers: dict[str, Ledger] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    state: str = BEGUN
    time: int = 0
    ended: bool = False
    funds: Funds | None = None

    def follow(self, entries: Iterable[Entry]) -> None:
        """Take what came later.

        Raises:
            BadData: It cannot follow from what was before.
        """
        for entry in entries:
            self.time = max(self.time, entry.time)
            if entry.kind == "moment":
                self.prices.update((row[0], row[6]) for row in entry.body["bars"])
            elif entry.kind == "session":
                self.state = entry.body["state"]
                self.ended = self.ended or self.state == Ending.END_OF_DATA.value
            elif entry.kind == "failed":
                self.failed[entry.strategy] = entry.body["said"]
            elif entry.kind == "power":
                self.funds = told_funds(entry)
            elif entry.kind in KINDS:
                fold((entry,), self.ledgers)

    def retire(self) -> None:
        """Let go of what ended long ago."""
        for ledger in self.ledgers.values():
            ledger.retire(self.time - _KEPT)


def summarise(record: Record) -> Summary:
    """Return how a session stands now, from its last summary on.

    Raises:
        BadData: Its journal is damaged.
    """
    kept = record.latest(SUMMED)
    summary = None if kept is None else _read(record.journal, kept)
    if kept is None or summary is None:
        kept, summary = None, Summary()
    summary.follow(record.after(kept.body["upto"] if kept else 0))
    return summary


def write_summary(journal: Journal, *, time: int, wall: int) -> None:
    """Keep how the journal's last session stands, in place of the summary before.

    Raises:
        Halt: The journal cannot be written.
        OSError: The file cannot.
        Unfrozen: Something in it cannot be kept.
    """
    summary = summarise(Record(journal))
    summary.retire()
    data, upto = freeze(summary, {}), journal.last
    folder = _folder(journal)
    write_whole(folder / f"{upto}.summary", data)
    digest = hashlib.sha256(data).hexdigest()
    journal.append(SUMMED, {"upto": upto, "digest": digest, "build": build()}, time=time, wall=wall)
    journal.commit()
    for old in folder.glob("[0-9]*.summary"):
        if old.stem != str(upto):
            old.unlink()


def ledgers_of(record: Record) -> dict[str, Ledger]:
    """Return each strategy's ledger with all orders and fills of the session, however old.

    Raises:
        BadData: Its journal is damaged.
    """
    entries = [entry for kind in KINDS for entry in record.of_kind(kind)]
    return fold(sorted(entries, key=lambda entry: entry.seq))


def _read(journal: Journal, kept: Entry) -> Summary | None:
    """Return a summary that was kept; None where its file is gone or another, or other code has made it."""
    path = _folder(journal) / f"{kept.body['upto']}.summary"
    try:
        data = path.read_bytes()
        if kept.body["build"] != build() or hashlib.sha256(data).hexdigest() != kept.body["digest"]:
            return None
        found = thaw(data, {})
    except (OSError, Unfrozen):
        return None
    return found if isinstance(found, Summary) else None


def _folder(journal: Journal) -> Path:
    return journal.path.parent / "saved"
