"""Runs command lines in this process, and in one of their own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbell.cli import main


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return stdout as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """Return stderr as the one line that it must be."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("openbell: ")
        return self.err.removeprefix("openbell: ").rstrip("\n")


def run(*words: str) -> Ended:
    """Run a command line here: quick, and all but the process's own affairs."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    return Ended(int(code), out.getvalue(), err.getvalue())


def run_apart(*words: str, folder: Path, **environment: str) -> Ended:
    """Run a command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "openbell.cli", *words],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "error", **environment},
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def run_folder(reports: Path) -> Path:
    """Return the only run in a report folder."""
    (found,) = (path for path in reports.iterdir() if path.is_dir())
    return found


def check_refused(words: Sequence[str], *said: str) -> str:
    """Check that a command line is refused in one line that says so, and writes nothing; return the line."""
    before = sorted(Path().rglob("*"))
    ended = run(*words)
    assert (ended.code, ended.out) == (2, "")
    for part in said:
        assert part in ended.line, ended.line
    assert sorted(path for path in Path().rglob("*") if "__pycache__" not in path.parts) == before
    return ended.line
