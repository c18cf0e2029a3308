"""Indicators that threads share: each is computed once, and errors reach whoever asks."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import numpy as np
import pytest

import openbell as ob
from openbell import run
from openbell.backtesting.kernel.shelf import Making, Shelf
from openbell.core.errors import ConfigError
from tests.unit.bars_by_hand import daily

BARS = daily("A", [100.0, 101.0, 102.0, 101.0, 103.0, 104.0])
RECIPES = [ob.SMA(period) for period in range(2, 6)]
LONG = 30.0  #: s; a wait that ends at once, unless something is wrong


@ob.signal(fast=ob.SMA(2))
def up(fast):
    return 1.0 if fast > 101.0 else 0.0


@pytest.fixture
def panel():
    plan, _, series = run.prepare(up, BARS)
    return run.panel_of(plan, series)


def watch(panel, monkeypatch, before):
    """Let something happen before each indicator is computed; return those that were."""
    made, revealed = [], panel.revealed

    def watched(recipe, symbol):
        made.append(recipe)
        before(recipe)
        return revealed(recipe, symbol)

    monkeypatch.setattr(panel, "revealed", watched)
    return made


def test_an_indicator_is_what_the_panel_reveals(panel):
    shelf = Shelf(panel, 10**6)
    first, again = shelf.columns(RECIPES, "A"), shelf.columns(RECIPES[::-1], "A")[::-1]
    for recipe, values, same in zip(RECIPES, first, again, strict=True):
        assert values is same
        assert np.array_equal(values, panel.revealed(recipe, "A"), equal_nan=True)


def test_two_threads_compute_at_a_time_and_each_indicator_once(panel, monkeypatch):
    both = Barrier(2)
    made = watch(panel, monkeypatch, lambda recipe: both.wait(LONG) if recipe in RECIPES[:2] else None)
    shelf = Shelf(panel, 10**6)
    with ThreadPoolExecutor(2) as pool:  # the first two meet: neither waits for the other's to be done
        one, other = pool.map(lambda _: shelf.columns(RECIPES, "A"), range(2))
    assert sorted(made, key=repr) == sorted(RECIPES, key=repr)
    assert all(mine is yours for mine, yours in zip(one, other, strict=True))


def test_a_users_function_is_called_by_one_thread_at_a_time(panel):
    inside: list[int] = []

    def average(close, period):
        inside.append(1)
        assert len(inside) == 1
        Event().wait(0.001)
        inside.pop()
        return close * period

    shelf = Shelf(panel, 10**6)
    recipes = [ob.indicator(average, period=period) for period in range(6)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda at: shelf.columns(recipes[2 * at : 2 * at + 2], "A"), range(3)))
    assert [values[1] for pair in found for values in pair] == [101.0 * period for period in range(6)]


def test_who_waits_for_an_indicator_that_fails_hears_why(panel, monkeypatch):
    begun, go_on = Event(), Event()

    def fail(_recipe):
        if not begun.is_set():
            begun.set()
            assert go_on.wait(LONG)
        raise ConfigError("refused")

    watch(panel, monkeypatch, fail)
    shelf = Shelf(panel, 10**6)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shelf.columns, RECIPES[:1], "A")
        assert begun.wait(LONG)
        (making,) = shelf._making.values()
        second = pool.submit(shelf._await, making, RECIPES[0], "A")
        go_on.set()
        assert [str(one.exception(LONG)) for one in (first, second)] == ["refused", "refused"]
    assert shelf._making == {}


def test_who_waits_for_one_that_failed_takes_what_was_made_since(panel):
    shelf, failed, again = Shelf(panel, 10**6), Making(), Making()
    failed.ended.set()
    (made,) = shelf.columns(RECIPES[:1], "A")
    assert shelf._await(failed, RECIPES[0], "A") is made
    shelf._rows.clear()
    shelf._making[RECIPES[0], "A"] = again
    again.values = made
    again.ended.set()
    assert shelf._await(failed, RECIPES[0], "A") is made


def test_what_is_laid_out_for_many_begins_a_line_of_the_cache_in_memory_that_is_used_again(panel):
    shelf = Shelf(panel, 2 * 8 * len(BARS))
    shelf.lays = True
    held, places = [], set()
    for recipe in RECIPES * 5:
        (values,) = shelf.columns([recipe], "A")
        assert np.array_equal(values, panel.revealed(recipe, "A"), equal_nan=True)
        assert values.ctypes.data % 64 == 0
        places.add(values.ctypes.data)
        held = [values]  # as a bundle does, while the shelf has let go of it
    assert held
    assert len(places) <= 4


def test_what_somebody_holds_is_not_written_over(panel):
    shelf = Shelf(panel, 1)
    shelf.lays = True
    (first,) = shelf.columns(RECIPES[:1], "A")
    for recipe in RECIPES[1:]:
        shelf.columns([recipe], "A")
    assert np.array_equal(first, panel.revealed(RECIPES[0], "A"), equal_nan=True)
