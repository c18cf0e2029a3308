"""The quarantine of a series: bars that were sent and are not used, each with its reason."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openbell.core.errors import BadData
from openbell.data.bars import FindingKind
from openbell.data.catalog.files import lock
from openbell.data.catalog.key import Key, folder_of
from openbell.data.quarantine import Quarantined
from openbell.utils.files import write_whole

NAME = "_quarantine.json"


def read_apart(root: Path, key: Key) -> tuple[Quarantined, ...]:
    """Return the bars of a series that are kept apart, by time; nothing if there are none.

    Raises:
        BadData: The file is damaged.
    """
    path = folder_of(root, key) / NAME
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_one(row) for row in rows)
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError) as error:
        raise BadData(f"{path} is damaged ({error}); remove it, and fetch the bars again") from error


def put_apart(root: Path, key: Key, found: Iterable[Quarantined]) -> None:
    """Keep more bars apart; one that is there already, with the same values, is kept once.

    Raises:
        ConfigError: The folder cannot be written.
    """
    with lock(folder_of(root, key)):  # as the writer of its bars does, who removes unfinished files
        before = read_apart(root, key)
        known = {_row(one): one for one in (*before, *found)}
        if len(known) > len(before):
            rows = [json.loads(text) for text in sorted(known, key=lambda text: json.loads(text)["time"])]
            write_whole(folder_of(root, key) / NAME, json.dumps(rows, indent=1).encode())


def _row(one: Quarantined) -> str:
    values = [value if math.isfinite(value) else str(value) for value in one.values]
    return json.dumps({"time": one.time, "kind": one.kind.value, "reason": one.reason, "values": values})


def _one(row: dict[str, Any]) -> Quarantined:
    return Quarantined(
        int(row["time"]), FindingKind(row["kind"]), str(row["reason"]), tuple(map(float, row["values"]))
    )
