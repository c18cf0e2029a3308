"""The command `data recorded`: what sessions heard, and how it gets into the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from openbell.cli.answer import Answer, Column, Table
from openbell.cli.stored import written
from openbell.core.errors import ConfigError
from openbell.data.bars import Source
from openbell.data.catalog import Catalog, Key
from openbell.data.live.archive import Archived, archive
from openbell.data.live.recording import Recording, read_recordings
from openbell.data.live.transcript import Transcript, transcribe
from openbell.operation.streaming import FEED


@dataclass(frozen=True, slots=True)
class _Heard:
    """A symbol in a session: what was said of it, and what the catalog made of that."""

    symbol: str
    session: str
    transcript: Transcript
    archived: Archived | None


def show_recordings(path: str, catalog: Catalog | None, *, provider: str | None) -> Answer:
    """Show what recordings have, and write it to a catalog if there is one.

    Args:
        path: A session's folder, a recorder's, or a recorder's file.
        catalog: Where to; None writes nothing.
        provider: Whose prices they are, `NAME:FEED`, where a recording does not say it.

    Raises:
        ConfigError: There is no recording, it has no bars, or nobody says whose they are.
        BadData: It is damaged, or its bars break a rule.
    """
    heard: list[_Heard] = []
    for recording in read_recordings(_place(path)):
        heard += _hear(recording, catalog, provider)
    columns = [Column(title) for title in ("Symbol", "Recording", "From", "To")]
    columns += [Column(title, right=True) for title in ("Bars", "Corrections")]
    if catalog is not None:
        columns += [Column(title, right=True) for title in ("Added", "Replaced", "Older")]
    end = (
        "`--to-catalog` writes them to the catalog."
        if catalog is None
        else f"The catalog is {catalog.root}. Older bars differ from what was fetched later, which stays."
    )
    document = {
        "catalog": None if catalog is None else str(catalog.root),
        "heard": [_described(one) for one in heard],
    }
    return Answer([Table(columns, [_row(one) for one in heard]), end], document)


def _place(path: str) -> Path:
    """Return where the recordings of a session lie, or what was named itself."""
    if not path.strip():
        raise ConfigError(f"PATH: {path!r} must name a folder; write . for the working folder")
    below = Path(path) / FEED
    return below if below.is_dir() else Path(path)


def _hear(recording: Recording, catalog: Catalog | None, provider: str | None) -> list[_Heard]:
    name = recording.parts[0].path.name
    heard = []
    for symbol, transcript in transcribe(recording).items():
        archived = None
        if catalog is not None:
            source = _source(recording.sources, symbol, recording.plan.calendar, provider, name)
            archived = archive(catalog, Key(source, symbol, recording.plan.timeframe), transcript, name=name)
        heard.append(_Heard(symbol, name, transcript, archived))
    return heard


def _source(
    sources: Mapping[str, Source], symbol: str, calendar: str, provider: str | None, name: str
) -> Source:
    """Return whose prices they are: the recording's own word, else the option's."""
    known, _, feed = (provider or "").partition(":")
    own = sources.get(symbol)
    if own is None and not known:
        raise ConfigError(f"{name} does not say whose its prices are; say it, as in --provider alpaca:iex")
    if own is None:
        return Source(known, feed, calendar=calendar)
    if provider is not None and (known, feed or own.feed) != (own.provider, own.feed):
        raise ConfigError(
            f"--provider: {name} was recorded of {own.provider}:{own.feed}, not of {provider!r}; leave it out"
        )
    return own


def _row(one: _Heard) -> list[str]:
    spans = one.transcript.covered
    times = [
        written(time)[:16].replace("T", " ") for time in ((spans[0].start, spans[-1].end) if spans else ())
    ]
    cells = [one.symbol, one.session, *(times or ("–", "–")), f"{len(one.transcript.versions):,}",
             f"{one.transcript.corrections:,}"]  # fmt: skip
    if one.archived is not None:
        counts = (one.archived.added, one.archived.corrected, one.archived.older)
        cells += [f"{count:,}" for count in counts]
    return cells


def _described(one: _Heard) -> dict[str, object]:
    document: dict[str, object] = {
        "symbol": one.symbol,
        "recording": one.session,
        "bars": len(one.transcript.versions),
        "corrections": one.transcript.corrections,
        "covered": [[written(span.start), written(span.end)] for span in one.transcript.covered],
    }
    if one.archived is not None:
        key, added, replaced, older = (
            one.archived.key,
            one.archived.added,
            one.archived.corrected,
            one.archived.older,
        )
        document |= {"of": key.tape, "added": added, "replaced": replaced, "older": older}
    return document
