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
    """How a timeline is divided. Lengths are bars (252) or calendar time ("2y", "6m", "4w", "90d").

    Purge and embargo: López de Prado (2018), Advances in Financial Machine Learning, 7.4. His embargo drops
    training that follows a test; here none does, and `embargo` widens the purge.
    """

    train: int | str
    test: int | str
    gap: int = 0  #: the purge, in bars before a test: what the last decisions lead to ends in them
    anchored: bool = False  #: whether choosing always begins with the first bar
    embargo: int = 0  #: bars more before it, for what lingers in prices

    @property
    def distance(self) -> int:
        """Bars between the last that parameters are chosen on and the first that they are traded on."""
        return self.gap + self.embargo

    def windows(self, times: Times) -> list[Window]:
        """Divide a timeline; tests follow each other without a hole, the last may be shorter.

        Raises:
            ConfigError: A length is none, or makes too many windows.
            BadData: The timeline is too short for one window.
        """
        count = len(times)
        test = self._first_test(times)
        found: list[Window] = []
        while test < count:
            end = test - self.distance
            last = min(_after(times, test, self.test, "test"), count)
            found.append(Window(self._begin(times, end), end, test, last))
            if len(found) > _MOST:
                raise ConfigError(f"test={self.test!r} makes more than {_MOST:,} windows; make it longer")
            test = last
        if not found:
            raise self._too_short(count)
        return found

    def newest(self, times: Times) -> Window:
        """Return the window whose test is still to come: what is chosen on it is for the bars that follow.

        Its distance to them is that of all windows: what is traded is what was tested.

        Raises:
            ConfigError: A length is none.
            BadData: The timeline is too short.
        """
        count = len(times)
        if self._first_test(times) > count:
            raise self._too_short(count)
        end = count - self.distance
        return Window(self._begin(times, end), end, count, count)

    def _first_test(self, times: Times) -> int:
        """Return the first moment that is tested.

        Raises:
            ConfigError: A length is none.
        """
        for name in ("gap", "embargo"):
            bars = getattr(self, name)
            if isinstance(bars, bool) or not isinstance(bars, int) or bars < 0:
                raise ConfigError(f"{name}={bars!r} must be a number of bars, 0 or more")
        return _after(times, 0, self.train, "train") + self.distance

    def _begin(self, times: Times, end: int) -> int:
        return 0 if self.anchored else _before(times, end, self.train, "train")

    def _too_short(self, count: int) -> BadData:
        between = f"gap={self.gap}" + (f", embargo={self.embargo}" if self.embargo else "")
        return BadData(
            f"{count:,} bars are too few for train={self.train!r}, {between} and a bar to test on; "
            "widen the range of dates or shorten them"
        )


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
