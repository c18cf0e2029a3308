"""Many combinations on a cluster: Ray hands pieces to its workers, and the prices lie once in its store."""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import socket
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

from openbell.backtesting.grid import Combinations
from openbell.backtesting.parallel import WORKER_BYTES
from openbell.backtesting.recipe import Recipe
from openbell.backtesting.sweep import DEFAULT_MEMORY, Evaluator, Part, Rows, chunk_for
from openbell.backtesting.worker import contained
from openbell.backtesting.workers import pack_by_value, processors
from openbell.core.errors import ConfigError, StrategyError, Translation
from openbell.data.bars import Floats, Series
from openbell.strategies.faults import said

#: How often a piece is begun anew when its worker or its whole machine dies.
TRIES = 8
_PIECE_SECONDS = 0.5  #: how long a piece should take: far longer than it takes to hand it out
_GROWTH = 8  #: times a piece's size, at most
_AHEAD = 2  #: pieces that lie ready for each worker
#: What Ray would do beside our work: tell its makers of its use, and warn of graphics cards.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_LOCAL = "127.0.0.1"
_PATIENCE = 10.0  #: seconds for a cluster to answer


class Answered(NamedTuple):
    """A piece's figures from a worker, and how long they took it."""

    values: Floats
    errors: dict[int, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which Ray to use, and how much of it."""

    address: str | None = (
        None  #: of a cluster that runs, such as `auto` or `ray://head:10001`; None starts one
    )
    workers: int | None = None  #: the most that work at a time; None is all that the cluster has
    memory: int | None = None  #: bytes that a worker may use beside the data

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """Return Ray, connected; what was started or joined here is left at the end.

        Raises:
            ConfigError: Ray is not installed, or does not answer at the address.
        """
        ray = load_ray()
        if ray.is_initialized():  # by the caller, who also ends it
            yield ray
            return
        quiet = {"include_dashboard": False} if self.address is None else {}
        own = {
            "address": "local",
            "num_cpus": self.workers or processors(),
            "_node_ip_address": _LOCAL,
        } | quiet
        options = own if self.address is None else {"address": self.address}
        with Translation(lambda error, _: ConfigError(self._unreached(error))):
            _knock(self.address or "")
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        try:
            yield ray
        finally:
            ray.shutdown()

    def _unreached(self, error: BaseException) -> str:
        if self.address is None:
            return f"Ray could not be started on this machine ({said(error)}); use engine='auto'"
        return (
            f"address={self.address!r}: no Ray answers there ({said(error)}); start one with "
            "`ray start --head`, or leave the address out to start one on this machine"
        )


class ClusterEngine:
    """Runs combinations on a Ray cluster, compiled or through the event engine."""

    def __init__(
        self, recipe: Recipe, evaluator: Evaluator, series: Sequence[Series], cluster: Cluster
    ) -> None:
        """Take what measures, as it is sent and as it is here, and the series that are placed in the store.

        Raises:
            ConfigError: Not even one combination fits the memory of a worker.
        """
        self.measures = evaluator.measures
        self._recipe, self._series, self._cluster = recipe, tuple(series), cluster
        budget = max(DEFAULT_MEMORY, evaluator.bytes_for(1)) if cluster.memory is None else cluster.memory
        self._fitting = chunk_for(evaluator, budget)
        self._held: tuple[Any, list[Any]] | None = None  #: Ray, and what lies in its store

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stay connected from one run to the next, and keep the prices in the store."""
        with self._cluster.connected() as ray:
            self._held = ray, self._put(ray)
            try:
                yield
            finally:
                self._held = None

    def run(self, combinations: Combinations, rows: Rows) -> Generator[Part, None, None]:
        """Yield the rows' figures as they come, the same by whomever they are made.

        Raises:
            ConfigError: No cluster can be reached, or its workers cannot load the strategy.
            StrategyError: A piece's workers died, one after the other.
        """
        if self._held is not None:
            yield from self._spread(*self._held, combinations, rows)
            return
        with self._cluster.connected() as ray:
            yield from self._spread(ray, self._put(ray), combinations, rows)

    def _put(self, ray: Any) -> list[Any]:
        """Place what the workers need in the store.

        Raises:
            ConfigError: The strategy holds what cannot be copied.
        """
        return [ray.put(pack_by_value(self._recipe.found, tuple(self._recipe))), ray.put(self._series)]

    def _spread(
        self, ray: Any, store: list[Any], combinations: Combinations, rows: Rows
    ) -> Generator[Part, None, None]:
        options: dict[str, Any] = {"num_cpus": 1, "max_retries": TRIES}
        if self._cluster.memory is not None:
            options["memory"] = self._cluster.memory + WORKER_BYTES
        examine = ray.remote(**options)(_examine)
        most = _AHEAD * max(self._cluster.workers or int(ray.cluster_resources().get("CPU", 1)), 1)
        size, first = 1, 0
        out: dict[Any, Rows] = {}
        try:
            while first < len(rows) or out:
                while first < len(rows) and len(out) < most:
                    mine = rows[first : first + size]
                    out[examine.remote(store, [combinations[at] for at in mine.tolist()])] = mine
                    first += len(mine)
                (ready, *_), _ = ray.wait(list(out), num_returns=1)
                answered = _answer(ray, ready, out[ready], combinations)
                mine = out.pop(ready)
                size = self._size(len(mine), answered.seconds, size)
                errors = {int(mine[at]): why for at, why in answered.errors.items()}
                yield Part(mine, answered.values, errors)
        finally:
            for waiting in out:
                ray.cancel(waiting, force=True)

    def _size(self, count: int, seconds: float, size: int) -> int:
        """Return how many combinations the next piece is to have, after one of `count` took so long."""
        wanted = count * min(_PIECE_SECONDS / max(seconds, 1e-9), _GROWTH)
        return max(min(int(wanted), self._fitting, _GROWTH * size), 1)


def _knock(address: str) -> None:
    """Connect to a host and port and leave again: Ray itself would wait for minutes where nobody is.

    Raises:
        OSError: Nobody answers.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


def load_ray() -> Any:
    """Return the package.

    Raises:
        ConfigError: It is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ConfigError('Ray is not installed; pip install "openbell[ray]"') from error


def _answer(ray: Any, ready: Any, rows: Rows, combinations: Combinations) -> Answered:
    """Return a piece's answer.

    Raises:
        ConfigError: The worker cannot load the strategy.
        StrategyError: The workers died over the piece.
    """
    try:
        found: Answered = ray.get(ready)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, ConfigError | StrategyError):
            raise type(cause)(str(cause)) from error
        raise ConfigError(f"a worker of the cluster failed: {said(cause)}") from error
    except ray.exceptions.RayError as error:
        one = combinations[int(rows[0])]
        raise StrategyError(
            f"{TRIES + 1} workers of the cluster died over the same combinations (from {dict(one)} on): "
            f"{type(error).__name__}; try those with workers=1, or give a worker more memory"
        ) from error
    return found


# --- what a worker does ------------------------------------------------------------------------------------

#: The measure that this process made last, by the object that holds its recipe.
_made: dict[str, Evaluator] = {}


def _examine(store: Sequence[Any], combinations: Sequence[Mapping[str, Any]]) -> Answered:
    """Measure combinations with what the store holds; it is unpacked once in a process."""
    before = perf_counter()
    name = store[0].hex()
    if name not in _made:
        _made.clear()
        _made[name] = _make(*importlib.import_module("ray").get(list(store)))
    values, errors = _made[name].examine(combinations)
    return Answered(values, errors, perf_counter() - before)


def _make(packed: bytes, series: Sequence[Series]) -> Evaluator:
    with Translation(lambda error, _: ConfigError(_unloaded(error))):
        recipe = Recipe(*pickle.loads(packed))  # noqa: S301  # from the caller's own process
    return recipe._replace(simulate=contained(recipe.simulate)).make(series, threads=1)


def _unloaded(error: BaseException) -> str:
    return (
        f"a worker of the cluster cannot load the strategy: {said(error)}; install what it imports on every "
        "machine of the cluster"
    )
