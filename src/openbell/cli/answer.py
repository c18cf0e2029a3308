"""What a command answers: something to read, the same as data, and an exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple


class Exit(IntEnum):
    """How a command ended. `docs/reference/command-line.md` explains each."""

    FINE = 0
    FAILED = 1  #: what was to be checked does not hold
    BAD_INPUT = 2
    LOOK_AHEAD = 3  #: a strategy knew what was not known yet
    INTERNAL = 70  #: a fault of Openbell's own (EX_SOFTWARE of sysexits.h)
    NO_OUTPUT = 74  #: the answer could not be written (EX_IOERR)
    INTERRUPTED = 130  #: Ctrl-C (128 + SIGINT)


class Column(NamedTuple):
    """A column of a table; numbers stand on the right."""

    title: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text, one for each thing, with a cell for each column."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


class Stopped(KeyboardInterrupt):
    """Ctrl-C ended a command that keeps some of its work; the message says what becomes of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's answer.

    Args:
        parts: Lines and tables, for people.
        document: The same for programs, as JSON values.
        code: The exit code.
        warnings: Lines for stderr, whichever form is asked for.
    """

    parts: Sequence[str | Table]
    document: Mapping[str, Any]
    code: Exit = Exit.FINE
    warnings: Sequence[str] = ()
