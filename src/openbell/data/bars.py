"""A symbol's bars as columns, where they came from, and what was noticed about them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData, ConfigError
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, SymbolChange, turn_of
from openbell.data.actions import terms_of
from openbell.utils.remembered import is_fixed

if TYPE_CHECKING:
    from collections.abc import Mapping

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume")

_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CalendarUnit(StrEnum):
    """A timeframe whose length the calendar decides, not the clock."""

    DAY = "1d"  #: a session
    WEEK = "1w"  #: the sessions of Monday to Sunday
    MONTH = "1mo"


_CALENDAR = {
    "d": CalendarUnit.DAY,
    "day": CalendarUnit.DAY,
    "w": CalendarUnit.WEEK,
    "week": CalendarUnit.WEEK,
    "mo": CalendarUnit.MONTH,
    "month": CalendarUnit.MONTH,
}


def parse_timeframe(text: str) -> int | CalendarUnit:
    """Read a timeframe such as `5m`, `1h` or `1d`.

    Returns:
        Nanoseconds for seconds, minutes and hours; a `CalendarUnit` for `1d`, `1w` and `1mo`.

    Raises:
        ConfigError: The text is no timeframe.
    """
    found = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]+)\s*", str(text))
    count, unit = (int(found[1]), found[2]) if found else (0, "")
    if unit == "M":
        raise ConfigError(
            f"timeframe {text!r} is ambiguous; write {count}m for minutes or {count}mo for months"
        )
    unit = unit.lower()
    if count and unit in _CALENDAR:
        if count == 1:
            return _CALENDAR[unit]
        raise ConfigError(f"timeframe {text!r}: days, weeks and months come one at a time; use 1d, 1w or 1mo")
    nanos = count * _SECONDS.get(unit, 0) * NANOS_PER_SECOND
    if nanos >= NANOS_PER_DAY:
        raise ConfigError(f"timeframe {text!r} is a day or longer; use 1d, 1w or 1mo")
    if nanos == 0:
        raise ConfigError(
            f"timeframe {text!r} is unknown; write a count and s, m, h, d, w or mo, such as 5m or 1d"
        )
    return nanos


def format_timeframe(timeframe: int | CalendarUnit) -> str:
    """Write a timeframe in its shortest form: 3,600 s are `1h`."""
    if isinstance(timeframe, CalendarUnit):
        return timeframe.value
    seconds = timeframe // NANOS_PER_SECOND
    for unit in ("h", "m"):
        if seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


def parse_date(value: str | date | None, *, where: str = "date", end_of_day: bool = False) -> int | None:
    """Read a date or a moment as ns since 1970 in UTC; None stays None.

    A plain date is the start of that day in UTC, so that it compares with the opens of its sessions. With
    `end_of_day` it is the start of the *next* day: the excluded end of a range that includes the date.

    Args:
        value: `"2005-01-31"`, an ISO moment with a zone, a `date` or a `datetime` (None of them: no limit).
        where: The name of the setting, for the message.
        end_of_day: Whether a plain date is an end.

    Raises:
        ConfigError: The value is no date, or has a time of day and no zone.
    """
    if value is None:
        return None
    moment = _as_datetime(value, where)
    if moment.tzinfo is None:
        if moment.time() != datetime.min.time():
            raise ConfigError(
                f"{where}={str(value)!r} has a time of day and no zone; add one, as in "
                f"'{moment.isoformat()}+00:00', or give the date alone"
            )
        return _nanos(moment.replace(tzinfo=UTC)) + (NANOS_PER_DAY if end_of_day else 0)
    return _nanos(moment)


def _as_datetime(value: object, where: str) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a plain date has no zone
    if isinstance(value, str) and "-" in value:  # ISO's compact form, 20050131, is more often a slip
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ConfigError(f"{where}={value!r} is no date ({error}); write it as 2005-01-31") from None
    raise ConfigError(f"{where}={value!r} is no date; write it as '2005-01-31'")


def _nanos(moment: datetime) -> int:
    since = moment - _EPOCH
    extra = int(getattr(since, "nanoseconds", 0))  # a pandas Timestamp counts on below the microsecond
    return since.days * NANOS_PER_DAY + since.seconds * NANOS_PER_SECOND + since.microseconds * 1000 + extra


@dataclass(frozen=True, slots=True)
class Source:
    """The identity of data, stored with each run."""

    provider: str
    feed: str
    adjustment: str = "raw"
    session: str = "regular"  #: or `extended`, with the bars before the open and after the close
    calendar: str = "XNYS"

    @property
    def is_around(self) -> bool:
        """Tell whether there may be bars outside of the exchange's sessions."""
        return self.session != "regular"


class FindingKind(StrEnum):
    """What can be noticed about data. `validate.POLICY` says which of them data may not have."""

    UNSORTED = "unsorted"
    DUPLICATE = "duplicate"
    OVERLAP = "overlap"  #: a bar begins before the one before it is complete
    NOT_A_NUMBER = "not_a_number"
    NOT_POSITIVE = "not_positive"
    HIGH_BELOW_LOW = "high_below_low"
    OUTSIDE_RANGE = "outside_range"  #: open or close above the high or below the low
    NEGATIVE_VOLUME = "negative_volume"
    OFF_CALENDAR = "off_calendar"  #: a bar outside every session
    ZERO_VOLUME = "zero_volume"
    MISSING_SESSIONS = "missing_sessions"
    MISSING_BARS = "missing_bars"  #: inside sessions that have some
    UNRECORDED_SPLIT = "unrecorded_split"
    SPIKE = "spike"  #: a price far from its neighbours, which take it back
    FROZEN = "frozen"  #: prices that stand still
    DISAGREEMENT = "disagreement"  #: another vendor has another split, dividend or price
    QUARANTINED = "quarantined"  #: bars that are kept apart, for a written reason
    UNBOOKED_ACTION = "unbooked_action"  #: a provider told of something that no action says
    IGNORED_COLUMN = "ignored_column"
    ASSUMED_CALENDAR = "assumed_calendar"


#: What is done about a finding: stop, keep the bar apart with the reason, or keep it and say so.
Policy = Literal["fail", "quarantine", "flag"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that validation noticed, where it first is, and what was done about it."""

    kind: FindingKind
    symbol: str
    time: int  #: ns UTC; 0 when it belongs to no bar
    message: str
    policy: Policy = "flag"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One symbol at one timeframe: raw prices, with the corporate actions apart.

    All columns have one length, are C-contiguous and read-only: what somebody could write is copied. Actions
    are sorted by ex-date, on one date dividends first: a dividend is owed on the shares held before a split.
    """

    symbol: str
    timeframe: str
    start: Times  #: (n,) ns UTC, when the bar opens; for daily bars the session's open
    known: Times  #: (n,) ns UTC, when it is complete and may be seen; for daily bars the session's close
    open: Floats  #: (n,) in the instrument's currency a share, as the next three
    high: Floats
    low: Floats
    close: Floats
    volume: Floats  #: (n,) shares
    source: Source
    actions: tuple[Action, ...] = ()
    findings: tuple[Finding, ...] = ()
    extra: Mapping[str, Floats] = field(default_factory=dict)  #: further columns by lower-case name
    _hash: str = field(default="", init=False, repr=False)  #: of the content, once somebody has asked

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)  # the record is frozen: only its making may set

        put("timeframe", format_timeframe(parse_timeframe(self.timeframe)))
        put("start", _frozen(self.start, np.int64))
        put("known", _frozen(self.known, np.int64))
        for name in COLUMNS:
            put(name, _frozen(getattr(self, name), np.float64))
        put("extra", MappingProxyType({k: _frozen(v, np.float64) for k, v in self.extra.items()}))
        put("actions", tuple(sorted(self.actions, key=turn_of)))
        for name, column in self._arrays().items():
            if column.shape != (len(self),):
                raise BadData(
                    f"{self.symbol}: column {name!r} has shape {column.shape}; start has {len(self)} bars"
                )
        for action in self.actions:
            if action.symbol != self.symbol and not isinstance(action, SymbolChange):  # of a former name
                raise BadData(
                    f"{self.symbol}: an action of {action.symbol!r} ({action}) among its own; leave it out"
                )

    def __len__(self) -> int:
        return len(self.start)

    def __reduce__(self) -> tuple[Any, ...]:
        # a mapping proxy cannot be pickled, and worker processes need series
        columns = [getattr(self, name) for name in COLUMNS]
        rest = (self.source, self.actions, self.findings, dict(self.extra))
        return Series, (self.symbol, self.timeframe, self.start, self.known, *columns, *rest)

    @property
    def content_hash(self) -> str:
        """The identity of the content: `sha256:` over symbol, timeframe, columns and actions.

        It is the same on each platform (little-endian bytes, one NaN, one zero), and does not depend on
        the source or the findings.
        """
        if not self._hash:
            object.__setattr__(self, "_hash", self._hashed())  # the columns are read-only: it stays
        return self._hash

    def _hashed(self) -> str:
        arrays = self._arrays()
        actions = [[type(a).__name__, a.ex, *terms_of(a)] for a in self.actions]
        head = [self.symbol, self.timeframe, len(self), list(arrays), actions]
        digest = hashlib.sha256(json.dumps(head).encode())
        for column in arrays.values():
            digest.update(_canonical(column).data)
        return f"sha256:{digest.hexdigest()}"

    def between(self, start: int | None, end: int | None) -> Series:
        """Return the bars that open in [start, end), ns UTC; None is no limit. Actions are kept."""
        first = 0 if start is None else int(np.searchsorted(self.start, start))
        last = len(self) if end is None else int(np.searchsorted(self.start, end))
        if first == 0 and last == len(self):
            return self
        rows = slice(first, max(first, last))
        cut: dict[str, Any] = {k: v[rows] for k, v in self._arrays().items() if k not in self.extra}
        return replace(self, **cut, extra={k: v[rows] for k, v in self.extra.items()})

    def _arrays(self) -> dict[str, Times | Floats]:
        own = {name: getattr(self, name) for name in ("start", "known", *COLUMNS)}
        return own | dict(sorted(self.extra.items()))


def _frozen(values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    if isinstance(values, np.ndarray) and is_fixed(values):
        array = np.ascontiguousarray(values, dtype)
    else:  # a column of pandas may be written by way of its frame, although it says that it cannot
        array = np.array(values, dtype, order="C", ndmin=1)
    array.setflags(write=False)
    return array


def _canonical(column: Times | Floats) -> NDArray[Any]:
    """Return a column in the bytes that are the same on each platform; without a copy where they are."""
    if column.dtype == np.int64:
        return column.astype("<i8", copy=False)
    one_zero = column + 0.0  # -0.0 + 0.0 is 0.0
    one_zero[np.isnan(one_zero)] = np.nan  # one of the many
    return one_zero.astype("<f8", copy=False)
