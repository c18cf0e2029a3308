"""What a series' folder holds: its parts, what they cover, and where each range came from.

The manifest is one small JSON file that is swapped whole. What it does not name does not exist.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from openbell.core.errors import BadData
from openbell.data.providers.protocol import Span
from openbell.utils.files import write_whole

#: It begins with `_`, as all that is no bars: other programs that read the folders leave it alone.
NAME = "_manifest.json"
#: Raised when a field changes its meaning.
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where bars came from.

    Args:
        provider: Who gave them.
        fetched: When, ns UTC; 0 where that is not known.
        request: What was asked, such as `AAPL 1m 2024-01-02 to 2024-01-05`, or a file's name. No secrets.
        hand: Whether it was not the provider that was asked, but somebody who wrote it in its name.
    """

    provider: str
    fetched: int = 0
    request: str = ""
    hand: bool = False


class Part(NamedTuple):
    """A file of bars, which is never changed."""

    file: str
    bars: int
    first: int  #: start of the first bar, ns UTC
    last: int  #: start of the last bar
    known: int  #: when the last bar is complete
    hash: str  #: the content hash of its bars


class Range(NamedTuple):
    """The provenance of one write."""

    start: int
    end: int  #: excluded
    bars: int  #: how many were given
    hash: str  #: the content hash of what was given
    origin: Origin
    replaced: tuple[str, ...] = ()  #: files with the bars that were stored before and are no more


@dataclass(frozen=True, slots=True)
class Manifest:
    """One moment of a series' folder."""

    parts: tuple[Part, ...] = ()
    covered: tuple[Span, ...] = ()
    recent: tuple[Range, ...] = ()  #: the latest provenance, oldest first
    earlier: str = ""  #: the file with the provenance before that

    def files(self) -> set[str]:
        """Return the names of the files that it refers to, but for those that `earlier` does."""
        named = [self.earlier, *(part.file for part in self.parts)]
        return {*named, *(file for one in self.recent for file in one.replaced)} - {""}


def read_manifest(folder: Path) -> Manifest | None:
    """Return a folder's manifest; None if it has none.

    Raises:
        BadData: The file is damaged, or was written by a newer Openbell.
    """
    path = folder / NAME
    try:
        body = read_document(path)
    except FileNotFoundError:
        return None
    try:
        return Manifest(
            tuple(Part(*part) for part in body["parts"]),
            tuple(Span(*span) for span in body["covered"]),
            ranges_of(body["recent"]),
            body["earlier"],
        )
    except (KeyError, TypeError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of a folder's, in one step."""
    body = {
        "parts": manifest.parts,
        "covered": manifest.covered,
        "recent": [describe_range(one) for one in manifest.recent],
        "earlier": manifest.earlier,
    }
    write_document(folder / NAME, body)


def describe_range(one: Range) -> dict[str, Any]:
    """Return provenance as JSON values."""
    return one._asdict() | {"origin": asdict(one.origin)}


def ranges_of(described: list[dict[str, Any]]) -> tuple[Range, ...]:
    """Return provenance out of JSON values."""
    return tuple(
        Range(**{**one, "origin": Origin(**one["origin"]), "replaced": tuple(one["replaced"])})
        for one in described
    )


def write_document(path: Path, body: Mapping[str, Any]) -> None:
    """Write JSON with its own check, whole or not at all."""
    text = _text(body)
    write_whole(path, _text({"schema": SCHEMA, "check": _check(text), "body": body}).encode())


def read_document(path: Path) -> dict[str, Any]:
    """Return what `write_document` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        BadData: It is damaged, or was written by a newer Openbell.
    """
    data = path.read_bytes()
    try:
        document = json.loads(data)
        schema, check, body = document["schema"], document["check"], document["body"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, "it is no JSON of the catalog's") from error
    if schema != SCHEMA:
        raise BadData(
            f"{path} was written by another version of Openbell (schema {schema!r}, this one has {SCHEMA}); "
            "update Openbell"
        )
    if check != _check(_text(body)):
        raise damaged(path, "its check does not fit its content")
    found: dict[str, Any] = body
    return found


def damaged(path: Path, why: str) -> BadData:
    """Return the error of a file that is not as it was written."""
    return BadData(f"{path} is damaged ({why}); restore it, or delete its folder and fetch the bars again")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _check(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
