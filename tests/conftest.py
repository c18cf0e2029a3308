"""What all tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from openbell.utils import logging

# The exchange's sessions take seconds to compute: keep them beside the tests, not in the user's home.
os.environ["OPENBELL_TRIALS"] = "off"  # what is tried here is no trial of the user's; see `trials`
os.environ.setdefault("OPENBELL_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "openbell"))

# What an earlier run asked of its servers does not count for this one.
if "PYTEST_XDIST_WORKER" not in os.environ:
    shutil.rmtree(Path(os.environ["OPENBELL_CACHE"]) / "budgets", ignore_errors=True)

# A slow machine is no wrong answer. The automatic run repeats its examples; a run by hand explores new ones.
settings.register_profile("openbell", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("openbell")


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let what a test tries be counted, in a ledger of its own, which need not be there yet."""
    from openbell.run.counting import close_ledgers

    path = tmp_path / "counted" / "trials.db"
    monkeypatch.setenv("OPENBELL_TRIALS", str(path))
    yield path
    close_ledgers()


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """Let what a test hides from messages be hidden from its own alone."""
    before = logging._secrets
    yield
    logging._secrets = before
