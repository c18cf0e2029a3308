"""A journal's events: as they are meant, and as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One event of the journal.

    `time` is the engine's, `wall` the computer's clock, both ns UTC. `subject` is what it is about, such as a
    client order id; `trace` joins everything that one bar led to.
    """

    seq: int
    time: int
    wall: int
    kind: str
    strategy: str
    subject: str
    trace: str
    body: Mapping[str, Any]


class Row(NamedTuple):
    """One event as it is stored: the body as its text, and the digest of it and of all before it."""

    seq: int
    time: int
    wall: int
    kind: str
    strategy: str
    subject: str
    trace: str
    text: str
    digest: bytes
