"""The worst that was reached: of each measure the highest value, and when."""

from __future__ import annotations

from typing import NamedTuple


class Reached(NamedTuple):
    """The highest value of a measure, and when it was first reached, ns UTC."""

    value: float
    time: int


class Worst:
    """The highest values so far, by name."""

    def __init__(self) -> None:
        self.reached: dict[str, Reached] = {}

    def note(self, name: str, value: float, time: int) -> None:
        """Take in a value."""
        before = self.reached.get(name)
        if before is None or value > before.value:
            self.reached[name] = Reached(value, time)
