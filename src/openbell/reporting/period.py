"""The days that a statement is of: a day, an ISO week, a month or a year."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from openbell.core.errors import ConfigError

_FORMS = {
    "day": (r"(\d{4})-(\d{2})-(\d{2})", "2012-03-05"),
    "week": (r"(\d{4})-W(\d{2})", "2012-W10"),
    "month": (r"(\d{4})-(\d{2})", "2012-03"),
    "year": (r"(\d{4})", "2012"),
}
_EPOCH = date(1970, 1, 1)


class Period(NamedTuple):
    """Days of an exchange, the last included."""

    kind: str  #: `day`, `week`, `month` or `year`
    name: str  #: as it was typed, such as `2012-03`
    first: date
    last: date

    @property
    def days(self) -> tuple[int, int]:
        """Return the first and the last day in days since 1970."""
        return (self.first - _EPOCH).days, (self.last - _EPOCH).days


def read_period(asked: Mapping[str, str | None]) -> Period:
    """Return the period that one of `day`, `week`, `month` and `year` names.

    Raises:
        ConfigError: None or several are given, or there is no such day, week, month or year.
    """
    given = {kind: text for kind, text in asked.items() if text is not None}
    if len(given) != 1:
        said = "none" if not given else " and ".join(f"--{kind}" for kind in given)
        listed = ", ".join(f"--{kind} {example}" for kind, (_, example) in _FORMS.items())
        raise ConfigError(f"a statement is of one period, and {said} was given; type one of {listed}")
    ((kind, text),) = given.items()
    form, example = _FORMS[kind]
    found = re.fullmatch(form, text.strip())
    if found is None:
        raise ConfigError(f"--{kind}: {text!r} is no {kind}; write it as {example}")
    try:
        first, last = _span(kind, [int(part) for part in found.groups()])
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"--{kind}: {text!r} is not in the calendar ({error})") from error
    return Period(kind, text.strip(), first, last)


def _span(kind: str, parts: list[int]) -> tuple[date, date]:
    if kind == "day":
        day = date(*parts)
        return day, day
    if kind == "week":
        monday = date.fromisocalendar(*parts, 1)  # type: ignore[call-arg]  # a year and a week
        return monday, monday + timedelta(days=6)
    if kind == "month":
        year, month = parts
        first = date(year, month, 1)
        return first, date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return date(parts[0], 1, 1), date(parts[0], 12, 31)
