"""live.yaml: how long a broker may be away."""

from __future__ import annotations

from pathlib import Path

import pytest

from openbell.cli.live import _open_venue
from openbell.config import load
from openbell.config.live import read_live
from openbell.core.errors import ConfigError

LIVE = "broker: mine\nfeed: synthetic\n"


def test_the_alarm_of_a_file_is_the_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPACA_API_KEY", "k")
    monkeypatch.setenv("ALPACA_SECRET_KEY", "s")
    (tmp_path / "brokers.yaml").write_text("brokers:\n  mine:\n    kind: alpaca\n")
    file = tmp_path / "live.yaml"
    file.write_text(f"{LIVE}alarm: 90\n")
    venue = _open_venue(read_live(file), load(str(tmp_path), None))
    assert venue.timing is not None
    assert venue.timing.alarm == 90.0
    file.write_text(LIVE)
    assert read_live(file).alarm == 300.0  # five minutes, as Timing has it


@pytest.mark.parametrize("text", ["0", "-5", "soon", ".inf"])
def test_an_alarm_that_cannot_be_names_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "live.yaml"
    file.write_text(f"{LIVE}alarm: {text}\n")
    with pytest.raises(ConfigError, match=r"live\.yaml:3") as caught:
        read_live(file)
    assert "alarm" in str(caught.value)
