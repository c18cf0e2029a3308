"""Between numpy and Arrow without a copy, and without pandas, which Arrow's own ways import for a second."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from openbell.data.bars import Floats, Times


def as_arrow(column: Times | Floats) -> Any:
    """Return an array of int64 or float64 as an Arrow array over the same memory."""
    kind = pa.int64() if column.dtype == np.int64 else pa.float64()
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(np.ascontiguousarray(column))])


def as_array(column: Any) -> Any:
    """Return an Arrow column of numbers as a numpy array, NaN where there is no value."""
    if column.null_count:
        column = pyarrow.compute.fill_null(column, math.nan)
    one = column.num_chunks == 1  # `combine_chunks` would copy it
    return np.from_dlpack(column.chunk(0) if one else column.combine_chunks())
