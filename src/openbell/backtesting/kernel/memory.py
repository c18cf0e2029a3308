"""Access to a run's memory by address: what the kernel reads and writes, without a reference count.

A function that takes thirty arrays passes and counts each of them at every call; one that takes the run's
record passes one address. The addresses stay valid while the `Memory` that gave them lives. These functions
are what the kernel does as plain Python, through ctypes; what they are in compiled code is in `phrases`.
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    lower_builtin,
    lower_getattr_generic,
    lower_setattr_generic,
    models,
    register_model,
    type_callable,
)

from openbell.backtesting.kernel.records import REASON_COUNT, SLOTS, Event, Order, Run, Symbol

_WORD = 8  #: bytes of an int64, and of a float64
_KINDS = {ctypes.c_double: types.float64, ctypes.c_int64: types.int64}
_I64, _DOUBLE = ir.IntType(64), ir.DoubleType()
_LINE = np.dtype(Event)


# --- as plain Python -----------------------------------------------------------------------------------


def run_at(address: int) -> Run:
    """Return the run whose record lies at an address."""
    return Run.from_address(address)


def order_at(run: Run, slot: int) -> Order:
    """Return the order in a slot."""
    return Order.from_address(run.orders_at + slot * ctypes.sizeof(Order))


def symbol_at(run: Run, index: int) -> Symbol:
    """Return a symbol."""
    return Symbol.from_address(run.symbols_at + index * ctypes.sizeof(Symbol))


def event_at(run: Run, index: int) -> Event:
    """Return a line of the log."""
    return Event.from_address(run.log_at + index * ctypes.sizeof(Event))


def value(address: int, index: int) -> float:
    """Return a float of an array."""
    return ctypes.c_double.from_address(address + _WORD * index).value


def item(address: int, index: int) -> int:
    """Return a whole number of an array."""
    return ctypes.c_int64.from_address(address + _WORD * index).value


def put_value(address: int, index: int, new: float) -> None:
    """Write a float into an array."""
    ctypes.c_double.from_address(address + _WORD * index).value = new


def put(address: int, index: int, new: int) -> None:
    """Write a whole number into an array."""
    ctypes.c_int64.from_address(address + _WORD * index).value = new


def fetch(address: int, index: int) -> None:
    """Ask for a number of an array that is wanted soon: it comes from far off while others are used."""


# --- compiled, for those who call the kernel -------------------------------------------------------------


class _Place(types.Type):
    """The address of a record, as a type of compiled code."""

    def __init__(self, record: type[ctypes.Structure]) -> None:
        self.record = record
        self.kinds = {name: _KINDS[kind] for name, kind, *_ in record._fields_}
        super().__init__(name=f"place_{record.__name__}")


@register_model(_Place)
class _PlaceModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: _Place) -> None:
        super().__init__(manager, kind, _I64)


@infer_getattr
class _Fields(AttributeTemplate):
    key = _Place

    def generic_resolve(self, place: _Place, name: str) -> Any:
        return place.kinds.get(name)


def _number_at(builder: Any, address: Any, offset: int, kind: Any) -> Any:
    where = builder.add(address, ir.Constant(_I64, offset))
    return builder.inttoptr(where, (_DOUBLE if kind == types.float64 else _I64).as_pointer())


@lower_getattr_generic(_Place)
def _read_field(_context: Any, builder: Any, place: _Place, address: Any, name: str) -> Any:
    offset = getattr(place.record, name).offset
    return builder.load(_number_at(builder, address, offset, place.kinds[name]))


@lower_setattr_generic(_Place)
def _write_field(_context: Any, builder: Any, signature: Any, arguments: Any, name: str) -> None:
    place = signature.args[0]
    offset = getattr(place.record, name).offset
    builder.store(arguments[1], _number_at(builder, arguments[0], offset, place.kinds[name]))


#: Each record's address, by the name that annotations give it.
PLACES = {record.__name__: _Place(record) for record in (Run, Order, Symbol, Event)}


def typer_of(function: Callable[..., Any], signature: Any) -> Callable[..., Any]:
    """Return what tells numba a function's types, whatever it is called with."""

    def typer(*_arguments: Any) -> Any:
        return signature

    typer.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # numba matches names
    return typer


@type_callable(run_at)
def _type_of_run_at(_context: Any) -> Callable[..., Any]:
    return typer_of(run_at, PLACES["Run"](types.int64))


@lower_builtin(run_at, types.int64)
def _write_run_at(_context: Any, _builder: Any, _signature: Any, arguments: Any) -> Any:
    return arguments[0]


class Memory:
    """The arrays of one run at a time, and the record that names their addresses."""

    def __init__(self, arrays: Mapping[str, np.ndarray[Any, Any]], *, symbols: int, log: int = 0) -> None:
        slots = symbols * SLOTS
        rooms = dict.fromkeys(("resting", "queue", "turns", "trailing", "joined"), slots)
        rooms |= dict.fromkeys(("positions", "senders"), symbols)
        own, at = np.zeros(sum(rooms.values()), np.int64), 0
        self.notes = np.zeros(REASON_COUNT, np.int64)
        self.log = np.zeros(log, _LINE)
        self.run = Run()
        self.orders = (Order * slots)()
        self.symbols: Any = (Symbol * symbols)()
        self.run.symbols, self.run.log_size = symbols, log
        self.run.orders_at, self.run.symbols_at = (
            ctypes.addressof(self.orders),
            ctypes.addressof(self.symbols),
        )
        self._kept: dict[str, np.ndarray[Any, Any]] = {}
        for name, array in {**arrays, "notes": self.notes, "log": self.log}.items():
            self.point(name, array)
        place = own.ctypes.data  # asked once, as each time takes a microsecond
        for name, room in rooms.items():
            self._kept[name] = own[at : at + room]
            setattr(self.run, f"{name}_at", place + at * _WORD)
            at += room

    @property
    def address(self) -> int:
        """Where the run's record lies."""
        return ctypes.addressof(self.run)

    def begin_log(self, lines: int) -> None:
        """Make room for a log of so many lines."""
        self.log = np.zeros(lines, _LINE)
        self.run.log_size = lines
        self.point("log", self.log)

    def point(self, name: str, array: np.ndarray[Any, Any]) -> None:
        """Let the run read or write another array."""
        self._kept[name] = array
        setattr(self.run, f"{name}_at", array.ctypes.data)
