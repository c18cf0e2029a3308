"""The ledger as text, byte for byte the same for the same run: what `verify` compares."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from openbell.core.account import Entry
from openbell.core.types import NANOS_PER_SECOND

HEADER = ("time", "kind", "symbol", "quantity", "price", "fee", "amount", "cash", "position", "realised")


def rows(entries: Iterable[Entry]) -> Iterable[tuple[Any, ...]]:
    """Yield a ledger's rows, times as ISO text, numbers as they are."""
    for e in entries:
        yield (
            stamp(e.time), e.kind.value, e.symbol, e.quantity, e.price, e.fee,
            e.amount, e.cash, e.position, e.realised,
        )  # fmt: skip


def text(header: Sequence[str], table: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV; floats in the shortest form that reads back as the same number."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(table)
    return out.getvalue()


def ledger_text(entries: Iterable[Entry]) -> str:
    """Return a ledger as CSV."""
    return text(HEADER, rows(entries))


def ledger_hash(entries: Iterable[Entry]) -> str:
    """Return the identity of a ledger."""
    return "sha256:" + hashlib.sha256(ledger_text(entries).encode()).hexdigest()


def stamp(time: int) -> str:
    """Return a time in ns as ISO text in UTC, with as many decimals as it needs; empty for 0."""
    if time == 0:
        return ""
    seconds, rest = divmod(time, NANOS_PER_SECOND)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}".rstrip("0") + "Z" if rest else whole + "Z"
