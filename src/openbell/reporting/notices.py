"""What a finding about a result is made of."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: `serious`: do not believe the figures before this is understood. `caution`: they say less than it seems.
Level = Literal["serious", "caution", "note"]
LEVELS: tuple[Level, ...] = ("serious", "caution", "note")

#: The kind of what a look-ahead check came to.
LOOK_AHEAD = "look_ahead"


class Notice(NamedTuple):
    """One finding: what is the matter, what that means, and what to do about it."""

    level: Level
    text: str
    detail: str = ""  #: what it means
    kind: str = ""  #: its name for programs, such as `few_trades`
    figure: float | None = None  #: the number that it is about: a count, a ratio or a share
    remedy: str = ""  #: what to do
