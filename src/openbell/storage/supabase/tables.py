"""The tables that follow from a journal: their columns, and the statement that writes many rows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One table.

    Args:
        name: Its name.
        keys: The columns that name a row, beside `journal`, each with its type.
        columns: The others that are written, each with its type.
        final: Whether a row never changes once it is there.
    """

    name: str
    keys: Mapping[str, str]
    columns: Mapping[str, str]
    final: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of a row, in order."""
        return (*self.keys, *self.columns)

    @property
    def statement(self) -> str:
        """The statement that writes rows; a row that is there is brought up to date.

        Its parameters are the journal, the owner, and an array of each column. One array a column costs one
        trip to the server however many rows there are, and nothing of the session.
        """
        types = {**self.keys, **self.columns}
        arrays = ", ".join(f"%s::{kind}[]" for kind in types.values())
        names = ", ".join(self.names)
        given = f"select %s::uuid, %s::uuid, {names} from unnest({arrays}) given ({names})"  # noqa: S608  # all ours
        changes = ", ".join(f"{name} = excluded.{name}" for name in self.columns)
        clash = "nothing" if self.final else f"update set {changes}"
        return (
            f"insert into public.{self.name} (journal, owner, {names}) {given} "
            f"on conflict (journal, {', '.join(self.keys)}) do {clash}"
        )


def arrays_of(table: Table, rows: Iterable[Row]) -> list[str]:
    """Return a table's rows as one array a column, each in the words in which Postgres reads an array.

    A float goes as its shortest decimal, which NUMERIC keeps digit by digit. What text in Postgres cannot
    hold is replaced; the event's own body keeps it, escaped.
    """
    kinds = (*table.keys.values(), *table.columns.values())
    columns = zip(*rows, strict=True)
    return [_array(column, _WORDS[kind]) for kind, column in zip(kinds, columns, strict=True)]


def _array(values: Iterable[Any], word: Callable[[Any], str]) -> str:
    return "{" + ",".join(["NULL" if value is None else word(value) for value in values]) + "}"


def _text(value: str) -> str:
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()  # half of a pair is no text
    return _quoted(value.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in value else value)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bytes(value: bytes) -> str:
    return f'"\\\\x{value.hex()}"'


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "bigint": str, "smallint": str, "boolean": str, "numeric": repr, "text": _text, "json": _quoted,
    "bytea": _bytes,
}  # fmt: skip

EVENTS = Table(
    "events",
    {"seq": "bigint"},
    {
        "time": "bigint", "wall": "bigint", "kind": "text", "strategy": "text", "subject": "text",
        "trace": "text", "body": "json", "digest": "bytea",
    },
    final=True,
)  # fmt: skip
RUNS = Table(
    "runs",
    {"run": "bigint"},
    {"state": "text", "about": "json", "began": "bigint", "time": "bigint"},
)
STRATEGIES = Table(
    "strategies",
    {"run": "bigint", "strategy": "text"},
    {"origin": "text", "parameters": "json", "initial_cash": "numeric", "cash": "numeric", "failed": "text"},
)
ORDERS = Table(
    "orders",
    {"run": "bigint", "strategy": "text", "id": "bigint"},
    {
        "symbol": "text", "side": "smallint", "type": "text", "tif": "text", "quantity": "numeric",
        "limit_price": "numeric", "stop_price": "numeric", "trail": "numeric", "trail_percent": "boolean",
        "parent": "bigint", "oco": "bigint", "tag": "text", "status": "text", "reason": "text",
        "open": "boolean", "filled": "numeric", "average": "numeric", "fees": "numeric",
        "decided": "bigint", "seq": "bigint",
    },
)  # fmt: skip
FILLS = Table(
    "fills",
    {"seq": "bigint"},
    {
        "run": "bigint", "strategy": "text", "order_id": "bigint", "symbol": "text", "side": "smallint",
        "quantity": "numeric", "price": "numeric", "fee": "numeric", "slippage": "numeric", "time": "bigint",
    },
    final=True,
)  # fmt: skip
POSITIONS = Table(
    "positions",
    {"run": "bigint", "strategy": "text", "symbol": "text"},
    {
        "quantity": "numeric", "average": "numeric", "realised": "numeric", "fees": "numeric",
        "dividends": "numeric", "borrow": "numeric", "seq": "bigint",
    },
)  # fmt: skip
EQUITY = Table(
    "equity",
    {"run": "bigint", "strategy": "text", "time": "bigint"},
    {"equity": "numeric", "cash": "numeric", "gross": "numeric"},
)
SNAPSHOTS = Table(
    "account_snapshots",
    {"seq": "bigint"},
    {
        "run": "bigint", "occasion": "text", "equity": "numeric", "cash": "numeric", "gross": "numeric",
        "time": "bigint",
    },
    final=True,
)  # fmt: skip
ALERTS = Table(
    "alerts",
    {"seq": "bigint"},
    {
        "run": "bigint", "level": "text", "kind": "text", "strategy": "text", "said": "text",
        "time": "bigint",
    },
    final=True,
)  # fmt: skip

#: Those that a projection may fill, in the order in which they are written.
DERIVED = (RUNS, STRATEGIES, ORDERS, FILLS, POSITIONS, EQUITY, SNAPSHOTS, ALERTS)
#: All tables of the copy.
ALL = ("journals", EVENTS.name, *(table.name for table in DERIVED))
#: Those in the publication that Supabase Realtime sends from.
WATCHED = tuple(table.name for table in DERIVED)
