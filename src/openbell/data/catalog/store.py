"""The catalog: bars in Parquet files, one folder a series, with one writer each and any number of readers.

A series' folder has files of bars that are never changed, and a manifest that names them and is swapped in
one step. So a reader sees all of a write or nothing of it, never waits, and a process that is killed leaves a
catalog that can be read; what it had begun is removed by the next writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY, Action, Instrument
from openbell.data.bars import Series, Source, format_timeframe, parse_timeframe
from openbell.data.calendar import sessions
from openbell.data.catalog import changes
from openbell.data.catalog.adjusted import Adjusted, adjust, check_adjusted
from openbell.data.catalog.coarser import MARGIN, coarsen, serving
from openbell.data.catalog.facts import (
    Facts,
    facts_path,
    merge_actions,
    place_actions,
    read_facts,
    write_facts,
)
from openbell.data.catalog.files import lock
from openbell.data.catalog.key import Key, folder_of, key_of, level_name
from openbell.data.catalog.manifest import Manifest, Origin, Range, damaged, read_manifest, write_manifest
from openbell.data.catalog.names import join_former
from openbell.data.catalog.parts import bars_of, check_part, read_parts
from openbell.data.catalog.search import find_key, find_keys, stored_timeframes, tell_absent
from openbell.data.catalog.spans import subtract
from openbell.data.providers.protocol import Span

T = TypeVar("T")

_TRIES = 100  #: manifests that a reader sees swapped under it before it gives up


class Catalog:
    """Bars, actions and instruments below one folder."""

    def __init__(self, root: str | Path) -> None:
        """Take a folder, which need not be there before something is written."""
        self.root = Path(root)

    def write(
        self,
        series: Series,
        *,
        origin: Origin | None = None,
        covers: Span | None = None,
        revise: bool = False,
    ) -> None:
        """Add a series' bars to what is stored, and its actions.

        Bars that are stored already must be equal. A bar with other values, or one that is stored in
        `covers` and not in the series, is refused, or with `revise` replaced; what was replaced is kept in
        the provenance.

        Args:
            series: Bars, whose source says where they belong. None at all, where a range has none.
            origin: Where they came from; else only the source's provider is known.
            covers: The time of which these are all bars; else it is from the first one's start to the open of
                the session after the last.
            revise: Whether the new bars are the right ones where they differ.

        Raises:
            BadData: Bars break a rule, or differ from what is stored.
            ConfigError: The folder cannot be written.
        """
        key, came = key_of(series), origin or Origin(series.source.provider, hand=True)
        folder = folder_of(self.root, key)
        if series.actions:
            self.write_actions(series.source, series.symbol, series.actions, origin=came, revise=revise)
        with lock(folder):
            before = read_manifest(folder) or Manifest()
            after = changes.apply(folder, key, before, series, origin=came, covers=covers, revise=revise)
            if after != before:
                write_manifest(folder, after)
            changes.remove_orphans(folder, after)

    def read(
        self, key: Key, start: int | None = None, end: int | None = None, adjusted: Adjusted = "raw"
    ) -> Series:
        """Return the bars that open in [start, end), ns UTC, with the symbol's actions; there may be none.

        What is stored under a former name comes before them (`names.join_former`).

        Args:
            key: Which. A timeframe that is not stored is made of a finer one that is.
            start: None is no limit.
            end: The same.
            adjusted: `raw`, as traded; `split` or `total`, adjusted as of the last bar, to look at.

        Raises:
            ConfigError: Nothing is stored that could make the bars; says what is.
            BadData: A file is damaged.
        """
        check_adjusted(adjusted)
        stored = self._serving(key)
        if stored == key:
            series = self._bars(stored, start, end)
        else:
            margin = MARGIN * NANOS_PER_DAY
            wide = None if start is None else start - margin, None if end is None else end + margin
            spans = self.coverage(stored)
            made = coarsen(self._bars(stored, *wide), key.timeframe, until=spans[-1].end if spans else 0)
            series = made.between(start, end)
        actions = self.actions(key.source.provider, key.symbol)

        def former(symbol: str, until: int) -> Series | None:
            old, last = key._replace(symbol=symbol), until if end is None else min(until, end)
            return None if self._find_serving(old) is None else self.read(old, start, last)

        return adjust(join_former(replace(series, actions=actions), former), adjusted)

    def coverage(self, key: Key) -> tuple[Span, ...]:
        """Return the spans of which all bars are stored, in the timeframe or the one it is made of."""
        stored = self._find_serving(key)
        manifest = None if stored is None else self._manifest(stored)
        return () if manifest is None else manifest.covered

    def missing(self, key: Key, span: Span) -> tuple[Span, ...]:
        """Return the parts of a span that are to be fetched: not covered, and with trading in them."""
        rest = subtract(span, self.coverage(key))
        if key.source.session != "regular" or not rest:
            return rest
        calendar = sessions(key.source.calendar, rest[0].start, rest[-1].end)

        def traded(one: Span) -> bool:
            first = int(np.searchsorted(calendar.closes, one.start, side="right"))
            return first < len(calendar) and int(calendar.opens[first]) < one.end

        return tuple(one for one in rest if traded(one))

    def provenance(self, key: Key) -> tuple[Range, ...]:
        """Return where each stored range came from, oldest first."""
        folder = folder_of(self.root, key)
        return self._settled(folder, lambda manifest: changes.all_ranges(folder, manifest), absent=())

    def write_actions(
        self,
        source: Source,
        symbol: str,
        actions: Iterable[Action],
        *,
        origin: Origin | None = None,
        covers: Span | None = None,
        revise: bool = False,
    ) -> None:
        """Add a symbol's splits, dividends and the like to what its provider has said before.

        What is written without an origin, or with one that says so, is by hand: a later fetch neither misses
        nor overwrites it, unless it revises. An ex-date that is a date's midnight in UTC becomes the open of
        its session, or of the next.

        Args:
            source: Its provider, and the calendar.
            symbol: Whose.
            actions: In any order.
            origin: Where they came from.
            covers: The time of which these are all actions; None if more may be known.
            revise: Whether they are the right ones where they differ from what is stored.

        Raises:
            BadData: An action differs from what is stored, or is stored in `covers` and not given.
            ConfigError: The folder cannot be written.
        """
        came, provider = origin or Origin(source.provider, hand=True), source.provider
        placed = place_actions(actions, source.calendar)
        with lock(facts_path(self.root, provider, symbol).parent):
            known = self.facts(provider, symbol)
            after = merge_actions(known, placed, origin=came, covers=covers, revise=revise)
            if after != known:
                write_facts(self.root, provider, symbol, after)

    def actions(self, provider: str, symbol: str) -> tuple[Action, ...]:
        """Return what a provider has said of a symbol's splits, dividends and the like."""
        return self.facts(provider, symbol).actions

    def facts(self, provider: str, symbol: str) -> Facts:
        """Return all that a provider has said of a symbol beside its bars, and since when."""
        return read_facts(self.root, provider, symbol)

    def write_instrument(self, provider: str, instrument: Instrument) -> None:
        """Keep what a provider says may be traded of a symbol, instead of what it said before.

        Raises:
            ConfigError: The folder cannot be written.
        """
        with lock(facts_path(self.root, provider, instrument.symbol).parent):
            known = self.facts(provider, instrument.symbol)
            if known.instrument != instrument:
                write_facts(self.root, provider, instrument.symbol, known.with_instrument(instrument))

    def instrument(self, provider: str, symbol: str) -> Instrument | None:
        """Return what a provider said may be traded of a symbol; None if it has not been asked."""
        return self.facts(provider, symbol).instrument

    def keys(self) -> tuple[Key, ...]:
        """Return the keys of all series, sorted by symbol and timeframe."""
        return tuple(find_keys(self.root))

    def find(self, symbol: str, timeframe: str, provider: str | None = None, feed: str | None = None) -> Key:
        """Return the key of raw bars that are stored, or that finer stored ones make.

        Raises:
            ConfigError: There are none, or of more than one source; says what there is.
        """
        return find_key(self.root, symbol, timeframe, provider=provider, feed=feed)

    def has(self, provider: str) -> bool:
        """Tell whether anything of a provider is stored."""
        return (self.root / level_name("provider", provider)).is_dir()

    def verify(self, key: Key) -> None:
        """Work out the hash of every file of a series anew, and read what is kept beside its bars.

        Raises:
            BadData: A file is damaged; names the first.
        """
        folder = folder_of(self.root, key)

        def check(manifest: Manifest) -> None:
            changes.all_ranges(folder, manifest)
            for part in manifest.parts:
                check_part(folder, key, part)

        self._settled(folder, check, absent=None)
        self.facts(key.source.provider, key.symbol)

    def _bars(self, key: Key, start: int | None, end: int | None) -> Series:
        """Return stored bars without actions."""
        folder = folder_of(self.root, key)

        def read(manifest: Manifest) -> dict[str, Any]:
            parts = [
                part
                for part in manifest.parts
                if (start is None or part.last >= start) and (end is None or part.first < end)
            ]
            return read_parts(folder, parts)

        columns = self._settled(folder, read, absent=None)
        if columns is None:
            raise ConfigError(tell_absent(self.root, key.symbol, key.timeframe, key.tape))
        return bars_of(key, columns).between(start, end)

    def _settled(self, folder: Path, read: Callable[[Manifest], T], *, absent: T) -> T:
        """Read what a manifest names; again, if a writer has replaced it meanwhile."""
        before = read_manifest(folder)
        for _ in range(_TRIES):
            if before is None:
                return absent
            try:
                return read(before)
            except FileNotFoundError as error:
                now = read_manifest(folder)
                if now == before:
                    raise damaged(Path(error.filename or folder), "it is gone") from error
                before = now
        raise ConfigError(f"{folder} is rewritten without a pause; end the other writers")

    def _manifest(self, key: Key) -> Manifest | None:
        return read_manifest(folder_of(self.root, key))

    def _serving(self, key: Key) -> Key:
        found = self._find_serving(key)
        if found is None:
            raise ConfigError(tell_absent(self.root, key.symbol, key.timeframe, key.tape))
        return found

    def _find_serving(self, key: Key) -> Key | None:
        """Return the stored key that bars are read from; None if there is none."""
        wanted = key._replace(timeframe=format_timeframe(parse_timeframe(key.timeframe)))
        if self._manifest(wanted) is not None:
            return wanted
        finer = serving(stored_timeframes(self.root, wanted), wanted.timeframe)
        return None if finer is None else wanted._replace(timeframe=finer)
