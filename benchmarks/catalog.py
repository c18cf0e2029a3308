"""`python -m benchmarks.catalog`: the catalog's reads and writes beside a bare read of the same columns."""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import page
from benchmarks.data import make_bars
from benchmarks.measure import forget_highest, highest, machine, resident
from openbell.data.bars import Series, Source
from openbell.data.calendar import sessions
from openbell.data.catalog import Catalog, Key
from openbell.data.catalog.key import folder_of

RESULTS = Path(__file__).resolve().parent / "catalog.json"
MINUTES, SYMBOLS, DAYS = 1_000_000, 500, 2_520
TAPE = Source("benchmark", "walk")
ROUNDS = 15
WRITERS = 8  #: threads that append, as a fetch of many symbols has them
_COLUMNS = ("start", "known", "open", "high", "low", "close", "volume")
_MINUTE = 60_000_000_000
_FIRST = 1_262_304_000_000_000_000  #: 2010-01-01


class Goal(NamedTuple):
    """A figure to reach."""

    name: str
    what: str
    unit: str
    most: float


GOALS = (
    Goal("load", "1,000,000 minutes into the replay's columns ÷ bare `read_table` of them", "×", 2.0),
    Goal("load_parts", "the same after 10 appends of a day, in as many files more", "×", 2.0),
    Goal("many", "500 symbols × 2,520 days, seconds", "s", 1.5),
    Goal("append", "one more day of 500 symbols, by 8 threads, seconds", "s", 5.0),
    Goal("memory", "memory of the load, as a multiple of the arrays", "×", 2.5),
    Goal("memory_parts", "the same in 11 files", "×", 2.5),
)  # fmt: skip


def minutes(count: int = MINUTES) -> Series:
    """Return minute bars on real sessions."""
    known = sessions("XNYS", _FIRST, _FIRST + 14 * 366 * 86_400_000_000_000)
    starts = np.concatenate(
        [np.arange(a, b, _MINUTE) for a, b in zip(known.opens, known.closes, strict=True)]
    )
    return _series("MINUTES", "1m", starts[:count], starts[:count] + _MINUTE, seed=1)


def days(number: int, count: int = DAYS + 1) -> Series:
    """Return one symbol's daily bars."""
    known = sessions("XNYS", _FIRST, _FIRST + 14 * 366 * 86_400_000_000_000)
    return _series(f"S{number:04d}", "1d", known.opens[:count], known.closes[:count], seed=number)


def _series(symbol: str, timeframe: str, start: Any, known: Any, *, seed: int) -> Series:
    walk = make_bars(len(start), seed, 0.0005)
    return Series(
        symbol, timeframe, start, known, walk.open, walk.high, walk.low, walk.close, walk.volume, TAPE
    )  # fmt: skip


def prepare(root: Path, *, symbols: int, count: int) -> None:
    """Write what is read: minutes as one file and as eleven, a plain file of the same columns, and days."""
    whole = minutes(count)
    catalog = Catalog(root / "one")
    catalog.write(whole)
    (part,) = folder_of(catalog.root, _key(whole)).glob("*.parquet")
    pq.write_table(pq.read_table(part), root / "plain.parquet")
    split = Catalog(root / "parts")
    edges = [0, *range(count - 3_900, count + 1, 390)]
    for first, last in pairwise(edges):
        split.write(whole.between(int(whole.start[first]), int(whole.start[last - 1]) + 1))
    for number in range(symbols):
        day = days(number)
        Catalog(root / "days").write(day.between(None, int(day.start[-1])))


def _key(series: Series) -> Key:
    return Key(series.source, series.symbol, series.timeframe)


def load(root: Path, where: str) -> float:
    """Return the time of `Catalog.read` over that of a bare read, the median of rounds that take turns."""
    catalog, key = Catalog(root / where), Key(TAPE, "MINUTES", "1m")
    (plain,) = folder_of(root / "one", key).glob("*.parquet")  # the very file, with its encodings

    def bare() -> None:
        pq.read_table(plain, columns=list(_COLUMNS))

    ratios = []
    for _ in range(ROUNDS):
        gc.collect()
        ratios.append(_clock(lambda: catalog.read(key)) / _clock(bare))
    return statistics.median(ratios)


def times(root: Path) -> dict[str, float]:
    """Return the seconds behind the ratios."""
    catalog, key = Catalog(root / "one"), Key(TAPE, "MINUTES", "1m")
    (part,) = folder_of(catalog.root, key).glob("*.parquet")
    reads: dict[str, Callable[[], object]] = {
        "`Catalog.read`": lambda: catalog.read(key),
        "bare read of the catalog's file": lambda: pq.read_table(part, columns=list(_COLUMNS)),
        "bare read of a file of pyarrow's defaults": lambda: pq.read_table(root / "plain.parquet"),
    }
    return {name: min(_clock(read) for _ in range(ROUNDS)) for name, read in reads.items()}


def many(root: Path) -> float:
    """Return the seconds in which all symbols' days are read, found by name."""
    catalog = Catalog(root / "days")
    names = _names(catalog)

    def read() -> None:
        for name in names:
            catalog.read(catalog.find(name, "1d"))

    return statistics.median(_clock(read) for _ in range(3))


def _names(catalog: Catalog) -> list[str]:
    stored = catalog.keys()
    return [key.symbol for key in stored]


def append(root: Path) -> float:
    """Return the seconds in which every symbol gets one more day."""
    catalog = Catalog(root / "days")
    names = _names(catalog)
    fresh = [days(int(name[1:])) for name in names]
    last = [one.between(int(one.start[-1]), None) for one in fresh]

    def write() -> None:
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(catalog.write, last))

    return _clock(write)


def memory(root: Path, where: str) -> float:
    """Return the memory that a read takes at its highest, over that of the columns. In a fresh process."""
    stored = Catalog(root / "days")
    stored.read(stored.keys()[0])  # what is loaded and started once
    catalog, key = Catalog(root / where), Key(TAPE, "MINUTES", "1m")
    gc.collect()
    before = resident()
    forget_highest()
    series = catalog.read(key)
    size = sum(getattr(series, name).nbytes for name in _COLUMNS)
    taken = max(highest() - before, 0.0)  # of few bars it may be less than what was let go of meanwhile
    return taken * float(2**20) / float(size)


def _clock(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


TASKS: dict[str, Callable[[Path], Any]] = {
    "load": lambda root: load(root, "one"),
    "load_parts": lambda root: load(root, "parts"),
    "times": times,
    "many": many,
    "append": append,
    "memory": lambda root: memory(root, "one"),
    "memory_parts": lambda root: memory(root, "parts"),
}


def measure(root: Path) -> dict[str, Any]:
    """Run each task in a process of its own, one after the other."""
    found = {}
    for name in TASKS:
        words = [sys.executable, "-m", "benchmarks.catalog", "--task", name, "--root", str(root)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        found[name] = json.loads(done.stdout)
    return found


def section(results: dict[str, Any]) -> str:
    """Return the part of BENCHMARKS.md that these figures are."""
    found = results["figures"]
    rows = [
        [goal.what, f"**{page.number(found[goal.name])}** {goal.unit}", f"≤ {goal.most:g} {goal.unit}",
         "yes" if found[goal.name] <= goal.most else "**no**"]
        for goal in GOALS
    ]  # fmt: skip
    took = "; ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in found["times"].items())
    about = results["machine"]
    return (
        f"Measured {results['date']} on {about['processor']}, {about['cores']} cores, pyarrow "
        f"{results['pyarrow']}; load average {results['load']:.2f}.\n\n"
        f"{page.table(['', 'reached', 'goal', 'met'], rows)}\n\nThe best of {ROUNDS}: {took}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all, and put the table into BENCHMARKS.md; with `--quick` small sizes, and nothing is kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalog", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is kept")
    parser.add_argument("--task", choices=list(TASKS), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.task:
        print(json.dumps(TASKS[given.task](given.root)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        prepare(
            Path(folder), symbols=20 if given.quick else SYMBOLS, count=20_000 if given.quick else MINUTES
        )
        results = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": machine(), "pyarrow": pa.__version__,
            "load": os.getloadavg()[0], "figures": measure(Path(folder)),
        }  # fmt: skip
    text = section(results)
    print(text)
    if not given.quick:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        page.rewrite({"catalog": text})
    return 0


if __name__ == "__main__":
    sys.exit(main())
