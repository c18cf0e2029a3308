"""What the peers' scripts share: the bars, the rules of the workloads, a clock and the line that is read."""

import json
import resource
import sys
import time
from pathlib import Path

FEE, CASH, SIZE = 0.001, 10_000_000.0, 100
FAST, SLOW, TIE = 10, 30, 5e-8
STOP, TARGET = 0.02, 0.04
TOP, LOOKBACK, INVEST = 50, 126, 0.98
MINUTES = {"W1": 1, "W3": 5, "W4": 15}


def load(workload, count=0):
    """Return a workload's columns as numpy arrays, or the first `count` bars of them."""
    import numpy as np

    with np.load(Path(sys.argv[2]) / f"{workload}.npz") as kept:
        columns = {name: kept[name] for name in kept.files}
    return {name: column[:count] if count else column for name, column in columns.items()}


def frame(columns, names=("open", "high", "low", "close", "volume"), *, capital=False):
    """Return columns as a DataFrame by opening time."""
    import pandas as pd

    times = pd.DatetimeIndex(columns["start"].astype("datetime64[ns]"), name="date")
    return pd.DataFrame(
        {name.capitalize() if capital else name: columns[name] for name in names}, index=times
    )


def grid(count):
    """Return the fast and the slow windows of a sweep."""
    return json.loads((Path(sys.argv[2]) / f"grid-{count}.json").read_text(encoding="utf-8"))


def timed(run):
    """Return seconds and what a function returns."""
    begun = time.perf_counter()
    found = run()
    return time.perf_counter() - begun, found


def peak_mb():
    """Return this process's highest memory; what it was before it became this program does not count."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def result(version, seconds, *, bars, trades, equity, combinations=0, symbols=1):
    """Print the line that is read."""
    found = {
        "version": str(version),
        "seconds": seconds,
        "bars": bars,
        "combinations": combinations,
        "work": bars * max(combinations, 1) * symbols,
        "trades": None if trades is None else int(trades),
        "equity": float(equity),
        "peak_mb": peak_mb(),
    }
    print("RESULT " + json.dumps(found), flush=True)


def main(workloads):
    """Run the workload that the command line names: its name, the data's folder, and how many."""
    workloads[sys.argv[1]](int(sys.argv[3]))
