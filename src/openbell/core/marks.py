"""Marks on orders by their numbers: a byte each, so that a session may keep them for years."""

from __future__ import annotations

_ROOM = 1024  #: marks for which room is made at a time


class Marks:
    """A set of numbers of orders, which are counted from 1 on."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks = bytearray()

    def add(self, number: int) -> None:
        """Mark an order."""
        try:
            self._marks[number] = 1
        except IndexError:  # rare, as there is room for many more each time
            self._marks.extend(bytes(number + _ROOM - len(self._marks)))
            self._marks[number] = 1

    def __contains__(self, number: int) -> bool:
        return number < len(self._marks) and self._marks[number] == 1
