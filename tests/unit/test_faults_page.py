"""Every fault has a row, and every row a test that is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/explanation/faults.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:-1] for line in TEXT.splitlines() if line.startswith("| ") and "`tests/" in line]
NAMED = sorted(set(re.findall(r"`(tests/\S+?)::(\w+)`", TEXT)))
FAULTS = (
    "kill -9", "answer to an order is lost", "request is lost", "429", "500", "connection refused",
    "websocket drops", "websocket is mute", "doubled or reordered", "out of order against REST",
    "fills while the session is down", "partial fills", "late fill after a cancel", "reject after acceptance",
    "placed by hand", "split overnight", "clock", "nightly restart", "maintenance window", "disk is full",
    "Postgres", "Redis", "SIGTERM during a submit", "two engines", "clock that is off",
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_a_row_that_says_what_happens(fault: str) -> None:
    (*_, row) = [row for row in ROWS if fault in row[0]]
    assert all(cell.strip() for cell in row)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_page_names_is_there(path: str, name: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE)


def test_the_day_that_the_page_tells_of_is_the_one_that_was_measured() -> None:
    day = json.loads((ROOT / "benchmarks/trading.json").read_text(encoding="utf-8"))["day"]
    faults = day["faults"]
    (told,) = (part for part in TEXT.split("\n\n") if part.startswith("A day at full speed"))
    for said in (
        f"{day['minutes']:,} minutes with {day['orders']:,} orders and {day['fills']:,} fills",
        f"{faults['request lost']} requests and {faults['answer lost']} answers lost",
        f"{faults['stream dropped']} dropped and {faults['stream mute']} mute streams",
        f"{faults['events muddled']:,} batches of messages",
        f"{faults['rejected after it was accepted']} orders rejected",
        f"{faults['placed by hand']} placed by hand, {faults['kill']} kills",
    ):
        assert said in " ".join(told.split())
    assert (day["wrong"], day["tasks_left"]) == ([], 0)
