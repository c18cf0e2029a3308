"""What a session has loaded, and what a run keeps, is little work for the garbage collector meanwhile."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import openbell as ob
from openbell.core.errors import StrategyError
from openbell.utils.heap import SELDOM, seldom_collected, settled_heap


def test_what_is_there_is_left_alone_until_the_block_ends() -> None:
    with settled_heap():
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() == 0


def test_a_block_that_fails_gives_everything_back() -> None:
    with pytest.raises(ZeroDivisionError), settled_heap():
        _ = 1 / 0
    assert gc.get_freeze_count() == 0


def test_what_is_made_inside_is_collected_there() -> None:
    class Loop:
        """Refers to itself."""

    with settled_heap():
        ring: list[object] = [Loop()]
        ring.append(ring)
        del ring
        assert gc.collect() > 0


def test_a_run_is_looked_at_seldom_and_the_habit_comes_back() -> None:
    habit = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold() == SELDOM
        with seldom_collected():
            assert gc.get_threshold() == SELDOM
        assert gc.get_threshold() == SELDOM
    assert gc.get_threshold() == habit


def test_what_was_made_is_old_at_the_end_and_no_round_looks_at_it() -> None:
    gc.collect()
    with seldom_collected():
        made = [[number] for number in range(5_000)]
        assert gc.get_count()[0] >= len(made)
    assert gc.get_count()[0] < 700
    assert gc.is_tracked(made)
    assert not any(one is made for one in gc.get_objects(generation=0))


def test_what_was_frozen_stays_frozen() -> None:
    with settled_heap():
        frozen = gc.get_freeze_count()
        with seldom_collected():
            pass
        assert gc.get_freeze_count() >= frozen - 100  # some of it has gone meanwhile


def test_a_run_that_nobody_holds_any_more_goes_without_the_collector() -> None:
    class Once(ob.Strategy):
        """Buys."""

        def on_bar(self, bar: ob.Bar) -> None:
            self.buy(bar.symbol, stop_loss=bar.close * 0.9)

    gc.collect()
    gc.disable()
    try:
        outcome = ob.backtest(Once, "AAPL", engine="event").outcome
        panel, account = weakref.ref(outcome.panel), weakref.ref(outcome.account)
        assert panel() is not None
        del outcome
        assert (panel(), account()) == (None, None)
    finally:
        gc.enable()


def test_the_habit_comes_back_after_an_error() -> None:
    habit = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), seldom_collected():
        _ = 1 / 0
    assert gc.get_threshold() == habit


def test_the_last_of_two_threads_puts_the_habit_back() -> None:
    habit = gc.get_threshold()
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with seldom_collected():
            inside.set()
            leave.wait(30.0)

    other = threading.Thread(target=stay)
    with seldom_collected():
        other.start()
        assert inside.wait(30.0)
    assert gc.get_threshold() == SELDOM  # the other is not through
    leave.set()
    other.join(30.0)
    assert gc.get_threshold() == habit


@pytest.mark.parametrize("own", [(0, 10, 10), (900_000, 5, 5)])
def test_who_wants_to_look_less_often_yet_is_left_alone(own: tuple[int, int, int]) -> None:
    habit = gc.get_threshold()
    gc.set_threshold(*own)
    try:
        with seldom_collected():
            assert gc.get_threshold() == own
        assert gc.get_threshold() == own
    finally:
        gc.set_threshold(*habit)


def test_a_run_that_fails_leaves_the_collector_as_it_was() -> None:
    class Broken(ob.Strategy):
        """Raises at its first bar."""

        def on_bar(self, bar: ob.Bar) -> None:
            raise ZeroDivisionError(bar.symbol)

    habit = gc.get_threshold()
    gc.disable()
    try:
        with pytest.raises(StrategyError):
            ob.backtest(Broken, "AAPL", start="2010-01-04", end="2010-03-01")
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert gc.get_threshold() == habit
