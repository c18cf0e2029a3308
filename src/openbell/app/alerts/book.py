"""What became of alerts: a line of JSON for each message that was sent, or could not be."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbell.app.places import Places
from openbell.utils.jsonlines import read_lines
from openbell.utils.logging import hide

NAME = "alerts.jsonl"
_PLACES = "alerts.json"


class Book:
    """The book of alerts of one folder of sessions."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.places = Places(folder / _PLACES)  #: up to which event each session was looked at

    def note(self, target: str, outcome: str, *, title: str, body: str, why: str = "") -> None:
        """Write down what became of a message: `sent`, `failed` (it is tried again) or `lost`."""
        line = {
            "time": time.time_ns(), "target": target, "outcome": outcome, "title": title, "body": body,
            "why": why,
        }  # fmt: skip
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as book:
            book.write(hide(json.dumps(line)) + "\n")

    def read(self, most: int = 1_000) -> list[Mapping[str, Any]]:
        """Return the last lines, oldest first; one that is cut short is left out."""
        return read_lines(self.path, most)

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many messages there were, by target and outcome."""
        return Counter((line["target"], line["outcome"]) for line in read_lines(self.path))
