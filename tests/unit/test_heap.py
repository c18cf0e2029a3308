"""What a session has loaded is no work for the garbage collector while it runs."""

from __future__ import annotations

import gc

import pytest

from openbell.utils.heap import settled_heap


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
