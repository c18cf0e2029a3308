"""What a session heard, written to the catalog: what is missing there, and corrections of what is not.

The rule: of each bar the last version counts. A stored bar with other values gives way if it was stored
before that version came, or if another recording stored a version that this one heard corrected; what was
fetched later stays. docs/explanation/real-time.md has it in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from openbell.core.messages import BarMessage
from openbell.data.bars import COLUMNS, Series
from openbell.data.catalog import Catalog, Key, Origin, Span, series_of
from openbell.data.catalog.manifest import Range
from openbell.data.live.transcript import Transcript, Version
from openbell.data.providers.protocol import Batch

#: How the request of a recording's provenance begins.
REQUEST = "recording "


@dataclass(frozen=True, slots=True)
class Archived:
    """What became of a symbol's bars.

    Args:
        key: The series.
        added: Bars that the catalog did not have.
        corrected: Bars that took the place of stored ones.
        older: Bars that differ from stored ones that were fetched later, and stayed.
    """

    key: Key
    added: int
    corrected: int
    older: int


def archive(catalog: Catalog, key: Key, transcript: Transcript, *, name: str) -> Archived:
    """Write a symbol's bars of a session to a catalog; doing it again changes nothing.

    What was replaced is kept in the provenance, whose request is `recording NAME`. Bars of a stream are as
    they were traded: their key is that of raw prices, whatever the provider's history is.

    Args:
        catalog: Where to.
        key: The symbol, and whose prices they are.
        transcript: What the session says of it.
        name: Of the recording.

    Raises:
        BadData: A bar breaks a rule, or a stored file is damaged.
        ConfigError: The folder cannot be written.
    """
    key = key._replace(source=replace(key.source, adjustment="raw"))
    before = catalog.coverage(key)
    last = {start: versions[-1] for start, versions in sorted(transcript.versions.items())}
    runs, older = _corrections(catalog, key, transcript, before)
    added = 0
    for hole in [hole for span in transcript.covered for hole in catalog.missing(key, span)]:
        fresh = [version for start, version in last.items() if hole.start <= start < hole.end]
        at = max((version.at for version in fresh), default=hole.end)
        catalog.write(_series(key, fresh), origin=_origin(key, at, name), covers=hole)
        added += len(fresh)
    corrected = 0
    for run in runs:
        known = len(catalog.read(key, run[0].bar.start, run[-1].bar.start + 1))
        at = max(version.at for version in run)
        catalog.write(_series(key, run), origin=_origin(key, at, name), revise=True)
        corrected += known
        added += len(run) - known
    return Archived(key, added, corrected, older)


def _corrections(
    catalog: Catalog, key: Key, transcript: Transcript, covered: Iterable[Span]
) -> tuple[list[list[Version]], int]:
    """Return the bars that are right where the catalog differs, and how many it knows better.

    Neighbours are together, so that the provenance of a write tells of no bar between them.
    """
    if not covered:
        return [], 0
    ranges = catalog.provenance(key)
    runs: list[list[Version]] = []
    older = 0
    for span in covered:
        told = {start: one for start, one in transcript.versions.items() if span.start <= start < span.end}
        if not told:
            continue
        stored = _values(catalog.read(key, min(told), max(told) + 1))
        fates: list[tuple[bool, Version]] = []
        for start in sorted(told.keys() | stored.keys()):
            versions = told.get(start)
            now = stored.get(start)
            if versions is None or now == _prices(versions[-1].bar):
                fates.append((False, Version(0, _NONE)))
                continue
            right = _gives_way(now, versions, [one for one in ranges if one.start <= start < one.end])
            older += not right
            fates.append((right, versions[-1]))
        runs += [[one for _, one in group] for right, group in groupby(fates, lambda fate: fate[0]) if right]
    return runs, older


_NONE = BarMessage("", 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)


def _gives_way(now: tuple[float, ...] | None, versions: Sequence[Version], ranges: Sequence[Range]) -> bool:
    """Tell whether what is stored of a bar gives way to the last version."""
    newest = max(ranges, key=lambda one: one.origin.fetched, default=None)
    if newest is None or newest.origin.fetched < versions[-1].at:
        return True
    corrected = now in [_prices(version.bar) for version in versions[:-1]]
    return corrected and newest.origin.request.startswith(REQUEST)


def _prices(bar: BarMessage) -> tuple[float, ...]:
    return bar[3:8]


def _values(series: Series) -> dict[int, tuple[float, ...]]:
    columns = [getattr(series, name).tolist() for name in COLUMNS]
    return dict(zip(series.start.tolist(), zip(*columns, strict=True), strict=True))


def _series(key: Key, versions: Sequence[Version]) -> Series:
    bars = [version.bar for version in versions]
    columns: dict[str, Any] = {
        name: np.array([getattr(bar, name) for bar in bars], np.float64) for name in COLUMNS
    }
    return series_of(key, [Batch(np.array([bar.start for bar in bars], np.int64), columns)])


def _origin(key: Key, at: int, name: str) -> Origin:
    return Origin(key.source.provider, at, f"{REQUEST}{name}")
