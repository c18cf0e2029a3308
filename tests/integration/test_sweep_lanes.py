"""What a sweep's workers are made of: shared memory, frames, lanes, and how many there are."""

from __future__ import annotations

import io
import os
import pickle
import queue
import sys
from typing import Any

import numpy as np
import pytest
from tests.integration.sweep_processes import YEAR, Cross, nothing_is_left

import openbell as ob
from openbell import run
from openbell.backtesting import parallel, shared, worker, workers
from openbell.backtesting.parallel import EventEngine
from openbell.backtesting.shared import receive, share
from openbell.backtesting.trials import EventEvaluator
from openbell.backtesting.worker import Reply, Work, read_frame, write_frame
from openbell.core.errors import ConfigError, StrategyError

__all__ = ["nothing_is_left"]

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def evaluator(strategy: Any = Cross, **settings: Any) -> EventEvaluator:
    plan, found, series = run.prepare(strategy, "AAPL", **{**YEAR, **settings})
    return EventEvaluator(run.simulate, plan, found, series)


def test_series_come_back_from_shared_memory_as_they_were():
    series = evaluator().series
    with share(series) as shipment:
        received, memory = receive(pickle.loads(pickle.dumps(shipment)))  # noqa: S301  # ours
        assert received[0].content_hash == series[0].content_hash
        assert not received[0].close.flags.writeable
        assert received[0].close.base is not None
        del received
        assert memory is not None
        memory.close()


def test_without_room_in_shared_memory_each_worker_gets_a_copy(monkeypatch):
    monkeypatch.setattr(shared, "_room", lambda: 0)
    series = evaluator().series
    with share(series) as shipment:
        received, memory = receive(shipment)
    assert memory is None
    assert received == list(series)


def test_where_the_room_cannot_be_known_there_is_no_limit(monkeypatch, tmp_path):
    assert shared._room() > 0
    monkeypatch.setattr(shared, "_PLACE", tmp_path / "nowhere")
    assert shared._room() == float("inf")


def test_a_worker_answers_each_task_until_there_are_no_more(monkeypatch):
    monkeypatch.setattr(shared, "_room", lambda: 0)
    mine = evaluator()
    replies = io.BytesIO()
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with share(mine.series) as shipment:
        waiting.put(workers.pack(Work(mine.simulate, mine.plan, mine.found, shipment)))
        waiting.put(pickle.dumps([{"fast": 5}, {"fast": 1}]))
        waiting.put(b"")
        worker.answer(waiting, replies)
    replies.seek(0)
    ready, reply = (pickle.loads(read_frame(replies)) for _ in range(2))  # noqa: S301  # ours
    assert ready == Reply()
    assert np.array_equal(reply.values, mine.examine([{"fast": 5}, {"fast": 1}])[0], equal_nan=True)
    assert reply.errors == {1: "Cross.fast=1 must be >= 2"}


def test_a_worker_that_cannot_unpack_its_work_refuses_it():
    replies = io.BytesIO()
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    waiting.put(b"cnowhere\nnothing\n.")
    worker.answer(waiting, replies)
    replies.seek(0)
    assert "No module named 'nowhere'" in pickle.loads(read_frame(replies)).refusal  # noqa: S301  # ours


@pytest.mark.parametrize("cut", [0, 4, 9])
def test_a_frame_that_is_cut_off_is_the_end(cut):
    stream = io.BytesIO()
    write_frame(stream, b"whole")
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(stream.getvalue()[:cut]))


def test_a_worker_listens_until_its_parent_is_gone(monkeypatch):
    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    stream = io.BytesIO()
    write_frame(stream, b"task")
    stream.seek(0)
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with pytest.raises(SystemExit):
        worker._listen(stream, waiting)
    assert waiting.get() == b"task"


def test_a_worker_that_cannot_be_started_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ConfigError, match="a worker process cannot be started: FileNotFoundError"):
        ob.sweep(Cross, "AAPL", fast=[5, 10], workers=2, **YEAR)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_when_all_lanes_end_by_a_fault_of_ours_the_sweep_does_not_hang(monkeypatch):
    def fault(_combinations: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr("openbell.backtesting.workers.pickle.dumps", fault)
    with pytest.raises(StrategyError, match="every worker process has ended before its work was done"):
        ob.sweep(Cross, "AAPL", fast=[5, 10], workers=2, **YEAR)


def test_work_that_is_quick_stays_in_this_process(monkeypatch):
    monkeypatch.setattr(workers, "_start", lambda: pytest.fail("a worker was started"))
    monkeypatch.setattr(parallel, "WORTH_WORKERS", 1e9)
    assert ob.sweep(Cross, "AAPL", fast=[5, 10, 15], **YEAR).trials == 3


def test_work_that_takes_long_is_shared_out(monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_WORKERS", 0.0)
    monkeypatch.setattr(parallel, "processors", lambda: 2)
    assert ob.sweep(Cross, "AAPL", fast=[5, 10, 15, 20], **YEAR).failed == 0


def test_a_budget_decides_how_many_workers_there_are():
    mine = evaluator()
    one = mine.bytes_for(1)
    rows = 99
    for memory, count in ((one, 1), (parallel.WORKER_BYTES * 3, 2), (None, 9)):
        assert EventEngine(mine, workers=9, memory=memory)._count(rows, None) == count
    with pytest.raises(ConfigError, match=r"memory=1MB is too little: one combination needs about 5MB"):
        EventEngine(mine, memory=1_000_000)


@pytest.mark.parametrize("count", [0, True, 257, 2.0])
def test_a_number_of_workers_that_is_none_is_refused(count):
    with pytest.raises(ConfigError, match=r"must be a whole number from 1 to 256"):
        EventEngine(evaluator(), workers=count)


def test_a_program_that_carries_its_own_python_starts_no_workers(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ConfigError, match="workers=2: this program carries its own Python; give workers=1"):
        EventEngine(evaluator(), workers=2)
    assert EventEngine(evaluator())._count(99, 60.0) == 1


def test_processors_are_counted_where_the_system_tells_less(monkeypatch):
    assert workers.processors() >= 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert workers.processors() == (os.cpu_count() or 1)


def test_a_worker_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(workers, "_LONGEST_WAIT", 0.0)
    assert ob.sweep(Cross, "AAPL", fast=[5, 10], workers=2, **YEAR).failed == 0
