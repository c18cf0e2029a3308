"""What a search is after: objectives, of which some are the user's own functions, and what has to be met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from openbell.backtesting.constraint import Constraint, read_constraint
from openbell.backtesting.measures import Objective, default_objective, read_objectives
from openbell.backtesting.sweep import Trials
from openbell.core.errors import ConfigError, Translation
from openbell.core.inputs import real, shown
from openbell.data.bars import Floats
from openbell.strategies.faults import said

#: An objective as it is given: a measure's name, a function of all measures, or several of them.
Aim = str | Callable[[Mapping[str, float]], float]
#: What has to be met, as it is given.
Require = str | Callable[..., Any]
#: Rows of figures that are Python's numbers at a time.
_AT_A_TIME = 1_024


class Aims(NamedTuple):
    """What decides between combinations."""

    objectives: tuple[Objective, ...]
    require: Constraint | None = None

    def judge(self, trials: Trials) -> Trials:
        """Return trials with a column for each function, and a note of which meet what is required."""
        own = [one for one in self.objectives if one.function is not None]
        if not own and self.require is None:
            return trials
        count, require = len(trials.values), self.require
        columns = [
            np.fromiter((_asked(one, row) for row in _named(trials.measures, trials.values)), float, count)
            for one in own
        ]
        allowed = None
        if require is not None:
            rows = _named(trials.measures, trials.values)
            allowed = np.fromiter((require.holds(row) for row in rows), np.bool_, count)
        return replace(
            trials,
            measures=(*trials.measures, *(one.name for one in own)),
            values=np.column_stack([trials.values, *columns]) if own else trials.values,
            allowed=allowed,
        )

    def scores(self, measures: Sequence[str], values: Floats) -> list[tuple[float, ...]]:
        """Return how good each row of figures is in each objective; minus infinity where it counts not."""
        found = []
        for named in _named(measures, values):
            if self.require is not None and not self.require.holds(named):
                found.append((-np.inf,) * len(self.objectives))
                continue
            raw = [named[one.name] if one.function is None else _asked(one, named) for one in self.objectives]
            found.append(
                tuple(
                    -np.inf if np.isnan(v) else o.sign * v for o, v in zip(self.objectives, raw, strict=True)
                )
            )
        return found

    @property
    def text(self) -> str:
        """What has to be met, as it was given."""
        return "" if self.require is None else self.require.text


def read_aims(
    objective: Aim | Sequence[Aim] | None, require: Require | None, measures: Sequence[str]
) -> Aims:
    """Return what decides between combinations that have these measures.

    Raises:
        ConfigError: An objective or what is required names what is not measured.
    """
    objectives = read_objectives(default_objective(measures) if objective is None else objective, measures)
    if require is None:
        return Aims(objectives)
    known = dict.fromkeys(measures, 0.0)
    return Aims(objectives, read_constraint(require, known, option="require", kind="measure"))


def _named(measures: Sequence[str], values: Floats) -> Iterator[dict[str, float]]:
    """Yield each row of figures by name; there are never many of them."""
    for first in range(0, len(values), _AT_A_TIME):
        for row in values[first : first + _AT_A_TIME].tolist():
            yield dict(zip(measures, row, strict=True))


def _asked(objective: Objective, row: Mapping[str, float]) -> float:
    """Return what a function makes of a row's measures; NaN where the row has none.

    Raises:
        ConfigError: It raised, or returned no number.
    """
    if objective.function is None or all(np.isnan(value) for value in row.values()):
        return float("nan")
    with Translation(lambda error, _: _failed(objective.name, error)):
        answer = objective.function(dict(row))
    number = real(answer)
    if np.isnan(number) and not _is_nan(answer):
        raise ConfigError(f"objective: {objective.name}() returned {shown(answer)}; it must return a number")
    return number


def _is_nan(answer: object) -> bool:
    return answer != answer  # noqa: PLR0124  # which NaN alone is


def _failed(name: str, error: BaseException) -> ConfigError:
    return ConfigError(
        f"objective: {name}() raised {said(error)}; it takes a mapping of all measures by name"
    )
