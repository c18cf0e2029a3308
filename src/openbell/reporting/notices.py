"""What a warning is made of."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: `serious`: do not believe the figures before this is understood. `caution`: they say less than it seems.
Level = Literal["serious", "caution", "note"]
LEVELS: tuple[Level, ...] = ("serious", "caution", "note")


class Notice(NamedTuple):
    """One warning: what is the matter, and what it means or what to do."""

    level: Level
    text: str
    detail: str
