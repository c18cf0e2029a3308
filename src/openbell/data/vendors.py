"""Where two vendors disagree about one symbol: splits, dividends, closes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from openbell.core.types import NANOS_PER_DAY, Action, Dividend, Split
from openbell.data.bars import Finding, FindingKind, Series
from openbell.data.validate import report

#: By how much dividends may differ, as a share: vendors round them to different places.
DIVIDEND = 0.005
#: By how much closes may differ, as a share: a tenth of a percent is beyond what rounding does.
CLOSE = 0.001


def compare_vendors(one: Series, other: Series) -> list[Finding]:
    """Return where two vendors disagree about the same symbol and timeframe, over what both have.

    A split or a dividend is the same if its date is, its ratio is, and its amount within `DIVIDEND`.
    """
    if not len(one) or not len(other):
        return []
    first = int(max(one.start[0], other.start[0]))
    last = int(min(one.known[-1], other.known[-1]))
    names = tuple(f"{s.source.provider} ({s.source.feed})" for s in (one, other))
    return [
        *_actions(one, other, (first, last), (names[0], names[1])),
        *_closes(one, other, (names[0], names[1])),
    ]


def _actions(one: Series, other: Series, span: tuple[int, int], names: tuple[str, str]) -> Iterator[Finding]:
    left, right = (_by_day(series.actions, span) for series in (one, other))
    for key in sorted({*left, *right}):
        a, b = left.get(key), right.get(key)
        if a is not None and b is not None and _same(a, b):
            continue
        day = np.datetime64(key[0], "D")
        said = " and ".join(
            f"{name} has {_words(action) if action is not None else 'none'}"
            for name, action in zip(names, (a, b), strict=True)
        )
        text = f"{one.symbol}: {key[1].lower()} on {day}: {said}; look it up, and correct one"
        yield report(FindingKind.DISAGREEMENT, one.symbol, text, time=int(key[0]) * NANOS_PER_DAY)


def _by_day(actions: Sequence[Action], span: tuple[int, int]) -> dict[tuple[int, str], Action]:
    return {
        (action.ex // NANOS_PER_DAY, type(action).__name__): action
        for action in actions
        if span[0] < action.ex <= span[1]
    }


def _same(a: Action, b: Action) -> bool:
    if isinstance(a, Split) and isinstance(b, Split):
        return a.new * b.old == b.new * a.old
    if isinstance(a, Dividend) and isinstance(b, Dividend):
        return abs(a.amount - b.amount) <= DIVIDEND * max(a.amount, b.amount)
    return a == b


def _words(action: Action) -> str:
    if isinstance(action, Split):
        return f"{action.new}:{action.old}"
    return f"{action.amount:.10g}" if isinstance(action, Dividend) else str(action)


def _closes(one: Series, other: Series, names: tuple[str, str]) -> Iterator[Finding]:
    _, left, right = np.intersect1d(one.start, other.start, assume_unique=True, return_indices=True)
    a, b = one.close[left], other.close[right]
    rows = np.flatnonzero(np.abs(a - b) > CLOSE * np.maximum(a, b))
    if len(rows):
        time = int(one.start[left[rows[0]]])
        when = np.datetime64(time, "ns").astype("datetime64[m]")
        text = (
            f"{one.symbol}: {len(rows)} of {len(a)} closes differ by more than {CLOSE:.1%}, the first of "
            f"{when}Z: {names[0]} has {a[rows[0]]:.10g} and {names[1]} has {b[rows[0]]:.10g}; are both raw?"
        )
        yield report(FindingKind.DISAGREEMENT, one.symbol, text, time=time)
