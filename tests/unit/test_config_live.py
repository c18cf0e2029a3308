"""live.yaml: how long a broker may be away."""

from __future__ import annotations

from pathlib import Path

import pytest

from openbell.cli.live import _open_venue
from openbell.config import load
from openbell.config.live import read_live
from openbell.core.errors import ConfigError
from openbell.core.types import Instrument
from openbell.operation.venue import FRACTION

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


def test_fractions_are_asked_for_in_the_file_of_a_broker_that_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPACA_API_KEY", "k")
    monkeypatch.setenv("ALPACA_SECRET_KEY", "s")
    (tmp_path / "brokers.yaml").write_text("brokers:\n  mine:\n    kind: alpaca\n")
    file = tmp_path / "live.yaml"
    file.write_text(f"{LIVE}fractional: true\n")
    venue = _open_venue(read_live(file), load(str(tmp_path), None))
    assert venue.part(Instrument("A", fractionable=True)).lot == FRACTION
    assert venue.part(Instrument("A", lot=1e-9, fractionable=True)).lot == 1e-9
    assert venue.part(Instrument("A")).lot == 1.0
    (tmp_path / "brokers.yaml").write_text("brokers:\n  mine:\n    kind: ib\n")
    with pytest.raises(ConfigError, match=r"live.yaml: fractional: broker 'mine' takes whole shares"):
        _open_venue(read_live(file), load(str(tmp_path), None))


def test_without_fractions_a_lot_is_the_instruments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPACA_API_KEY", "k")
    monkeypatch.setenv("ALPACA_SECRET_KEY", "s")
    (tmp_path / "brokers.yaml").write_text("brokers:\n  mine:\n    kind: alpaca\n")
    (tmp_path / "live.yaml").write_text(LIVE)
    venue = _open_venue(read_live(tmp_path / "live.yaml"), load(str(tmp_path), None))
    assert venue.part(Instrument("A", fractionable=True)).lot == 1.0
