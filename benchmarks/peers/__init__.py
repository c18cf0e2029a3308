"""Other frameworks on the same workloads, each in an environment of its own outside of the repository."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import venv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.data import RECIPES, bars_of, grid_of, market_of
from benchmarks.measure import machine

HERE = Path(__file__).resolve().parent
TURNS = 3
LONG = 15.0  #: seconds from which on one turn has to do
_NUMPY, _PANDAS2, _PANDAS3 = "numpy==2.4.6", "pandas==2.3.3", "pandas==3.1.1"


class Peer(NamedTuple):
    """A framework: what is installed, and what of the workloads it can do. `W3:100` are 100 combinations."""

    package: str
    script: str
    needs: tuple[str, ...]
    workloads: tuple[str, ...]
    python: str = "3.11"


PEERS = {
    "backtesting.py": Peer(
        "backtesting==0.6.6", "of_backtesting.py", (_NUMPY, _PANDAS3), ("W1", "W3:100", "W4")
    ),
    "vectorbt": Peer(
        "vectorbt==1.2.0", "of_vectorbt.py", ("numba==0.68.1", _NUMPY, _PANDAS3),
        ("W1", "W2", "W3:1000", "W4"),
    ),
    "vectorbt[rust]": Peer(
        "vectorbt[rust]==1.2.0", "of_vectorbt.py", ("numba==0.68.1", _NUMPY, _PANDAS3),
        ("W1", "W2", "W3:1000", "W4"),
    ),
    "nautilus v2": Peer(
        "nautilus_trader==1.231.0", "of_nautilus.py", (_PANDAS2,), ("W1", "W2", "W4"), python="3.12"
    ),
    "basana": Peer("basana==1.11", "of_basana.py", (_NUMPY,), ("W1",)),
    "pybroker": Peer(
        "lib-pybroker==2.0.2", "of_pybroker.py", ("numba==0.68.1", _NUMPY, _PANDAS3), ("W1", "W2", "W4")
    ),
    "backtrader": Peer("backtrader==1.9.78.123", "of_backtrader.py", (_NUMPY, _PANDAS3), ("W1", "W2", "W4")),
    "zipline": Peer(
        "zipline-reloaded==3.2.1", "of_zipline.py", (_NUMPY, _PANDAS2, "exchange_calendars==4.13.2"),
        ("W1:99360", "W2"),
    ),
    "lumibot": Peer("lumibot==4.6.30", "of_lumibot.py", (), ("W1:10080",)),
    "bt": Peer("bt==1.4.1", "of_bt.py", (_NUMPY, _PANDAS3), ("W1", "W2")),
}  # fmt: skip


def run(names: Sequence[str], *, cache: Path | None, results: Path) -> int:
    """Make environments and data below `cache`, run the peers in turns, and write what they came to."""
    for name in names:
        if name not in PEERS:
            print(f"benchmarks: --peers {name}: choose from {', '.join(PEERS)}", file=sys.stderr)
            return 2
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "openbell-benchmarks"
    chosen = {name: PEERS[name] for name in names or PEERS}
    data = write_data(folder / "data")
    interpreters = {name: environment(folder, name, peer) for name, peer in chosen.items()}
    runs: dict[str, list[dict[str, Any]]] = {}
    for _ in range(TURNS):
        for name, peer in chosen.items():
            for workload in peer.workloads:
                label = f"{workload.partition(':')[0]} {name}"
                if runs.get(label) and runs[label][0].get("seconds", LONG) >= LONG:
                    continue
                print(label, flush=True)
                found = run_peer(interpreters[name], peer, workload, data)
                runs.setdefault(label, []).append(found)
    jobs = {label: _summary(label, found) for label, found in runs.items() if "error" not in found[0]}
    for label in runs.keys() - jobs.keys():
        print(f"{label} failed: {runs[label][0]['error']}", file=sys.stderr)
    about = machine()
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    kept = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {"jobs": {}}
    older = {name: {"date": kept["date"], **one} for name, one in kept["jobs"].items()}
    results.write_text(
        json.dumps(
            {
                "date": date,
                "machine": f"{about['processor']}, {about['cores']} cores",
                "jobs": dict(sorted((older | jobs).items())),
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    return 0 if len(jobs) == len(runs) else 1


def write_data(folder: Path) -> Path:
    """Write the workloads' bars and what each should come to, for processes that have numpy alone."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "W2.npz").exists():
        return folder
    for workload in RECIPES:
        np.savez(folder / f"{workload}.npz", **bars_of(workload)._asdict())
    market = market_of()
    np.savez(folder / "W2.npz", **market.bars._asdict(), month_end=market.month_end)
    for count in (100, 1_000):
        (folder / f"grid-{count}.json").write_text(json.dumps(grid_of(count)), encoding="utf-8")
    return folder


def environment(folder: Path, name: str, peer: Peer) -> Path:
    """Return a peer's interpreter, installed as pinned; by uv where there is one, else by pip."""
    place = folder / "environments" / name.replace("[", "-").replace("]", "")
    python, stamp = place / "bin" / "python", place / "installed.txt"
    wanted = [peer.package, *peer.needs]
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return python
    print(f"installing {' '.join(wanted)}", flush=True)
    uv = shutil.which("uv")
    if uv:
        subprocess.run([uv, "venv", "-q", "--clear", "--python", peer.python, str(place)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *wanted], check=True)
    else:
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True)
    stamp.write_text("\n".join(wanted))
    return python


def run_peer(python: Path, peer: Peer, workload: str, data: Path) -> dict[str, Any]:
    """Run one workload in a fresh process of a peer's; return what its script prints, or the error."""
    scratch = data.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    name, _, size = workload.partition(":")
    command = [str(python), "-W", "ignore", str(HERE / peer.script), name, str(data), size or "0"]
    variables = {
        **os.environ, "PYTHONPYCACHEPREFIX": str(data.parent / "bytecode"), "IS_BACKTESTING": "True",
        "NUMBA_CACHE_DIR": str(data.parent / "numba"),
    }  # fmt: skip
    variables.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=scratch, env=variables, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not lines:
        return {"error": (done.stderr.strip().splitlines() or ["no result"])[-1]}
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    return found


def _summary(label: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    last = runs[-1]
    seconds = statistics.median(run["seconds"] for run in runs if "error" not in run)
    return {
        "version": last["version"],
        "seconds": seconds,
        "rate": last["work"] / seconds,
        "trades": last["trades"],
        "equity": last["equity"],
        "peak_mb": last["peak_mb"],
        "agrees": agreement(label, last),
    }


def agreement(label: str, found: dict[str, Any]) -> str:
    """Return how a peer's trades and money compare with the limits', in words."""
    trades, equity = expected(label.partition(" ")[0], found)
    if found["trades"] is not None and found["trades"] != trades:
        return (
            f"{found['trades'] - trades:+,} of {trades:,} trades, equity {found['equity'] / equity - 1:+.3%}"
        )
    off = abs(found["equity"] - equity)
    if off < 0.01:
        return "to the cent"
    return f"equity {found['equity'] - equity:+,.2f} of {equity:,.2f}"


def expected(workload: str, found: dict[str, Any]) -> tuple[int, float]:
    """Return the entries (fills in W2) and the equity of the hand-written kernels on the peer's bars."""
    from benchmarks import limits_compiled as limit
    from benchmarks.data import FAST, INVEST, LOOKBACK, SLOW, TIE, TOP

    if workload == "W2":
        market = market_of()
        fills, equity, _ = limit.rotate(
            market.bars.open, market.bars.close, market.month_end, TOP, LOOKBACK, INVEST
        )
        return int(fills), float(equity)
    bars = bars_of(workload, found["bars"])
    if workload == "W3":
        fast, slow = (np.array(windows) for windows in grid_of(found["combinations"]))
        trades, money = np.zeros(fast.size * slow.size, np.int64), np.zeros(fast.size * slow.size)
        limit.sweep_marked(bars.open, bars.close, fast, slow, -TIE, trades, money)
        return int(trades.sum()), float(money.mean())
    prices = bars.open, bars.high, bars.low, bars.close
    if workload == "W4":
        entries, equity, *_ = limit.brackets(*prices, FAST, SLOW)
    else:
        entries, equity, *_ = limit.cross_marked(bars.open, bars.close, FAST, SLOW, -TIE)
    return int(entries), float(equity)
