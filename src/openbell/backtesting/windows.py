"""The windows of a walk-forward: where parameters are chosen, and where they have to prove themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from openbell.core.errors import BadData, ConfigError
from openbell.data.bars import Times

_UNITS = {"d": "D", "w": "W", "m": "M", "y": "Y"}
_MOST = 1_000


class Window(NamedTuple):
    """Moments of a timeline; the ends are not included."""

    begin: int  #: the first that parameters are chosen on
    end: int
    test: int  #: the first that they are tested on
    last: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a timeline is divided. Lengths are bars (252) or calendar time ("2y", "6m", "4w", "90d")."""

    train: int | str
    test: int | str
    gap: int = 0  #: bars between choosing and testing, which neither sees decided
    anchored: bool = False  #: whether choosing always begins with the first bar

    def windows(self, times: Times) -> list[Window]:
        """Divide a timeline; tests follow each other without a hole, the last may be shorter.

        Raises:
            ConfigError: A length is none, or makes too many windows.
            BadData: The timeline is too short for one window.
        """
        if isinstance(self.gap, bool) or not isinstance(self.gap, int) or self.gap < 0:
            raise ConfigError(f"gap={self.gap!r} must be a number of bars, 0 or more")
        count = len(times)
        test = _after(times, 0, self.train, "train") + self.gap
        found: list[Window] = []
        while test < count:
            end = test - self.gap
            begin = 0 if self.anchored else _before(times, end, self.train, "train")
            last = min(_after(times, test, self.test, "test"), count)
            found.append(Window(begin, end, test, last))
            if len(found) > _MOST:
                raise ConfigError(f"test={self.test!r} makes more than {_MOST:,} windows; make it longer")
            test = last
        if not found:
            raise BadData(
                f"{count:,} bars are too few for train={self.train!r}, gap={self.gap} and a bar to test on; "
                "widen the range of dates or shorten them"
            )
        return found


def _after(times: Times, at: int, length: int | str, name: str) -> int:
    """Return the first moment a length after moment `at`."""
    bars = _bars(length, name)
    if bars is not None:
        return at + bars
    return max(int(np.searchsorted(times, _moved(times[at], str(length), 1, name))), at + 1)


def _before(times: Times, end: int, length: int | str, name: str) -> int:
    """Return the first moment of the length that ends before moment `end`."""
    bars = _bars(length, name)
    if bars is not None:
        return max(end - bars, 0)
    return int(np.searchsorted(times, _moved(times[end - 1], str(length), -1, name), side="right"))


def _bars(length: int | str, name: str) -> int | None:
    if isinstance(length, str) and not length.strip().isdecimal():
        return None
    bars = None if isinstance(length, bool | float) else int(length)
    if bars is None or bars < 1:
        raise ConfigError(f"{name}={length!r} must be a number of bars, 1 or more, or a time such as '2y'")
    return bars


def _moved(time: int, length: str, sign: int, name: str) -> int:
    """Return a time in ns moved by a length of the calendar; months keep the day where they have it."""
    found = re.fullmatch(r"(\d+)\s*([dwmy])", length.strip().lower())
    if found is None or int(found[1]) < 1:
        raise ConfigError(
            f"{name}={length!r} is no length: give bars (252) or a time such as '2y', '6m', '4w', '90d'"
        )
    number, unit = sign * int(found[1]), _UNITS[found[2]]
    moment = np.datetime64(int(time), "ns")
    if unit in "DW":
        days = number * (7 if unit == "W" else 1)
        return int((moment + np.timedelta64(days, "D")).astype(np.int64))
    month = moment.astype("datetime64[M]")
    rest = moment - month.astype("datetime64[ns]")
    target = month + np.timedelta64(number * (12 if unit == "Y" else 1), "M")
    length_of = (target + np.timedelta64(1, "M")).astype("datetime64[ns]") - target.astype("datetime64[ns]")
    rest = min(rest, length_of - np.timedelta64(1, "ns"))
    return int((target.astype("datetime64[ns]") + rest).astype(np.int64))
