"""The command `data health`, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.jobs import check_writable
from openbell.data.catalog import Catalog, Key
from openbell.data.health import Health, examine_catalog
from openbell.reporting.healthpage import day, name_of, render

_SHOWN = 20  #: findings that are printed; the report has all
_NAMES = ("health.html", "health.json")


def show_health(catalog: Catalog, keys: Sequence[Key], folder: Path | None) -> Answer:
    """Say how sound stored series are, and write it as HTML and JSON where a folder is given.

    Raises:
        ConfigError: The report cannot be written.
    """
    if folder is not None:
        check_writable(folder, "--report")
    healths = examine_catalog(catalog, keys)
    document: dict[str, Any] = {
        "catalog": str(catalog.root), "series": [describe(one) for one in healths],
    }  # fmt: skip
    parts: list[str | Table] = [_table(healths)]
    said = [one.damage for one in healths if one.damage]
    said += [found.message for one in healths for found in one.findings]
    said += [f"{name_of(one)}: {len(one.apart)} bars in quarantine" for one in healths if one.apart]
    parts += ["", *said[:_SHOWN]] if said else ["", "Nothing is odd."]
    if len(said) > _SHOWN:
        parts.append(f"and {len(said) - _SHOWN} more; --report FOLDER writes them all")
    if folder is not None:
        paths = _write(folder, healths, document, catalog)
        parts += ["", f"Report: {paths[0]}"]
        document["report"] = str(paths[0])
    damaged = any(one.damage for one in healths)
    return Answer(parts, document, Exit.FAILED if damaged else Exit.FINE)


def describe(one: Health) -> dict[str, Any]:
    """Return a series' health for programs."""
    return {
        "symbol": one.key.symbol, "timeframe": one.key.timeframe, "provider": one.key.source.provider,
        "feed": one.key.source.feed, "bars": one.bars, "first": day(one.first), "last": day(one.last),
        "splits": one.splits, "dividends": one.dividends, "damage": one.damage,
        "findings": [
            {"kind": found.kind.value, "time": found.time, "message": found.message} for found in one.findings
        ],
        "quarantine": [
            {"time": bar.time, "kind": bar.kind.value, "reason": bar.reason} for bar in one.apart
        ],
    }  # fmt: skip


def _table(healths: Sequence[Health]) -> Table:
    columns = [
        Column("Series"), Column("Bars", right=True), Column("First"), Column("Last"),
        Column("Findings", right=True), Column("Apart", right=True),
    ]  # fmt: skip
    rows = [
        [
            name_of(one), f"{one.bars:,}", day(one.first), day(one.last),
            "damaged" if one.damage else f"{len(one.findings):,}", f"{len(one.apart):,}",
        ]
        for one in healths
    ]  # fmt: skip
    return Table(columns, rows)


def _write(folder: Path, healths: Sequence[Health], document: dict[str, Any], catalog: Catalog) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    texts = (render(healths, catalog=str(catalog.root)), json.dumps(document, indent=1) + "\n")
    paths = []
    for name, text in zip(_NAMES, texts, strict=True):
        fresh = folder / f".{name}"
        fresh.write_text(text, encoding="utf-8")
        paths.append(fresh.replace(folder / name))
    return paths
