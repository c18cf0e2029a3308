"""Pages out of sections of text, tables and charts: typst sets them, the same bytes for the same content."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_SECOND
from openbell.reporting.html.markup import Cell, Column
from openbell.reporting.pdf.charts import MISSING, style

#: Words such as hashes, which may be broken after so many letters.
_LONG = re.compile(r"\w{16}")

Part = Mapping[str, Any]
Form = Literal["pdf", "png"]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a print below one heading; an empty title has none."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that a print shows. `charts` are SVGs by the names of their files; `time` is its own, ns UTC."""

    eyebrow: str
    title: str
    subtitle: str
    footer: str
    sections: Sequence[Section]
    time: int
    charts: Mapping[str, bytes] = field(default_factory=dict)


def words(text: str, *, muted: bool = False) -> Part:
    """Return a paragraph."""
    return {"kind": "text", "text": text, "muted": muted}


def heading(text: str) -> Part:
    """Return a heading inside a section."""
    return {"kind": "heading", "text": text}


def chart(name: str, alt: str) -> Part:
    """Return the place of a chart; `alt` says in words what it shows, for who cannot see it."""
    return {"kind": "chart", "file": f"{name}.svg", "alt": alt}


def terms(pairs: Iterable[tuple[str, str]]) -> Part:
    """Return a list of terms and what they mean."""
    return {"kind": "terms", "terms": [[name, _LONG.sub("\\g<0>\u200b", said)] for name, said in pairs]}


def pair(left: Sequence[Part], right: Sequence[Part]) -> Part:
    """Return parts beside each other, in two columns."""
    return {"kind": "pair", "sides": [list(left), list(right)]}


def grid(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    wide: str = "",
    size: float = 8,
) -> Part:
    """Return a table; column `wide` takes the room that is left, `size` is the letters' in points."""
    return {
        "kind": "table",
        "caption": caption,
        "size": size,
        "columns": [{"name": c.name, "right": c.number, "wide": c.name == wide} for c in columns],
        "rows": [[{"text": cell.text, "css": cell.css} for cell in row] for row in rows],
    }


def typeset(sheet: Sheet, *, form: Form = "pdf", ppi: float = 110) -> list[bytes]:
    """Return a print as one PDF, or as a PNG for each page of `ppi` points an inch.

    The same sheet gives the same bytes: fonts are those of typst and matplotlib, never the machine's.

    Raises:
        ConfigError: typst or matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        import typst
    except ModuleNotFoundError as error:
        raise ConfigError(MISSING) from error
    with tempfile.TemporaryDirectory(prefix="openbell-") as name:
        folder = Path(name)
        content = {
            "eyebrow": sheet.eyebrow, "title": sheet.title, "subtitle": sheet.subtitle,
            "footer": sheet.footer,
            "sections": [{"title": one.title, "parts": list(one.parts)} for one in sheet.sections],
        }  # fmt: skip
        (folder / "sheet.json").write_text(
            json.dumps(content, ensure_ascii=False), encoding="utf-8", errors="backslashreplace"
        )
        for file, drawn in sheet.charts.items():
            (folder / f"{file}.svg").write_bytes(drawn)
        template = files("openbell.reporting.pdf").joinpath("sheet.typ").read_text(encoding="utf-8")
        (folder / "sheet.typ").write_text(template, encoding="utf-8")
        made = typst.compile(
            folder / "sheet.typ",
            root=folder,
            font_paths=[Path(mpl.get_data_path()) / "fonts" / "ttf"],
            ignore_system_fonts=True,
            format=form,
            ppi=ppi,
            timestamp=sheet.time // NANOS_PER_SECOND,
        )
    return made if isinstance(made, list) else [made]


__all__ = [
    "Form", "Part", "Section", "Sheet", "chart", "grid", "heading", "pair", "style", "terms", "typeset",
    "words",
]  # fmt: skip
