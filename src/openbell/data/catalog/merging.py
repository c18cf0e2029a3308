"""New bars beside stored ones: equal bars are one, differing ones follow a rule.

The rule: a bar that is stored stays as it is. A write that gives other values for it, or that covers its time
and does not have it, is refused and named; with `revise` it takes the stored bar's place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from openbell.core.errors import BadData
from openbell.data import validate
from openbell.data.bars import COLUMNS
from openbell.data.catalog.key import Key
from openbell.data.catalog.parts import TIMES, Columns, cut, join
from openbell.data.providers.protocol import Span


class Merged(NamedTuple):
    """What is to be stored in the place of some stored bars."""

    columns: dict[str, Any]  #: stored and new bars, sorted
    added: int  #: how many of them are new or changed
    replaced: dict[str, Any]  #: the stored bars that are no more


def merge(key: Key, stored: Columns, fresh: Columns, *, covers: Span | None, revise: bool) -> Merged:
    """Lay new bars over stored ones.

    Args:
        key: Whose bars they are, for messages.
        stored: Columns of shape (n,), ascending.
        fresh: Columns of shape (m,), ascending.
        covers: The time of which `fresh` has all bars; None if it may lack some.
        revise: Whether what differs takes the place of what is stored.

    Raises:
        BadData: Bars differ and `revise` is not given; names the first.
    """
    begins, old = fresh["start"], stored["start"]
    at = np.minimum(np.searchsorted(old, begins), max(len(old) - 1, 0))
    same = old[at] == begins if len(old) else np.zeros(len(begins), np.bool_)
    differing = same.copy()
    differing[same] = _differ(cut(stored, at[same]), cut(fresh, same))
    gone = np.zeros(len(old), np.bool_)
    if covers is not None:
        gone = (old >= covers.start) & (old < covers.end) & ~np.isin(old, begins)
    lost = gone.copy()
    lost[at[differing]] = True
    if lost.any() and not revise:
        raise BadData(_refusal(key, stored, fresh, int(np.flatnonzero(lost)[0])))
    new = ~same | differing
    tables = [cut(stored, ~lost), cut(fresh, new)]
    joined = join(tables, [int((~lost).sum()), int(new.sum())])
    order = np.argsort(joined["start"], kind="stable")
    return Merged(cut(joined, order), int(new.sum()), cut(stored, lost))


def _differ(stored: Columns, fresh: Columns) -> Any:
    """Tell of each bar whether a column differs; a missing extra is NaN, and NaN equals itself."""
    count = len(stored["start"])
    differ = np.zeros(count, np.bool_)
    nothing = np.full(count, np.nan)
    for name in stored.keys() | fresh.keys():
        a, b = stored.get(name, nothing), fresh.get(name, nothing)
        differ |= (a != b) & ~((a != a) & (b != b))  # noqa: PLR0124  # NaN
    return differ


def _refusal(key: Key, stored: Columns, fresh: Columns, row: int) -> str:
    time = int(stored["start"][row])
    at = int(np.searchsorted(fresh["start"], time))
    if at == len(fresh["start"]) or fresh["start"][at] != time:
        what = "is stored, and what is written covers its time without it"
    else:
        name = next(
            name
            for name in (*COLUMNS, *TIMES, *sorted(stored.keys() | fresh.keys()))
            if _differ({"start": stored["start"][:1], name: _one(stored, name, row)},
                       {"start": stored["start"][:1], name: _one(fresh, name, at)})[0]
        )  # fmt: skip
        before, now = _one(stored, name, row)[0], _one(fresh, name, at)[0]
        what = f"is stored with {name} {before:.10g}, and written with {now:.10g}"
    return f"{key}: the bar of {moment(time)} {what}; to take the new one, revise (--revise)"


def _one(columns: Columns, name: str, row: int) -> Any:
    return columns[name][row : row + 1] if name in columns else np.full(1, np.nan)


def check_fresh(key: Key, columns: Columns) -> None:
    """Refuse bars that break a rule of bars.

    Raises:
        BadData: A bar is out of order, overlaps another, or has an impossible price; names it.
    """

    def where(row: int) -> str:
        return f"{key}: bar {row} ({moment(int(columns['start'][row]))})"

    validate.check_order(key.symbol, columns["start"], where)
    check_overlap(key, columns)
    validate.check_bars(key.symbol, {name: columns[name] for name in COLUMNS}, where)


def check_overlap(key: Key, columns: Columns) -> None:
    """Refuse bars that begin before the one before them is complete.

    Raises:
        BadData: There is one; names it.
    """
    validate.check_overlap(
        key.symbol,
        columns["start"],
        columns["known"],
        lambda row: f"{key}: the bar of {moment(int(columns['start'][row]))}",
    )


def moment(time: int) -> str:
    """Write a time for a message, to the second, in UTC."""
    return f"{np.datetime64(time, 'ns').astype('datetime64[s]')}Z".replace("T", " ")
