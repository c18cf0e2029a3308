"""Functions that the kernel's assembly has no words for."""
# mypy: ignore-errors
# ruff: noqa: F841, PLW0120, RET503

from __future__ import annotations

import math

from openbell.backtesting.kernel.records import Run

NUMBERS = (1.0, 2.0)


def over_list(a: float) -> float:
    for _ in [1, 2]:
        a += 1.0
    return a


def to_power(a: float) -> float:
    return a**2.0


def rest(a: float) -> float:
    return a // 2.0


def rounded(a: float) -> float:
    return round(a)


def by_name(a: float) -> float:
    return abs(x=a)


def inverted(a: float) -> float:
    return +a


def same(a: float) -> float:
    return a is None


def listed(a: float) -> float:
    return [a]


def named(a: float) -> float:
    return a + NUMBERS


def worded(a: float) -> float:
    return a if a > 1.0 else "one"


def endless(a: float) -> float:
    if a > 0.0:
        return a


def at_last(a: float) -> float:
    while a > 0.0:
        a -= 1.0
    else:
        a = 1.0
    return a


def backwards(a: float) -> float:
    for _ in range(3, 0, -1):
        a += 1.0
    return a


def field_of(a: float) -> float:
    return a.real


def unknown_field(run: Run) -> float:
    return run.colour


def narrowed(a: float) -> int:
    return a


def true_record(run: Run) -> float:
    return 1.0 if run else 0.0


def two_things(run: Run, a: float) -> float:
    b = a if a > 0.0 else run
    return a


def absolute(a: int) -> float:
    return abs(a)


def one_too_many(a: float) -> float:
    return math.sqrt(a, a)


def put_into(a: float) -> float:
    a[0] = 1.0
    return a


def called_again(a: float) -> float:
    return a(a)
