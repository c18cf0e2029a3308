"""The page of the data's health: one HTML file, which needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from openbell.core.market import as_datetime
from openbell.data.health import Health
from openbell.reporting.html import palette
from openbell.reporting.html.markup import Cell, Column, section, table
from openbell.reporting.html.page import own

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
        f"<title>Data health: Openbell</title>\n<style>{palette.css()}{own('style.css')}</style>\n</head>\n"
        "<body>\n<main>\n<header><p class='eyebrow'>Openbell data health</p>"
        f"<h1>{escape(catalog)}</h1><p class='verdict'>{escape(verdict)}</p></header>\n"
        f"{_series(healths)}{_findings(healths)}{_apart(healths)}</main>\n</body>\n</html>\n"
    )


def _series(healths: Sequence[Health]) -> str:
    columns = [
        Column("Series"), Column("Bars", number=True), Column("First"), Column("Last"),
        Column("Splits", number=True), Column("Dividends", number=True),
        Column("Findings", number=True), Column("Apart", number=True),
    ]  # fmt: skip
    rows = [
        [Cell(name_of(one)), *(Cell(text) for text in (
            f"{one.bars:,}", day(one.first), day(one.last), f"{one.splits:,}", f"{one.dividends:,}",
            f"{len(one.findings) + bool(one.damage):,}", f"{len(one.apart):,}",
        ))]
        for one in healths
    ]  # fmt: skip
    return section("series", "Series", table("Every series of the catalog", columns, rows))


def _findings(healths: Sequence[Health]) -> str:
    rows = [[Cell("damaged"), Cell(one.damage)] for one in healths if one.damage]
    rows += [[Cell(found.kind.value), Cell(found.message)] for one in healths for found in one.findings]
    if not rows:
        return ""
    columns = [Column("Kind"), Column("What was noticed")]
    return section("findings", "Findings", table("What was noticed", columns, rows))


def _apart(healths: Sequence[Health]) -> str:
    rows = [
        list(map(Cell, (name_of(one), f"{as_datetime(bar.time):%F %H:%M}Z", bar.kind.value, bar.reason)))
        for one in healths
        for bar in one.apart
    ]
    if not rows:
        return ""
    columns = [Column("Series"), Column("Bar of"), Column("Kind"), Column("Reason")]
    lead = "Bars that were sent and are not used."
    return section("apart", "Quarantine", table("Bars that are kept apart", columns, rows), lead=lead)


def name_of(one: Health) -> str:
    """Return a series' name for people: `AAPL 1d alpaca:iex`."""
    return f"{one.key.symbol} {one.key.timeframe} {one.key.tape}"


def day(nanos: int) -> str:
    """Return a time's date; nothing for none."""
    return f"{as_datetime(nanos):%Y-%m-%d}" if nanos else ""
