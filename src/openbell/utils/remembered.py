"""Answers about arrays that nobody writes: each is worked out once, and kept as long as its array lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Answer = TypeVar("Answer")


def is_fixed(array: NDArray[Any]) -> bool:
    """Tell whether nobody writes an array: neither it nor one whose memory it shows can be written."""
    shown: object = array
    while isinstance(shown, np.ndarray):
        if shown.flags.writeable:
            return False
        shown = shown.base
    return True


class Remembered(Generic[Answer]):
    """What was found out about arrays, the last answer of each.

    The bars of one run are those of the next: a search or a sum over them need not be done again. An array
    that can be written is asked anew each time.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[NDArray[Any]], object, Answer]] = {}

    def answer(
        self, array: NDArray[Any], find: Callable[[NDArray[Any]], Answer], *, about: object = None
    ) -> Answer:
        """Return the answer about an array, and find it where it is not known.

        Args:
            array: One that is fixed, for the answer to be kept.
            find: What works it out.
            about: What else it depends on: another object is another question.
        """
        place = id(array)
        kept = self._known.get(place)
        if kept is not None and kept[0]() is array and kept[1] is about:
            return kept[2]
        found = find(array)
        if is_fixed(array):
            self._known[place] = weakref.ref(array, lambda _: self._known.pop(place, None)), about, found
        return found
