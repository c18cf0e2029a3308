"""One budget for all processes of a machine."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from openbell.utils.logging import get_logger
from openbell.utils.ratelimit import Budget, Priority
from openbell.utils.tally import SharedTally


class Clock:
    """A clock that is set; nothing is called back."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def time(self):
        return self.now

    def call_later(self, delay, callback):
        raise AssertionError(f"{callback} would wait {delay} s")


def budget(path, clock=None):
    return Budget(10, 100.0, burst=4, reserve=0.0, timer=clock or Clock(), tally=SharedTally(path))


async def test_two_that_count_together_have_one_burst(tmp_path):
    first, second = budget(tmp_path / "one"), budget(tmp_path / "one")
    for one in (first, second, first, second):
        assert one.delay() == 0.0
        await one.acquire()
    assert first.delay() == second.delay() > 0.0
    assert budget(tmp_path / "other").delay() == 0.0


def test_a_pause_is_one_for_all(tmp_path):
    budget(tmp_path / "one").pause(7.0)
    assert budget(tmp_path / "one").delay(Priority.ORDER) == 7.0


def test_after_a_start_of_the_machine_the_count_begins_anew(tmp_path):
    budget(tmp_path / "one").pause(7.0)
    assert budget(tmp_path / "one", Clock(5.0)).delay() == 0.0


@pytest.fixture
def warnings():
    """What is logged from now on, wherever an earlier test sent it."""
    said: list[str] = []
    sink = get_logger().add(said.append, level="WARNING")
    yield said
    get_logger().remove(sink)


async def test_a_file_that_cannot_be_used_is_said_once_and_each_counts_alone(tmp_path, warnings):
    (tmp_path / "file").write_text("", encoding="utf-8")
    alone = budget(tmp_path / "file" / "one")
    for _ in range(4):
        await alone.acquire()
    assert alone.delay() > 0.0
    (line,) = warnings
    assert "counts its requests alone" in line


_SPEND = """
import asyncio, sys
from pathlib import Path
from openbell.utils.ratelimit import Budget
from openbell.utils.tally import SharedTally

async def spend():
    budget = Budget(200, 3600.0, reserve=0.0, tally=SharedTally(Path(sys.argv[1])))
    count = 0
    sys.stdin.readline()
    try:
        while budget.delay() == 0.0:
            # The other may take the last token in between: the next one is of half a minute later.
            await asyncio.wait_for(budget.acquire(), 1.0)
            count += 1
    except TimeoutError:
        pass
    print(count)

asyncio.run(spend())
"""


def test_processes_at_once_spend_no_token_twice(tmp_path):
    words = [sys.executable, "-c", _SPEND, str(tmp_path / "one")]
    with ExitStack() as kept:
        running = [kept.enter_context(_spender(words)) for _ in range(2)]
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        spent = [int(process.communicate(timeout=90)[0]) for process in running]
    assert sum(spent) == 100  # half of a limit of an hour


@contextmanager
def _spender(words):
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
