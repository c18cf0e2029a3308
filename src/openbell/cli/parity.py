"""The command `parity`."""

from __future__ import annotations

from pathlib import Path

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.folders import state_folder
from openbell.core.errors import ConfigError
from openbell.core.market import as_datetime
from openbell.operation.parity import Parity, find_parity
from openbell.storage.journal import JOURNAL


def show_parity(run: str) -> Answer:
    """Compare a session with its backtest.

    Raises:
        ConfigError: There is no such session.
        BadData: Its journal is damaged.
    """
    found = find_parity(_find(run))
    code = Exit.FAILED if found.unexplained else Exit.FINE
    return Answer(_parts(found), _document(found), code)


def _find(run: str) -> Path:
    """Return the folder of a session: a path, or a name below the state folder."""
    below = state_folder(None)
    for path in (Path(run), below / run):
        if (path / JOURNAL).exists() or path.suffix == ".db":
            return path
    known = ", ".join(sorted(one.parent.name for one in below.glob(f"*/{JOURNAL}"))) or "none"
    raise ConfigError(f"session {run!r} is unknown: it has no {JOURNAL}; sessions in {below}: {known}")


def _parts(found: Parity) -> list[str | Table]:
    kind = "paper" if found.simulated else "live"
    head = (
        f"{kind} session {found.folder}: {found.moments} moments, {found.orders} orders, {found.fills} fills"
    )
    notes = [f"Not compared: {note}" for note in found.notes]
    if not found.differences:
        return [head, "No difference from the backtest.", *notes]
    columns = [
        Column("Strategy"), Column("Order", right=True), Column("Decided"), Column("Word"), Column("What"),
        Column("Because of"),
    ]  # fmt: skip
    rows = [(
        one.strategy, str(one.order), f"{as_datetime(one.time):%Y-%m-%d %H:%M}Z", one.word.value, one.said,
        one.cause or "nothing known",
    ) for one in found.differences]  # fmt: skip
    end = f"{len(rows)} differences, {len(found.unexplained)} of them unexplained."
    return [head, Table(columns, rows), end, *notes]


def _document(found: Parity) -> dict[str, object]:
    return {
        "folder": str(found.folder), "simulated": found.simulated, "moments": found.moments,
        "orders": found.orders, "fills": found.fills, "unexplained": len(found.unexplained),
        "notes": list(found.notes),
        "differences": [
            {
                "strategy": one.strategy, "order": one.order, "symbol": one.symbol, "time": one.time,
                "word": one.word.value, "said": one.said, "cause": one.cause,
            }
            for one in found.differences
        ],
    }  # fmt: skip
