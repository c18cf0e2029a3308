"""What a write makes of a series' folder: new files, a new manifest, and old files removed after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from openbell.core.errors import BadData
from openbell.data.bars import Series
from openbell.data.calendar import sessions
from openbell.data.catalog import merging
from openbell.data.catalog.key import Key
from openbell.data.catalog.manifest import (
    Manifest,
    Origin,
    Part,
    Range,
    describe_range,
    ranges_of,
    read_document,
    write_document,
)
from openbell.data.catalog.parts import (
    BARS,
    MOST,
    REPLACED,
    UNCOUNTED,
    Columns,
    bars_of,
    columns_of,
    read_parts,
    write_parts,
)
from openbell.data.catalog.spans import unite
from openbell.data.providers.protocol import Span
from openbell.utils.files import UNFINISHED

#: Files with fewer than half of `MOST` bars that a folder may have, before they are joined.
SMALL = 16
#: Ranges whose provenance the manifest holds; more go into a file of their own.
RECENT = 64

_EARLIER = "_provenance"
#: How the names begin of files that count only if the manifest names them.
_OWN = (UNFINISHED, BARS.prefix, REPLACED.prefix, _EARLIER)


def apply(
    folder: Path,
    key: Key,
    before: Manifest,
    series: Series,
    *,
    origin: Origin,
    covers: Span | None,
    revise: bool,
) -> Manifest:
    """Write the files of a change; return the manifest that makes them count.

    The arguments are those of `Catalog.write`.

    Raises:
        BadData: Bars break a rule, or differ from what is stored.
    """
    fresh = columns_of(series)
    merging.check_fresh(key, fresh)
    if (
        covers is not None
        and len(series)
        and not covers.start <= series.start[0] <= series.start[-1] < covers.end
    ):
        raise BadData(f"{key}: there are bars outside of what they are said to cover; give the span of all")
    spans = [covers] if covers else [_usual_cover(series)] if len(series) else []
    covered = unite([*before.covered, *spans])
    touched = [part for part in before.parts if _touches(part, series, covers)]
    merged = merging.merge(
        key, read_parts(folder, touched), fresh, covers=covers, revise=revise
    )  # fmt: skip
    if not merged.added and not len(merged.replaced["start"]):
        if covered == before.covered:
            return before
        parts = list(before.parts)
    else:
        rest = [part for part in before.parts if part not in touched]
        parts = sorted([*rest, *write_parts(folder, key, merged.columns)], key=lambda part: part.first)
        _check_neighbours(key, parts)
    old = write_parts(folder, key, merged.replaced, name=REPLACED)
    told = Range(
        *_extent(spans),
        len(series),
        bars_of(key, fresh).content_hash,
        origin,
        tuple(part.file for part in old),
    )
    after = Manifest(_compacted(folder, key, parts), covered, (*before.recent, told), before.earlier)
    return _archived(folder, after)


def _extent(spans: Sequence[Span]) -> tuple[int, int]:
    return (spans[0].start, spans[0].end) if spans else (0, 0)


def _touches(part: Part, series: Series, covers: Span | None) -> bool:
    inside = len(series) and part.first <= series.start[-1] and series.start[0] <= part.last
    return bool(inside or (covers is not None and part.first < covers.end and covers.start <= part.last))


def _usual_cover(series: Series) -> Span:
    """Return the time from the first bar's start to the last one's end, or to the open after it."""
    end = int(series.known[-1])
    if series.source.session == "regular":
        calendar = sessions(series.source.calendar, end, end)
        following = int(np.searchsorted(calendar.closes, end, side="right"))
        end = max(end, int(calendar.opens[following]))
    return Span(int(series.start[0]), end)


def _check_neighbours(key: Key, parts: Sequence[Part]) -> None:
    for before, after in pairwise(parts):
        if after.first < before.known:
            raise BadData(
                f"{key}: the bar of {merging.moment(after.first)} begins before the one before it is "
                f"complete ({merging.moment(before.known)}); give bars of one timeframe"
            )


def _compacted(folder: Path, key: Key, parts: Sequence[Part]) -> tuple[Part, ...]:
    """Join files that follow one another, if there are many small ones."""
    if sum(part.bars < MOST // 2 for part in parts) <= SMALL:
        return tuple(parts)
    done: list[Part] = []
    for group in _groups(parts):
        done += group if len(group) == 1 else write_parts(folder, key, read_parts(folder, group))
    return tuple(done)


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    group: list[Part] = []
    for part in parts:
        if group and sum(one.bars for one in group) + part.bars > MOST:
            yield group
            group = []
        group.append(part)
    yield group


def _archived(folder: Path, manifest: Manifest) -> Manifest:
    """Move provenance out of the manifest, which every reader reads, if there is much of it."""
    if len(manifest.recent) <= RECENT:
        return manifest
    ranges = all_ranges(folder, manifest)
    file = f"{_EARLIER}-{len(ranges)}-{ranges[-1].hash.partition(':')[2][:16]}.json"
    write_document(folder / file, {"ranges": [describe_range(one) for one in ranges]})
    return replace(manifest, recent=(), earlier=file)


def all_ranges(folder: Path, manifest: Manifest) -> tuple[Range, ...]:
    """Return the whole provenance, oldest first."""
    earlier = ranges_of(read_document(folder / manifest.earlier)["ranges"]) if manifest.earlier else ()
    return (*earlier, *manifest.recent)


def remove_orphans(folder: Path, manifest: Manifest) -> None:
    """Remove files that the manifest does not name: of writes that were ended, and joined ones."""
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    orphans = {name for name in there if name.startswith(_OWN)} - manifest.files()
    if any(name.startswith(REPLACED.prefix) for name in orphans):  # most folders have none
        orphans -= {file for one in all_ranges(folder, manifest) for file in one.replaced}
    for name in orphans:
        with suppress(PermissionError):  # Windows removes no file that is being read: the next writer will
            (folder / name).unlink()


def read_replaced(folder: Path, one: Range) -> Columns:
    """Return the bars that a write replaced, as columns."""
    parts = [Part(file, UNCOUNTED, 0, 0, 0, "") for file in one.replaced]
    found: dict[str, Any] = read_parts(folder, parts)
    return found
