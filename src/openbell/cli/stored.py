"""The commands `data list`, `data show`, `data gaps` and `data verify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.core.errors import BadData, ConfigError
from openbell.core.market import as_datetime
from openbell.data import validate
from openbell.data.bars import FindingKind, format_timeframe, parse_timeframe
from openbell.data.calendar import sessions
from openbell.data.catalog import Catalog, Key
from openbell.data.catalog.key import folder_of
from openbell.data.catalog.manifest import Manifest, Range, read_manifest
from openbell.data.catalog.search import find_keys, tell_absent
from openbell.data.providers.protocol import Span

_GAPS = (FindingKind.MISSING_SESSIONS, FindingKind.MISSING_BARS)
_RANGES = 20  #: of a series' provenance that are shown


def select(
    catalog: Catalog, symbols: Sequence[str], provider: str | None, timeframe: str | None
) -> list[Key]:
    """Return the keys of stored series.

    Args:
        catalog: Where.
        symbols: Which; none is all.
        provider: Whose, `NAME` or `NAME:FEED`; None is anybody's.
        timeframe: Which; None is all.

    Raises:
        ConfigError: There is no such series; says what there is.
    """
    name, _, feed = (provider or "").partition(":")
    asked = None if timeframe is None else format_timeframe(parse_timeframe(timeframe))
    given = (("provider", name), ("feed", feed), ("timeframe", asked))
    wanted = {level: value for level, value in given if value}
    found = []
    for symbol in symbols:
        own = find_keys(catalog.root, {**wanted, "symbol": symbol})
        if not own:
            raise ConfigError(tell_absent(catalog.root, symbol, asked, provider))
        found += own
    if symbols:
        return found
    return find_keys(catalog.root, wanted)


def list_series(catalog: Catalog, keys: Sequence[Key]) -> Answer:
    """List series."""
    rows, described = [], []
    for key in keys:
        one = _described(catalog, key)
        described.append(one)
        rows.append([
            key.symbol, key.timeframe, key.tape, _unusual(key), f"{one['bars']:,}",
            (one["first"] or "")[:10], (one["last"] or "")[:10],
        ])  # fmt: skip
    titles = [Column(title) for title in ("Symbol", "Bars of", "Provider", "")]
    table = Table([*titles, Column("Bars", right=True), Column("First"), Column("Last")], rows)
    nothing = f"The catalog {str(catalog.root)!r} holds nothing; `openbell data import --help` fills it."
    return Answer([table if rows else nothing], {"catalog": str(catalog.root), "series": described})


def _unusual(key: Key) -> str:
    """Return what of a key is not as with most."""
    source = key.source
    pairs = ((source.adjustment, "raw"), (source.session, "regular"), (source.calendar, "XNYS"))
    return " ".join(value for value, usual in pairs if value != usual)


def _described(catalog: Catalog, key: Key) -> dict[str, Any]:
    parts = (read_manifest(folder_of(catalog.root, key)) or Manifest()).parts
    return {
        "symbol": key.symbol,
        "timeframe": key.timeframe,
        **asdict(key.source),
        "bars": sum(part.bars for part in parts),
        "files": len(parts),
        "first": written(parts[0].first) if parts else None,
        "last": written(parts[-1].last) if parts else None,
    }


def show_series(catalog: Catalog, keys: Sequence[Key]) -> Answer:
    """Show series with their identity, what they cover, and where each range came from."""
    parts: list[str | Table] = []
    documents = []
    for key in keys:
        one = _described(catalog, key) | {"hash": catalog.read(key).content_hash}
        covered, ranges = catalog.coverage(key), catalog.provenance(key)
        facts = catalog.facts(key.source.provider, key.symbol)
        one["covered"] = [[written(span.start), written(span.end)] for span in covered]
        one["provenance"] = [_told(told) for told in ranges]
        one["actions"] = [{"kind": type(a).__name__, **asdict(a), "ex": written(a.ex)} for a in facts.actions]
        one["instrument"] = None if facts.instrument is None else asdict(facts.instrument)
        documents.append(one)
        parts += [*([""] if parts else []), *_shown(key, one, covered), _provenance(ranges)]
    return Answer(parts, {"series": documents})


def _shown(key: Key, one: dict[str, Any], covered: Sequence[Span]) -> list[str]:
    spans = ", ".join(f"{_day(span.start)} to {_day(span.end - 1)}" for span in covered) or "nothing"
    return [
        str(key),
        f"bars:       {one['bars']:,} in {one['files']} files, {one['first']} to {one['last']}",
        f"identity:   {one['hash']}",
        f"covered:    {spans}",
        f"calendar:   {key.source.calendar}, {key.source.session} session, {key.source.adjustment} prices",
        f"actions:    {len(one['actions'])}",
        f"instrument: {_instrument(one['instrument'])}",
    ]


def _instrument(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "not asked for"
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value not in {"", facts["symbol"]})


def _provenance(ranges: Sequence[Range]) -> Table:
    rows = [
        [_day(one.start), _day(one.end - 1), f"{one.bars:,}", one.origin.provider, _fetched(one),
         one.origin.request, "yes" if one.replaced else ""]
        for one in ranges[-_RANGES:]
    ]  # fmt: skip
    titles = ("From", "To", "Bars", "Provider", "Fetched", "Request", "Revised")
    return Table([Column(title, right=title == "Bars") for title in titles], rows)


def _fetched(one: Range) -> str:
    return written(one.origin.fetched)[:16].replace("T", " ") if one.origin.fetched else ""


def _told(one: Range) -> dict[str, Any]:
    return {
        "start": written(one.start),
        "end": written(one.end),
        "bars": one.bars,
        "hash": one.hash,
        "provider": one.origin.provider,
        "fetched": written(one.origin.fetched) if one.origin.fetched else None,
        "request": one.origin.request,
        "replaced": list(one.replaced),
    }


def list_gaps(catalog: Catalog, keys: Sequence[Key]) -> Answer:
    """Say what is missing inside what is stored, and what lies between what was asked for."""
    lines, documents = [], []
    for key in keys:
        told = [*_holes(catalog, key), *_unasked(catalog, key)]
        documents.append({"symbol": key.symbol, "timeframe": key.timeframe, "of": key.tape, "gaps": told})
        lines += [f"{key}: {one['message']}" for one in told] or [f"{key}: complete"]
    return Answer(lines or ["There is nothing to look at."], {"series": documents})


def _holes(catalog: Catalog, key: Key) -> list[dict[str, Any]]:
    series = catalog.read(key)
    if not len(series):
        return []
    calendar = sessions(key.source.calendar, int(series.start[0]), int(series.known[-1]))
    return [
        {"kind": finding.kind.value, "time": written(finding.time),
         "message": finding.message.removeprefix(f"{key.symbol}: ")}
        for finding in validate.examine(series, calendar)
        if finding.kind in _GAPS
    ]  # fmt: skip


def _unasked(catalog: Catalog, key: Key) -> list[dict[str, Any]]:
    covered = catalog.coverage(key)
    if not covered:
        return []
    return [
        {"kind": "not_fetched", "time": written(span.start),
         "message": f"{_day(span.start)} to {_day(span.end - 1)} was never fetched"}
        for span in catalog.missing(key, Span(covered[0].start, covered[-1].end))
    ]  # fmt: skip


def verify_series(catalog: Catalog, keys: Sequence[Key]) -> Answer:
    """Compare every file with its hash."""
    faults = []
    for key in keys:
        try:
            catalog.verify(key)
        except BadData as error:
            place = {"symbol": key.symbol, "timeframe": key.timeframe, "of": key.tape}
            faults.append({**place, "message": str(error)})
    lines = [fault["message"] for fault in faults]
    lines.append(f"{len(keys) - len(faults)} of {len(keys)} series are as they were written.")
    document = {"checked": len(keys), "damaged": faults}
    return Answer(lines, document, Exit.FAILED if faults else Exit.FINE)


def written(time: int) -> str:
    """Write a time in ISO, UTC."""
    return as_datetime(time).isoformat().replace("+00:00", "Z")


def _day(time: int) -> str:
    return written(time)[:10]
