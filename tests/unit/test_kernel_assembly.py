"""The kernel's assembly does what Python does, and refuses what it has no words for."""

from __future__ import annotations

import linecache
import math
from itertools import product
from typing import Any

import numba
import pytest
from benchmarks.gate import kernel_size
from numba.core.errors import UnsupportedError

from openbell.backtesting.kernel import assembly, compiler
from openbell.backtesting.kernel.clauses import FORMS
from openbell.backtesting.kernel.compiler import compiled, inlined
from openbell.backtesting.kernel.measures import measure
from openbell.backtesting.kernel.memory import order_at, run_at
from openbell.backtesting.kernel.records import Order, Run
from tests.unit import kernel_refused
from tests.unit.test_kernel_parts import memory_of, put_order

NUMBERS = (-math.inf, -2.5, -0.0, 0.0, 0.5, 3.0, math.inf, math.nan)
LAST = 7


def bits(number: float) -> str:
    return "nan" if math.isnan(number) else float(number).hex()


@compiled
def choose(a: float, b: float) -> float:
    """Pick by what is not true of NaN."""
    low, high = min(a, b, 1.0), max(a, 2, b)
    return low if a != b and not a < b else high


@compiled
def between(a: float, b: float) -> float:
    """Compare in chains, with what a chain may skip."""
    return 1.0 if -1.0 < a <= abs(b) < 4.0 or a == b == 0.0 else math.copysign(2.0, a)


@compiled
def whole(a: float, b: float) -> float:
    """Round down, and divide by what may be zero."""
    return a // 1.0 if b != 0.0 else a / 4.0 - (b + 1.0)


@compiled
def widened(a: float, b: float) -> float:
    """Begin with whole numbers and go on with others."""
    found, half = 0, (7 if a > b else -7) // 2
    for k in range(half, LAST):
        if k == 1:
            continue
        if k > 4:
            break
        found += k
        if a > 0.0:
            found = found + a  # type: ignore[assignment]  # on purpose
    return found + half


@compiled
def logic(a: float, b: float) -> float:
    """Use truth as a number, and numbers as truth."""
    count = (a > 0.0) + (b > 0.0) + 2 * math.isinf(a)
    both = a > b and count
    either = count in (1, 3) or a < b
    none = not count
    while count and count < 6:
        count += 3
    return both + 10.0 * either + 100.0 * none + 1000.0 * float(count) - (-count)


@inlined
def parts(a: float, b: float) -> tuple[float, float, float]:
    """Answer several numbers."""
    if a > b:
        return 1, b, -a
    return a, 2 * b, a - b


@compiled
def joined(a: float, b: float) -> float:
    """Take an answer to pieces, and swap."""
    x, y, z = parts(a, b)
    x, y = y, x
    if math.isnan(z):
        pass
    elif z > 0.0:
        return x
    else:
        return y - z
    return math.sqrt(abs(x)) if abs(x) < 9.0 else 5


def same_as_python(function: Any) -> None:
    call = numba.njit(lambda a, b: function(a, b))  # noqa: PLW0108  # numba takes no compiled function itself
    for a, b in product(NUMBERS, NUMBERS):
        assert bits(call(a, b)) == bits(function(a, b)), (a, b)


@pytest.mark.parametrize(
    "function", [choose, between, whole, widened, logic, joined], ids=lambda one: one.__name__
)
def test_numbers_come_out_as_pythons(function):
    same_as_python(function)


@compiled
def grows(run: Run, slot: int) -> float:
    """Change what is read again meanwhile."""
    order = order_at(run, slot)
    order.filled += changed(order)
    order.state -= 1
    for k in range(0, 9, 4):
        order.filled *= 1.0 + (k == 4)
    return order.filled


@compiled
def changed(order: Order) -> float:
    """Change an order, and answer a number."""
    order.filled = 40.0
    if order.state:
        return 2.0
    return 3.0


def test_what_is_added_to_is_read_before_what_is_added():
    found = []
    for form in (grows, numba.njit(lambda address, slot: grows(run_at(address), slot))):
        made = memory_of()
        slot = put_order(made, filled=1.0)
        given = made.run if form is grows else made.address
        found.append((form(given, slot), bytes(made.orders[slot])))
    assert found[0] == found[1]
    assert found[0][0] == 6.0


# --- refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("over_list", "a loop over anything but a range"), ("to_power", "Pow of double"),
        ("rest", "// of double by"), ("rounded", "a call of `round`"), ("by_name", "an argument by name"),
        ("inverted", "`uadd`"), ("same", "None"), ("listed", "`list`"), ("named", "`NUMBERS`"),
        ("worded", "'one'"),
        ("endless", "an end without an answer"), ("at_last", "`else` of a loop"),
        ("backwards", "a step that is no positive number"), ("field_of", ".real of double"),
        ("unknown_field", ".colour of Run"), ("narrowed", "double where i64 is wanted"),
        ("true_record", "Run as a condition"), ("two_things", "in one place"), ("absolute", "abs of i64"),
        ("one_too_many", "2 arguments where 1 are wanted"), ("put_into", "an assignment to `subscript`"),
        ("called_again", "`a` as something that is known before"),
    ],
)  # fmt: skip
def test_what_it_has_no_words_for_is_refused_with_its_line(monkeypatch, name, said):
    function = getattr(kernel_refused, name)
    monkeypatch.setattr(compiler, "type_callable", lambda _function: lambda typer: typer)
    monkeypatch.setattr(compiler, "lower_builtin", lambda *_given: lambda lower: lower)
    compiled(function)
    try:
        with pytest.raises(UnsupportedError) as refused:
            assembly.written(function, set())
    finally:
        del FORMS[function]
    place = refused.value.loc  # type: ignore[attr-defined]  # numba's
    first = function.__code__.co_firstlineno
    assert said in str(refused.value)
    assert place.filename == kernel_refused.__file__
    assert first <= place.line <= first + 5


def test_files_are_read_as_they_were_when_they_were_imported(monkeypatch):
    text, names = assembly.written(measure, set())
    monkeypatch.setattr(linecache, "getlines", lambda *_given: [])
    assert assembly.written(measure, set()) == (text, names)
    assert assembly.written(measure, names)[0].count("define") == 0


def test_the_kernel_has_no_more_functions_and_lines_than_the_gate_allows():
    functions, lines = kernel_size()
    assert 100 < functions <= 168
    assert 10_000 < lines <= 14_700
