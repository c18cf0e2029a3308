"""An indicator's values in the units of a symbol's prices that hold now, and as each bar revealed them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from openbell.data.actions import factors
from openbell.data.bars import COLUMNS, Floats, Times, parse_timeframe
from openbell.data.calendar import Sessions
from openbell.data.resample import check_coarser, latest, resample
from openbell.data.traded import Traded, adjusted_of, column_of
from openbell.data.views import Outputs, Shown, SlowValues, Values, View
from openbell.indicators.batch import compute
from openbell.indicators.spec import Indicator


def new_view(part: Traded, recipe: Indicator, *, alone: bool) -> View:
    """Return an indicator's values of a symbol, none yet.

    Args:
        part: The symbol.
        recipe: The indicator.
        alone: Whether the symbol is the run's only one.
    """
    kind = SlowValues if _is_slower(part, recipe) else Shown if alone else Values
    values = {name: kind(part.track.cursor, part.series.symbol) for name in recipe.outputs}
    return next(iter(values.values())) if len(values) == 1 else Outputs(values, recipe.describe())


def fill(view: View, part: Traded, recipe: Indicator, sessions: Sessions) -> None:
    """Compute an indicator up to the end of the current unit, from prices adjusted to it."""
    if not _is_slower(part, recipe):
        end, unit = part.bounds[part.epoch + 1], part.bounds[part.epoch]
        columns = {n: adjusted_of(part, n, end, unit) for n in recipe.inputs}
        _spread(view, compute(recipe, columns))
        return
    finished = _fill_slower(view, part, recipe, sessions)
    for values in view.each() if isinstance(view, Outputs) else (view,):
        values.place(finished)  # type: ignore[union-attr]  # a slower recipe's views are SlowValues


def _fill_slower(view: View, part: Traded, recipe: Indicator, sessions: Sessions) -> Times:
    """Compute from bars of a higher timeframe; return which of them each traded bar finds finished."""
    end, unit = part.bounds[part.epoch + 1], part.bounds[part.epoch]
    base = part.series
    given = part.slower.get(recipe.timeframe)
    if given is not None:
        known, split, total = given.known, *factors(given.start, given.close, base.actions)
        at = max(int(np.searchsorted(given.start, base.start[unit], side="right")) - 1, 0)
        columns = {
            n: column_of(given, n) * ((split[at] / split) if n == "volume" else (total / total[at]))
            for n in recipe.inputs
        }
    else:
        check_coarser(recipe.timeframe, base.timeframe, symbol=base.symbol)
        adjusted = {n: adjusted_of(part, n, end, unit) for n in (*COLUMNS, *base.extra)}
        columns, known, _ = resample(
            adjusted, base.start[:end], timeframe=recipe.timeframe, sessions=sessions
        )
    _spread(view, compute(recipe, columns))
    return latest(known, base.known[:end])


def _is_slower(part: Traded, recipe: Indicator) -> bool:
    return bool(recipe.timeframe) and parse_timeframe(recipe.timeframe) != parse_timeframe(
        part.series.timeframe
    )


def _spread(view: View, outputs: Mapping[str, Floats]) -> None:
    if isinstance(view, Outputs):
        for name, values in zip(outputs, view.each(), strict=True):
            values.fill(outputs[name])
    else:
        view.fill(next(iter(outputs.values())))
