"""Who makes draws: the threads of this process, or the workers of a Ray cluster. The draws are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from openbell.backtesting.cluster import TRIES, Cluster
from openbell.backtesting.parallel import check_workers
from openbell.backtesting.splitmix import shared
from openbell.core.errors import ConfigError, StrategyError
from openbell.data.bars import Floats
from openbell.strategies.faults import said

#: Makes the draws from one number up to another into two arrays that have a row for each.
Run = Callable[[int, int, Floats, Floats], None]
Widths = tuple[int, int]
#: Draws of a piece: some tenths of a second of work, and few bytes to send back.
PIECE = 2_000
_AHEAD = 2  #: pieces that lie ready for each worker


class Spread(Protocol):
    """Has draws made."""

    def __call__(self, run: Run, draws: int, widths: Widths) -> tuple[Floats, Floats]:
        """Return two arrays with a row for each draw."""

    def held(self) -> AbstractContextManager[object]:
        """Keep what it takes from one call to the next while the context lasts."""


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of this process: compiled code lets them run side by side."""

    count: int | None = None  #: None is one for each processor

    def __call__(self, run: Run, draws: int, widths: Widths) -> tuple[Floats, Floats]:
        """Return two arrays with a row for each draw."""
        first, second = (np.empty((max(draws, 0), width)) for width in widths)
        shared(lambda a, b: run(a, b, first[a:b], second[a:b]), draws, threads=self.count)
        return first, second

    def held(self) -> AbstractContextManager[object]:
        """Keep nothing."""
        return nullcontext()


@dataclass(frozen=True, slots=True)
class Scattered:
    """The workers of a cluster. One that dies is replaced, and its piece made anew."""

    cluster: Cluster = field(default_factory=Cluster)
    piece: int = PIECE

    def __call__(self, run: Run, draws: int, widths: Widths) -> tuple[Floats, Floats]:
        """Return two arrays with a row for each draw.

        Raises:
            ConfigError: No cluster can be reached, there is nothing to draw, or its workers lack something.
            StrategyError: A piece's workers died, one after the other.
        """
        if draws < 1:
            raise ConfigError(f"draws={draws} must be 1 or more")
        first, second = (np.empty((draws, width)) for width in widths)
        with self.cluster.connected() as ray:
            for at, until, (one, other) in self._pieces(ray, run, draws, widths):
                first[at:until], second[at:until] = one, other
        return first, second

    def held(self) -> AbstractContextManager[object]:
        """Stay connected to the cluster."""
        return self.cluster.connected()

    def _pieces(
        self, ray: Any, run: Run, draws: int, widths: Widths
    ) -> Iterator[tuple[int, int, tuple[Floats, Floats]]]:
        """Yield the pieces as they come."""
        stored = ray.put(run)
        make = ray.remote(num_cpus=1, max_retries=TRIES)(_make)
        most = _AHEAD * max(self.cluster.workers or int(ray.cluster_resources().get("CPU", 1)), 1)
        waiting = [(at, min(at + self.piece, draws)) for at in range(0, draws, self.piece)][::-1]
        out: dict[Any, tuple[int, int]] = {}
        try:
            while waiting or out:
                while waiting and len(out) < most:
                    at, until = waiting.pop()
                    out[make.remote(stored, at, until, widths)] = at, until
                (ready, *_), _ = ray.wait(list(out), num_returns=1)
                yield *out.pop(ready), _received(ray, ready)
        finally:
            for one in out:
                ray.cancel(one, force=True)


def _received(ray: Any, ready: Any) -> tuple[Floats, Floats]:
    """Return a piece.

    Raises:
        ConfigError: The worker failed.
        StrategyError: The workers died over it.
    """
    try:
        found: tuple[Floats, Floats] = ray.get(ready)
    except ray.exceptions.RayTaskError as error:
        raise ConfigError(
            f"a worker of the cluster failed: {said(error.cause)}; install the same Openbell on every machine"
        ) from error
    except ray.exceptions.RayError as error:
        raise StrategyError(
            f"{TRIES + 1} workers of the cluster died over the same draws: {type(error).__name__}; "
            "give a worker more memory, or draw here"
        ) from error
    return found


def _make(run: Run, at: int, until: int, widths: Widths) -> tuple[Floats, Floats]:
    """Make a piece: what a worker does."""
    first, second = (np.empty((until - at, width)) for width in widths)
    run(at, until, first, second)
    return first, second


def choose_spread(engine: str, address: str | None, workers: int | None) -> Spread:
    """Return who makes draws.

    Raises:
        ConfigError: The engine is unknown, or an address is given without a cluster.
    """
    check_workers(workers)
    if engine not in ("auto", "ray"):
        raise ConfigError(f"engine={engine!r} is unknown; use 'auto' for this machine or 'ray' for a cluster")
    if engine == "ray":
        return Scattered(Cluster(address, workers))
    if address is not None:
        raise ConfigError(f"address={address!r} is a cluster's; it goes with engine='ray' alone")
    return Threads(workers)
