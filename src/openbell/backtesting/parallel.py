"""The event engine over many combinations: in this process while that is quick, else in worker processes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from time import perf_counter

import numpy as np

from openbell.backtesting.grid import Combinations
from openbell.backtesting.shared import share
from openbell.backtesting.sweep import Part, Rows, megabytes
from openbell.backtesting.trials import EventEvaluator
from openbell.backtesting.worker import Work
from openbell.backtesting.workers import Task, Workers, can_start, pack, processors
from openbell.core.errors import ConfigError
from openbell.data.bars import Floats

#: What a worker process takes before it has any data: Python, numpy, TA-Lib and what it loads.
WORKER_BYTES = 120_000_000
#: Workers take about a third of a second to start; for less work than this they are not worth it.
WORTH_WORKERS = 1.0
_MOST_WORKERS = 256
_CHUNK_SECONDS = 0.5  #: how long a piece should take
_LONGEST_CHUNK = 64
_WARM = 2  #: combinations that are run here to see how long one takes: the first loads what is lazy


class EventEngine:
    """Runs combinations through the event engine, on as many processors as are worth it."""

    def __init__(
        self, evaluator: EventEvaluator, *, workers: int | None = None, memory: int | None = None
    ) -> None:
        self.measures = evaluator.measures
        self._evaluator = evaluator
        self._asked = check_workers(workers)
        self._most = self._fitting(memory)
        self._holding: ExitStack | None = None
        self._held: tuple[int, Workers] | None = None
        self._seconds: float | None = None  #: what one combination took here

    def keep_curves(self) -> None:
        """Keep each combination's curve from now on, beside its figures."""
        self._evaluator.kept = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the workers from one run to the next."""
        with ExitStack() as stack:
            self._holding = stack
            try:
                yield
            finally:
                self._holding = self._held = None

    def run(self, combinations: Combinations, rows: Rows) -> Generator[Part, None, None]:
        """Yield the rows' figures as they come, the same by whomever they are made."""
        if self._held is None and (self._asked is None or self._asked == 1):
            for at in rows[:_WARM]:
                before = perf_counter()
                yield self._here(combinations, np.array([at]))
                self._seconds = perf_counter() - before
            rows = rows[_WARM:]
        count = self._count(len(rows), self._seconds) if self._held is None else self._held[0]
        pieces = _pieces(rows, count, self._seconds)
        if count > 1:
            yield from self._there(combinations, pieces, count)
            return
        for piece in pieces:
            yield self._here(combinations, piece)

    def _here(self, combinations: Combinations, rows: Rows) -> Part:
        values, errors = self._evaluator.examine([combinations[at] for at in rows.tolist()])
        return self._part(rows, values, errors)

    def _there(self, combinations: Combinations, pieces: list[Rows], count: int) -> Iterator[Part]:
        tasks = [Task(piece, combinations) for piece in pieces]
        with ExitStack() as stack:
            for task, reply in self._workers(stack, count).run(tasks):
                yield self._part(task.rows, np.asarray(reply.values, np.float64), reply.errors)

    def _part(self, rows: Rows, values: Floats, errors: Mapping[int, str]) -> Part:
        width = len(self.measures)
        curves = values[:, width:] if self._evaluator.kept else None
        return Part(rows, values[:, :width], {int(rows[at]): why for at, why in errors.items()}, curves)

    def _workers(self, stack: ExitStack, count: int) -> Workers:
        """Return workers that last as long as a stack, or those that are held."""
        if self._held is not None:
            return self._held[1]
        stack = stack if self._holding is None else self._holding
        evaluator = self._evaluator
        shipment = stack.enter_context(share(evaluator.series))
        work = Work(
            evaluator.simulate, evaluator.plan, evaluator.found, shipment, evaluator.figures, evaluator.drawn,
            evaluator.kept,
        )  # fmt: skip
        workers = stack.enter_context(Workers(pack(work), count))
        if self._holding is not None:
            self._held = count, workers
        return workers

    def _count(self, rows: int, seconds: float | None) -> int:
        """Return how many workers to start; 1 is none."""
        if self._asked is not None:
            return max(min(self._asked, rows, self._most), 1)
        if not can_start() or seconds is None or seconds * rows < WORTH_WORKERS:
            return 1
        return min(processors(), rows, self._most)

    def _fitting(self, memory: int | None) -> int:
        """Return how many workers fit a budget.

        Raises:
            ConfigError: Not even one run in this process does.
        """
        if memory is None:
            return _MOST_WORKERS
        one = self._evaluator.bytes_for(1)
        if one > memory:
            raise ConfigError(
                f"memory={megabytes(memory)} is too little: one combination needs about {megabytes(one)}; "
                f"give memory='{megabytes(one)}' or more, or shorten the range of dates"
            )
        return max(memory // (one + WORKER_BYTES), 1)


def check_workers(workers: int | None) -> int | None:
    """Return how many workers are asked for; None leaves it open.

    Raises:
        ConfigError: It is no number of processes, or this program cannot start any.
    """
    if workers is None:
        return None
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= _MOST_WORKERS:
        raise ConfigError(f"workers={workers!r} must be a whole number from 1 to {_MOST_WORKERS}")
    if workers > 1 and not can_start():
        raise ConfigError(f"workers={workers}: this program carries its own Python; give workers=1")
    return workers


def _pieces(rows: Rows, workers: int, seconds: float | None) -> list[Rows]:
    """Divide rows: enough in a piece to be worth sending and keeping, few enough to share out evenly."""
    fair = max(len(rows) // (workers * 8), 1)
    timely = _LONGEST_CHUNK if not seconds else max(int(_CHUNK_SECONDS / seconds), 1)
    size = min(fair, timely, _LONGEST_CHUNK)
    return [rows[first : first + size] for first in range(0, len(rows), size)]
