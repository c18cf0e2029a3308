"""Worker processes: started by us, without a guard in the user's script, and always ended by us.

`multiprocessing` would import the user's main module in each of them. Here a process is given the strategy
by value instead, so that what was typed at a prompt, in a notebook or into `python -c` works as well.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple, Self

from openbell.backtesting.grid import Combinations
from openbell.backtesting.sweep import Rows, describe
from openbell.backtesting.worker import Reply, Work, read_frame, write_frame
from openbell.core.errors import ConfigError, StrategyError, Translation
from openbell.strategies.faults import said
from openbell.strategies.loading import USER_MODULE
from openbell.strategies.registry import Found

#: The child finds modules where the parent does, before it imports any.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from openbell.backtesting.worker import serve; serve()"
)
#: How often a task is tried: a worker may die by no fault of the task's.
_TRIES = 2
_LONGEST_WAIT = 5.0  #: seconds for a worker to end by itself


class Task(NamedTuple):
    """Combinations for one worker, with their rows."""

    rows: Rows
    source: Combinations

    @property
    def combinations(self) -> list[dict[str, Any]]:
        """Return the parameters to try, which are made when they are needed."""
        return [self.source[at] for at in self.rows.tolist()]


class Done(NamedTuple):
    """A task's answer."""

    task: Task
    reply: Reply


def pack(work: Work) -> bytes:
    """Return work as bytes that any worker can unpack, the strategy's code included.

    Raises:
        ConfigError: The strategy holds what cannot be copied, such as an open file or a lock.
    """
    return pack_by_value(work.found, tuple(work))


def pack_by_value(found: Found, thing: object) -> bytes:
    """Return a thing as bytes, a strategy's code included; errors as of `pack`."""
    import cloudpickle

    name = found.name
    module = sys.modules.get(found.form.__module__)
    mine = module is not None and module.__name__.startswith(USER_MODULE)  # loaded by its path, not its name
    if mine:
        cloudpickle.register_pickle_by_value(module)
    try:
        with Translation(lambda error, _: _uncopied(name, error)):
            packed: bytes = cloudpickle.dumps(thing)
    finally:
        if mine:
            cloudpickle.unregister_pickle_by_value(module)
    return packed


def _uncopied(name: str, error: BaseException) -> ConfigError:
    return ConfigError(
        f"strategy {name} cannot be sent to worker processes ({said(error)}): make what cannot be copied in "
        "on_start, or give workers=1"
    )


class Workers:
    """Some worker processes, each with a thread of this one that feeds it. Close it, whatever happens."""

    def __init__(self, packed: bytes, count: int) -> None:
        self._packed, self._count = packed, count
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Done | Exception | None] = queue.SimpleQueue()
        self._lanes: list[_Lane] = []
        self._ended = 0  #: lanes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Yield the tasks' answers as they come; the workers stay for the next tasks.

        Raises:
            ConfigError: A worker cannot load the strategy, or cannot be started.
            StrategyError: A worker died, and another over the same task.
        """
        for task in tasks:
            self._tasks.put(task)
        while len(self._lanes) < self._count:
            lane = _Lane(self._packed, self._tasks, self._answers)
            self._lanes.append(lane)
            lane.start()
        waited = len(tasks)
        while waited:
            answer = self._answers.get()
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                waited -= 1
                yield answer
                continue
            self._ended += 1
            if self._ended == self._count:  # each has said why on standard error
                raise StrategyError("every worker process has ended before its work was done; give workers=1")

    def close(self) -> None:
        """End every worker, and wait until it has ended."""
        for lane in self._lanes:
            lane.end()
            self._tasks.put(None)  # for a lane that waits for a task
        for lane in self._lanes:
            lane.join()
        self._lanes.clear()


class _Lane(threading.Thread):
    """Feeds one worker process; starts another where it dies."""

    def __init__(
        self,
        packed: bytes,
        tasks: queue.SimpleQueue[Task | None],
        answers: queue.SimpleQueue[Done | Exception | None],
    ) -> None:
        super().__init__(daemon=True, name="openbell-sweep")
        self._packed, self._tasks, self._answers = packed, tasks, answers
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = False
        self._lock = threading.Lock()

    def run(self) -> None:
        """Take tasks until there are no more, or one cannot be done."""
        try:
            while not self._ending and (task := self._tasks.get()) is not None:
                self._answers.put(self._do(task))
        except (ConfigError, StrategyError) as error:
            self._answers.put(error)
        finally:
            self._leave()
            self._answers.put(None)

    def end(self) -> None:
        """Have the worker killed, wherever it is."""
        with self._lock:
            self._ending = True
            if self._process is not None:
                self._process.kill()

    def _do(self, task: Task) -> Done:
        """Return a task's answer; where the worker dies over it, ask one more."""
        frame = pickle.dumps(task.combinations)
        how = ""
        for _ in range(_TRIES):
            try:
                process = self._worker()
                write_frame(_pipe(process.stdin), frame)
                return Done(task, pickle.loads(read_frame(_pipe(process.stdout))))  # noqa: S301  # our own worker
            except (EOFError, OSError):
                how = self._leave()
                if self._ending:
                    break
        first, last = (task.source[int(at)] for at in (task.rows[0], task.rows[-1]))
        raise StrategyError(
            f"a worker process {how}, and so did another over the same combinations "
            f"({describe(first)} to {describe(last)}); try those with workers=1, or fewer workers if memory "
            "is short"
        )

    def _worker(self) -> subprocess.Popen[bytes]:
        """Return the worker, which is started and given its work if there is none.

        Raises:
            ConfigError: It cannot be started, or refuses the work.
            EOFError: It died before it was ready.
        """
        if self._process is not None:
            return self._process
        with self._lock:
            if self._ending:
                raise EOFError
            process = self._process = _start()
        write_frame(_pipe(process.stdin), self._packed)
        reply: Reply = pickle.loads(read_frame(_pipe(process.stdout)))  # noqa: S301  # our own worker
        if reply.refusal:
            raise ConfigError(
                f"a worker process cannot load the strategy: {reply.refusal}; put what it imports where "
                "Python finds it, or give workers=1"
            )
        return process

    def _leave(self) -> str:
        """Let the worker go, and return how it ended."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return "could not be started"
        for pipe in (process.stdin, process.stdout):
            try:
                _pipe(pipe).close()
            except OSError:  # what was not sent yet cannot be sent any more
                continue
        try:
            code = process.wait(_LONGEST_WAIT)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return _ended(code)


def _start() -> subprocess.Popen[bytes]:
    """Start a worker in a session of its own: Ctrl-C is for its parent, which ends it."""
    with Translation(lambda error, _: ConfigError(f"a worker process cannot be started: {said(error)}")):
        return subprocess.Popen(  # noqa: S603  # this very Python
            [sys.executable, "-c", _START, json.dumps([str(place) for place in sys.path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )


def _pipe(stream: IO[bytes] | None) -> Any:
    """Return a pipe, which `Popen` calls optional."""
    return stream


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    names = {int(one): one.name for one in signal.Signals}
    return f"was killed by {names.get(-code, f'signal {-code}')}"


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def can_start() -> bool:
    """Tell whether worker processes can be started: not by a program that carries its own Python."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)
