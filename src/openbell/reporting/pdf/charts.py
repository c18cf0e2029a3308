"""The charts of a print, as SVG whose bytes are the same whenever and wherever they are drawn."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from openbell.core.errors import ConfigError
from openbell.data.bars import Floats, Times
from openbell.portfolio.drawdown import drawdowns
from openbell.reporting.html.palette import LIGHT
from openbell.reporting.html.points import Indices, thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Points of a curve: more cannot be told apart on paper.
POINTS = 1_500
#: Inches: the width of the text.
WIDTH = 6.85
MISSING = 'a PDF needs the packages typst and matplotlib: pip install "openbell[pdf]"'
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "openbell", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 7,
    "axes.edgecolor": LIGHT["line"], "axes.labelcolor": LIGHT["muted"], "axes.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": LIGHT["grid"], "grid.linewidth": 0.6, "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["muted"], "legend.frameon": False, "lines.linewidth": 1.0,
    "figure.constrained_layout.use": True, "axes.unicode_minus": True, "axes.formatter.useoffset": False,
    "date.converter": "concise", "timezone": "UTC",
}  # fmt: skip


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style, whatever settings of matplotlib's the user has.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # slow to load
    except ModuleNotFoundError as error:
        raise ConfigError(MISSING) from error
    settings: dict[Any, Any] = {**mpl.rcParamsDefault, **_STYLE, "backend": "svg"}
    with mpl.rc_context(settings):
        yield


def draw(height: float, paint: Callable[[Figure], None]) -> bytes:
    """Return a figure as SVG; its width is the text's, its height in inches."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Sheet

    figure = Sheet(figsize=(WIDTH, height))
    FigureCanvasSVG(figure)
    paint(figure)
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return out.getvalue()


def growth(times: Times, curves: Mapping[str, tuple[Floats, str]], *, log: bool = False) -> bytes:
    """Return curves of money, and below them how far each is under its peak.

    Args:
        times: (n,) ns UTC.
        curves: By name the values (n,) and the colour; the last is drawn on top.
        log: Whether the axis of money is logarithmic.
    """
    at: Indices = thin([values for values, _ in curves.values()], POINTS)
    days = times[at].astype("datetime64[ns]")

    def paint(figure: Figure) -> None:
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.3, 1))
        for name, (values, colour) in curves.items():
            top.plot(days, values[at], color=colour, label=name)
            fall = drawdowns(values)[at]
            below.plot(days, fall, color=colour, linewidth=0.8)
        last = drawdowns(values)[at]
        below.fill_between(days, last, 0.0, color=colour, alpha=0.12, linewidth=0)
        if log:
            top.set_yscale("log")
        _money(top)
        _percent(below)
        top.set_ylabel("value")
        below.set_ylabel("below peak")
        _name(top, reverse=True)
        top.margins(x=0.01)

    return draw(3.6, paint)


def panels(times: Times, rows: Sequence[tuple[str, Floats, str]], *, share: bool = False) -> bytes:
    """Return curves below each other, each with its name on its axis; NaN is a gap."""
    at: Indices = thin([values for _, values, _ in rows], POINTS)
    days = times[at].astype("datetime64[ns]")

    def paint(figure: Figure) -> None:
        axes = np.atleast_1d(figure.subplots(len(rows), 1, sharex=True))
        for axis, (name, values, colour) in zip(axes, rows, strict=True):
            axis.plot(days, values[at], color=colour)
            axis.axhline(0.0, color=LIGHT["muted"], linewidth=0.6)
            axis.set_ylabel(name)
            axis.margins(x=0.01)
            if share:
                axis.fill_between(days, values[at], 0.0, color=colour, alpha=0.2, linewidth=0)
                _percent(axis)

    return draw(0.6 + 1.05 * len(rows), paint)


def histogram(own: Floats, other: Floats, names: tuple[str, str]) -> bytes:
    """Return how often sessions brought which return, the benchmark's as a line."""
    both = np.concatenate([own, other])
    reach = float(np.quantile(np.abs(both), 0.995)) or float(np.abs(both).max())
    edges: list[float] = np.linspace(-reach, reach, 62).tolist()

    def paint(figure: Figure) -> None:
        axis = figure.subplots()
        kept = [np.clip(values, -reach, reach) for values in (own, other)]
        weights = [np.full(len(values), 1.0 / max(len(values), 1)) for values in kept]
        axis.hist(kept[0], edges, weights=weights[0], color=LIGHT["strategy"], alpha=0.55, label=names[0])
        axis.hist(
            kept[1], edges, weights=weights[1], histtype="step", color=LIGHT["benchmark"], label=names[1]
        )
        _percent(axis, along="x")
        _percent(axis)
        axis.set_xlabel("return of a session")
        axis.set_ylabel("of sessions")
        _name(axis)

    return draw(2.2, paint)


def bars(groups: Sequence[tuple[str, Sequence[str], Sequence[float]]]) -> bytes:
    """Return bars of money side by side: of each group its title, the labels and the values."""

    def paint(figure: Figure) -> None:
        widths = [max(len(labels), 3) for _, labels, _ in groups]
        axes = np.atleast_1d(figure.subplots(1, len(groups), width_ratios=widths))
        for axis, (title, labels, values) in zip(axes, groups, strict=True):
            colours = [LIGHT["gain" if value >= 0 else "loss"] for value in values]
            axis.bar(range(len(labels)), values, color=colours, width=0.7)
            axis.set_xticks(range(len(labels)), labels)
            axis.axhline(0.0, color=LIGHT["muted"], linewidth=0.6)
            axis.grid(visible=False, axis="x")
            axis.set_title(title, fontsize=7.5, loc="left", color=LIGHT["ink"])
            axis.set_xlim(-1.0, max(len(labels), 3))
            _money(axis)

    return draw(1.9, paint)


def moves(worst: Floats, best: Floats, won: Floats) -> bytes:
    """Return each trade's worst and best move, gains and losses apart by mark and colour."""

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        flat = len(won) > POINTS  # so many marks are a picture, not lines of a drawing
        for axis, values, name in ((left, worst, "worst move"), (right, best, "best move")):
            for gain, mark, colour in ((True, "o", "gain"), (False, "x", "loss")):
                chosen = (won > 0) == gain
                axis.scatter(
                    values[chosen], won[chosen], s=9, marker=mark, linewidths=0.7, color=LIGHT[colour],
                    alpha=0.8, rasterized=flat, label="gain" if gain else "loss",
                )  # fmt: skip
            axis.axhline(0.0, color=LIGHT["muted"], linewidth=0.6)
            axis.set_xlabel(f"{name} of the price")
            _percent(axis, along="x")
            _percent(axis)
        left.set_ylabel("return of the trade")
        _name(right)

    return draw(2.2, paint)


def _name(axis: Axes, *, reverse: bool = False) -> None:
    """Say above the axes which mark is what: inside them it would cover some."""
    axis.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, reverse=reverse, borderaxespad=0.2, borderpad=0
    )


def _money(axis: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    def text(value: float, _at: object) -> str:
        size = abs(value)
        for unit, mark in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
            if size >= unit:
                return f"{value / unit:,.4g}{mark}".replace("-", "−")
        return f"{value:,.4g}".replace("-", "−")

    axis.yaxis.set_major_formatter(FuncFormatter(text))
    if axis.get_yscale() == "log":
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_minor_formatter(FuncFormatter(lambda _value, _at: ""))


def _percent(axis: Axes, *, along: str = "y") -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    chosen = axis.xaxis if along == "x" else axis.yaxis
    chosen.set_major_locator(MaxNLocator(6))
    chosen.set_major_formatter(FuncFormatter(lambda value, _at: f"{100 * value:.4g}%".replace("-", "−")))
