"""What a strategy does in a worker process beside deciding: its threads, its streams, how it raises."""

from __future__ import annotations

import io
import pickle
import queue
from types import SimpleNamespace
from typing import Any

import pytest
from tests.integration.cli_runs import run_apart

import openbell as ob
from openbell import run
from openbell.backtesting import shared
from openbell.backtesting.shared import share
from openbell.backtesting.worker import ThreadsTold, Work, answer, read_frame
from openbell.backtesting.workers import pack

ODD = """
import sys
import threading

import openbell as ob


class Stop(BaseException):
    pass


def work():
    raise ValueError("two\\nlines")


class Odd(ob.Strategy):
    how: int = 0

    def on_start(self):
        if self.how == 1:
            for target in (work, sys.exit):
                started = threading.Thread(target=target)
                started.start()
                started.join()
        if self.how == 2:
            sys.stdout.close()

    def on_bar(self, bar):
        if self.how == 3:
            raise Stop("enough")
        if self.how == 4:
            raise KeyboardInterrupt
        self.buy(bar.symbol)
"""
WARNED = "openbell: warning: a thread ended, mine.py:13 in work: ValueError: two lines"
SAID = f"{WARNED}; mend the strategy's code"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(ODD, encoding="utf-8")
    return tmp_path


def sweep(folder, how: int, *more: str):
    words = ("sweep", "mine.py", "--symbols", "AAPL", "--start", "2012-06-01", "--workers", "2")
    return run_apart(*words, "--grid", f"how=0,{how}", *more, folder=folder)


def test_a_thread_that_fails_in_a_worker_is_one_line_and_its_trace_with_debug(folder):
    assert sweep(folder, 1).err == f"{SAID}\n"
    ended = sweep(folder, 1, "--debug")
    assert ended.err.startswith("Traceback (most recent call last)")
    assert ended.err.endswith(f"{SAID}\n")


def test_a_worker_whose_stdout_was_closed_ends_in_silence(folder):
    ended = sweep(folder, 2)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize(
    ("how", "said"), [(3, "in on_bar: Stop: enough"), (4, "in on_bar: KeyboardInterrupt")]
)
def test_what_no_one_catches_is_the_combinations_error(folder, how, said):
    ended = sweep(folder, how)
    assert (ended.code, ended.err) == (0, "")
    assert "1 combination failed, the first: strategy odd, mine.py:" in ended.out
    assert said in ended.out


# --- the same in this process ------------------------------------------------------------------------------


class Raising(ob.Strategy):
    """Raises what a program's end is made of."""

    base: bool = True

    def on_bar(self, bar):
        raise GeneratorExit if self.base else ValueError("no")


def test_a_worker_keeps_on_after_what_no_one_catches(monkeypatch):
    monkeypatch.setattr(shared, "_room", lambda: 0)
    plan, found, series = run.prepare(Raising, "AAPL", start="2012-12-01")
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    replies = io.BytesIO()
    with share(series) as shipment:
        for frame in (
            pack(Work(run.simulate, plan, found, shipment)),
            pickle.dumps([{"base": True}, {"base": False}]),
            b"",
        ):
            waiting.put(frame)
        answer(waiting, replies)
    replies.seek(0)
    errors = [pickle.loads(read_frame(replies)) for _ in range(2)][1].errors  # noqa: S301  # ours
    assert errors[0].startswith("strategy raising, test_sweep_odd_ends.py:")
    assert errors[0].endswith("in on_bar: GeneratorExit")
    assert errors[1].endswith("ValueError: no")


def ended(error: BaseException | None) -> Any:
    return SimpleNamespace(exc_value=error)


def test_the_end_of_a_thread_is_told_once_and_one_that_was_meant_is_not(capsys, monkeypatch):
    monkeypatch.setenv("OPENBELL_DEBUG", "")
    tell = ThreadsTold()
    for error in (ValueError("no"), ValueError("no"), SystemExit(3), None):
        tell(ended(error))
    line = "openbell: warning: a thread ended: ValueError: no; mend the strategy's code\n"
    assert capsys.readouterr().err == line
    monkeypatch.setenv("OPENBELL_DEBUG", "1")
    tell(ended(KeyError("other")))
    assert capsys.readouterr().err.startswith(
        "KeyError: 'other'\nopenbell: warning: a thread ended: KeyError"
    )
