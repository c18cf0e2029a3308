"""`openbell stop` makes its request before the parser is loaded, and the same as with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

import openbell.cli
from openbell.cli.answer import Answer
from openbell.cli.stopping import COMPLETION, stop_at_once
from openbell.storage.journal import Journal
from openbell.storage.lock import FolderLock


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a session that runs, below the working folder's `state`."""
    monkeypatch.chdir(tmp_path)
    folder = Path("state/one")
    with FolderLock(folder), closing(Journal(folder / "journal.db", account="paper")):
        yield folder


def asked(folder: Path) -> str:
    path = folder / "stop.json"
    return str(json.loads(path.read_text())["how"]) if path.exists() else ""


@pytest.mark.parametrize(
    ("words", "how"),
    [
        (["--keep"], "keep"),
        (["--cancel", "--json"], "cancel"),
        (["--state", "state", "--flatten", "--debug"], "flatten"),
        (["--flatten", "--state=state/one"], "flatten"),
    ],
)
def test_what_is_plainly_typed_is_asked_at_once(held: Path, words: list[str], how: str) -> None:
    answer = stop_at_once(words)
    assert answer is not None
    assert answer.document == {"asked": ["state/one"], "how": how}
    assert asked(held) == how


@pytest.mark.parametrize(
    "words",
    [
        [], ["--keep", "--cancel"], ["--help", "--keep"], ["keep"], ["--keep", "more"], ["--keep", "--state"],
        ["--keep", "--state", "elsewhere"], ["--keep", "--state", "state\udcff"], ["--keep", "--stat=state"],
    ],
)  # fmt: skip
def test_what_is_not_is_the_parsers(held: Path, words: list[str]) -> None:
    assert stop_at_once(words) is None
    assert asked(held) == ""


def test_a_shell_that_asks_what_could_follow_stops_nothing(
    held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMPLETION, "bash_complete")
    assert stop_at_once(["--keep"]) is None
    assert asked(held) == ""


def test_the_request_is_there_before_the_program_begins(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, Answer | None]] = []

    def run(_words: object, done: Answer | None) -> int:
        seen.append((asked(held), done))
        return 0

    monkeypatch.setitem(sys.modules, "openbell.cli.program", SimpleNamespace(main=run))
    assert openbell.cli.main(["stop", "--cancel"]) == 0
    ((how, done),) = seen
    assert how == "cancel"
    assert done is not None


def test_ctrl_c_after_the_request_says_that_it_was_made(
    held: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loading:
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "openbell.cli.program", Loading())
    assert openbell.cli.main(["stop", "--cancel"]) == 130
    assert capsys.readouterr().err == "openbell: interrupted after this: asked to stop (cancel): state/one\n"
    assert asked(held) == "cancel"


def test_a_request_needs_neither_the_parser_nor_an_event_loop() -> None:
    slow = {"typer", "pydantic", "asyncio"}
    words = f"import sys, openbell.cli.stopping; print(sorted({slow} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_what_is_said_and_written_is_the_same_either_way(
    held: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for _ in range(2):
        for words in (["stop", "--keep"], ["stop", "--keep", "--json"], ["stop", "--keep", "--state", "no"]):
            code = openbell.cli.main(words)
            out = capfd.readouterr()
            said.append((code, out.out, out.err))
        monkeypatch.setattr("openbell.cli.stopping.stop_at_once", lambda _: None)
    assert said[:3] == said[3:]
    assert asked(held) == "keep"
    assert said[0][1] == "asked to stop (keep): state/one\n"
