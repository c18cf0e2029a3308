"""What a provider told of a company that no action of the catalog says: kept, and told with its bars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from openbell.core.types import Dividend
from openbell.data.bars import Finding, FindingKind, Source
from openbell.data.catalog.facts import Facts, facts_path, place_ex, read_facts, write_facts
from openbell.data.catalog.files import lock
from openbell.data.providers.protocol import Caveat, Span


def write_caveats(root: Path, source: Source, symbol: str, caveats: Iterable[Caveat], within: Span) -> None:
    """Keep what a provider told of a span; what it told of it before and does not any more is let go.

    Raises:
        ConfigError: The folder cannot be written.
    """
    placed = {replace(one, ex=place_ex(one.ex, source.calendar)) for one in caveats}
    with lock(facts_path(root, source.provider, symbol).parent):
        known = read_facts(root, source.provider, symbol)
        kept = {one for one in known.caveats if not within.start <= one.ex < within.end}
        after = tuple(sorted(kept | placed, key=lambda one: (one.ex, one.said)))
        if after != known.caveats:
            write_facts(root, source.provider, symbol, replace(known, caveats=after))


def describe_caveats(known: Facts, start: int, end: int | None = None) -> list[Finding]:
    """Return a finding for each caveat in [start, end), ns UTC, if nobody wrote its action by hand since."""
    settled = {action.ex for action in known.actions if not isinstance(action, Dividend)}
    return [
        Finding(FindingKind.UNBOOKED_ACTION, one.symbol, one.ex, one.said)
        for one in known.caveats
        if start <= one.ex and (end is None or one.ex < end) and one.ex not in settled
    ]
