"""Every provider has a row for every fault, and every row a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from openbell.data.providers import BUILT_IN, offer_of

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/reference/providers/faults.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
NAMED = sorted(set(re.findall(r"`(tests/\S+?)::(\w+)`", TEXT)))
FAULTS = (
    "as documented", "pages", "an empty answer", "an unknown symbol", "401", "403", "429 with Retry-After",
    "429 without", "500", "a truncated body", "a slow body", "a changed schema", "a wrong time zone",
)  # fmt: skip
STREAMED = (
    "the stream as documented", "the websocket drops", "the websocket is mute", "duplicates", "out of order",
)  # fmt: skip
REMOTE = sorted(set(BUILT_IN) - {"synthetic"})


def rows(provider: str) -> dict[str, str]:
    lines = SECTIONS[offer_of(provider).title].splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    return {fault: said for fault, said in cells if fault != "fault"}


@pytest.mark.parametrize("provider", REMOTE)
def test_a_provider_is_shown_under_every_fault(provider: str) -> None:
    told = rows(provider)
    assert tuple(told) == (*FAULTS, *STREAMED)
    for fault, said in told.items():
        if fault in STREAMED and not offer_of(provider).channels:
            assert said == "it has no stream"
        else:
            assert re.search(rf"`tests/integration/test_(provider|stream)_{provider}\w*\.py::test_", said), (
                fault
            )


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_page_names_is_there(path: str, name: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE)
