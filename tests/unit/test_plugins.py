"""Brokers and providers by name: what is known, what is missing, and what a typo says."""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from openbell.config import load
from openbell.core.errors import ConfigError
from openbell.execution.factory import BrokerOffer, broker_names, kind_is_known, open_broker
from openbell.remote.plugins import Plugins


class Stranger:
    """What a third party might register."""

    offer = BrokerOffer(title="Stranger", extra="", variables=("STRANGER_KEY",), optional=("STRANGER_PIN",))

    def __init__(self, secrets, *, paper=True):
        self.secrets, self.paper = secrets, paper


class Absent:
    """Needs what is not there."""

    offer = BrokerOffer(title="Absent", extra="absent", modules=("no_such_module",))


@pytest.fixture
def registered(monkeypatch):
    points = EntryPoints(
        EntryPoint(name, f"{__name__}:{form}", "openbell.brokers")
        for name, form in (("stranger", "Stranger"), ("absent", "Absent"))
    )
    monkeypatch.setattr("importlib.metadata.entry_points", points.select)


def test_our_own_and_registered_brokers_are_known(registered):
    assert broker_names() == ["absent", "alpaca", "ccxt", "ib", "stranger"]
    assert all(kind_is_known(kind) for kind in ("simulated", "alpaca", "stranger"))
    assert not kind_is_known("telepathy")


def test_a_broker_is_given_its_secrets_and_its_options(registered):
    environ = {"STRANGER_KEY": " k ", "STRANGER_PIN": "", "OTHER": "x"}
    made: Any = open_broker("stranger", {"paper": False}, environ)
    assert (made.secrets, made.paper) == ({"STRANGER_KEY": "k"}, False)
    made = open_broker("stranger", {}, environ | {"STRANGER_PIN": "7"})
    assert made.secrets == {"STRANGER_KEY": "k", "STRANGER_PIN": "7"}


@pytest.mark.parametrize(
    ("name", "options", "environ", "says"),
    [
        ("stranger", {}, {}, "broker 'stranger' needs the environment variable STRANGER_KEY; set it"),
        ("stranger", {"papr": 1}, {"STRANGER_KEY": "k"}, "has no option 'papr'; did you mean 'paper'?"),
        ("strangr", {}, {}, "broker 'strangr' is unknown; did you mean 'stranger'?"),
        ("absent", {}, {}, 'needs no_such_module, which is not installed; pip install "openbell[absent]"'),
    ],
)
def test_what_is_wrong_is_one_line(registered, name, options, environ, says):
    with pytest.raises(ConfigError) as caught:
        open_broker(name, options, environ)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_gone_says_what_to_use():
    with pytest.raises(ConfigError, match="thing 'Old' is no more; use new"):
        Plugins("thing", "openbell.things", {}, gone={"old": "no more; use new"}).load("Old")


def test_a_broker_of_another_package_is_not_imported_before_it_is_asked_for():
    code = "import sys, openbell.execution.factory; sys.exit('importlib.metadata' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_of_brokers_names_kinds_and_their_options(tmp_path: Path) -> None:
    text = "brokers: {mine: {kind: alpaca, options: {paper: true, rate: 100}}}"
    (tmp_path / "brokers.yaml").write_text(text)
    mine = load(tmp_path, environ={}).brokers["mine"]
    assert (mine.kind, mine.options) == ("alpaca", {"paper": True, "rate": 100})
    made = open_broker(mine.kind, mine.options, {"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s"})
    assert made.name == "alpaca"
