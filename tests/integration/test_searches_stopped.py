"""Ctrl-C of each command that searches, in a process of its own: one line, nothing left, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.integration.sweep_processes import children

pytestmark = pytest.mark.slow

SLOW = """
import time

import openbell as ob


class Slow(ob.Strategy):
    fast: int = 1

    def on_bar(self, bar):
        time.sleep(0.001)
        if bar.index % (self.fast + 1) == 0:
            self.buy(bar.symbol)
        else:
            self.close(bar.symbol)
"""
WHERE = ("slow.py", "--symbols", "AAPL", "--start", "2010-01-01", "--end", "2011-12-31")
COMMANDS = {
    "grid": ("sweep", *WHERE, "fast=1:24", "--workers", "2"),
    "optuna": ("sweep", *WHERE, "fast=1:90", "--method", "optuna", "--samples", "24", "--workers", "2"),
    "walkforward": ("walkforward", *WHERE, "--train", "250", "--test", "60", "fast=1:9", "--workers", "2"),
    "crossvalidate": ("crossvalidate", *WHERE, "fast=1:24", "--workers", "2"),
    "robustness": (
        "robustness", "slow", "--histories", "12", "--permutations", "0", "--prices", "blocks",
        "--drops", "0", "--workers", "2",
    ),
}  # fmt: skip


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "openbell.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_keeps_what_is_done_in_one_line_and_the_same_command_goes_on(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("slow.py").write_text(SLOW, encoding="utf-8")
    if name == "robustness":
        backtest = start("backtest", *WHERE, "--no-check")
        _, err = backtest.communicate(timeout=120)
        assert backtest.returncode == 0, err
    process = start(*COMMANDS[name])
    until = time.monotonic() + 120.0
    while not list(Path("reports").rglob("parts/*.npz")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers hear it too
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count("\n")) == (130, "", 1), err
    assert "stopped by Ctrl-C after" in err
    assert "goes on" in err
    assert [pid for pid in workers if Path(f"/proc/{pid}/cmdline").exists() and _runs(pid)] == []
    kept = len(list(Path("reports").rglob("parts/*.npz")))
    more = ("--resume", err.partition("--resume ")[2].split()[0]) if "--resume" in err else ()
    again = start(*COMMANDS[name], *more)
    _, err = again.communicate(timeout=240)
    assert again.returncode == 0, err
    assert kept > 0
    assert not list(Path("reports").rglob("unfinished-*"))


def _runs(pid: str) -> bool:
    """Tell whether a process still runs; one that has ended may wait for whoever adopted it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
    return "State:\tZ" not in status
