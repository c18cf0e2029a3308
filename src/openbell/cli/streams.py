"""Standard output and error that end no command with a trace: what they cannot write, they remember.

A full disk, a closed descriptor or a reader that has gone shows when a stream is written, which may be in a
strategy's `print`, in the parser's help or in the interpreter's last flush. So each stream gets a raw end of
our own, which takes note of the first failure and lets the rest fall; the command says so once, at its end.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, TextIO

_OUT, _ERROR = 1, 2


class Channel(io.RawIOBase):
    """The raw end of a stream that can always be written.

    Args:
        raw: Where the bytes go; None where the process was started without it.
    """

    def __init__(self, raw: io.RawIOBase | None) -> None:
        super().__init__()
        self._raw = raw
        self.failure: OSError | None = None  #: the first; what is written after it is dropped

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, data: Any) -> int:
        """Write all bytes, or as many as can be, and return how many there were."""
        view = memoryview(data)
        if self.failure is None:
            try:
                self._pass_on(view)
            except OSError as error:
                self.failure = error
        return view.nbytes

    def isatty(self) -> bool:
        """Tell whether somebody watches."""
        return self._raw is not None and self._raw.isatty()

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self._required().fileno()

    def _pass_on(self, view: memoryview) -> None:
        raw = self._required()
        while view:
            written = raw.write(view)
            if written is None:  # a pipe that its reader made non-blocking is full
                select.select((), (raw,), ())
            else:
                view = view[written:]

    def _required(self) -> io.RawIOBase:
        if self._raw is None:
            raise OSError(errno.EBADF, "it is closed")
        return self._raw


class Lasting(io.TextIOWrapper):
    """A stream that a strategy cannot close before the answer is written."""

    def close(self) -> None:
        """Write what waits, and stay open."""
        self.flush()


@dataclass(frozen=True, slots=True)
class Output:
    """Where answers are written."""

    stream: TextIO
    channel: Channel | None  #: None where the caller's stream is none of an operating system's

    def finish(self) -> OSError | None:
        """Write what still waits; return what kept some of it from being written, if anything did."""
        self.stream.flush()
        return self.channel.failure if self.channel is not None else None


@contextmanager
def guard(*, apart: bool, own: bool) -> Iterator[Output]:
    """Put streams that can always be written in the place of stdout and stderr.

    Args:
        apart: Whether nothing but answers may reach stdout: what is printed goes to stderr, also by those who
            write to descriptor 1 behind Python's back, and by programs that they start.
        own: Whether the process ends after this. Then what was redirected stays so, for libraries write what
            they hold back when the process ends.
    """
    _occupy_descriptors()
    with ExitStack() as stack:
        raw = _raw_end(sys.stdout)
        if apart and _descriptor(raw) == _OUT:
            raw = stack.enter_context(_moved(own=own))
        output = _wrap(sys.stdout, raw)
        errors = _wrap(sys.stderr, _raw_end(sys.stderr))
        stack.enter_context(redirect_stderr(errors.stream))
        stack.enter_context(redirect_stdout(errors.stream if apart else output.stream))
        try:
            yield output
        finally:
            for number, one in ((_OUT, output), (_ERROR, errors)):
                if one.finish() is not None and own:
                    _let_go(number)


def _occupy_descriptors() -> None:
    """Open what the process was started without, so that no report gets a number that others print to."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _ERROR:
        os.set_inheritable(opened, True)
    os.close(opened)


def _raw_end(stream: TextIO | None) -> io.RawIOBase | None:
    """Return what stands behind a stream's text and buffer; None where there is no such thing."""
    buffer: Any = stream.buffer if isinstance(stream, io.TextIOWrapper) else None
    raw: io.RawIOBase | None = getattr(buffer, "raw", buffer)  # with `python -u` there is no buffer between
    return raw


def _descriptor(raw: io.RawIOBase | None) -> int | None:
    return None if raw is None else raw.fileno()


@contextmanager
def _moved(*, own: bool) -> Iterator[io.RawIOBase]:
    """Give stdout another descriptor, which nobody knows, and let 1 be stderr."""
    sys.stdout.flush()
    with open(os.dup(_OUT), "wb", buffering=0) as kept:  # noqa: PTH123  # a descriptor, no path
        os.dup2(_ERROR, _OUT)
        try:
            yield kept
        finally:
            if not own:
                sys.stdout.flush()
                os.dup2(kept.fileno(), _OUT)


def _wrap(stream: TextIO | None, raw: io.RawIOBase | None) -> Output:
    """Return a stream that can always be written, and shows `?` for what its character set lacks."""
    if raw is None and stream is not None:
        return Output(stream, None)
    channel = Channel(raw)
    like: Any = stream
    buffer: Any = channel if like is not None and like.buffer is raw else io.BufferedWriter(channel)
    text = Lasting(
        buffer,
        encoding="utf-8" if like is None else like.encoding,
        errors="replace",
        line_buffering=like is not None and like.line_buffering,
        write_through=like is not None and like.write_through,
    )
    return Output(text, channel)


def _let_go(number: int) -> None:
    """Point a descriptor that cannot be written at nothing, so that the last flush does not complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)
