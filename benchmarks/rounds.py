"""Jobs in turns, each in a process of its own, so that a drift of the machine meets all of them alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.jobs import JOBS, Size
from benchmarks.measure import ENOUGH

ROOT = Path(__file__).resolve().parent.parent
CENT = 0.005
#: What full-sized workloads come to, by group: closed trades (fills in W2) and final equity. Of W1's 19,296
#: entries, and of W4's 1,422, the last is not closed.
REFERENCE = {
    "W1": (19_295, 9_644_860.75),
    "W2": (7_924, 31_712_824.00),
    "W4": (1_421, 9_980_335.73),
}


class Disagreement(Exception):
    """Two ways to run the same workload gave other trades or other money: their times mean nothing."""


def run_job(name: str, size: Size, *, repeat: int = 3, enough: float = ENOUGH) -> dict[str, Any]:
    """Measure a job in a fresh process: so many times, or for so many seconds."""
    options = [f"--{key}={value}" for key, value in size._asdict().items()]
    command = [
        sys.executable,
        "-m",
        "benchmarks.worker",
        name,
        f"--repeat={repeat}",
        f"--enough={enough}",
        *options,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed:\n{done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_rounds(names: Sequence[str], size: Size, *, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Measure jobs in turns; their answers are compared after each round.

    Raises:
        Disagreement: Jobs of one group differ in a trade or by a cent.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            _tell(f"round {number + 1} of {rounds}: {name}")
            found[name].append({**run_job(name, size), "load": os.getloadavg()[0]})
        check_agreement({name: runs[-1]["answer"] for name, runs in found.items()}, full=size == Size())
    _tell("")
    return found


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def check_agreement(answers: Mapping[str, Mapping[str, Any]], *, full: bool = False) -> dict[str, str]:
    """Compare the trades and the money of each group's jobs; return what each group came to.

    Raises:
        Disagreement: They differ, or a full-sized workload is not what it has always been.
    """
    said = {}
    for group in dict.fromkeys(JOBS[name].agrees for name in answers):
        names = [name for name in answers if JOBS[name].agrees == group]
        first = answers[names[0]]
        for name in names[1:]:
            _compare(names[0], first, name, answers[name])
        trades, equity = sum(first["trades"]), first["equity"]
        if full and group in REFERENCE:
            known = {"trades": [REFERENCE[group][0]], "equity": [REFERENCE[group][1]]}
            _compare("the reference", known, names[0], first)
        money = f"{equity[0]:,.2f}" if len(equity) == 1 else f"{statistics.mean(equity):,.2f} in the mean"
        said[group] = f"{trades:,} trades, {money}"
    return said


def _compare(one: str, first: Mapping[str, Any], other: str, second: Mapping[str, Any]) -> None:
    for at, pair in enumerate(zip(first["trades"], second["trades"], strict=True)):
        if pair[0] != pair[1]:
            raise Disagreement(f"run {at}: {one} has {pair[0]} trades, {other} has {pair[1]}")
    for at, pair in enumerate(zip(first["equity"], second["equity"], strict=True)):
        if abs(pair[0] - pair[1]) > CENT:
            raise Disagreement(f"run {at}: {one} ends with {pair[0]:.3f}, {other} with {pair[1]:.3f}")


def summarise(runs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return what is kept of a job's rounds: a median second a round, and the memory."""
    runs = list(runs)
    answer = runs[0]["answer"]
    return {
        "seconds": [statistics.median(run["seconds"]) for run in runs],
        "cpu": [statistics.median(run["cpu"]) for run in runs],
        "first": statistics.median(run["first"] for run in runs),
        "work": runs[0]["work"],
        "runs": len(answer["trades"]),
        "trades": sum(answer["trades"]),
        "equity": statistics.mean(answer["equity"]),
        "data_mb": statistics.median(run["data_mb"] for run in runs),
        "peak_mb": statistics.median(run["peak_mb"] for run in runs),
        "load": [round(run["load"], 2) for run in runs if "load" in run],
    }
