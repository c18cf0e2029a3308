"""How time and memory grow with bars, with symbols and with combinations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.jobs import Size
from benchmarks.rounds import run_job

PLOTS = Path(__file__).resolve().parent / "plots"
ALLOWED = 1.2  #: how many times the cheapest point's time a unit the largest size may take


class Curve(NamedTuple):
    """One job over growing sizes."""

    title: str
    job: str
    axis: str
    sizes: dict[int, Size]


_BARS = {count: Size(bars=count) for count in (10**4, 10**5, 10**6, 10**7)}
_SYMBOLS = {count: Size(symbols=count) for count in (10, 50, 500, 5_000)}
_COMBINATIONS = {count: Size(bars=20_000, combinations=count) for count in (10, 10**2, 10**3, 10**4, 10**5)}
CURVES = (
    Curve("event engine, one symbol (W1)", "W1.event", "bars", _BARS),
    Curve("compiled, one symbol (W1)", "W1.figures", "bars", _BARS),
    Curve("event engine, 2,520 days (W2)", "W2.event", "symbols", _SYMBOLS),
    Curve("sweep, 20,000 bars (W3)", "W3.span", "combinations", _COMBINATIONS),
)

#: Samples of each point, runs in a sample at most, and seconds for a point.
_SAMPLES, _RUNS, _ENOUGH = 3, 100, 60.0

#: The largest sizes of a quick run.
_QUICK = {"bars": 10**5, "symbols": 50, "combinations": 10**3}


def run_growth(*, quick: bool = False) -> list[dict[str, Any]]:
    """Measure every curve; each point is a process of its own.

    A sample is as much work at each size, many runs of a small one for one of the largest: else the best
    of many short runs, between two slow moments of the machine, would be held against one long run with all
    of them in it.
    """
    found = []
    for curve in CURVES:
        points, largest = [], max(curve.sizes)
        for count, size in curve.sizes.items():
            if quick and count > _QUICK[curve.axis]:
                continue
            runs = 1 if quick else min(largest // count, _RUNS)
            run = run_job(curve.job, size, repeat=_SAMPLES * runs, enough=_ENOUGH)
            best = min(means(run["seconds"], runs))
            points.append(
                {
                    "count": count,
                    "nanos": best / run["work"] * 1e9,
                    "seconds": best,
                    "data_mb": run["data_mb"],
                    "peak_mb": run["peak_mb"],
                }
            )
        found.append({"title": curve.title, "axis": curve.axis, "points": points})
    return found


def means(seconds: Sequence[float], runs: int) -> list[float]:
    """Return the mean of so many runs after another, and of the next; of all where they are fewer."""
    runs = min(runs, len(seconds))
    return [statistics.fmean(seconds[at : at + runs]) for at in range(0, len(seconds) - runs + 1, runs)]


def spread(curve: dict[str, Any]) -> float:
    """Return the dearest point's time a unit over the cheapest one's."""
    nanos = [point["nanos"] for point in curve["points"]]
    return float(max(nanos) / min(nanos))


def rise(curve: dict[str, Any]) -> float:
    """Return how many times the cheapest point's time a unit the largest size takes: 1 where curves fall."""
    nanos = [point["nanos"] for point in curve["points"]]
    return float(nanos[-1] / min(nanos))


def plot(curves: list[dict[str, Any]], folder: Path = PLOTS) -> list[Path]:
    """Draw time and memory, an SVG each; nothing without curves, or where matplotlib is not installed."""
    if not curves:
        return []
    try:
        import matplotlib as mpl
    except ImportError:
        return []
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "openbell", "font.size": 9})
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, of, label in (
        ("growth-time", "nanos", "ns a bar (a symbol's, a combination's)"),
        ("growth-memory", "peak_mb", "MB above the data"),
    ):
        made.append(folder / f"{name}.svg")
        _draw(curves, of, label, made[-1])
    return made


def _draw(curves: list[dict[str, Any]], of: str, label: str, path: Path) -> None:
    from matplotlib import pyplot as plt
    from matplotlib.ticker import NullFormatter

    figure, axes = plt.subplots(1, len(curves), figsize=(3.1 * len(curves), 2.9), layout="constrained")
    for axis, curve in zip(axes, curves, strict=True):
        counts = [point["count"] for point in curve["points"]]
        values = [point[of] for point in curve["points"]]
        axis.plot(counts, values, marker="o", color="#1f5fa8", linewidth=1.4, markersize=4)
        axis.set_xscale("log")
        if of == "nanos":
            axis.axhspan(values[-1] / ALLOWED, values[-1] * ALLOWED, color="#1f5fa8", alpha=0.10)
            axis.set_ylim(0, max(values) * 1.25)
        else:
            axis.set_yscale("log")
            axis.set_ylim(10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values))))
            axis.yaxis.set_minor_formatter(NullFormatter())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_title(curve["title"], fontsize=9)
        axis.set_xlabel(curve["axis"])
        axis.grid(visible=True, color="#dddddd", linewidth=0.5)
    axes[0].set_ylabel(label)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
