"""What is in deploy/: boards and rules speak of metrics that there are, units of commands that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import openbell as ob
from openbell.app.alerts.book import Book
from openbell.app.desk import Desk
from openbell.app.jobs import Jobs
from openbell.app.metrics import Collector, render
from openbell.cli import main

DEPLOY = Path(__file__).parents[2] / "deploy"
METRIC = re.compile(r"\bopenbell_[a-z_]+")
LABELS = re.compile(r"(openbell_[a-z_]+)\{([^}]*)\}")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("metrics")
    ob.paper("sma_cross", ["AAPL", "MSFT"], start="2012-01-03", end="2012-12-28", state=folder / "one")
    Book(folder).note("mail", "lost", title="x", body="y", why="z")
    desk = Desk(folder, folder)
    yield render(Collector(desk, Jobs(folder))).decode()
    desk.close()


def names_in(text: str) -> set[str]:
    """Return the names of all series, those without a sample too."""
    found = set()
    for _, name, kind in re.findall(r"^# (TYPE) (\S+) (\S+)$", text, re.MULTILINE):
        found |= {name} if kind != "histogram" else {f"{name}_bucket", f"{name}_count", f"{name}_sum"}
    return found


def expressions() -> list[str]:
    board = json.loads((DEPLOY / "grafana/openbell.json").read_text())
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return found + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_every_metric_that_is_asked_for_is_there_with_its_labels(text: str) -> None:
    asked = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert asked - names_in(text) == set()
    assert len(asked) > 20
    for expression in expressions():
        for name, labels in LABELS.findall(expression):
            for label in re.findall(r"(\w+)=~?", labels):
                lines = [line for line in text.splitlines() if line.startswith(f"{name}{{")]
                assert not lines or f'{label}="' in lines[0], (name, label)


def test_every_metric_is_on_the_board(text: str) -> None:
    board = (DEPLOY / "grafana/openbell.json").read_text()
    missing = {name for name in names_in(text) if name not in board}
    assert missing - {"openbell_latency_seconds_count", "openbell_latency_seconds_sum"} == set()


def test_the_figures_are_those_of_the_journal(text: str) -> None:
    def value(line: str) -> float:
        return float(next(one for one in text.splitlines() if one.startswith(line)).rsplit(" ", 1)[1])

    ways = '{session="one",way="bar_to_order"}'
    orders = sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("openbell_orders_total{")
    )
    assert value(f"openbell_latency_seconds_count{ways}") == orders
    assert value('openbell_fills_total{session="one",strategy="sma_cross"}') > 0
    assert value('openbell_equity{session="one",strategy="sma_cross"}') > 50_000
    assert value('openbell_alerts_total{outcome="lost",target="mail"}') == 1
    assert value('openbell_running{session="one"}') == 0


def started() -> Iterator[tuple[str, list[str]]]:
    """Yield each command that a unit or a container starts, and by what."""
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        command = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
        yield unit.name, command.partition("/bin/openbell ")[2].split()
    compose = yaml.safe_load((DEPLOY / "container/compose.yaml").read_text())
    for name, service in compose["services"].items():
        yield f"container {name}", service["command"].split()


@pytest.mark.parametrize("words", [pytest.param(words, id=by) for by, words in started()])
def test_what_is_started_are_commands_that_there_are(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    at = next((i for i, word in enumerate(words) if "/" in word or word.startswith("-")), len(words))
    assert main([*words[:at], "--help"]) == 0
    shown = capsys.readouterr().out
    for option in (word for word in words if word.startswith("--")):
        assert option in shown


def test_an_image_is_built_of_what_there_is_and_of_extras_that_there_are() -> None:
    root = DEPLOY.parent
    lines = (DEPLOY / "container/Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") and "--from" not in line
              for word in line.split()[1:-1]]  # fmt: skip
    ignored = (root / ".dockerignore").read_text().splitlines()
    assert copied
    for name in copied:
        assert (root / name).exists()
        assert f"!{name}" in ignored  # everything else, a .env above all, stays outside
    assert "*" in ignored
    extras = next(line for line in lines if line.startswith("ARG EXTRAS=")).partition("=")[2].split(",")
    known = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) <= set(known)


def test_prometheus_takes_the_rules() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed")
    for words in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run([tool, *words], cwd=DEPLOY / "prometheus", capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
