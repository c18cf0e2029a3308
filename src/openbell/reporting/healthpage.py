"""The page of the data's health: one HTML file, which needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from openbell.core.market import as_datetime
from openbell.data.bars import FindingKind
from openbell.data.health import Health
from openbell.reporting.html import palette
from openbell.reporting.html.markup import Cell, Column, section, table
from openbell.reporting.html.page import own

#: What a run books wrongly.
_SERIOUS = {"damaged", FindingKind.UNRECORDED_SPLIT, FindingKind.UNBOOKED_ACTION}
#: A kind is longer than a notice's level elsewhere, and a path has no place to break at.
_STYLE = """
.notices li { grid-template-columns: 9.5rem 1fr; overflow-wrap: anywhere; }
@media (max-width: 40rem) { .notices li { grid-template-columns: 1fr; gap: 0; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def render(healths: Sequence[Health], *, catalog: str) -> str:
    """Return the page as the text of one HTML file."""
    odd = [one for one in healths if not one.sound]
    verdict = (
        f"{len(odd):,} of {len(healths):,} series have something to look at."
        if odd
        else f"Nothing is odd in {len(healths):,} series."
    )
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        "<meta name='color-scheme' content='light dark'>\n<link rel='icon' href='data:,'>\n"
        "<title>Data health: Openbell</title>\n"
        f"<style>{palette.css()}{own('style.css')}{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n<header><p class='eyebrow'>Openbell data health</p>"
        f"<h1>{escape(catalog)}</h1><p class='verdict'>{escape(verdict)}</p></header>\n"
        f"{_series(healths)}{_findings(healths)}{_apart(healths)}</main>\n</body>\n</html>\n"
    )


def _series(healths: Sequence[Health]) -> str:
    columns = [
        Column("Series"), Column("Findings", number=True), Column("Apart", number=True),
        Column("Bars", number=True), Column("First"), Column("Last"), Column("Splits", number=True),
        Column("Dividends", number=True),
    ]  # fmt: skip
    rows = [
        [Cell(name_of(one)), *(Cell(text) for text in (
            "damaged" if one.damage else f"{len(one.findings):,}", f"{len(one.apart):,}",
            *(("–",) * 5 if one.damage else (
                f"{one.bars:,}", day(one.first), day(one.last), f"{one.splits:,}", f"{one.dividends:,}",
            )),
        ))]
        for one in healths
    ]  # fmt: skip
    return section("series", "Series", table("Every series of the catalog", columns, rows))


def _findings(healths: Sequence[Health]) -> str:
    told = [
        (name_of(one), [
            *([("damaged", one.damage)] if one.damage else []),
            *((found.kind.value, found.message) for found in one.findings),
        ])
        for one in healths
    ]  # fmt: skip
    return _notices("findings", "Findings", told, lead="What was noticed, each with what to do about it.")


def _apart(healths: Sequence[Health]) -> str:
    told = [
        (name_of(one), [
            (f"{as_datetime(bar.time):%F %H:%M}Z", f"{_words(bar.kind)}: {bar.reason}")
            for bar in one.apart
        ])
        for one in healths
    ]  # fmt: skip
    return _notices("apart", "Quarantine", told, lead="Bars that were sent and are not used, and why.")


def _notices(
    anchor: str, title: str, told: Sequence[tuple[str, Sequence[tuple[str, str]]]], *, lead: str
) -> str:
    """Return a section with a list for each series that has something; nothing if none has."""
    lists = "".join(
        f"<h3>{escape(name)}</h3><ul class='notices'>"
        + "".join(
            f"<li class='{'serious' if kind in _SERIOUS else 'caution'}'>"
            f"<span class='level'>{escape(_words(kind))}</span><span>{escape(words)}</span></li>"
            for kind, words in notices
        )
        + "</ul>"
        for name, notices in told
        if notices
    )
    return section(anchor, title, lists, lead=lead) if lists else ""


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def name_of(one: Health) -> str:
    """Return a series' name for people: `AAPL 1d alpaca:iex`."""
    return f"{one.key.symbol} {one.key.timeframe} {one.key.tape}"


def day(nanos: int) -> str:
    """Return a time's date; nothing for none."""
    return f"{as_datetime(nanos):%Y-%m-%d}" if nanos else ""
