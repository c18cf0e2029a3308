"""A run's tables as pandas objects. Nothing else in reports imports pandas: it takes seconds to load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from openbell.reporting.tables import Table

if TYPE_CHECKING:
    import pandas as pd

    from openbell.data.bars import Floats, Times

_TYPES = {"text": object, "number": np.float64, "count": np.int64, "flag": np.bool_}


def as_frame(table: Table) -> pd.DataFrame:
    """Return a table as a frame: times with the zone UTC, NaT and NaN for what is none."""
    import pandas as pd

    columns: dict[str, Any] = {}
    cells = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    for (name, kind), values in zip(table.columns.items(), cells, strict=True):
        if kind == "time":
            columns[name] = _moments(np.array([v or np.iinfo(np.int64).min for v in values], np.int64))
        else:
            columns[name] = np.array(values, _TYPES[kind])
    return pd.DataFrame(columns)


def as_series(times: Times, values: Floats, name: str) -> pd.Series[float]:
    """Return a curve as a series over times with the zone UTC."""
    import pandas as pd

    return pd.Series(values.copy(), index=_moments(times).rename("time"), name=name)


def _moments(times: Times) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC")  # NaT is the smallest integer
