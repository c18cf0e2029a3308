"""What stands in a provider's answer, read and checked: numbers, times, split ratios, batches of bars."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np

from openbell.core.errors import BadData, ConfigError, nearest
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND
from openbell.data.bars import COLUMNS
from openbell.data.providers.protocol import Batch, Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)")
_TERMS = 10_000  #: no split has more shares on a side


def read_field(row: object, name: str, where: str) -> Any:
    """Return a field of a JSON object.

    Raises:
        BadData: It is no object, or has no such field.
    """
    if not isinstance(row, Mapping):
        raise BadData(f"{where}: an object is expected, not {type(row).__name__}")
    if name not in row:
        raise BadData(f"{where}: there is no {name!r} (it has {', '.join(map(str, row)) or 'nothing'})")
    return row[name]


def read_number(value: object, where: str) -> float:
    """Return a JSON number, or one that is written as text.

    Raises:
        BadData: It is no finite number.
    """
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise BadData(f"{where}: {value!r} is no number")


def read_moment(value: object, where: str) -> int:
    """Return an ISO moment with a zone, such as `2024-01-02T09:30:00.383129126-05:00`, in ns UTC.

    Raises:
        BadData: It is none, or names no zone.
    """
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise BadData(f"{where}: {value!r} is no moment with a zone")
    try:
        moment = datetime.fromisoformat(found[1] + found[3])
    except ValueError as error:
        raise BadData(f"{where}: {value!r} is no moment ({error})") from error
    return round((moment - _EPOCH).total_seconds()) * NANOS_PER_SECOND + int((found[2] or "0").ljust(9, "0"))


def read_date(value: object, where: str) -> int:
    """Return a date, such as `2024-01-02`, as its midnight in UTC in ns.

    Raises:
        BadData: It is none.
    """
    try:
        day = datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadData(f"{where}: {value!r} is no date") from error
    return (day - _EPOCH).days * NANOS_PER_DAY


def read_ratio(value: object, where: str) -> tuple[int, int]:
    """Return new and old shares of a split from its factor: 2.0 is 2 for 1, 0.0667 about 1 for 15.

    Raises:
        BadData: It is no positive number.
    """
    number = read_number(value, where)
    ratio = Fraction(str(number)).limit_denominator(_TERMS)
    if ratio <= 0:
        raise BadData(f"{where}: {value!r} is no split factor")
    return ratio.numerator, ratio.denominator


def make_batch(start: Sequence[int], rows: Iterable[Sequence[float]], where: str) -> Batch:
    """Return a batch of bars from when each opens, and its open, high, low, close and volume.

    Raises:
        BadData: Times do not ascend.
    """
    times = np.array(start, np.int64)
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        first, then = (np.datetime64(int(times[back[0] + n]), "ns") for n in (0, 1))
        raise BadData(f"{where}: a bar of {then} follows one of {first}")
    table = np.array(list(rows), np.float64).reshape(len(times), len(COLUMNS))
    return Batch(times, {name: np.ascontiguousarray(table[:, n]) for n, name in enumerate(COLUMNS)})


def cut_batch(batch: Batch, span: Span) -> Batch:
    """Return the bars that open in a span."""
    low, high = np.searchsorted(batch.start, [span.start, span.end])
    return Batch(batch.start[low:high], {name: column[low:high] for name, column in batch.columns.items()})


def day_of(time: int) -> str:
    """Return the UTC date of a time in ns, such as `2024-01-02`."""
    return str(np.datetime64(time, "ns").astype("datetime64[D]"))


def check_timeframe(provider: str, timeframe: str, offered: Iterable[str], hint: str = "") -> None:
    """Check that a provider serves a timeframe itself.

    Raises:
        ConfigError: It does not.
    """
    valid = list(offered)
    if timeframe not in valid:
        raise ConfigError(
            f"{provider}: timeframe {timeframe!r} is not offered; it has {', '.join(valid)}{hint}"
        )


def check_choice(provider: str, option: str, value: str, valid: Iterable[str]) -> None:
    """Check that an option has one of its values.

    Raises:
        ConfigError: It has another.
    """
    names = list(valid)
    if value not in names:
        raise ConfigError(f"provider {provider!r}: {option}={value!r} is unknown{nearest(str(value), names)}")
