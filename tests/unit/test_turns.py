"""A session asks Linux for short turns, for itself and its threads, and gives them back."""

from __future__ import annotations

import ctypes
import os
import platform
import threading

import pytest

from openbell.utils import turns
from openbell.utils.turns import SHORT, short_turns

_GET = {"x86_64": 315, "aarch64": 275, "riscv64": 275}  # sched_getattr
_KNOWN = platform.system() == "Linux" and tuple(map(int, platform.release().split(".")[:2])) >= (6, 12)

on_linux = pytest.mark.skipif(not _KNOWN, reason="turns of one's own came with Linux 6.12")


def turn() -> int:
    """Return the turn of the thread that asks, ns."""
    found = turns._Attributes()
    size = ctypes.sizeof(found)
    number = _GET[platform.machine()]
    assert ctypes.CDLL(None).syscall(number, threading.get_native_id(), ctypes.byref(found), size, 0) == 0
    return int(found.runtime)


class Told(threading.Thread):
    """Waits until it is asked, and then notes its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.turn = threading.Event(), 0
        self.start()

    def run(self) -> None:
        self.asked.wait()
        self.turn = turn()

    def tell(self) -> int:
        """Return the thread's turn, ns."""
        self.asked.set()
        self.join()
        return self.turn


@on_linux
def test_turns_are_short_until_the_block_ends() -> None:
    usual = turn()
    with short_turns():
        assert turn() == SHORT < usual
    assert turn() == usual


@on_linux
def test_threads_that_were_there_and_those_that_come_have_them() -> None:
    there = Told()
    with short_turns():
        assert (there.tell(), Told().tell()) == (SHORT, SHORT)


@on_linux
def test_a_thread_of_the_block_that_lives_on_gives_them_back() -> None:
    with short_turns():
        thread = Told()
    assert thread.tell() == turn() > SHORT


@on_linux
def test_how_nice_a_process_is_stays() -> None:
    nice = os.nice(0)
    with short_turns():
        assert os.nice(0) == nice
    assert os.nice(0) == nice


def test_nothing_happens_where_a_system_knows_no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with short_turns():
        assert not turns._ask(threading.get_native_id(), SHORT)


@on_linux
def test_a_thread_that_has_ended_is_passed_over() -> None:
    assert not turns._ask(2**22, SHORT)  # above any that Linux gives


@on_linux
def test_a_policy_of_ones_own_stays() -> None:
    told: list[int] = []

    def idle() -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with short_turns():
            told.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=idle)
    thread.start()
    thread.join()
    assert told == [os.SCHED_IDLE]
