"""A worker process: takes combinations from its parent and returns their figures, until the pipe closes."""

from __future__ import annotations

import os
import pickle
import queue
import struct
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.backtesting.shared import Shipment, receive
from openbell.backtesting.trials import EventEvaluator, Simulate
from openbell.core.errors import ConfigError, StrategyError, Translation
from openbell.data.bars import Floats, Series
from openbell.strategies.faults import culprit, said
from openbell.strategies.registry import Found

_LENGTH = struct.Struct("<Q")


class Work(NamedTuple):
    """What a worker is to run."""

    simulate: Simulate
    plan: Plan
    found: Found
    shipment: Shipment
    figures: str = "all"
    drawn: int = 0
    kept: bool = False


class Reply(NamedTuple):
    """A worker's answer: figures, or why it cannot work at all."""

    values: Floats | None = None
    errors: Mapping[int, str] = {}
    refusal: str = ""


def write_frame(stream: BinaryIO, frame: bytes) -> None:
    """Write bytes with their length before them."""
    stream.write(_LENGTH.pack(len(frame)))
    stream.write(frame)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes:
    """Read what `write_frame` wrote.

    Raises:
        EOFError: The other side has closed the pipe.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    frame = stream.read(length)
    if len(frame) < length:
        raise EOFError
    return frame


def serve() -> None:
    """Work for the parent that started this process, over its standard input and output.

    What a strategy prints goes to standard error, and what it reads is empty: the pipes are the parent's.
    """
    tasks, replies = _own(sys.stdin.fileno(), "rb"), _own(sys.stdout.fileno(), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.excepthook = ThreadsTold()
    threading.Thread(target=_listen, args=(tasks, waiting), daemon=True).start()
    answer(waiting, replies)


def answer(waiting: queue.SimpleQueue[bytes], replies: BinaryIO) -> None:
    """Unpack the work, which comes first, and answer each task that follows."""
    try:
        with Translation(lambda error, _: ConfigError(said(error))):
            work = Work(*pickle.loads(waiting.get()))  # noqa: S301  # from the parent alone
        series, _block = receive(work.shipment)  # which lasts as long as this process
    except ConfigError as error:
        write_frame(replies, pickle.dumps(Reply(refusal=str(error))))
        return

    runs = contained(work.simulate)
    evaluator = EventEvaluator(runs, work.plan, work.found, series, figures=work.figures, drawn=work.drawn)
    evaluator.kept = work.kept
    write_frame(replies, pickle.dumps(Reply()))
    while task := waiting.get():
        combinations: Sequence[Mapping[str, Any]] = pickle.loads(task)  # noqa: S301  # from the parent alone
        write_frame(replies, pickle.dumps(Reply(*evaluator.examine(combinations))))


def contained(simulate: Simulate) -> Simulate:
    """Return what runs a plan and turns even a strategy's `sys.exit()` into an error: the worker goes on."""

    def run(plan: Plan, found: Found, series: Sequence[Series]) -> Outcome:
        try:
            return simulate(plan, found, series)
        except BaseException as error:  # no Ctrl-C: that reaches the parent alone
            if isinstance(error, Exception):
                raise
            raise StrategyError(f"strategy {found.name}{_place(error)}: {said(error)}") from error

    return run


def _own(descriptor: int, mode: str) -> BinaryIO:
    return os.fdopen(os.dup(descriptor), mode)  # type: ignore[return-value]  # a binary mode


def _listen(tasks: BinaryIO, waiting: queue.SimpleQueue[bytes]) -> None:
    """Hand tasks on; when the parent has gone or has no more, end at once, whatever is being done."""
    try:
        while True:
            waiting.put(read_frame(tasks))
    except (EOFError, OSError):
        try:
            sys.stdout.flush()  # which the strategy may have closed
        finally:
            os._exit(0)


class ThreadsTold:
    """Says in one line what ends a thread that the strategy started, once however often it runs."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, ended: threading.ExceptHookArgs) -> None:
        """Take what `threading.excepthook` is called with."""
        error = ended.exc_value
        if error is None or isinstance(error, SystemExit):  # which is how a thread may end
            return
        line = f"a thread ended{_place(error)}: {said(error)}"
        if line in self._told:
            return
        self._told.add(line)
        if os.environ.get("OPENBELL_DEBUG") == "1":
            traceback.print_exception(error)
        print(f"openbell: warning: {line}; mend the strategy's code", file=sys.stderr)  # noqa: T201  # for people


def _place(error: BaseException) -> str:
    frame = culprit(error.__traceback__)
    return f", {Path(frame.filename).name}:{frame.lineno} in {frame.name}" if frame else ""
