"""Marks on orders by their numbers: a byte each, so that a session may keep them for years."""

from __future__ import annotations


class Marks:
    """A set of numbers of orders, which are counted from 1 on."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks = bytearray()

    def add(self, number: int) -> None:
        """Mark an order."""
        missing = number + 1 - len(self._marks)
        if missing > 0:
            self._marks.extend(bytes(missing))
        self._marks[number] = 1

    def __contains__(self, number: int) -> bool:
        return number < len(self._marks) and self._marks[number] == 1
