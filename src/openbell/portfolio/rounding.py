"""Whole lots with the least tracking error that a sum of money allows.

Each symbol wants an amount of money, and can hold whole lots. The error is the sum of the squares of what the
symbols are off, and all lots together may cost no more than a budget. Without the budget each symbol has its
nearest lots; with it, one that gets more may be worth that another gets less. Which is found by branch and
bound: the budget as a price on money (a Lagrangian relaxation; Fisher 1981, Management Science 27) says how
good any choice can be at best, and the search ends when nothing better is possible.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

_HALVINGS = 40  #: of the price on money
_WORK = 4_000  #: parts of the search, times the symbols
_FEWEST = 8
_SAME = 1e-9  #: of an error, or of a budget: less is none


class _Part(NamedTuple):
    """A part of the search: the lots that each symbol may have there, and what is found in it."""

    least: tuple[int, ...]
    most: tuple[int, ...]
    lots: list[int]
    bound: float  #: no choice in it has a smaller error
    turn: int = -1  #: the symbol to divide it at; -1 where nothing is left to look for
    split: int = 0  #: the most lots of that symbol in the first half


def nearest_lots(values: Sequence[float], steps: Sequence[float], budget: float) -> list[int]:
    """Return how many lots of each symbol leave the least error within a budget.

    Where several hundred symbols cannot all have their nearest lots the search may end early: what it has
    then is within the last lot of the best.

    Args:
        values: (n,) money that each symbol should be worth, 0 or more.
        steps: (n,) money of one lot of each.
        budget: What all lots may cost.
    """
    limit = budget * (1.0 + _SAME)
    widest = tuple(math.ceil(value / step) for value, step in zip(values, steps, strict=True))
    whole = _look(values, steps, limit, (0,) * len(steps), widest)
    if whole is None:
        return [0] * len(steps)
    best, error = whole.lots, _error(values, steps, whole.lots)
    waiting, count = [(whole.bound, 0, whole)], 1
    for _ in range(max(_FEWEST, _WORK // max(len(steps), 1))):
        if not waiting or waiting[0][0] >= error * (1.0 - _SAME):
            break
        _, _, part = heapq.heappop(waiting)
        for least, most in _halves(part):
            found = _look(values, steps, limit, least, most)
            if found is None:
                continue
            now = _error(values, steps, found.lots)
            if now < error:
                best, error = found.lots, now
            if found.turn >= 0 and found.bound < error:
                heapq.heappush(waiting, (found.bound, count, found))
                count += 1
    return best


def _look(
    values: Sequence[float], steps: Sequence[float], limit: float,
    least: tuple[int, ...], most: tuple[int, ...],
) -> _Part | None:  # fmt: skip
    """Return what is found in a part; None where nothing in it can be paid for."""

    def at(price: float) -> list[int]:
        return [
            min(max(math.ceil((value - price) / step - 0.5), low), high)
            for value, step, low, high in zip(values, steps, least, most, strict=True)
        ]

    free = at(0.0)
    if _cost(steps, free) <= limit:
        return _Part(least, most, free, _error(values, steps, free))
    if _cost(steps, least) > limit:
        return None
    cheap, dear = 0.0, max(values) + max(steps)  # at the dear end each has the least that it may
    for _ in range(_HALVINGS):
        middle = 0.5 * (cheap + dear)
        if _cost(steps, at(middle)) <= limit:
            dear = middle
        else:
            cheap = middle
    lots, more = at(dear), at(cheap)
    bound = _error(values, steps, lots) - 2.0 * dear * (limit - _cost(steps, lots))
    torn = [i for i, (one, other) in enumerate(zip(lots, more, strict=True)) if one != other]
    turn = max(torn, key=lambda i: steps[i])
    part = _Part(least, most, list(lots), bound, turn, lots[turn])
    _fill(values, steps, limit, part)
    return part


def _halves(part: _Part) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the bounds of a part's two halves: fewer lots of the symbol that is torn, and more."""
    i = part.turn
    fewer = (*part.most[:i], part.split, *part.most[i + 1 :])
    more = (*part.least[:i], part.split + 1, *part.least[i + 1 :])
    return [(part.least, fewer), (more, part.most)]


def _fill(values: Sequence[float], steps: Sequence[float], limit: float, part: _Part) -> None:
    """Buy lots with what is left where that lessens the error, the most first."""
    left = limit - _cost(steps, part.lots)
    gains = []
    for i, (value, step, lots) in enumerate(zip(values, steps, part.lots, strict=True)):
        short = value - lots * step
        gain = short * short - (short - step) * (short - step)
        if gain > 0.0 and lots < part.most[i]:
            gains.append((-gain, i))
    for _, i in sorted(gains):
        if steps[i] <= left:
            part.lots[i] += 1
            left -= steps[i]


def _cost(steps: Sequence[float], lots: Sequence[int]) -> float:
    return math.fsum(step * count for step, count in zip(steps, lots, strict=True))


def _error(values: Sequence[float], steps: Sequence[float], lots: Sequence[int]) -> float:
    return math.fsum(
        (value - step * count) ** 2 for value, step, count in zip(values, steps, lots, strict=True)
    )
