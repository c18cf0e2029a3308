"""`python -m benchmarks.lasting`: whether a page of the dashboard that is open for eight hours grows.

A session of fifty symbols is followed in Chromium. A session on minute bars has 480 moments in eight hours;
this one has twenty a second, so that a quarter of an hour brings what 37 such days would, and each is drawn.
Every few seconds rubbish is collected, and the page's heap, its nodes and the server's memory are read. What
counts is the slope over the second half, in MB for 480 moments: in the first half what is bounded fills up.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import machine
from benchmarks.watched import RATE, serving

RESULTS = Path(__file__).resolve().parent / "lasting.json"
HOURS = 8
_MOMENTS = 60 * HOURS  #: of a session on minute bars
_COUNT = (
    "window.updates = 0; const draw = window.obDrawn; window.obDrawn = (...a) => { updates++; draw(...a); }"
)


def sample(page: Any, tools: Any, server: int) -> dict[str, float]:
    """Return what the page and the server hold now, rubbish apart."""
    tools.send("HeapProfiler.collectGarbage")
    heap, nodes = tools.send("Runtime.getHeapUsage"), tools.send("Memory.getDOMCounters")
    pages = int(Path(f"/proc/{server}/statm").read_text().split()[1])
    return {
        "updates": page.evaluate("updates"),
        "heap_mb": heap["usedSize"] / 1e6,
        "nodes": nodes["nodes"],
        "listeners": nodes["jsEventListeners"],
        "server_mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    }


def follow(root: Path, seconds: float, every: float) -> list[dict[str, float]]:
    """Follow a session that ticks; return samples."""
    from playwright.sync_api import sync_playwright

    ticking = [
        sys.executable,
        "-m",
        "tests.integration.ticking",
        str(root / "state" / "ticking"),
        f"{RATE:g}",
    ]
    writer = subprocess.Popen(ticking, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    found = []
    try:
        with serving(root) as (address, server), sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"{address}/session/ticking")
            page.locator("[data-table=positions] tbody tr").first.wait_for()
            page.evaluate(_COUNT)
            tools = page.context.new_cdp_session(page)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                page.wait_for_timeout(1e3 * every)
                found.append(sample(page, tools, server))
                print(json.dumps(found[-1]), flush=True)
            browser.close()
    finally:
        writer.communicate(b"", timeout=60.0)
    return found


def slopes(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return growth over the second half, in MB for what eight hours of minute bars bring."""
    late = samples[len(samples) // 2 :]
    updates = np.array([one["updates"] for one in late])
    return {
        f"{name}_in_eight_hours": round(
            float(np.polyfit(updates, [one[name] for one in late], 1)[0]) * _MOMENTS, 4
        )
        for name in ("heap_mb", "nodes", "listeners", "server_mb")
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lasting", description=__doc__)
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--every", type=float, default=15.0)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        samples = follow(Path(name), given.seconds, given.every)
    found = {"updates": samples[-1]["updates"], **slopes(samples), "first": samples[0], "last": samples[-1]}
    print(json.dumps(found, indent=1))
    date, load = datetime.now(UTC).strftime("%Y-%m-%d"), round(os.getloadavg()[0], 1)
    kept = {"date": date, "machine": machine(), "load": load, **found}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
