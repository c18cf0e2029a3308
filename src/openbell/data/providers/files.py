"""Price files of either format: which one a path has, and how a series is written as one."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND
from openbell.data.arrow import as_arrow
from openbell.data.bars import COLUMNS, CalendarUnit, Series, parse_timeframe
from openbell.data.calendar import sessions
from openbell.data.providers.csv import CsvProvider
from openbell.data.providers.folder import FolderProvider, readable
from openbell.data.providers.parquet import METADATA, ParquetProvider
from openbell.utils.files import write_whole

#: The provider of each kind of files, by the name that `--provider` takes.
KINDS: Mapping[str, type[FolderProvider]] = {"csv": CsvProvider, "parquet": ParquetProvider}


def kind_of(path: Path) -> str:
    """Return the kind of a file or a folder of files: `parquet` if there are such and none of CSV."""
    if path.is_dir():
        with readable(path):
            suffixes = {file.suffix.lower() for file in path.iterdir()}
        return "parquet" if ".parquet" in suffixes and ".csv" not in suffixes else "csv"
    return "parquet" if path.suffix.lower() == ".parquet" else "csv"


def open_files(path: str | Path, **reading: Any) -> FolderProvider:
    """Return the provider of a file or a folder; what it takes is what `CsvProvider` takes.

    Raises:
        ConfigError: There is no such file or folder, or an argument is wrong.
    """
    return KINDS[kind_of(Path(path))](path, **reading)


def list_symbols(path: Path) -> list[str]:
    """Return the symbols that have files in a folder, sorted; of a file its name.

    Raises:
        ConfigError: The folder has none.
    """
    if path.is_file():
        return [path.stem]
    form = KINDS[kind_of(path)].form
    with readable(path):
        found = sorted(file.stem for file in path.iterdir() if file.suffix.lower() == form.suffix)
    if not found:
        raise ConfigError(f"folder {str(path)!r} has no {form.title} file; give one with a file a symbol")
    return found


def write_file(series: Series, path: Path) -> Path:
    """Write a series as CSV or Parquet, whole or not at all; it reads back as it is.

    Daily, weekly and monthly bars have a `date`, finer ones a `timestamp` in UTC.

    Raises:
        ConfigError: The name ends in neither `.csv` nor `.parquet`, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in {f".{kind}" for kind in KINDS}:
        raise ConfigError(f"file {str(path)!r} must end in .csv or .parquet")
    names = (*COLUMNS, *sorted(series.extra))
    values = {
        name: as_arrow(series.extra[name] if name in series.extra else getattr(series, name))
        for name in names
    }
    table = pa.table({**_time_column(series), **values})
    sink = io.BytesIO()
    if suffix == ".csv":
        pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(quoting_style="none"))
    else:
        what = {"symbol": series.symbol, "timeframe": series.timeframe, **asdict(series.source)}
        pq.write_table(table.replace_schema_metadata({METADATA: json.dumps(what)}), sink)
    try:
        write_whole(path, sink.getvalue())
    except OSError as error:
        raise ConfigError(
            f"file {str(path)!r} cannot be written ({error.strerror}); check its folder and the room there"
        ) from error
    return path


def _time_column(series: Series) -> dict[str, Any]:
    if not isinstance(parse_timeframe(series.timeframe), CalendarUnit):
        whole = not np.any(series.start % NANOS_PER_SECOND)  # to the second, as people write them
        kind = pa.timestamp("s" if whole else "ns", "UTC")
        return {"timestamp": as_arrow(series.start // NANOS_PER_SECOND if whole else series.start).cast(kind)}
    if not len(series):
        return {"date": pa.array([], pa.date32())}
    known = sessions(series.source.calendar, int(series.start[0]), int(series.start[-1]) + NANOS_PER_DAY)
    rows = np.searchsorted(known.opens, series.start, side="right") - 1
    return {"date": as_arrow(known.dates[rows]).cast(pa.int32()).cast(pa.date32())}
