"""Every block of Python and every `$ openbell` command in README and docs runs."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from openbell.cli import main
from openbell.run.counting import close_ledgers

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if "adr" not in p.parts)]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (openbell .*)$", re.MULTILINE)
DATABASE = re.compile(r"^\$ openbell db ", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def commands(page: Path) -> list[str]:
    return [line for block in blocks(page, "console") for line in COMMAND.findall(block)]


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def afternoon(tmp_path, monkeypatch):
    """A user's folder: empty but for the configuration that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENBELL_TRIALS")  # what a page tries is counted here, as a user's is
    (tmp_path / "config").mkdir()
    for name in ("settings.yaml", "strategies.yaml", "brokers.yaml"):
        (tmp_path / "config" / name).write_text(
            (ROOT / "config" / name).read_text(encoding="utf-8"), encoding="utf-8"
        )
    yield tmp_path
    close_ledgers()


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    """What `openbell demo` leaves in a user's folder: it takes seconds, and several pages begin with it."""
    folder: Path = tmp_path_factory.mktemp("demo")
    with contextlib.chdir(folder):
        assert main(["demo"]) == 0
    return folder


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_a_pages_code_and_commands_run_in_the_order_in_which_they_stand(
    page, afternoon, request, monkeypatch
):
    space: dict[str, object] = {"__name__": "page"}
    text = page.read_text(encoding="utf-8")
    database: Any = request.getfixturevalue("empty_project") if DATABASE.search(text) else None
    for name, value in database.environ.items() if database is not None else ():
        monkeypatch.setenv(name, value)
    for kind, code in BLOCK.findall(text):
        if kind == "python":
            exec(compile(code, f"{ids(page)}", "exec"), space)  # noqa: S102  # our own pages
        elif kind == "console":
            for line in COMMAND.findall(code):
                if line == "openbell demo":
                    left = request.getfixturevalue("demo")
                    shutil.copytree(left, afternoon, dirs_exist_ok=True)
                    continue
                assert main(shlex.split(line)[1:]) == 0, line
        elif kind == "sql":
            for query in code.strip().split(";\n"):
                assert database.ask(query), query


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_a_pages_links_lead_to_files(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
