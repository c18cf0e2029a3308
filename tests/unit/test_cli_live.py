"""What `openbell live` makes of what is configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from openbell.cli.jobs import Request
from openbell.cli.live import _open_venue
from openbell.cli.places import load_settings
from openbell.cli.streaming import open_stream
from openbell.config.live import LiveFile
from tests.loopback.alpaca import ENVIRON


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


@pytest.mark.parametrize(("options", "requests"), [("", 200), ("    options: {rate: 1000}\n", 1000)])
def test_the_accounts_budget_is_what_its_options_say(folder: Path, options: str, requests: int) -> None:
    (folder / "brokers.yaml").write_text(f"brokers:\n  mine:\n    kind: alpaca\n{options}")
    venue = _open_venue(LiveFile(broker="mine", feed="alpaca"), load_settings((), str(folder), None))
    assert 0.8 * requests < venue.budget._rate * 60 <= requests


@pytest.mark.parametrize(
    ("settings", "typed", "speed"),
    [
        ((), float("inf"), 1e9),
        (("providers.synthetic.speed=60",), float("inf"), 1e9),  # as the shipped settings.yaml has it
        (("providers.synthetic.speed=600",), float("inf"), 600.0),
        (("providers.synthetic.speed=600",), 50.0, 50.0),
    ],
)
def test_a_synthetic_stream_is_as_fast_as_somebody_says(
    folder: Path, settings: tuple[str, ...], typed: float, speed: float
) -> None:
    request = Request("sma_cross", symbols=("AAPL",), settings=settings, config=str(folder), feed="synthetic")
    stream, _ = open_stream(request, typed, history=0, hours=False)
    assert stream.provider._speed == speed  # type: ignore[attr-defined]
