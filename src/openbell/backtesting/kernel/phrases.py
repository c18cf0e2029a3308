"""Arithmetic, comparisons and what the kernel may call, as LLVM's instructions."""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from openbell.backtesting.kernel import memory
from openbell.backtesting.kernel.records import Event, Order, Run, Symbol

INT, FLOAT, BOOL, NONE = "i64", "double", "i1", "void"
#: Records, whose values are their addresses.
RECORDS = {record.__name__: record for record in (Run, Order, Symbol, Event)}
_NUMBERS = {BOOL: 0, INT: 1, FLOAT: 2}  #: each can hold those before it
_INFINITE = f"0x{struct.unpack('<Q', struct.pack('<d', math.inf))[0]:016X}"


class Unwritable(Exception):
    """What the kernel's little language has no words for."""


class Value(NamedTuple):
    """What an expression comes to."""

    kind: str  #: LLVM's type, or a record's name
    text: str  #: a register, or a number


#: Adds an instruction and returns the register that it writes.
Emit = Callable[[str], str]


def llvm_of(kind: str) -> str:
    """Return LLVM's type of a kind."""
    return "ptr" if kind in RECORDS else kind


def literal(number: float) -> Value:
    """Return a number that stands in the source. A float is written by its bits."""
    if isinstance(number, bool):
        return Value(BOOL, "true" if number else "false")
    if isinstance(number, int):
        return Value(INT, str(number))
    return Value(FLOAT, f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}")


def wider(one: str, other: str, *others: str) -> str:
    """Return the kind that holds some kinds, as Python's arithmetic has it.

    Raises:
        Unwritable: There is none.
    """
    kinds = {one, other, *others}
    if len(kinds) == 1:
        return one
    if not kinds <= _NUMBERS.keys():
        raise Unwritable(f"{one} and {other} in one place")
    return max(kinds, key=_NUMBERS.__getitem__)


def cast(emit: Emit, value: Value, kind: str) -> Value:
    """Return a value as one of another kind that can hold it.

    Raises:
        Unwritable: It cannot.
    """
    if value.kind == kind:
        return value
    if wider(value.kind, kind) != kind:
        raise Unwritable(f"{value.kind} where {kind} is wanted")
    if kind == INT:
        return Value(INT, emit(f"zext i1 {value.text} to i64"))
    if value.kind == INT and value.text.lstrip("-").isdigit():
        return literal(float(value.text))
    return Value(
        FLOAT, emit(f"{'uitofp' if value.kind == BOOL else 'sitofp'} {value.kind} {value.text} to double")
    )


def truth(emit: Emit, value: Value) -> str:
    """Return whether a value counts as true."""
    if value.kind == BOOL:
        return value.text
    if value.kind == INT:
        return emit(f"icmp ne i64 {value.text}, 0")
    if value.kind == FLOAT:
        return emit(f"fcmp une double {value.text}, 0.0")
    raise Unwritable(f"{value.kind} as a condition")


# --- operators -----------------------------------------------------------------------------------------

_WHOLE = {"Add": "add", "Sub": "sub", "Mult": "mul"}
_REAL = {**{name: f"f{verb}" for name, verb in _WHOLE.items()}, "Div": "fdiv"}
_COMPARED = {"Eq": "eq", "NotEq": "ne", "Lt": "lt", "LtE": "le", "Gt": "gt", "GtE": "ge"}


def operate(emit: Emit, name: str, left: Value, right: Value) -> Value:
    """Work an operator out.

    Raises:
        Unwritable: There is no such one for what it is given.
    """
    if name == "BitAnd" and left.kind == right.kind == BOOL:
        return Value(BOOL, emit(f"and i1 {left.text}, {right.text}"))
    if name == "FloorDiv":
        return _floored(emit, left, right)
    kind = wider(left.kind, right.kind, FLOAT if name == "Div" else INT)
    verb = (_REAL if kind == FLOAT else _WHOLE).get(name)
    if verb is None:
        raise Unwritable(f"{name} of {kind}")
    left, right = cast(emit, left, kind), cast(emit, right, kind)
    return Value(kind, emit(f"{verb} {kind} {left.text}, {right.text}"))


def _floored(emit: Emit, left: Value, right: Value) -> Value:
    """Round a float down to a whole number, or half a whole number: that is all that rules divide so.

    Python's way to `number // 1.0` is a remainder, which takes a processor some 15 ns; this takes less than
    one. Of infinity it is NaN, as Python has it.
    """
    if left.kind == FLOAT and right == literal(1.0):
        below = emit(f"call double @llvm.floor.f64(double {left.text})")
        nothing = emit(f"fsub double {left.text}, {left.text}")  # NaN of infinity, else zero
        finite = emit(f"fcmp oeq double {nothing}, 0.0")
        return Value(FLOAT, emit(f"select i1 {finite}, double {below}, double {nothing}"))
    if left.kind == INT and right == literal(2):
        return Value(INT, emit(f"ashr i64 {left.text}, 1"))
    raise Unwritable(f"// of {left.kind} by {right.text}")


def compare(emit: Emit, name: str, left: Value, right: Value) -> Value:
    """Compare two numbers. With NaN nothing is true but `!=`."""
    if name not in _COMPARED:
        raise Unwritable(f"{name} of numbers")
    kind, verb = wider(left.kind, right.kind, INT), _COMPARED[name]
    left, right = cast(emit, left, kind), cast(emit, right, kind)
    if kind == FLOAT:
        how = f"fcmp {'u' if verb == 'ne' else 'o'}{verb}"
    else:
        how = f"icmp {verb if name in {'Eq', 'NotEq'} else 's' + verb}"
    return Value(BOOL, emit(f"{how} {kind} {left.text}, {right.text}"))


def negate(emit: Emit, value: Value) -> Value:
    """Return a number with the other sign."""
    if value.kind == FLOAT:
        return Value(FLOAT, emit(f"fneg double {value.text}"))
    value = cast(emit, value, INT)
    if value.text.isdigit():
        return literal(-int(value.text))
    return Value(INT, emit(f"sub i64 0, {value.text}"))


# --- what may be called --------------------------------------------------------------------------------

DECLARED = """declare double @llvm.fabs.f64(double)
declare double @llvm.floor.f64(double)
declare double @llvm.sqrt.f64(double)
declare double @llvm.log.f64(double)
declare double @llvm.copysign.f64(double, double)
declare double @expm1(double)
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
"""


#: Marks the jump back of a loop of few turns, which is not worth copies that take several turns at once.
SHORT = ", !llvm.loop !0"
SHORTLY = """!0 = distinct !{!0, !1, !2}
!1 = !{!"llvm.loop.unroll.disable"}
!2 = !{!"llvm.loop.vectorize.enable", i1 false}
"""


def _called(name: str, count: int = 1) -> Callable[[Emit, Sequence[Value]], Value]:
    def write(emit: Emit, given: Sequence[Value]) -> Value:
        numbers = [f"double {cast(emit, one, FLOAT).text}" for one in given]
        if len(numbers) != count:
            raise Unwritable(f"{len(numbers)} arguments where {count} are wanted")
        return Value(FLOAT, emit(f"call double @{name}({', '.join(numbers)})"))

    return write


def _absolute(emit: Emit, given: Sequence[Value]) -> Value:
    (number,) = given
    if number.kind != FLOAT:
        raise Unwritable(f"abs of {number.kind}")
    return Value(FLOAT, emit(f"call double @llvm.fabs.f64(double {number.text})"))


def _chosen(verb: str) -> Callable[[Emit, Sequence[Value]], Value]:
    """Return what picks the least or the greatest: the first, unless a later one is truly beyond it."""

    def write(emit: Emit, given: Sequence[Value]) -> Value:
        found = given[0]
        for other in given[1:]:
            kind = wider(found.kind, other.kind)
            one, two = cast(emit, found, kind), cast(emit, other, kind)
            beyond = compare(emit, verb, two, one)
            found = Value(kind, emit(f"select i1 {beyond.text}, {kind} {two.text}, {kind} {one.text}"))
        return found

    return write


def _is_nan(emit: Emit, given: Sequence[Value]) -> Value:
    (number,) = given
    return Value(BOOL, emit(f"fcmp uno double {cast(emit, number, FLOAT).text}, 0.0"))


def _is_infinite(emit: Emit, given: Sequence[Value]) -> Value:
    size = _absolute(emit, given)
    return Value(BOOL, emit(f"fcmp oeq double {size.text}, {_INFINITE}"))


def _as_float(emit: Emit, given: Sequence[Value]) -> Value:
    (number,) = given
    return cast(emit, number, FLOAT)


# --- the run's memory ----------------------------------------------------------------------------------


def field(emit: Emit, place: Value, name: str) -> tuple[str, str]:
    """Return where a record's field is, and its kind.

    Raises:
        Unwritable: It is no record, or has no such field.
    """
    record = RECORDS.get(place.kind)
    if record is None or not hasattr(record, name):
        raise Unwritable(f".{name} of {place.kind}")
    kind = FLOAT if dict(record._fields_)[name] is ctypes.c_double else INT  # type: ignore[arg-type]  # no bit fields
    offset = getattr(record, name).offset
    return emit(f"getelementptr inbounds i8, ptr {place.text}, i64 {offset}"), kind


def _record_at(name: str, first: str) -> Callable[[Emit, Sequence[Value]], Value]:
    """Return what leads to the record at an index of an array of them."""

    def write(emit: Emit, given: Sequence[Value]) -> Value:
        run, index = given
        where, _ = field(emit, run, first)
        begin = emit(f"load ptr, ptr {where}")
        offset = emit(f"mul i64 {cast(emit, index, INT).text}, {ctypes.sizeof(RECORDS[name])}")
        return Value(name, emit(f"getelementptr i8, ptr {begin}, i64 {offset}"))

    return write


def _number_at(emit: Emit, given: Sequence[Value], kind: str) -> str:
    address, index = (cast(emit, one, INT).text for one in given[:2])
    begin = emit(f"inttoptr i64 {address} to ptr")
    return emit(f"getelementptr {kind}, ptr {begin}, i64 {index}")


def _read(kind: str) -> Callable[[Emit, Sequence[Value]], Value]:
    return lambda emit, given: Value(kind, emit(f"load {kind}, ptr {_number_at(emit, given, kind)}"))


def _written(kind: str) -> Callable[[Emit, Sequence[Value]], Value]:
    def write(emit: Emit, given: Sequence[Value]) -> Value:
        new = cast(emit, given[2], kind)
        emit(f"store {kind} {new.text}, ptr {_number_at(emit, given, kind)}")
        return Value(NONE, "")

    return write


def _fetched(emit: Emit, given: Sequence[Value]) -> Value:
    where = _number_at(emit, given, FLOAT)
    emit(f"call void @llvm.prefetch.p0(ptr {where}, i32 0, i32 3, i32 1)")  # to read, to keep, data
    return Value(NONE, "")


#: What each function that is not the kernel's own comes to.
CALLS: dict[Any, Callable[[Emit, Sequence[Value]], Value]] = {
    abs: _absolute,
    min: _chosen("Lt"),
    max: _chosen("Gt"),
    float: _as_float,
    math.isnan: _is_nan,
    math.isinf: _is_infinite,
    math.sqrt: _called("llvm.sqrt.f64"),
    math.log: _called("llvm.log.f64"),
    math.expm1: _called("expm1"),
    math.copysign: _called("llvm.copysign.f64", 2),
    memory.order_at: _record_at("Order", "orders_at"),
    memory.symbol_at: _record_at("Symbol", "symbols_at"),
    memory.event_at: _record_at("Event", "log_at"),
    memory.value: _read(FLOAT),
    memory.item: _read(INT),
    memory.put_value: _written(FLOAT),
    memory.put: _written(INT),
    memory.fetch: _fetched,
}
