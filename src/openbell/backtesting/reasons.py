"""Why combinations have no figures: few texts, and a small number for each combination, however many fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
_ALL = slice(None)


class Reasons(Mapping[int, str]):
    """Why some of `count` rows have no figures, by the row; a row that is not in it has them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.texts: list[str] = [""]
        self.codes: NDArray[np.int32] | None = None  #: (count,) which text, 0 is none; None: no row has one
        self._places: dict[str, int] = {}

    @classmethod
    def joined(cls, parts: Sequence[Reasons]) -> Self:
        """Return those of rows that follow on each other."""
        made, first = cls(sum(part.count for part in parts)), 0
        for part in parts:
            made.put(slice(first, first + part.count), part)
            first += part.count
        return made

    def update(self, more: Mapping[int, str]) -> None:
        """Take more reasons, which replace those that are there."""
        if isinstance(more, Reasons):
            self.put(_ALL, more)
            return
        for row, why in more.items():
            self._numbers()[row] = self._place(why)

    def put(self, where: slice | Rows, more: Reasons) -> None:
        """Take the reasons of so many rows, which replace those that are there."""
        if more.codes is not None:
            own = np.array([0, *(self._place(text) for text in more.texts[1:])], np.int32)
            codes = self._numbers()
            codes[where] = np.where(more.codes == 0, codes[where], own[more.codes])

    def fill(self, rows: Rows, why: str) -> None:
        """Give rows a reason that have none yet."""
        codes = self._numbers()
        codes[rows[codes[rows] == 0]] = self._place(why)

    def picked(self, rows: Rows) -> Reasons:
        """Return those of some rows, in their order."""
        made = Reasons(len(rows))
        if self.codes is not None:
            made.texts, made.codes = [*self.texts], self.codes[rows]
            made._places = {**self._places}  # one of its own
        return made

    @property
    def rows(self) -> Rows:
        """The rows that have one, ascending."""
        return np.zeros(0, np.int64) if self.codes is None else np.flatnonzero(self.codes)

    def column(self, rows: slice = _ALL) -> NDArray[np.object_]:
        """Return the texts of some rows; empty where there is none."""
        if self.codes is None:
            return np.full(len(range(self.count)[rows]), "", object)
        used, places = np.unique(self.codes[rows], return_inverse=True)
        return np.array([self.texts[code] for code in used.tolist()], object)[places]

    def __getitem__(self, row: int) -> str:
        code = 0 if self.codes is None or not 0 <= row < self.count else int(self.codes[row])
        if not code:
            raise KeyError(row)
        return self.texts[code]

    def __iter__(self) -> Iterator[int]:
        return map(int, self.rows)

    def __len__(self) -> int:
        return 0 if self.codes is None else int(np.count_nonzero(self.codes))

    def __repr__(self) -> str:
        return repr(dict(self))

    def _numbers(self) -> NDArray[np.int32]:
        if self.codes is None:
            self.codes = np.zeros(self.count, np.int32)
        return self.codes

    def _place(self, why: str) -> int:
        at = self._places.setdefault(why, len(self.texts))
        if at == len(self.texts):
            self.texts.append(why)
        return at
