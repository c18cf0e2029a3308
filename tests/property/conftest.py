"""Fixtures of all tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.opened import close_journals

from openbell.execution.brokers.crossing import Crossing


@pytest.fixture(autouse=True)
def _closed_journals() -> Iterator[None]:
    yield
    close_journals()


@pytest.fixture
def crossed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Count what crosses, and what goes its long way."""
    told: list[bool] = []
    cross = Crossing.cross

    def count(self: Crossing, *given: Any) -> bool:
        told.append(cross(self, *given))
        return told[-1]

    monkeypatch.setattr(Crossing, "cross", count)
    return told
