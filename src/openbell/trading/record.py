"""The record of a session: how it began, and what came after, read from its journal when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from openbell.storage.entries import Entry
from openbell.storage.journal import Journal

#: Events that a session is begun with; what a journal has before the last of them is of earlier ones.
BEGUN = "begun"


class Ending(StrEnum):
    """Why a session ended."""

    END_OF_DATA = "end_of_data"  #: there are no more bars
    STOPPED = "stopped"  #: somebody asked for it, and it can be gone on with


class Record:
    """The last session in a journal."""

    def __init__(self, journal: Journal) -> None:
        """Look for how it began; `begun` is None where nothing did."""
        self.journal = journal
        begun = [one for one in journal.of_kind("session") if one.body["state"] == BEGUN]
        self.begun: Entry | None = begun[-1] if begun else None
        self.first = begun[-1].seq if begun else 0  #: the event that it began with

    def after(self, seq: int = 0) -> Iterator[Entry]:
        """Yield its events after a sequence number, in order."""
        yield from self.journal.read(max(seq, self.first))

    def of_kind(self, kind: str) -> list[Entry]:
        """Return its events of a kind, in order."""
        return self.journal.of_kind(kind, self.first)

    def latest(self, kind: str) -> Entry | None:
        """Return its last event of a kind; None where there is none."""
        return self.journal.latest(kind, self.first)

    @property
    def last(self) -> Entry | None:
        """Its last event; None where nothing came after its beginning."""
        found = self.journal.read(max(self.journal.last - 1, self.first))
        return next(found, None)


def latest_session(journal: Journal) -> tuple[Entry | None, list[Entry]]:
    """Return how the last session of a journal began, and all events after that."""
    record = Record(journal)
    return record.begun, list(record.after())
