"""What a session that holds its folder shows of itself, before its first pulse and after its last."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from openbell.storage.lock import FolderLock
from openbell.trading.pulse import NAME, SLOW, beating, read_sign


def test_a_folder_that_nobody_holds_shows_nothing(tmp_path: Path) -> None:
    assert read_sign(tmp_path, 0) is None
    with FolderLock(tmp_path):
        pass
    assert read_sign(tmp_path, 0) is None


@pytest.mark.parametrize(("age", "state"), [(1.0, "starting"), (SLOW + 1.0, "silent")])
def test_before_its_first_pulse_a_session_starts_since_it_holds_its_folder(
    tmp_path: Path, age: float, state: str
) -> None:
    since = time.time_ns() - int(age * 1e9)
    with FolderLock(tmp_path):
        os.utime(tmp_path / "lock", ns=(since, since))
        sign = read_sign(tmp_path, written=since - 1)  # what an earlier session wrote
        assert sign is not None
        assert (sign.state, sign.heard, sign.starting) == (state, since, since)


def test_after_its_last_pulse_a_session_lets_go_and_does_not_start(tmp_path: Path) -> None:
    since = time.time_ns() - 60 * 10**9
    with FolderLock(tmp_path):
        os.utime(tmp_path / "lock", ns=(since, since))
        sign = read_sign(tmp_path, written=since + 30 * 10**9)
        assert sign is not None
        assert (sign.state, sign.starting) == ("running", 0)


async def test_a_pulse_says_that_the_session_starts_until_it_is_at_work(tmp_path: Path) -> None:
    with FolderLock(tmp_path):
        async with beating(tmp_path) as heart:
            first = read_sign(tmp_path, 0)
            heart.at_work(lambda: 7)
            then = read_sign(tmp_path, 0)
        assert not (tmp_path / NAME).exists()
    assert first is not None
    assert first.pulse is not None
    assert (first.state, first.starting > 0, first.pulse.queue) == ("starting", True, 0)
    assert then is not None
    assert then.pulse is not None
    assert (then.state, then.starting, then.pulse.queue) == ("running", 0, 7)
