"""Indicators over whole arrays: what a replay and a sweep compute once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData, ConfigError, Translation
from openbell.utils.remembered import Remembered

if TYPE_CHECKING:
    from types import ModuleType

    from openbell.indicators.spec import Indicator, Value

Array = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]

#: Whether the values of an array have a sum: many indicators ask this of one column.
_sums: Remembered[bool] = Remembered()

TOLERANCE = 1e-9  #: of `leak`: sums and Fourier transforms may differ in their last bits


def compute(indicator: Indicator, columns: Columns) -> dict[str, Array]:
    """Compute an indicator over whole columns.

    A bar on which an input of a TA-Lib function is NaN or infinite is left out: the function does
    not see it, and the value there is NaN. (TA-Lib leaves the result undefined otherwise.) Raw
    columns and the user's functions are handed through as they are. `indicator.timeframe` is not
    read here: the columns are expected to be of that timeframe.

    Args:
        indicator: the recipe.
        columns: name to a one-dimensional array, all of one length.

    Returns:
        Output name (`indicator.outputs`) to a new float64 array of the columns' length, moved by
        `indicator.shift`; NaN before the first value. Whole numbers of TA-Lib become float64.

    Raises:
        ConfigError: a column is missing, TA-Lib refuses the parameters, or the user's function
            raised or returned something else than one array of the same length.
        BadData: a column is not a one-dimensional array of numbers, or the lengths differ.
    """
    arrays = input_arrays(indicator, columns)
    if indicator.is_talib:
        results = _apply_talib(indicator, arrays)
    elif indicator.function is not None:
        results = (_apply_function(indicator, indicator.function, arrays),)
    else:
        results = (arrays[0].copy(),)
    named = zip(indicator.all_outputs, results, strict=True)
    return {name: _shifted(array, indicator.shift) for name, array in named if indicator.output in ("", name)}


def lookback(indicator: Indicator) -> int:
    """Return the first index at which the indicator can have a value, `shift` included.

    It is exact for TA-Lib's functions. What a user's function needs is not known: its own part is 0.

    Raises:
        ConfigError: TA-Lib refuses the parameters.
    """
    if not indicator.is_talib:
        return indicator.shift
    bars = _talib_lookback(indicator.name, indicator.parameters)
    if bars < 0:  # refused; the call says so in TA-Lib's words
        call_talib(indicator, [np.ones(1)] * len(indicator.inputs))
    return bars + indicator.shift


def leak(indicator: Indicator, columns: Columns, *, cuts: Sequence[int]) -> int | None:
    """Find a value that changes when later data are taken away: proof of look-ahead.

    The indicator is computed over all bars and again over the first `cut` bars, for each cut. What
    was known then must be the same in both, NaN where NaN, numbers to within 1e-9 of themselves or
    of the output's median size.

    Args:
        indicator: the recipe.
        columns: as for `compute`.
        cuts: how many bars to keep, each from 1 to the number of bars.

    Returns:
        The first index whose value depends on later bars; None if no cut shows one.

    Raises:
        ConfigError: a cut is out of range, or what `compute` raises.
    """
    whole = compute(indicator, columns)
    bars = len(next(iter(whole.values())))
    found: int | None = None
    for cut in cuts:
        if not 1 <= cut <= bars:
            raise ConfigError(f"leak: cut {cut} must be from 1 to {bars}, the number of bars")
        known = compute(indicator, {name: array[:cut] for name, array in columns.items()})
        for name, array in known.items():
            index = _first_difference(array, whole[name])
            if index is not None:
                found = index if found is None else min(found, index)
    return found


def input_arrays(indicator: Indicator, columns: Columns) -> list[Array]:
    """Return the indicator's columns as contiguous float64 arrays of one length; errors as `compute`."""
    arrays: list[Array] = []
    for name in indicator.inputs:
        if name not in columns:
            known = ", ".join(columns) or "none"
            raise ConfigError(f"{indicator.describe()}: there is no column {name!r}; available: {known}")
        try:
            array = np.ascontiguousarray(columns[name], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise BadData(
                f"{indicator.describe()}: column {name!r} is not an array of numbers: {error}"
            ) from error
        if array.ndim != 1 or array.size != (arrays[0].size if arrays else array.size):
            shapes = ", ".join(f"{column} {np.shape(columns[column])}" for column in indicator.inputs)
            raise BadData(
                f"{indicator.describe()}: columns must have one dimension and one length; got {shapes}"
            )
        arrays.append(array)
    return arrays


def call_talib(indicator: Indicator, arrays: Sequence[Array]) -> tuple[NDArray[Any], ...]:
    """Call TA-Lib's function on arrays of finite float64 and return its outputs as a tuple.

    Raises:
        ConfigError: TA-Lib refuses the parameters; its own error is the cause.
    """
    function = getattr(load_talib(), indicator.name)

    def refused(error: BaseException, _: object) -> ConfigError | None:
        if type(error) is not Exception:  # TA-Lib raises the bare class for a refused parameter
            return None
        return ConfigError(f"{indicator.describe()}: TA-Lib refuses these parameters ({error})")

    with Translation(refused):
        result = function(*arrays, *(value for _, value in indicator.parameters))
    return result if isinstance(result, tuple) else (result,)


@lru_cache(maxsize=1)
def load_talib() -> ModuleType:
    """Import TA-Lib on first use: with pandas installed the import takes more than a second."""
    import talib
    import talib.abstract
    import talib.stream

    module: ModuleType = talib
    return module


def finite_rows(arrays: Sequence[Array]) -> NDArray[np.bool_] | None:
    """Return which bars are finite in every array; None if all are."""
    if all(_sums.answer(array, _is_sum_finite) for array in arrays):  # without making a mask
        return None
    finite = [np.isfinite(array) for array in arrays]
    if all(np.count_nonzero(mask) == mask.size for mask in finite):
        return None
    rows: NDArray[np.bool_] = np.logical_and.reduce(finite)
    return rows


def _is_sum_finite(array: Array) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(np.add.reduce(array))


def _apply_talib(indicator: Indicator, arrays: list[Array]) -> tuple[Array, ...]:
    rows = finite_rows(arrays)
    dense = arrays if rows is None else [array[rows] for array in arrays]
    start = _talib_lookback(indicator.name, indicator.parameters)
    if dense[0].size <= start:
        return tuple(np.full(arrays[0].size, np.nan) for _ in indicator.all_outputs)
    results = tuple(_warmed(result, start) for result in call_talib(indicator, dense))
    return results if rows is None else tuple(_scattered(result, rows) for result in results)


def _warmed(result: NDArray[Any], start: int) -> Array:
    """Return float64 with NaN before `start`: integer outputs have 0 there, which is no value."""
    array: Array = result.astype(np.float64, copy=False)
    array[:start] = np.nan
    return array


def _scattered(dense: Array, rows: NDArray[np.bool_]) -> Array:
    array = np.full(rows.size, np.nan)
    array[rows] = dense
    return array


def _apply_function(indicator: Indicator, function: Callable[..., Any], arrays: list[Array]) -> Array:
    """Call the user's function on copies, for it may write into them, and check what it returns."""
    bars = arrays[0].size
    if not bars:
        return np.empty(0)

    def raised(error: BaseException, _: object) -> ConfigError:
        return ConfigError(
            f"{indicator.describe()}: the function raised {type(error).__name__} on {bars} bar(s): {error};"
            " it must take any number of bars and give NaN where it has too few"
        )

    with Translation(raised):
        result = function(*(array.copy() for array in arrays), **dict(indicator.parameters))
    wanted = f"{indicator.describe()}: the function must return one array of {bars} numbers, one a bar"
    if not hasattr(result, "__array__"):
        raise ConfigError(f"{wanted}; it returned a {type(result).__name__}")
    array = np.asarray(result)
    if array.shape != (bars,) or array.dtype.kind not in "fiub":
        raise ConfigError(f"{wanted}; it returned shape {array.shape} of {array.dtype}")
    return array.astype(np.float64)


def _shifted(array: Array, bars: int) -> Array:
    if not bars:
        return array
    moved = np.full(array.size, np.nan)
    moved[bars:] = array[:-bars]
    return moved


def _first_difference(known: Array, whole: Array) -> int | None:
    later = whole[: known.size]
    finite = np.abs(whole[np.isfinite(whole)])
    size = np.maximum(np.maximum(np.abs(known), np.abs(later)), np.median(finite) if finite.size else 0.0)
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN: `same` settles that case
        differs = ~(np.abs(known - later) <= TOLERANCE * size)
    same = (known == later) | (np.isnan(known) & np.isnan(later))
    indexes = np.flatnonzero(differs & ~same)
    return int(indexes[0]) if indexes.size else None


@lru_cache(maxsize=4096)
def _talib_lookback(name: str, parameters: tuple[tuple[str, Value], ...]) -> int:
    bars: int = load_talib().abstract.Function(name, **dict(parameters)).lookback
    return bars
