"""Runs and sessions as files for other programs: CSV, Parquet, Excel and JSON of the same tables.

Numbers are the ledger's own, unrounded; times are UTC. What a column means is in `columns`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from openbell.core.account import EntryKind
from openbell.core.errors import ConfigError, nearest
from openbell.core.types import NANOS_PER_SECOND
from openbell.reporting import columns, tables
from openbell.reporting.place import attempt, beside
from openbell.reporting.portfolio import PARTS, part_rows, tax_lots
from openbell.reporting.result import Result
from openbell.reporting.statement import POSITIONS, stand
from openbell.reporting.tables import Kind, Table

#: Of `tables.json`; raised when a column changes its meaning or goes.
SCHEMA = 1
#: Rows that a sheet of Excel takes, its head among them.
EXCEL_ROWS = 1_048_576
#: Letters that a cell of Excel takes; a longer text ends with an ellipsis.
EXCEL_TEXT = 32_767

LEDGER: dict[str, Kind] = {
    "time": "time", "kind": "text", "symbol": "text", "quantity": "number", "price": "number",
    "fee": "number", "amount": "number", "cash": "number", "position": "number", "realised": "number",
    "ratio": "number",
}  # fmt: skip
EQUITY: dict[str, Kind] = {
    "time": "time", "equity": "number", "cash": "number", "gross": "number", "net": "number",
    "benchmark": "number",
}  # fmt: skip

Tables = Mapping[str, Table]


def tables_of(results: Sequence[Result], *, lots: str = "fifo") -> dict[str, Table]:
    """Return every table of some strategies' results, each with the strategy's name in front.

    Raises:
        ConfigError: The method of tax lots is unknown.
    """
    joined: dict[str, Table] = {}
    for result in results:
        for name, table in _tables(result, lots).items():
            named = table.of("strategy", result.found.name)
            rows = [*joined[name].rows, *named.rows] if name in joined else named.rows
            joined[name] = Table(named.columns, rows)
    return joined


def _tables(result: Result, lots: str) -> dict[str, Table]:
    outcome = result.outcome
    entries = [
        (
            e.time, e.kind.value, e.symbol, e.quantity, e.price, e.fee, e.amount, e.cash, e.position,
            e.realised, e.ratio,
        )
        for e in outcome.entries
    ]  # fmt: skip
    curves = (outcome.equity, outcome.cash, outcome.gross, outcome.net, result.benchmark_curve)
    moments = zip(outcome.times.tolist(), *(curve.tolist() for curve in curves), strict=True)
    return {
        "orders": tables.orders(outcome),
        "fills": tables.fills(outcome),
        "trades": result.trade_table,
        "lots": tax_lots(result, lots),
        "positions": Table(POSITIONS, stand(result).positions.rows),
        "attribution": Table(PARTS, part_rows(result)),
        "equity": Table(EQUITY, list(moments)),
        "ledger": Table(LEDGER, entries),
        "refusals": tables.refusals(outcome),
    }


def totals_of(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Return each strategy's sums, for who wants to check the files by: money, unrounded."""
    found = {}
    for result in results:
        fills = [e for e in result.outcome.entries if e.kind is EntryKind.FILL]
        found[result.found.name] = {
            "initial_cash": float(result.outcome.account.initial_cash),
            "final_cash": float(result.outcome.cash[-1]),
            "final_equity": result.final_equity,
            "fees": sum(e.fee for e in fills),
            "amounts": sum(e.amount for e in result.outcome.entries),
        }
    return found


def write_tables(
    results: Sequence[Result], folder: str | Path, form: str, *, lots: str = "fifo"
) -> list[Path]:
    """Write the tables into a folder in one of `FORMS`, each file whole or not at all; return the files.

    Raises:
        ConfigError: The form is unknown, its package is not installed, or the folder cannot be written.
    """
    if form not in FORMS:
        raise ConfigError(f"--format: {form!r} is unknown{nearest(form, FORMS)}")
    found, target = tables_of(results, lots=lots), Path(folder)
    return FORMS[form](found, target, totals_of(results))


Totals = Mapping[str, Mapping[str, float]]


def _csv(found: Tables, folder: Path, _totals: Totals) -> list[Path]:
    return [_place(folder / f"{name}.csv", partial(_text, text=table.csv())) for name, table in found.items()]


def _json(found: Tables, folder: Path, totals: Totals) -> list[Path]:
    document = {
        "schema": SCHEMA,
        "totals": totals,
        "columns": {
            name: {column: columns.describe(name, column) for column in table.columns}
            for name, table in found.items()
        },
        "tables": {name: table.records() for name, table in found.items()},
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return [_place(folder / "tables.json", partial(_text, text=text))]


def _parquet(found: Tables, folder: Path, _totals: Totals) -> list[Path]:
    import pyarrow as pa  # slow to load
    from pyarrow import parquet

    kinds: dict[Kind, Any] = {
        "time": pa.timestamp("ns", tz="UTC"), "text": pa.string(), "number": pa.float64(),
        "count": pa.int64(), "flag": pa.bool_(),
    }  # fmt: skip
    files = []
    for name, table in found.items():
        fields, arrays = [], []
        for at, (column, kind) in enumerate(table.columns.items()):
            values = [row[at] for row in table.rows]
            given = [value or None for value in values] if kind == "time" else values
            arrays.append(pa.array(given, kinds[kind]))
            said = columns.describe(name, column).encode()
            fields.append(pa.field(column, kinds[kind], metadata={b"description": said}))
        made = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
        files.append(_place(folder / f"{name}.parquet", partial(parquet.write_table, made)))
    return files


def _excel(found: Tables, folder: Path, _totals: Totals) -> list[Path]:
    for name, table in found.items():
        if len(table.rows) >= EXCEL_ROWS:
            raise ConfigError(
                f"--format xlsx: {name} has {len(table.rows):,} rows, and a sheet takes "
                f"{EXCEL_ROWS - 1:,}; take --format parquet"
            )
    return [_place(folder / "tables.xlsx", partial(_book, found=found))]


def _book(path: Path, found: Tables) -> None:
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        raise ConfigError('Excel files need the package XlsxWriter: pip install "openbell[excel]"') from error
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC)})  # the same bytes again
        head = book.add_format({"bold": True})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for name, table in found.items():
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for at, (column, kind) in enumerate(table.columns.items()):
                sheet.write_string(0, at, column, head)
                sheet.write_comment(0, at, columns.describe(name, column))
                sheet.set_column(at, at, 20 if kind == "time" else max(10, len(column) + 2))
                for line, row in enumerate(table.rows, start=1):
                    _cell(sheet, line, at, row[at], kind=kind, moment=moment)


def _cell(sheet: Any, line: int, at: int, value: Any, *, kind: Kind, moment: Any) -> None:
    if value is None or (kind == "time" and value == 0) or (kind == "number" and not math.isfinite(value)):
        return
    if kind == "time":
        seconds, rest = divmod(value, NANOS_PER_SECOND)
        when = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000, tzinfo=None)
        sheet.write_datetime(line, at, when, moment)
    elif kind == "text":
        sheet.write_string(line, at, value if len(value) <= EXCEL_TEXT else f"{value[: EXCEL_TEXT - 1]}…")
    elif kind == "flag":
        sheet.write_boolean(line, at, value)
    else:
        sheet.write_number(line, at, value)


FORMS: Mapping[str, Callable[[Tables, Path, Totals], list[Path]]] = {
    "csv": _csv, "parquet": _parquet, "xlsx": _excel, "json": _json,
}  # fmt: skip


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def _place(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file beside its place, and put it there when it is whole."""
    fresh = beside(path, "new")

    def put() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(fresh)
        fresh.replace(path)

    attempt(put, path, fresh)
    return path
