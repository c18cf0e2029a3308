"""The rows of a sweep: as columns, in the order of an objective, and where a plateau of good ones is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.checkpoint import ERROR
from openbell.backtesting.grid import Combinations
from openbell.backtesting.measures import Objective
from openbell.backtesting.sweep import Trials, describe
from openbell.core.errors import ConfigError
from openbell.data.bars import Floats
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.words import count, figure

#: What has no metric's description.
_EQUITY = "equity"
_DIGITS = 12  #: of means that were added in different orders
_ALL = slice(None)


class Pick(NamedTuple):
    """A combination that was picked out of many; how many is said with it, for the best of many is lucky."""

    row: int
    parameters: dict[str, Any]
    measures: dict[str, float]
    objective: str
    trials: int

    def __str__(self) -> str:
        value = shown(self.objective, self.measures[self.objective])
        tried = count(self.trials, "combination")
        return f"{describe(self.parameters)}: {name_of(self.objective)} {value}, the best of {tried} tried"


class Plateau(NamedTuple):
    """A combination whose neighbours are good too: the mean over them and itself is the best of the grid."""

    row: int
    parameters: dict[str, Any]
    objective: str
    mean: float  #: over the neighbours and itself
    value: float  #: its own
    neighbours: int
    trials: int

    def __str__(self) -> str:
        mean, value = (shown(self.objective, number) for number in (self.mean, self.value))
        return (
            f"{describe(self.parameters)}: {name_of(self.objective)} {mean} on average over it and "
            f"{count(self.neighbours, 'neighbour')}, {value} itself, "
            f"of {count(self.trials, 'combination')} tried"
        )


def name_of(measure: str) -> str:
    """Return a measure's name for a reader."""
    if measure in DESCRIPTIONS:
        return DESCRIPTIONS[measure].label
    return "Final equity" if measure == _EQUITY else measure


def shown(measure: str, value: float) -> str:
    """Return a measure as a reader expects it."""
    if measure == _EQUITY:
        return "–" if np.isnan(value) else f"{value:,.2f}"
    if measure not in DESCRIPTIONS:  # an objective of the user's own
        return "–" if np.isnan(value) else f"{value:.4g}"
    return figure(measure, value)


def columns(trials: Trials, rows: slice = _ALL) -> dict[str, NDArray[Any]]:
    """Return rows as columns: the parameters, the measures, and why a row has no figures.

    Measures are views of the figures.
    """
    figures = trials.values[rows]
    return {
        **parameters(trials, rows),
        **{name: figures[:, at] for at, name in enumerate(trials.measures)},
        ERROR: trials.errors.column(rows),
    }


def parameters(trials: Trials, rows: slice = _ALL) -> dict[str, NDArray[Any]]:
    """Return the parameters of rows as columns."""
    combinations = trials.combinations
    return {label(name, trials.measures): _typed(combinations, name, rows) for name in combinations.names}


def label(name: str, measures: Sequence[str]) -> str:
    """Return the name of a parameter's column; one that is called as a measure has `parameter` before it."""
    return f"parameter {name}" if name in (*measures, ERROR) else name


def _typed(combinations: Combinations, name: str, rows: slice) -> NDArray[Any]:
    """Return a parameter's values as numbers or flags where all are, else as text."""
    at = combinations.names.index(name)
    tried, codes = combinations.values[at], combinations.codes[rows, at]
    kinds = {type(value) for value in tried}
    if kinds <= {int} or kinds <= {int, float} or kinds <= {bool}:
        fits = all(isinstance(value, float) or abs(value) < 2**63 for value in tried)
        return np.array(tried if fits else [float(value) for value in tried])[codes]
    return np.array([value if isinstance(value, str) else repr(value) for value in tried], object)[codes]


def scores(trials: Trials, objective: Objective) -> Floats:
    """Return (combinations,) how good each is, more is better; minus infinity where it does not count.

    That is so where it has no figure, or does not meet what is required.
    """
    found = objective.score(trials.values[:, trials.measures.index(objective.name)])
    return found if trials.allowed is None else np.where(trials.allowed, found, -np.inf)


def order(trials: Trials, objectives: Sequence[Objective]) -> NDArray[np.int64]:
    """Return the rows from the best to the worst; a later objective decides between equals, then the row."""
    keys = [-scores(trials, objective) for objective in reversed(objectives)]
    return np.lexsort(keys)


def front(trials: Trials, objectives: Sequence[Objective]) -> NDArray[np.int64]:
    """Return the rows that no other beats in one objective without being beaten in another (Pareto)."""
    ranked = order(trials, objectives)
    table = np.stack([scores(trials, objective) for objective in objectives], axis=1)[ranked]
    known = np.isfinite(table).all(axis=1)
    kept: list[int] = []
    for at in np.flatnonzero(known).tolist():
        best = table[kept]
        beaten = (best >= table[at]).all(axis=1) & (best > table[at]).any(axis=1)
        if not beaten.any():
            kept.append(at)
    rows: NDArray[np.int64] = ranked[kept]
    return rows


def pick(trials: Trials, objectives: Sequence[Objective]) -> Pick:
    """Return the best combination.

    Raises:
        ConfigError: None has a figure.
    """
    row = int(order(trials, objectives)[0])
    name = objectives[0].name
    if not np.isfinite(scores(trials, objectives[0])[row]):
        known = int(np.isfinite(trials.values[:, trials.measures.index(name)]).sum())
        if trials.allowed is not None and known:
            raise ConfigError(
                f"none of the {count(known, 'combination')} that have a {name} meets what is required; "
                "loosen it, or try others"
            )
        raise ConfigError(
            f"no combination has a {name}: it is undefined for each, as it is without trades; "
            "look at the table, or choose another objective"
        )
    measures = dict(zip(trials.measures, trials.values[row].tolist(), strict=True))
    return Pick(row, trials.combinations[row], measures, name, len(trials.combinations))


def find_plateau(trials: Trials, objective: Objective) -> Plateau:
    """Return the combination of a grid with the best mean over its neighbours and itself.

    Neighbours differ by at most `reach` steps in each parameter that is a number, and in no other. A
    combination at an edge has fewer of them: it counts if it has at least half of what the fullest has.

    Raises:
        ConfigError: The combinations are no grid, or none has a figure.
    """
    combinations = trials.combinations
    if combinations.method != "grid":
        raise ConfigError(f"a {combinations.method} sample has no neighbours; plateau() needs method='grid'")
    best = pick(trials, (objective,))
    values = trials.values[:, trials.measures.index(objective.name)]
    places = tuple(ranks(combinations, name) for name in combinations.names)
    shape = tuple(len(tried) for tried in combinations.values)
    cells = np.full(shape, np.nan)
    cells[places] = values
    known = ~np.isnan(cells)
    sums, counts = np.where(known, cells, 0.0), known.astype(np.float64)
    for axis, tried in enumerate(combinations.values):
        if is_numeric(tried):
            steps = reach(tried)
            sums, counts = _with_neighbours(sums, axis, steps), _with_neighbours(counts, axis, steps)
    means, near = (sums / np.maximum(counts, 1.0))[places], counts[places]
    counted = scores(trials, objective) > -np.inf
    eligible = counted & (near >= near[counted].max() / 2)
    # On a small grid all have the same neighbours: then its own value decides.
    ranked = np.where(eligible, np.round(objective.sign * means, _DIGITS), -np.inf)
    row = int(np.lexsort((-scores(trials, objective), -ranked))[0])
    return Plateau(
        row,
        combinations[row],
        objective.name,
        float(means[row]),
        float(values[row]),
        int(near[row]) - 1,
        best.trials,
    )


def _with_neighbours(cells: Floats, axis: int, steps: int) -> Floats:
    """Add to each cell those up to some steps before and after it along an axis."""
    lines = np.moveaxis(cells, axis, 0)
    total = lines.copy()
    for step in range(1, min(steps, len(lines) - 1) + 1):
        total[step:] += lines[:-step]
        total[:-step] += lines[step:]
    return np.moveaxis(total, 0, axis)


def reach(tried: Sequence[Any]) -> int:
    """Return how many steps apart neighbours are at most: one, or a twentieth of a fine grid."""
    return max(len(tried) // 20, 1)


def is_numeric(tried: Sequence[Any]) -> bool:
    """Tell whether a parameter's values are numbers, which have neighbours."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in tried)


def ranks(combinations: Combinations, name: str) -> NDArray[np.int64]:
    """Return (combinations,) the place of a parameter's value among those tried, ascending for numbers."""
    at = combinations.names.index(name)
    tried = combinations.values[at]
    place = np.arange(len(tried))
    if is_numeric(tried):
        place[np.argsort(np.array(tried, np.float64), kind="stable")] = np.arange(len(tried))
    ranked: NDArray[np.int64] = place[combinations.codes[:, at]]
    return ranked
