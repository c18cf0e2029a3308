"""W5: how long a process takes that imports Openbell, and one that also runs 1,000 bars."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.rounds import Disagreement

BARS = 1_000
_RUN = """
import sys
import openbell as ob
found = ob.backtest("sma_cross", "AAPL", end="{end}", engine="{engine}")
print(len(found.outcome.times), found.outcome.equity[-1], "numba" in sys.modules)
"""
#: What is started, by what it is called in the tables.
PROGRAMS = {
    "bare interpreter": "pass",
    "import numpy": "import numpy",
    "import openbell": "import openbell",
    "1,000 bars": _RUN,
}


def last_day() -> str:
    """Return the date of the bundled prices' 1,000th bar."""
    import numpy as np

    from openbell.data import bundled

    return str(np.datetime64(int(bundled.load("AAPL").start[BARS - 1]), "ns").astype("datetime64[D]"))


def run_starts(*, rounds: int) -> dict[str, Any]:
    """Start each program in turns; return medians and spreads in seconds, by program and by cache.

    `warm` has everything compiled, `cold` no compiled Python at all, and `new` no calendar either: what a
    machine does that has never run Openbell.

    Raises:
        Disagreement: The event engine loaded numba, or the two engines differ.
    """
    end = last_day()
    found: dict[str, dict[str, list[float]]] = {name: {} for name in PROGRAMS}
    answers = {engine: start(_RUN.format(end=end, engine=engine), {})[1] for engine in ("event", "compiled")}
    check_answers(answers)
    for _ in range(rounds):
        for name, code in PROGRAMS.items():
            text = code.format(end=end, engine="event") if code is _RUN else code
            for state in ("warm", "cold", "new"):
                if state == "new" and code is not _RUN:
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    wall, _ = start(text, _caches(state, folder))
                found[name].setdefault(state, []).append(wall)
    return {
        name: {state: [statistics.median(s), min(s), max(s)] for state, s in states.items()}
        for name, states in found.items()
    }


def check_answers(answers: Mapping[str, str]) -> None:
    """Make sure that a short run leaves numba alone and that both engines come to the same.

    Raises:
        Disagreement: It is not so.
    """
    event, compiled = answers["event"].split(), answers["compiled"].split()
    if event[0] != str(BARS):
        raise Disagreement(f"W5 runs {event[0]} bars; it should run {BARS}")
    if event[2] != "False":
        raise Disagreement("W5: numba is loaded by a run of 1,000 bars in the event engine")
    if event[1] != compiled[1]:
        raise Disagreement(f"W5 ends with {event[1]} event by event and with {compiled[1]} compiled")


def _caches(state: str, folder: str) -> dict[str, str]:
    if state == "warm":
        return {}
    return {"PYTHONPYCACHEPREFIX": folder} | ({"OPENBELL_CACHE": folder} if state == "new" else {})


def start(code: str, extra: Mapping[str, str]) -> tuple[float, str]:
    """Run a program in a fresh interpreter; return its seconds and what it prints."""
    variables = {**os.environ, **extra}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - begun, done.stdout.strip()
