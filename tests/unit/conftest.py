"""Fixtures of all tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.opened import close_journals


@pytest.fixture(autouse=True)
def _closed_journals() -> Iterator[None]:
    yield
    close_journals()
