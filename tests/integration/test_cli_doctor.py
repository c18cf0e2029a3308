"""`openbell doctor`: a healthy machine, and each fault with its remedy."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from tests.integration.cli_runs import run

from openbell.cli import doctor
from openbell.core.errors import ConfigError
from openbell.data import calendar

ROOT = Path(__file__).parents[2]


BUYS = """
import openbell as ob

class Buys(ob.Strategy):
    def on_bar(self, bar):
        self.buy(bar.symbol)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_healthy_machine_has_no_fault():
    ended = run("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "everything that is needed is here and works"
    assert not Path("reports").exists()


def list_faults():
    ended = run("doctor", "--json")
    found = [one for one in ended.document["findings"] if one["state"] != "ok"]
    assert all(one["remedy"] for one in found)
    assert (ended.code == 1) == any(one["state"] == "FAULT" for one in found)
    return {one["name"]: one for one in found}


def test_faults_are_found_and_have_a_remedy(monkeypatch):
    Path("reports").write_text("a file", encoding="utf-8")
    monkeypatch.setattr(doctor, "OLDEST", (99, 0))
    assert {"python", "report folder"} <= set(list_faults())
    assert run("doctor").out.splitlines()[-1].endswith("faults")


def test_a_configuration_that_cannot_be_read_is_a_fault():
    Path("config").mkdir()
    Path("config/settings.yaml").write_text("nix: 1\n", encoding="utf-8")
    assert {"settings", "report folder"} <= set(list_faults())


def test_other_bundled_prices_are_a_fault(monkeypatch):
    monkeypatch.setattr(doctor, "_PRICES", "actions.csv")
    assert "bundled prices" in list_faults()


def test_missing_and_old_packages_are_faults_and_missing_extras_are_notes(monkeypatch):
    values = {
        "Name": ["openbell"],
        "Requires-Dist": [
            "numpy>=99", "nix-of-mine>=1", "typer>=0.1", "nix-too; extra == 'more'", "rich; extra == 'fine'",
        ],
        "Provides-Extra": ["more", "fine", "dev"],
    }  # fmt: skip
    monkeypatch.setattr(doctor, "_metadata", values.__getitem__)
    found = list_faults()
    assert {name: one["state"] for name, one in found.items()} == {
        "numpy": "FAULT", "nix-of-mine": "FAULT", "extra more": "note",
    }  # fmt: skip
    assert found["extra more"]["remedy"] == "pip install 'openbell[more]'"


def test_a_package_that_is_only_imported_is_a_fault(monkeypatch):
    def refuse(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", refuse)
    assert "openbell" in list_faults()


def test_a_cache_that_cannot_be_written_is_noted(monkeypatch):
    Path("taken").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("OPENBELL_CACHE", "taken")
    assert list_faults()["calendar cache"]["state"] == "note"
    monkeypatch.setattr(calendar, "cache_path", lambda _name: None)
    assert list_faults()["calendar cache"]["said"] == "the user has no home folder"


def test_missing_charts_and_runs_that_differ_or_fail_are_faults(monkeypatch):
    def refuse(*_args):
        raise ConfigError("gone")

    monkeypatch.setattr(doctor, "plotly_script", refuse)
    monkeypatch.setattr("openbell.run.execute", refuse)
    assert {"report page", "a run"} <= set(list_faults())
    hashes = iter(("sha256:a", "sha256:b"))
    monkeypatch.setattr("openbell.run.execute", lambda _plan: type("Result", (), {"hash": next(hashes)}))
    assert list_faults()["a run"]["said"] == "sha256:a became sha256:b"


@pytest.mark.parametrize(
    ("version", "requirement", "meets"),
    [
        ("2.10", "x>=2.9", True), ("2.9", "x>=2.10", False), ("1.0", "x==1", True),
        ("2.0.1", "x>=1,<2", False), ("3.0rc1", "x>=3", True), ("0.8.2", "x>=0.8.2,<0.9", True),
        ("1", "x", True),
    ],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(version, requirement, meets):
    assert doctor.meets(version, requirement) is meets
