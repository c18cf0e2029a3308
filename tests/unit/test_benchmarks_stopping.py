"""The benchmark of stops, small: that it measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.stopping import measure_stop


@pytest.mark.slow
@pytest.mark.parametrize("others", [False, True])
async def test_a_stop_is_timed_from_its_request_and_from_its_command(tmp_path: Path, *, others: bool) -> None:
    found = await measure_stop("blocked", tmp_path, orders=3, beside_others=others)
    assert 0 < found["asked_ms"] < found["typed_ms"] < 60_000
