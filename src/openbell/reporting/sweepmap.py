"""The heat map of a sweep, as plain dictionaries that plotly draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.measures import Objective, read_objectives
from openbell.backtesting.sweep import Trials
from openbell.core.errors import ConfigError, nearest
from openbell.data.bars import Floats
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.html import charts
from openbell.reporting.sweeptable import find_plateau, is_numeric, name_of, pick, ranks, reach, scores

#: A drawn parameter with more values than this is shown in as many bins.
BINS = 30
#: An axis with more values than this is shown in as many groups: a screen has no more to tell apart.
MOST = 200
#: Fewer cells than this have a gap between them.
_FEW_CELLS = 400
#: With more cells than this a few extremes do not decide the colours.
_MANY_CELLS = 50
#: Stands out from blue and from yellow, on light and on dark.
_MARK = "#e5383b"


class Scale(NamedTuple):
    """An axis of the map: its labels in order, and the place of each combination on it."""

    name: str
    labels: list[str]
    places: NDArray[np.int64]
    share: float = 1.0  #: of a place that a value has


def choose(trials: Trials, x: str | None, y: str | None) -> tuple[str, str | None]:
    """Return the parameters of the two axes: those given, else those with the most values; y may be none.

    Raises:
        ConfigError: A name is no parameter of the sweep, or both are the same.
    """
    names = trials.combinations.names
    for given in (x, y):
        if given is not None and given not in names:
            raise ConfigError(f"heatmap: {given!r} was not swept{nearest(given, names)}")
    if x is not None and x == y:
        raise ConfigError(f"heatmap: x and y are both {x!r}; name two parameters")
    sizes = dict(zip(names, map(len, trials.combinations.values), strict=True))
    varied = sorted((name for name in names if sizes[name] > 1), key=lambda name: -sizes[name])
    free = [name for name in (*varied, *names) if name not in (x, y)]
    first = x if x is not None else free.pop(0)
    second = y if y is not None else next((name for name in free if name != first and sizes[name] > 1), None)
    if x is None and y is None and second is not None and names.index(second) < names.index(first):
        first, second = second, first  # as they were written
    return first, second


def draw(trials: Trials, x: str | None, y: str | None, measure: str, objective: Objective) -> charts.Figure:
    """Return the map of a measure over two parameters, or its line over one, with the peak and the plateau.

    Raises:
        ConfigError: A parameter or the measure is unknown.
    """
    (aim,) = read_objectives(measure, trials.measures)
    first, second = choose(trials, x, y)
    across = scale(trials, first)
    if second is None:
        return _line(trials, across, aim, objective)
    up = scale(trials, second)
    cells = means(trials, across, up, aim.name)
    filled = int((~np.isnan(cells)).sum())
    low, high = _limits(cells)
    trace = {
        "type": "heatmap", "x": across.labels, "y": up.labels, "z": _numbers(cells),
        "colorscale": "Cividis", "reversescale": aim.sign < 0, "zmin": low, "zmax": high,
        "xgap": 1 if filled < _FEW_CELLS else 0, "ygap": 1 if filled < _FEW_CELLS else 0,
        "hoverongaps": False, "showlegend": False,
        "hovertemplate": f"{escape(first)} %{{x}}<br>{escape(second)} %{{y}}<br>{name_of(aim.name)} "
                         f"%{{z:{format_of(aim.name)}}}<extra></extra>",
        "colorbar": {"title": {"text": name_of(aim.name), "side": "right"}, "tickformat": format_of(aim.name),
                     "thickness": 14, "outlinewidth": 0, "tickfont": {"color": "$muted"}},
    }  # fmt: skip
    marks, shapes = _marks(trials, across, up, objective)
    layout = _layout(across, up, shapes)
    return {"data": [trace, *marks], "layout": layout}


def others(trials: Trials, first: str, second: str | None) -> list[str]:
    """Return the varied parameters that a map does not show, over which it takes the mean."""
    names = zip(trials.combinations.names, trials.combinations.values, strict=True)
    return [name for name, tried in names if len(tried) > 1 and name not in (first, second)]


def scale(trials: Trials, name: str) -> Scale:
    """Return a parameter as an axis; many drawn numbers are divided into bins, many values into groups."""
    combinations = trials.combinations
    at = combinations.names.index(name)
    tried = combinations.values[at]
    if combinations.method == "grid" or len(tried) <= BINS or not is_numeric(tried):
        used, rows, places = np.unique(ranks(combinations, name), return_index=True, return_inverse=True)
        labels = [_label(tried[code]) for code in combinations.codes[rows, at].tolist()]
        if len(used) <= MOST:
            return Scale(name, labels, places)
        starts = -(-np.arange(MOST) * len(used) // MOST)  # the first value of each group
        return Scale(name, [labels[start] for start in starts], places * MOST // len(used), MOST / len(used))
    values = np.array(tried, np.float64)[combinations.codes[:, at]]
    edges = np.linspace(values.min(), values.max(), BINS + 1)
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    middles = (edges[1:] + edges[:-1]) / 2
    return Scale(name, [f"{middle:.4g}" for middle in middles], places)


def means(trials: Trials, across: Scale, up: Scale, measure: str) -> Floats:
    """Return (y, x) the mean of a measure over the combinations of each cell; NaN where there is none."""
    values = trials.values[:, trials.measures.index(measure)]
    known = ~np.isnan(values)
    shape = len(up.labels), len(across.labels)
    flat = (up.places * shape[1] + across.places)[known]
    sums = np.bincount(flat, values[known], shape[0] * shape[1])
    counts = np.bincount(flat, minlength=shape[0] * shape[1])
    with np.errstate(invalid="ignore"):
        cells: Floats = (sums / counts).reshape(shape)
    return cells


def dress(value: Any, colours: Mapping[str, str]) -> Any:
    """Put in the colours that `$` names stand for."""
    if isinstance(value, dict):
        return {name: dress(one, colours) for name, one in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [dress(one, colours) for one in value]
    return colours[value[1:]] if isinstance(value, str) and value[:1] == "$" else value


def format_of(measure: str) -> str:
    """Return how plotly is to write a measure."""
    unit = DESCRIPTIONS[measure].unit if measure in DESCRIPTIONS else "money"
    return {"percent": ".1%", "money": ",.0f", "count": ",.0f", "days": ",.0f"}.get(unit, ".2f")


def _label(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _limits(cells: Floats) -> tuple[float | None, float | None]:
    """Return the ends of the scale of colours; of many cells, the most extreme lie beyond them."""
    known = cells[~np.isnan(cells)]
    if len(known) < _MANY_CELLS:
        return None, None
    low, high = np.quantile(known, (0.02, 0.99)).tolist()
    return (low, high) if low < high else (None, None)


def _numbers(cells: Floats) -> list[list[float | None]]:
    rounded = [[float(f"{value:.6g}") for value in row] for row in cells.tolist()]
    return [[None if value != value else value for value in row] for row in rounded]  # noqa: PLR0124  # NaN


def _marks(
    trials: Trials, across: Scale, up: Scale, objective: Objective
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the peak's and the plateau's marks, and the frame around the plateau's neighbours."""
    if not np.isfinite(scores(trials, objective)).any():
        return [], []  # none has a figure, or none meets what is required
    best = pick(trials, (objective,))
    marks = [_mark("best", "x-thin", across, up, best.row)]
    if trials.combinations.method != "grid":
        return marks, []
    plateau = find_plateau(trials, objective)
    marks.append(_mark("plateau", "circle-open", across, up, plateau.row))
    frame: dict[str, Any] = {"type": "rect", "line": {"color": _MARK, "width": 2}}
    for axis, one in (("x", across), ("y", up)):
        place = int(one.places[plateau.row])
        tried = trials.combinations.values[trials.combinations.names.index(one.name)] if one.name else ()
        steps = round(one.share * reach(tried)) if is_numeric(tried) else 0
        frame[f"{axis}0"] = max(place - steps, 0) - 0.5
        frame[f"{axis}1"] = min(place + steps, len(one.labels) - 1) + 0.5
    return marks, [frame]


def _mark(name: str, symbol: str, across: Scale, up: Scale, row: int) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "name": name, "hoverinfo": "skip",
        "x": [across.labels[across.places[row]]], "y": [up.labels[up.places[row]]],
        "marker": {"symbol": symbol, "size": 11, "color": _MARK, "line": {"color": _MARK, "width": 3}},
    }  # fmt: skip


def _layout(across: Scale, up: Scale, shapes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    base = charts.base()
    sides = {
        key: {
            **charts.axis(title=escape(one.name)), "type": "category", "categoryorder": "array",
            "categoryarray": one.labels, "showgrid": False, "nticks": 16, "tickangle": 0,
        }
        for key, one in (("xaxis", across), ("yaxis", up))
    }  # fmt: skip
    return {**base, **sides, "hovermode": "closest", "shapes": list(shapes)}


def _line(trials: Trials, across: Scale, aim: Objective, objective: Objective) -> charts.Figure:
    """Return a measure over one parameter."""
    only = Scale("", [""], np.zeros(len(across.places), np.int64))
    values = means(trials, across, only, aim.name)[0]
    trace = charts.line(name_of(aim.name), _numbers(values[None, :])[0], "strategy", hover="%{y}")
    trace |= {
        "x": across.labels, "mode": "lines+markers", "showlegend": False,
        "hovertemplate": f"{escape(across.name)} %{{x}}: %{{y:{format_of(aim.name)}}}<extra></extra>",
    }  # fmt: skip
    marks = []
    for mark in _marks(trials, across, only, objective)[0]:
        at = across.labels.index(mark["x"][0])
        marks.append(mark | {"y": [_numbers(values[None, :])[0][at]]})
    layout = {
        **charts.base(), "hovermode": "closest",
        "xaxis": {**charts.axis(title=escape(across.name)), "type": "category", "nticks": 16,
                  "categoryorder": "array", "categoryarray": across.labels},
        "yaxis": charts.axis(title=name_of(aim.name), tickformat=format_of(aim.name)),
    }  # fmt: skip
    return {"data": [trace, *marks], "layout": layout}
