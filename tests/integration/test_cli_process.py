"""What only a process of its own shows: what it loads, pipes, signals, traces."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.integration.cli_runs import run, run_apart

HEAVY = (
    "numpy",
    "pandas",
    "talib",
    "pydantic",
    "pyarrow",
    "plotly",
    "exchange_calendars",
    "rich",
    "yaml",
    "loguru",
)
LIST = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
RAISES = """
import openbell as ob

class Mine(ob.Strategy):
    def on_bar(self, bar):
        raise ValueError("on purpose")
"""
WAITS = """
import time
import openbell as ob

class Mine(ob.Strategy):
    def on_bar(self, bar):
        print("at work", flush=True)
        time.sleep(60)
"""


def loaded_after(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LIST}"], capture_output=True, cwd=folder, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


def test_importing_the_package_loads_nothing_heavy(tmp_path):
    assert loaded_after("import openbell", tmp_path) == "[]"


@pytest.mark.parametrize(
    ("words", "loaded"),
    [
        (["--help"], "[]"),
        (["--version"], "[]"),
        (["backtest", "--help"], "['pydantic']"),  # typer's own doing
        (["stop", "--cancel"], "['pydantic']"),
    ],
)
def test_help_and_a_stop_load_nothing_heavy(words, loaded, tmp_path):
    assert loaded_after(f"from openbell.cli import main; main({words!r})", tmp_path) in ("[]", loaded)


def test_the_installed_command_is_there(tmp_path):
    command = Path(sys.executable).with_name("openbell")
    done = subprocess.run([command, "--version"], capture_output=True, cwd=tmp_path, text=True, check=True)
    assert done.stdout.startswith("openbell ")


def test_a_reader_that_stops_reading_is_no_error(tmp_path):
    command = f"{sys.executable} -m openbell.cli strategies | head -1"
    done = subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True, cwd=tmp_path, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Strategy")


def test_a_pipe_that_is_closed_before_the_first_byte_is_no_error(tmp_path):
    read, written = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "openbell.cli", "config", "show", "--json"],
        stdout=written, stderr=subprocess.PIPE, cwd=tmp_path, text=True, check=False,
    )  # fmt: skip
    os.close(written)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_is_one_line_and_leaves_nothing_half_written(tmp_path):
    (tmp_path / "mine.py").write_text(WAITS, encoding="utf-8")
    words = ["backtest", "mine.py", "--symbols", "AAPL"]
    started = subprocess.Popen(
        [sys.executable, "-m", "openbell.cli", *words],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stdout is not None
    assert started.stdout.readline() == "at work\n"
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=90)
    assert started.returncode == 130
    assert err == "openbell: stopped by Ctrl-C; what was not finished was not written\n"
    assert not (tmp_path / "reports").exists()


def test_a_trace_is_shown_only_when_it_is_asked_for(tmp_path):
    (tmp_path / "mine.py").write_text(RAISES, encoding="utf-8")
    words = ("backtest", "mine.py", "--symbols", "AAPL", "--no-check")
    plain = run_apart(*words, folder=tmp_path)
    assert plain.code == 2
    assert plain.err.count("\n") == 1
    for ended in (
        run_apart(*words, "--debug", folder=tmp_path),
        run_apart(*words, folder=tmp_path, OPENBELL_DEBUG="1"),
    ):
        assert ended.code == 2
        assert "Traceback (most recent call last)" in ended.err
        assert ended.err.endswith(plain.err)


THREADS = """
import sys
import threading

import openbell as ob


def work():
    raise ValueError("two\\nlines")


class Threads(ob.Strategy):
    def on_start(self):
        for target in (work, sys.exit):
            started = threading.Thread(target=target)
            started.start()
            started.join()

    def on_bar(self, bar):
        self.buy(bar.symbol)
"""


def test_a_thread_that_fails_is_one_line_however_often_it_ran(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(THREADS, encoding="utf-8")
    words = ("backtest", "mine.py", "--symbols", "AAPL")
    hook = threading.excepthook
    plain = run(*words)
    assert threading.excepthook is hook
    said = f"warning: a thread ended: {path}:9 in work: ValueError: two lines; mend the strategy's code"
    assert (plain.code, said in plain.err, plain.err.count("a thread ended")) == (0, True, 1)
    assert "Traceback" not in plain.err
    assert "Traceback" in run(*words, "--no-check", "--debug").err
    ended = run_apart(*words, "--debug", "--no-check", folder=tmp_path)
    assert ended.code == 0
    assert "Traceback (most recent call last)" in ended.err
    assert ended.err.endswith(f"{said}\n")


def test_an_error_is_a_document_too(tmp_path):
    ended = run_apart("backtest", "sma_cros", "--symbols", "AAPL", "--json", folder=tmp_path)
    assert ended.document["error"]["kind"] == "ConfigError"
    assert ended.document["error"]["exit_code"] == ended.code == 2
    assert ended.line == ended.document["error"]["message"]


def test_a_small_character_set_is_no_error(tmp_path):
    ended = run_apart("strategies", "sma_cross", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert (ended.code, ended.err) == (0, "")


def test_a_shell_can_ask_what_could_follow(tmp_path):
    asked = {"_OPENBELL_COMPLETE": "complete_bash", "COMP_WORDS": "openbell ver", "COMP_CWORD": "1"}
    ended = run_apart(folder=tmp_path, **asked)
    assert (ended.code, ended.out.split()) == (0, ["verify"])


def test_what_only_a_shell_sets_is_one_line_and_nothing_is_as_if_unset(tmp_path):
    for more in ({}, {"COMP_WORDS": "openbell ver", "COMP_CWORD": "x"}):
        ended = run_apart(folder=tmp_path, _OPENBELL_COMPLETE="complete_bash", **more)
        assert (ended.code, ended.line.endswith("; unset it")) == (2, True)
    assert run_apart(folder=tmp_path, _OPENBELL_COMPLETE="nix").code == 1
    assert run_apart("--version", folder=tmp_path, _OPENBELL_COMPLETE="").out.startswith("openbell ")


def test_a_debug_switch_that_is_neither_on_nor_off_is_one_line(tmp_path):
    ended = run_apart("strategies", folder=tmp_path, OPENBELL_DEBUG="maybe")
    assert (ended.code, "OPENBELL_DEBUG" in ended.line) == (2, True)


def test_in_a_working_folder_that_is_gone_there_is_one_line_and_help(monkeypatch):
    def fail():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", fail)
    assert run("strategies").line == (
        "the working folder cannot be used (No such file or directory); go to one that is there"
    )
    assert run("--version").code == 0


@pytest.mark.parametrize(("asked", "code"), [("complete_bash", 2), ("nix", 1)])
def test_completion_that_is_asked_wrongly_ends_with_a_code(asked, code, monkeypatch):
    monkeypatch.setenv("_OPENBELL_COMPLETE", asked)
    monkeypatch.delenv("COMP_WORDS", raising=False)
    assert run().code == code
